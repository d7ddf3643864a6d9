import { inspect as printed } from 'node:util'
import { Argument, Command } from 'commander'
import { Catalogue, type SessionDetails } from '../operations/sessions/catalogue.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { operator } from './operator.ts'
import { paint } from './paint.ts'
import { plain, span, table, time } from './table.ts'
import { say, shown } from './talk.ts'

interface InspectFlags extends CommonFlags {
  readonly values?: true
}

const HELP = `
Shows one session by its public id, as \`sojourn ls\` and the events have it. With
the secrets (SOJOURN_SECRETS, or sojourn.config) also who is signed in, and its
attributes: their names, types and sizes, and with --values what they hold.
Never a token. With --values the audit is told first, by whom; where it cannot
be written nothing is shown. What needs its token to open (\`seal: 'token'\`)
stays closed.

Examples:
  $ sojourn inspect 00aAb3kPq…
  $ SOJOURN_SECRETS=… sojourn inspect 00aAb3kPq… --values

Exit code: 0, 1 there is none, 2 usage, 3 not reachable, 4 not permitted.`

export function inspectCommand(): Command {
  return commonOptions(new Command('inspect'))
    .description('Show one session.')
    .addArgument(new Argument('<id>', 'its public id'))
    .option('--values', 'also what its attributes hold')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(id: string, flags: InspectFlags): Promise<void> {
  const catalogue = new Catalogue(await configured(flags))
  try {
    const session = await catalogue.inspect(id)
    if (session === undefined) {
      say('there is no such session')
      process.exitCode = 1
      return
    }
    const isOpen = flags.values === true
    if (isOpen) {
      const { principal } = session
      await catalogue.begin({ id: session.id, principal, operator: operator(), action: 'values' })
    }
    if (flags.json === true) console.log(JSON.stringify(masked(session, isOpen), null, 2))
    else console.log(render(session, isOpen))
  } finally {
    await catalogue.close()
  }
}

function masked(session: SessionDetails, isOpen: boolean): object {
  if (isOpen) return session
  return {
    ...session,
    attributes: session.attributes.map(({ name, type, bytes }) => ({ name, type, bytes })),
  }
}

function render(session: SessionDetails, isOpen: boolean): string {
  const now = Date.now()
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['id', session.id],
    ['user', session.principal ?? (session.signedIn ? 'signed in' : 'nobody')],
    ['device', session.device],
    ['address', session.address],
    ['kind', session.kind],
    ['level', session.level === undefined ? undefined : String(session.level)],
    ['authenticated', at(session.authenticatedAt, now)],
    ['made', at(session.createdAt, now)],
    ['active', at(session.lastActiveAt, now)],
    [
      'ends',
      `${time(session.expiresAt)}, in ${span(session.expiresAt - now, Math.round)} if nobody comes`,
    ],
    ['at the latest', `${time(session.deadline)}, in ${span(session.deadline - now, Math.round)}`],
    ['idle timeout', span(session.idleTimeout)],
    ['size', `${shown(session.bytes)} bytes as stored, revision ${shown(session.revision)}`],
    ['version of data', String(session.version)],
  ]
  const known = facts.flatMap(([name, value]) =>
    value === undefined ? [] : `${paint('dim', name.padEnd(16))}${plain(value)}`,
  )
  if (session.closed !== undefined) return [...known, '', CLOSED[session.closed]].join('\n')
  if (session.attributes.length === 0) return [...known, '', 'no attributes'].join('\n')
  const attributes = table(
    [
      { title: 'attribute', of: ({ name }) => name },
      { title: 'type', of: ({ type }) => type },
      { title: 'bytes', of: ({ bytes }) => shown(bytes), align: 'right' },
      ...(isOpen
        ? [{ title: 'value', of: (each: { value: unknown }) => oneLine(each.value) }]
        : []),
    ],
    session.attributes.toSorted((one, other) => other.bytes - one.bytes),
  )
  return [...known, '', attributes].join('\n')
}

const CLOSED: Readonly<Record<NonNullable<SessionDetails['closed']>, string>> = {
  'no secrets':
    'Its attributes are sealed: SOJOURN_SECRETS, or `secrets` in sojourn.config, opens them.',
  key: 'It was sealed with a secret that is not among these.',
  'token-needed': 'It opens only with its token, which is in the browser alone.',
  damaged: 'It does not open: it was changed, or copied from another session.',
  format: 'It does not open: it is of another version of Sojourn.',
  payload: 'It opens, but what is in it cannot be read.',
  schema: 'It opens, but is of a version of the data that nothing leads from.',
}

const at = (when: number | undefined, now: number): string | undefined =>
  when === undefined ? undefined : `${time(when)}, ${span(now - when)} ago`

const oneLine = (value: unknown): string =>
  printed(value, { breakLength: Number.POSITIVE_INFINITY, depth: 6, maxStringLength: 200 })
