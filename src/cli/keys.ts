import { randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import { Keys, type KeyUse, type Resealed } from '../operations/sessions/keys.ts'
import type { PassOptions } from '../operations/sessions/pass.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { operator } from './operator.ts'
import { Stop } from './stop.ts'
import { span, table } from './table.ts'
import { say, shown, startBar } from './talk.ts'

interface KeysFlags extends CommonFlags {
  readonly new?: true
  readonly reseal?: true
  readonly yes?: true
  readonly rate: number
}

const RATE = 20_000
const SECRET_BYTES = 32

const HELP = `
Which secrets the sessions still need. To change a secret without signing
anybody out:
  1. append a new one for all nodes: [old, new]
  2. when all have it, put it in front: [new, old]. Who comes from now on gets
     a token by it
  3. when this command says that the old one can be taken out, do so: [new]
A session whose user does not come ends by its idle timeout; until then it
needs the old one.

Examples:
  $ sojourn keys --new
  $ SOJOURN_SECRETS='["new…","old…"]' sojourn keys
  $ SOJOURN_SECRETS='["new…","old…"]' sojourn keys --reseal --yes

Exit code: 0, 1 there are sessions that none of these opens, 2 usage, 3 not
reachable, 4 not permitted.`

export function keysCommand(): Command {
  return commonOptions(new Command('keys'))
    .description('Which secrets are still in use, and a change of secrets.')
    .option('--new', 'print a new secret')
    .option('--reseal', 'seal all with the first secret, also of who does not come')
    .option('--yes', 'with --reseal: all nodes have the first secret, do it')
    .addOption(
      new Option('--rate <n>', 'keys a second, at most').argParser(wholeNumber(1)).default(RATE),
    )
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: KeysFlags): Promise<void> {
  if (flags.new === true) return console.log(randomBytes(SECRET_BYTES).toString('base64'))
  const { redis, prefix, secrets } = await configured(flags)
  if (secrets === undefined) {
    throw new OptionError(
      'secrets',
      'are needed: SOJOURN_SECRETS, or `secrets` in the sojourn.config file',
    )
  }
  const keys = new Keys({ redis, prefix, secrets })
  try {
    const look = (): Promise<KeyUse[]> =>
      passed(keys, flags.rate, 'looking at', (pass) => keys.uses(pass))
    let uses = await look()
    let resealed: Resealed | undefined
    const [, ...others] = uses
    const found = others.reduce(
      (sum, { place, sessions }) => sum + (place === undefined ? 0 : sessions),
      0,
    )
    if (flags.reseal === true && flags.yes === true && found > 0) {
      const stop = new Stop()
      try {
        resealed = await passed(keys, flags.rate, 'sealing', (pass) =>
          keys.reseal({ ...pass, operator: operator(), found, signal: stop.signal }),
        )
      } finally {
        stop.close()
      }
      if (stop.by !== undefined) process.exitCode = stop.exitCode
      uses = await look()
    } else if (flags.reseal === true) {
      say(notDone(uses, found))
    }
    if (flags.json === true) console.log(JSON.stringify(resealed ? { resealed, uses } : uses))
    else console.log(render(uses))
    if (resealed !== undefined) say(told(resealed))
    if (uses.some(({ place, sessions }) => place === undefined && sessions > 0))
      process.exitCode ??= 1
  } finally {
    await keys.close()
  }
}

async function passed<T>(
  keys: Keys,
  rate: number,
  verb: string,
  work: (pass: PassOptions) => Promise<T>,
): Promise<T> {
  const total = await keys.size()
  const bar = startBar(verb)
  let count = 0
  const looked = (so: number, sessions: number): void => {
    count = sessions
    bar.set(so, total)
  }
  const result = await work({ rate, looked })
  bar.end(`looked at ${counted(count, 'session')}`)
  return result
}

/** A node that does not have the first secret signs out whom it has been sealed anew for. */
function notDone([first]: readonly KeyUse[], found: number): string {
  if (found === 0) return 'there is nothing to seal anew'
  const isUsed = first !== undefined && first.sessions > 0
  return [
    `${counted(found, 'session')} would be sealed with secrets[0]: again with --yes, when all nodes have that`,
    ...(isUsed ? [] : ['it has sealed none yet: is it the right one, and does any node have it?']),
  ].join('\n')
}

function told({ resealed, tokenSealed, unopened, left }: Resealed): string {
  const parts = [`${shown(resealed)} sealed anew`]
  if (tokenSealed > 0)
    parts.push(`${shown(tokenSealed)} when their users come, for they need their token`)
  if (unopened > 0) parts.push(`${shown(unopened)} are opened by none of these secrets`)
  if (left > 0) parts.push(`${shown(left)} ended or were changed meanwhile`)
  return `${parts.join('; ')}.`
}

function render(all: readonly KeyUse[]): string {
  const now = Date.now()
  return table(
    [
      {
        title: 'secret',
        of: ({ place }) => (place === undefined ? 'none of these' : `secrets[${place}]`),
      },
      { title: 'key id', of: ({ keyId }) => String(keyId), align: 'right' },
      { title: 'sessions', of: ({ sessions }) => shown(sessions), align: 'right' },
      { title: 'tokens only', of: ({ tokens }) => shown(tokens), align: 'right' },
      { title: '', of: (use) => verdict(use, now) },
    ],
    all,
  )
}

function verdict({ place, sessions, tokens, lastDeadline }: KeyUse, now: number): string {
  if (place === undefined && sessions === 0)
    return 'only cookies of before need it, until they are renewed'
  if (place === undefined)
    return 'nobody can open them: a secret is missing, or they are of another application'
  if (place === 0) return 'signs and seals'
  if (sessions + tokens === 0 || lastDeadline === undefined)
    return 'seals nothing: a former one can be taken out when that is so for 5 minutes, or a longer rotationPatience of yours'
  return `in use, for ${span(lastDeadline - now, Math.ceil)} at most`
}
