import { Command, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import {
  Catalogue,
  type SessionFilter,
  type SessionSummary,
} from '../operations/sessions/catalogue.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { span, table } from './table.ts'
import { say, shown, startBar } from './talk.ts'

export interface FilterFlags {
  readonly signedIn?: true
  readonly anonymous?: true
  readonly idleFor?: string
  readonly olderThan?: string
  readonly largerThan?: number
  readonly rate?: number
}

/** Keys a second that are looked at, where nobody says otherwise. */
export const LOOKED_A_SECOND = 20_000

interface LsFlags extends CommonFlags, FilterFlags {
  readonly principal?: string
  readonly limit: number
}

const HELP = `
Goes through all keys by SCAN, so many a second at most, and shows what is
seen without the application's secrets: their public ids, of no use as cookies.
With the secrets (SOJOURN_SECRETS, or sojourn.config) also who is signed in.

Examples:
  $ sojourn ls
  $ sojourn ls --signed-in --idle-for 7d --limit 0 --json > idle.ndjson
  $ sojourn ls --principal ada@example.org

Exit code: 0, 1 there is none, 2 usage, 3 not reachable, 4 not permitted.`

export function lsCommand(): Command {
  return filterOptions(commonOptions(new Command('ls')))
    .description('List sessions.')
    .addOption(new Option('--principal <name>', "only this user's; needs the secrets"))
    .addOption(
      new Option('--limit <n>', 'how many are shown; 0: all')
        .argParser(wholeNumber(0))
        .default(100),
    )
    .addHelpText('after', HELP)
    .action(run)
}

/** Which sessions, and how fast they are gone through. */
export function filterOptions(command: Command): Command {
  return command
    .addOption(new Option('--signed-in', 'only of users').conflicts('anonymous'))
    .option('--anonymous', 'only of nobody')
    .option('--idle-for <time>', 'only where nobody has come for so long: 30m, 7d')
    .option('--older-than <time>', 'only those made so long ago')
    .addOption(
      new Option('--larger-than <bytes>', 'only those that take more, as stored').argParser(
        wholeNumber(0),
      ),
    )
    .addOption(
      new Option(
        '--rate <n>',
        `a second, at most: keys that are looked at (default: ${LOOKED_A_SECOND})`,
      ).argParser(wholeNumber(1)),
    )
}

export function filterOf(flags: FilterFlags): SessionFilter {
  const { signedIn, anonymous, idleFor, olderThan, largerThan } = flags
  const known = signedIn === true ? true : anonymous === true ? false : undefined
  return {
    signedIn: known,
    idleFor: idleFor === undefined ? undefined : parseDuration('--idle-for', idleFor),
    olderThan: olderThan === undefined ? undefined : parseDuration('--older-than', olderThan),
    largerThan,
  }
}

/** Whether any session is left out. */
export const isFiltered = (filter: SessionFilter): boolean =>
  Object.values(filter).some((value) => value !== undefined)

async function run(flags: LsFlags): Promise<void> {
  const filter = filterOf(flags)
  const catalogue = new Catalogue(await configured(flags))
  try {
    const count =
      flags.principal === undefined
        ? await listAll(catalogue, filter, flags)
        : await listOf(catalogue, flags.principal, filter, flags)
    if (count === 0) {
      say('there is none')
      process.exitCode = 1
    }
  } finally {
    await catalogue.close()
  }
}

async function listAll(
  catalogue: Catalogue,
  filter: SessionFilter,
  { limit, rate = LOOKED_A_SECOND, json }: LsFlags,
): Promise<number> {
  const total = await catalogue.size()
  const bar = startBar('looking at')
  let [shownCount, lookedAt] = [0, 0]
  // One table, but where everything is asked for: that is shown as it comes.
  const waiting: SessionSummary[] = []
  const looked = (keys: number, sessions: number): void => {
    lookedAt = sessions
    bar.set(keys, total)
  }
  for await (const page of catalogue.list(filter, { rate, looked })) {
    const rows = limit === 0 ? page : page.slice(0, limit - shownCount)
    if (limit !== 0 && json !== true) waiting.push(...rows)
    else if (rows.length > 0) show(rows, json === true)
    shownCount += rows.length
    if (limit !== 0 && shownCount >= limit) break
  }
  if (waiting.length > 0) show(waiting, false)
  const isCut = limit !== 0 && shownCount >= limit
  bar.end(
    isCut
      ? `${counted(shownCount, 'session')}, and there may be more: --limit`
      : `${shown(shownCount)} of ${counted(lookedAt, 'session')}`,
  )
  return shownCount
}

async function listOf(
  catalogue: Catalogue,
  principal: string,
  filter: SessionFilter,
  { json }: LsFlags,
): Promise<number> {
  if (isFiltered(filter))
    throw new OptionError('--principal', 'is shown whole: without other filters')
  const sessions = await catalogue.of(principal)
  if (sessions.length === 0) return 0
  if (json === true) {
    for (const { current: _, ...session } of sessions) console.log(JSON.stringify(session))
    return sessions.length
  }
  const now = Date.now()
  console.log(
    table(
      [
        { title: 'id', of: ({ id }) => id },
        { title: 'device', of: ({ device }) => device ?? '' },
        { title: 'address', of: ({ address }) => address ?? '' },
        { title: 'kind', of: ({ kind }) => kind ?? '' },
        { title: 'made', of: ({ createdAt }) => since(createdAt, now), align: 'right' },
        { title: 'active', of: ({ lastActiveAt }) => since(lastActiveAt, now), align: 'right' },
        {
          title: 'ends in',
          of: ({ expiresAt }) => span(expiresAt - now, Math.round),
          align: 'right',
        },
      ],
      sessions,
    ),
  )
  return sessions.length
}

function show(rows: readonly SessionSummary[], isJson: boolean): void {
  if (isJson) {
    for (const row of rows) console.log(JSON.stringify(row))
    return
  }
  const now = Date.now()
  console.log(
    table(
      [
        { title: 'id', of: ({ id }) => id },
        {
          title: 'user',
          of: ({ principal, signedIn }) => principal ?? (signedIn ? 'signed in' : '–'),
        },
        { title: 'bytes', of: ({ bytes }) => shown(bytes), align: 'right' },
        { title: 'made', of: ({ createdAt }) => since(createdAt, now), align: 'right' },
        { title: 'active', of: ({ lastActiveAt }) => since(lastActiveAt, now), align: 'right' },
        {
          title: 'ends in',
          of: ({ expiresAt }) => span(expiresAt - now, Math.round),
          align: 'right',
        },
      ],
      rows,
    ),
  )
}

const since = (at: number | undefined, now: number): string =>
  at === undefined ? '?' : `${span(now - at)} ago`
