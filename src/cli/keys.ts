import { Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import type { NodeKeys } from '../operations/observe/report-book.ts'
import { Keys, type KeyUse, type Resealed } from '../operations/sessions/keys.ts'
import type { PassOptions } from '../operations/sessions/pass.ts'
import {
  namesOf,
  newSecret,
  objectionTo,
  type RotateStep,
  readSecrets,
  requireReplaceable,
  rotate,
  type SecretsText,
} from '../operations/sessions/rotate.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { operator } from './operator.ts'
import { Stop } from './stop.ts'
import { span, table } from './table.ts'
import { say, shown, startBar } from './talk.ts'

interface KeysFlags extends CommonFlags {
  readonly new?: true
  readonly file?: string
  readonly rotate?: RotateStep
  readonly reseal?: true
  readonly yes?: true
  readonly rate: number
}

const RATE = 20_000

const HELP = `
Which secrets the sessions still need. To change a secret without signing
anybody out:
  1. append a new one for all nodes: [old, new]
  2. when all have it, put it in front: [new, old]. Who comes from now on gets
     a token by it. This command, given [new, old] before, says which of the
     nodes that report lack it
  3. when this command says that the old one can be taken out, do so: [new]
A session whose user does not come ends by its idle timeout; until then it
needs the old one.

Of a file that the applications read by secretsFile(), --rotate makes each step:
append, front, remove; or says why it is not time for it, and changes nothing.
The file is replaced by renaming another to it, with the same owner and mode; on
several machines change one, and copy it to the others.

Examples:
  $ sojourn keys --new
  $ SOJOURN_SECRETS='["new…","old…"]' sojourn keys
  $ SOJOURN_SECRETS='["new…","old…"]' sojourn keys --reseal --yes
  $ sojourn keys --file /etc/shop/secrets --rotate append
  $ sojourn keys --file /etc/shop/secrets --rotate front --yes
  $ sojourn keys --file /etc/shop/secrets --rotate remove --yes

Exit code: 0, 1 there are sessions that none of these opens, or a node that
reports lacks one that is needed, or it is not time for the step, 2 usage,
3 not reachable, 4 not permitted.`

export function keysCommand(): Command {
  return commonOptions(new Command('keys'))
    .description('Which secrets are still in use, and a change of secrets.')
    .option('--new', 'print a new secret')
    .option('--reseal', 'seal all with the first secret, also of who does not come')
    .option('--file <file>', 'the secrets of this file: one a line, or a JSON list')
    .addOption(
      new Option(
        '--rotate <step>',
        'change the file: a new secret, which then signs; the old one out',
      )
        .choices(['append', 'front', 'remove'])
        .conflicts(['new', 'reseal']),
    )
    .option('--yes', 'all nodes have the secret, or none needs it for 5 minutes: do it')
    .addOption(
      new Option('--rate <n>', 'keys a second, at most').argParser(wholeNumber(1)).default(RATE),
    )
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: KeysFlags): Promise<void> {
  if (flags.new === true) return console.log(newSecret())
  const file = flags.file === undefined ? undefined : readSecrets(flags.file)
  if (flags.rotate !== undefined) {
    if (file === undefined) {
      throw new OptionError('--rotate', 'needs --file, the one that the applications read')
    }
    requireReplaceable(file)
    // A new one does no harm to anybody, and one alone is neither moved nor taken out: nothing has to be asked for that.
    if (flags.rotate === 'append' || file.secrets.length === 1)
      return step(flags.rotate, file, flags)
  }
  const { redis, prefix, secrets: known } = await configured(flags)
  const secrets = file?.secrets ?? known
  if (secrets === undefined) {
    throw new OptionError(
      'secrets',
      'are needed: --file, SOJOURN_SECRETS, or `secrets` in the sojourn.config file',
    )
  }
  const keys = new Keys({ redis, prefix, secrets })
  const listening = keys.listen()
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
    const nodes = await listening.keys()
    if (flags.rotate !== undefined && file !== undefined) {
      return step(flags.rotate, file, flags, uses, nodes)
    }
    const without = nodes?.filter((node) => lacks(node, uses.slice(0, 1)).length > 0) ?? []
    if (flags.reseal === true && flags.yes === true && found > 0 && without.length > 0) {
      say(
        `nothing is sealed anew, for ${namesOf(without)} ${without.length === 1 ? 'lacks' : 'lack'} secrets[0], and would sign those users out`,
      )
      process.exitCode = 1
    } else if (flags.reseal === true && flags.yes === true && found > 0) {
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
    if (flags.json === true) console.log(JSON.stringify({ uses, nodes, resealed }))
    else console.log(`${render(uses)}\n\n${renderNodes(nodes, uses)}`)
    if (resealed !== undefined) say(told(resealed))
    const needed = uses.filter(
      ({ place, sessions, tokens }) => place === 0 || sessions + tokens > 0,
    )
    const isMissing =
      uses.some(({ place, sessions }) => place === undefined && sessions > 0) ||
      nodes?.some((node) => lacks(node, needed).length > 0)
    if (isMissing === true) process.exitCode ??= 1
  } finally {
    listening.end()
    await keys.close()
  }
}

/** One step of a change of the file, or why not. */
function step(
  name: RotateStep,
  file: SecretsText,
  { json, yes }: KeysFlags,
  uses: readonly KeyUse[] = [],
  nodes?: readonly NodeKeys[],
): void {
  const reason = objectionTo(name, file, { uses, nodes, isConfirmed: yes === true })
  const keyIds = reason === undefined ? rotate(name, file) : undefined
  if (reason !== undefined) process.exitCode = 1
  if (json === true) {
    return console.log(JSON.stringify({ step: name, done: keyIds !== undefined, reason, keyIds }))
  }
  if (keyIds === undefined) return say(`nothing is changed: ${reason}`)
  console.log(DONE[name](keyIds))
  say(NEXT[name])
}

const DONE: Readonly<Record<RotateStep, (keyIds: readonly number[]) => string>> = {
  append: (keyIds) => `secrets[${keyIds.length - 1}], key id ${keyIds.at(-1)}, is new`,
  front: ([first]) => `secrets[0], which signs and seals, is the one with key id ${first} now`,
  remove: (keyIds) => `what is left: key id ${keyIds.join(', ')}`,
}
const NEXT: Readonly<Record<RotateStep, string>> = {
  append: 'when all nodes have the file: --rotate front',
  front: 'when nobody needs the old one any more, which `sojourn keys` says: --rotate remove',
  remove: 'nodes that look at the file go without it from their next look on',
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
    return 'seals nothing: a new one is not in front yet; a former one can be taken out when that is so for 5 minutes, or a longer rotationPatience of yours'
  return `in use, for ${span(lastDeadline - now, Math.ceil)} at most`
}

function renderNodes(nodes: readonly NodeKeys[] | undefined, uses: readonly KeyUse[]): string {
  if (nodes === undefined)
    return 'Which nodes have them is not known: this user may not listen to their reports.'
  if (nodes.length === 0)
    return 'Which nodes have them is not known: none reports (docs/metrics.md, Reports).'
  const alike = new Map<string, NodeKeys[]>()
  for (const node of nodes) {
    const ids = String(node.keyIds)
    alike.set(ids, [...(alike.get(ids) ?? []), node])
  }
  const known = new Map(uses.map(({ keyId, place }) => [keyId, place]))
  const nameOf = (keyId: number): string => {
    const place = known.get(keyId)
    return place === undefined ? `key id ${keyId}` : `secrets[${place}]`
  }
  const shownIds = (ids: readonly number[]): string => ids.map(nameOf).join(', ') || '–'
  return table(
    [
      { title: 'nodes that report', of: (group) => namesOf(group) },
      { title: 'sign with', of: ([first]) => shownIds(first?.keyIds?.slice(0, 1) ?? []) },
      { title: 'open too', of: ([first]) => shownIds(first?.keyIds?.slice(1) ?? []) },
      { title: '', of: ([first]) => (first === undefined ? '' : lackOf(first, uses)) },
    ],
    [...alike.values()],
  )
}

/** Those of ours that a node does not have. */
function lacks({ keyIds }: NodeKeys, uses: readonly KeyUse[]): readonly KeyUse[] {
  if (keyIds === undefined) return []
  return uses.filter(({ keyId, place }) => place !== undefined && !keyIds.includes(keyId))
}

function lackOf(node: NodeKeys, uses: readonly KeyUse[]): string {
  if (node.keyIds === undefined) return 'its release does not say'
  const places = lacks(node, uses).map(({ place }) => `secrets[${place}]`)
  return places.length === 0
    ? ''
    : `without ${places.join(', ')}: who comes by that is signed out there`
}
