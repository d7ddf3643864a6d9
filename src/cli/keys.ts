import { randomBytes } from 'node:crypto'
import { Command } from 'commander'
import { OptionError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import { Catalogue } from '../operations/sessions/catalogue.ts'
import { type KeyUse, KeyUses } from '../operations/sessions/keys.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { span, table } from './table.ts'
import { shown, startBar } from './talk.ts'

interface KeysFlags extends CommonFlags {
  readonly new?: true
}

const RATE = 20_000
const SECRET_BYTES = 32

const HELP = `
By which secrets the sessions are sealed. To change a secret: put a new one
before it, wait until the old one has no sessions any more, and take it out. A
session is sealed anew with each change, and ends at its absolute timeout at the
latest.

Examples:
  $ sojourn keys --new
  $ SOJOURN_SECRETS='["new…","old…"]' sojourn keys

Exit code: 0, 1 there are sessions that none of these opens, 2 usage, 3 not
reachable, 4 not permitted.`

export function keysCommand(): Command {
  return commonOptions(new Command('keys'))
    .description('Which secrets are still in use.')
    .option('--new', 'print a new secret')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: KeysFlags): Promise<void> {
  if (flags.new === true) return console.log(randomBytes(SECRET_BYTES).toString('base64'))
  const options = await configured(flags)
  const { secrets } = options
  if (secrets === undefined) {
    throw new OptionError(
      'secrets',
      'are needed: SOJOURN_SECRETS, or `secrets` in the sojourn.config file',
    )
  }
  const uses = new KeyUses(secrets)
  const catalogue = new Catalogue(options)
  try {
    const total = await catalogue.size()
    const bar = startBar('looking at')
    let count = 0
    const looked = (so: number): void => {
      count = so
      bar.set(so, total)
    }
    for await (const page of catalogue.list({}, { rate: RATE, looked })) {
      for (const session of page) uses.add(session)
    }
    bar.end(`looked at ${counted(count, 'session')}`)
  } finally {
    await catalogue.close()
  }
  const { all } = uses
  if (flags.json === true) console.log(JSON.stringify(all))
  else console.log(render(all))
  if (all.some(({ place }) => place === undefined)) process.exitCode = 1
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
      { title: '', of: (use) => verdict(use, now) },
    ],
    all,
  )
}

function verdict({ place, sessions, lastDeadline }: KeyUse, now: number): string {
  if (place === undefined)
    return 'nobody can open them: a secret is missing, or they are of another application'
  if (place === 0) return 'seals'
  if (sessions === 0 || lastDeadline === undefined) return 'can be taken out'
  return `in use, for ${span(lastDeadline - now)} at most`
}
