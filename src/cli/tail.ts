import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { sessionEventNames } from '../core/events.ts'
import { counted } from '../operations/doctor/finding.ts'
import { Catalogue, type HistoryEntry } from '../operations/sessions/catalogue.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { paint } from './paint.ts'
import { plain, time } from './table.ts'
import { say } from './talk.ts'

interface TailFlags extends CommonFlags {
  readonly since: string
  readonly event?: readonly string[]
  readonly principal?: string
  readonly id?: string
  readonly once?: true
}

/** Between two looks, milliseconds. */
const EVERY = 1_000
const AT_ONCE = 1_000
/** An `error` is in no audit. */
const EVENTS = sessionEventNames.filter((name) => name !== 'error')

const HELP = `
Shows what happens to the sessions of all nodes: sign-ins, sign-outs,
revocations, expiries, as the applications keep it with the option \`audit\`
(docs/events.md). Goes on until Ctrl-C. Without the secrets (SOJOURN_SECRETS, or
sojourn.config) only what happened and when.

Examples:
  $ sojourn tail --since 1h
  $ sojourn tail --event login logout --principal ada@example.org
  $ sojourn tail --since 24h --once --json > yesterday.ndjson

Exit code: 0, 2 usage, 3 not reachable, 4 not permitted.`

export function tailCommand(): Command {
  return commonOptions(new Command('tail'))
    .description('What happens to the sessions, as it happens.')
    .option('--since <time>', 'from so long ago on', '10m')
    .addOption(new Option('--event <names...>', 'only these').choices(EVENTS))
    .option('--principal <name>', "only this user's; needs the secrets")
    .option('--id <id>', "only this session's; needs the secrets")
    .option('--once', 'end when what there is has been shown')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: TailFlags): Promise<void> {
  const catalogue = new Catalogue(await configured(flags))
  const isWanted = filterOf(flags)
  const told = new AbortController()
  const { signal } = told
  const end = (): void => told.abort()
  // The second time the process ends as it would have without us.
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  try {
    let place: { from: number } | { after: string } = {
      from: Math.max(0, Math.floor(catalogue.now() - parseDuration('--since', flags.since))),
    }
    let count = 0
    let seen = 0
    while (!signal.aborted) {
      const entries = await catalogue.history({ ...place, count: AT_ONCE })
      const last = entries.at(-1)
      if (last !== undefined) place = { after: last.position }
      seen += entries.length
      for (const entry of entries.filter(isWanted)) {
        count++
        console.log(flags.json === true ? JSON.stringify(entry) : render(entry))
      }
      if (entries.length === AT_ONCE) continue
      if (flags.once === true) break
      await sleep(EVERY, undefined, { signal }).catch(() => undefined)
    }
    if (count === 0) say(await whyNothing(catalogue, seen, flags))
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
    await catalogue.close()
  }
}

/** @param seen entries of the time that was asked for, whether wanted or not */
async function whyNothing(catalogue: Catalogue, seen: number, flags: TailFlags): Promise<string> {
  if (seen > 0)
    return `${counted(seen, 'entry was', 'entries were')} kept since then, none of them as asked for`
  const [any] = await catalogue.history({ from: 0, count: 1 })
  return any === undefined
    ? 'nothing was kept: do the applications have the option `audit`?'
    : `nothing has happened within ${flags.since}: --since looks farther back`
}

/** Where an entry may name a session. */
const IDS = ['id', 'ids', 'previousId', 'formerId']

function filterOf({ event, principal, id }: TailFlags): (entry: HistoryEntry) => boolean {
  return (entry) => {
    if (event !== undefined && !event.includes(entry.event)) return false
    if (principal === undefined && id === undefined) return true
    if (entry.unreadable) return false
    const details: Readonly<Record<string, unknown>> = { ...entry.details }
    return (
      (principal === undefined || details['principal'] === principal) &&
      (id === undefined || IDS.flatMap((name) => details[name] ?? []).includes(id))
    )
  }
}

const COLOURS: Readonly<Record<string, Parameters<typeof paint>[0]>> = {
  login: 'green',
  logout: 'cyan',
  revoked: 'magenta',
  evicted: 'magenta',
  operator: 'yellow',
  'token-reuse': 'red',
  anomaly: 'yellow',
  outage: 'red',
  uncertain: 'yellow',
}

function render(entry: HistoryEntry): string {
  const event = paint(COLOURS[entry.event] ?? 'dim', plain(entry.event).padEnd(12))
  if (entry.unreadable) return `${time(entry.at)}  ${event}  sealed`
  const told = Object.entries(entry.details).flatMap(([name, value]) =>
    value === undefined || value === null
      ? []
      : `${paint('dim', `${name}=`)}${plain(String(value))}`,
  )
  return `${time(entry.at)}  ${event}  ${told.join('  ')}`
}
