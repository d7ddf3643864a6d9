import { Command } from 'commander'
import { bytes, counted } from '../operations/doctor/finding.ts'
import { hitRate } from '../operations/observe/hit-rate.ts'
import { Observer } from '../operations/observe/observer.ts'
import type { ServerState, Snapshot } from '../operations/observe/snapshot.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import {
  AWAITED,
  areRatesAwaited,
  lagOf,
  memoryOf,
  millis,
  noReports,
  opsOf,
  or,
  rate,
  share,
  type Traffic,
  trafficOf,
  trafficRate,
  UNSEEN,
} from './figures.ts'
import { paint } from './paint.ts'
import { plain, table, time } from './table.ts'
import { say, shown } from './talk.ts'

interface StatsFlags extends CommonFlags {
  readonly watch?: true
}

/** Of each command, milliseconds. */
const COMMAND_TIMEOUT = 5_000
/** Applications report every two seconds, and rates are of two reports. */
const PATIENCE = 4_500
const MOST_ROWS = 8
const MOST_VERSIONS = 4
/** A look that takes longer is told of. Milliseconds. */
const SILENT = 2_500
/** Lines under one head. */
const HEAD_EVERY = 20

const HELP = `
Looks at the deployment for two to five seconds: how many sessions there are and
what they are like, what the servers do, and what the applications report
(\`report\` of sojourn/metrics). It costs the servers the same however many
sessions there are, and changes nothing. What cannot be seen is "?", what
applications have not told yet "–", and both are absent in JSON.

Examples:
  $ sojourn stats
  $ sojourn stats --json | jq .sessions.active
  $ sojourn stats --watch
  $ sojourn stats --watch --json >> figures.ndjson

Exit code: 0, 2 usage, 3 not reachable, 4 not permitted.`

export function statsCommand(): Command {
  return commonOptions(new Command('stats'))
    .description('What there is, and what happens, in figures.')
    .option('--watch', 'a line each second, until Ctrl-C')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: StatsFlags): Promise<void> {
  const { redis, prefix, secrets, pepper } = await configured(flags)
  const observer = new Observer({ redis, prefix, secrets, pepper, commandTimeout: COMMAND_TIMEOUT })
  try {
    if (flags.watch === true) return await watch(observer, flags.json === true)
    const snapshot = await observer.look(PATIENCE)
    console.log(flags.json === true ? jsonOf(snapshot, 2) : render(snapshot))
  } finally {
    await observer.close()
  }
}

/** Without what is not known (yet): part of the nodes is not their number. */
const jsonOf = (snapshot: Snapshot, indent?: number): string =>
  JSON.stringify(
    { ...snapshot, nodes: snapshot.reports === 'heard' ? snapshot.nodes : undefined },
    null,
    indent,
  )

/** Goes on when the servers are away for a while, not when they have never been there. */
function watch(observer: Observer, isJson: boolean): Promise<void> {
  let count = 0
  let told: string | undefined
  const tell = (problem: string): void => {
    if (isJson) console.log(JSON.stringify({ at: Date.now(), problem }))
    if (told !== problem) say(`sojourn: ${problem}`)
    told = problem
  }
  return new Promise((resolve, reject) => {
    // A server that is away without saying so takes all the time that it is given.
    const isSilent = (): void => {
      if (observer.last !== undefined) tell('there is a server that does not answer: looking on')
      silence.refresh()
    }
    const silence = setTimeout(isSilent, SILENT)
    const end = observer.watch({
      seen(snapshot) {
        silence.refresh()
        told = undefined
        if (isJson) return console.log(jsonOf(snapshot))
        if (count++ % HEAD_EVERY === 0) console.log(paint('dim', HEAD))
        console.log(lineOf(snapshot))
      },
      failed(error) {
        silence.refresh()
        if (observer.last !== undefined) return tell(error.message)
        stop()
        reject(error)
      },
    })
    const stop = (): void => {
      clearTimeout(silence)
      end()
    }
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        stop()
        resolve()
      })
    }
  })
}

const NODES: Partial<Record<Snapshot['reports'], string>> = { awaited: AWAITED, refused: UNSEEN }

const COLUMNS: readonly [title: string, width: number, of: (snapshot: Snapshot) => string][] = [
  ['UTC', 8, ({ at }) => time(at).slice(11, 19)],
  ['sessions', 12, (snapshot) => activeOf(snapshot)],
  ['created/s', 10, (snapshot) => soon(snapshot, () => totalAt(snapshot, 'created'))],
  ['ended/s', 10, (snapshot) => soon(snapshot, () => totalAt(snapshot, 'ended'))],
  ['hits', 6, (snapshot) => soon(snapshot, ({ application: of }) => or(hitRate(of?.cache), share))],
  ['redis ops/s', 12, (snapshot) => or(opsOf(snapshot), rate)],
  ['p99', 9, (snapshot) => soon(snapshot, () => or(slowestOf(snapshot), millis))],
  ['memory', 10, (snapshot) => or(memoryOf(snapshot)?.used, bytes)],
  ['lag', 9, (snapshot) => or(lagOf(snapshot), bytes)],
  ['nodes', 5, ({ reports, nodes }) => NODES[reports] ?? String(nodes.length)],
]
const HEAD = COLUMNS.map(([title, width]) => title.padStart(width)).join('  ')

const lineOf = (snapshot: Snapshot): string =>
  COLUMNS.map(([, width, of]) => of(snapshot).padStart(width)).join('  ')

/** What applications tell, and may not have told yet. */
const soon = (snapshot: Snapshot, of: (snapshot: Snapshot) => string): string =>
  snapshot.reports === 'awaited' || areRatesAwaited(snapshot) ? AWAITED : of(snapshot)

const totalAt = (snapshot: Snapshot, name: 'created' | 'ended'): string =>
  or(trafficOf(snapshot), (all) => trafficRate(all, all[name]))

/** Of what is asked most, at the applications, else at the servers. */
function slowestOf({ application, commands }: Snapshot): number | undefined {
  return (application?.operations ?? commands)[0]?.p99
}

function activeOf({ sessions: { active, exact } }: Snapshot): string {
  return or(active, (count) => `${exact ? '' : '~'}${shown(count)}`)
}

function render(snapshot: Snapshot): string {
  const { kind, prefix, at, sessions, nodes, application, servers } = snapshot
  const memory = memoryOf(snapshot)
  const lines: [string, string][] = [
    [
      'Sessions',
      `${activeOf(snapshot)}, ${or(sessions.signedInShare, share)} signed in, ` +
        `${or(sessions.averageBytes, bytes)} on average`,
    ],
    [
      'Memory',
      or(
        memory,
        ({ used, max }) => `${bytes(used)}${max === undefined ? '' : ` of ${bytes(max)}`}`,
      ),
    ],
    ['Nodes', nodesOf(snapshot)],
  ]
  const traffic = trafficOf(snapshot)
  for (const name of ['created', 'ended', 'rejected'] as const) {
    if (traffic !== undefined) lines.push([capital(name), byReason(traffic, traffic[name])])
  }
  if (application !== undefined) lines.push(['Near cache', cacheOf(application)])
  const parts = [
    paint('bold', `${NAMES[kind]}, prefix ${prefix}, ${time(at)}`),
    lines.map(([name, text]) => `${name.padEnd(11)} ${text}`).join('\n'),
    activityOf(snapshot),
    serversOf(servers),
  ]
  if (nodes.length === 0) say(noReports(snapshot))
  return parts.filter((part) => part !== '').join('\n\n')
}

const NAMES = { single: 'One server', sentinel: 'Sentinels', cluster: 'Cluster' }
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

function nodesOf({ nodes, reports }: Snapshot): string {
  if (reports === 'refused') return '? (may not be heard)'
  if (reports === 'awaited') return AWAITED
  const versions = [...new Set(nodes.map(({ version }) => plain(version)))]
  const named = versions.slice(0, MOST_VERSIONS).join(' and ')
  const others = versions.length > MOST_VERSIONS ? ' and others' : ''
  return nodes.length === 0 ? '? (none reports)' : `${nodes.length} up, ${named}${others}`
}

function cacheOf(application: NonNullable<Snapshot['application']>): string {
  const { cache } = application
  if (cache === undefined) return 'none'
  const { on, count, entries } = cache
  const isOn = on === count ? '' : `, on at ${on} of ${count} nodes`
  return `${or(hitRate(application.cache), share)} of reads, ${counted(entries, 'session')}${isOn}`
}

function byReason(traffic: Traffic, rates: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(rates)
    .sort(([, one], [, other]) => other - one)
    .map(([name, each]) => `${plain(name)} ${rate(each)}`)
  const total = `${trafficRate(traffic, rates)}/s`
  return reasons.length === 0 ? total : `${total} (${reasons.join(', ')})`
}

function activityOf({ application, commands }: Snapshot): string {
  const rows = (application?.operations ?? commands).slice(0, MOST_ROWS)
  if (rows.length === 0) return ''
  return table(
    [
      { title: application === undefined ? 'redis command' : 'operation', of: ({ name }) => name },
      { title: '/s', of: ({ perSecond }) => rate(perSecond), align: 'right' },
      { title: 'p50', of: ({ p50 }) => or(p50, millis), align: 'right' },
      { title: 'p99', of: ({ p99 }) => or(p99, millis), align: 'right' },
      { title: 'failed', of: ({ failed }) => share(failed), align: 'right' },
    ],
    rows,
  )
}

function serversOf(servers: readonly ServerState[]): string {
  return table(
    [
      { title: 'server', of: ({ name }) => name },
      { title: 'role', of: ({ role }) => role },
      { title: 'ops/s', of: ({ opsPerSecond }) => or(opsPerSecond, rate), align: 'right' },
      { title: 'cpu', of: ({ cpu }) => or(cpu, share), align: 'right' },
      { title: 'memory', of: ({ usedMemory }) => or(usedMemory, bytes), align: 'right' },
      { title: 'clients', of: ({ clients }) => or(clients, shown), align: 'right' },
      { title: 'keys', of: ({ keys }) => or(keys, shown), align: 'right' },
      {
        title: 'lag',
        of: ({ role, lagBytes }) => (role === 'replica' ? or(lagBytes, bytes) : ''),
        align: 'right',
      },
      { title: '', of: ({ problem }) => problem ?? '' },
    ],
    servers,
  )
}
