import { bytes, counted } from '../../operations/doctor/finding.ts'
import { hitRate } from '../../operations/observe/hit-rate.ts'
import type { OperationState, ServerState, Snapshot } from '../../operations/observe/snapshot.ts'
import {
  AWAITED,
  lagOf,
  memoryOf,
  millis,
  noReports,
  or,
  rate,
  share,
  type Traffic,
  totalOf,
  trafficOf,
  trafficRate,
} from '../figures.ts'
import { span, time } from '../table.ts'
import { shown } from '../talk.ts'
import { type GridColumn, grid } from './grid.ts'
import { ends, type Line, type Paint, print, type Segment, seg } from './line.ts'
import { bar, sparkline } from './spark.ts'
import { operationsOf, serversOf, type TopState } from './state.ts'
import { doctorLines, helpLines, nodeLines, serverLines } from './views.ts'

/** A look may take as long as it is to be apart from the next. */
const LATE = 2.5
const LABEL = 10
const BAR = 20
const TREND = 12

/** @param now milliseconds since the epoch @returns as many lines as the terminal is high, none of them wider than it is */
export function render(
  state: TopState,
  width: number,
  height: number,
  now: number,
  paint: Paint = (_, text) => text,
): string[] {
  const isStale = staleFor(state, now) !== undefined
  // What is not of now any more is not to be taken for it.
  const dimmed: Paint = isStale ? (_, text) => paint('dim', text) : paint
  const head = headLines(state, width, now)
  const foot = footLine(state)
  const room = Math.max(0, height - head.length - 1)
  const body = bodyLines(state, width, room, now).slice(0, room)
  while (body.length < room) body.push([])
  const all = [
    ...head.map((line) => print(line, width, paint)),
    ...body.map((line) => print(line, width, isStale ? dimmed : paint)),
    print(foot, width, paint),
  ]
  return all.slice(0, height)
}

/** Milliseconds since what is shown was so, where that is too long ago. */
function staleFor(
  { snapshot, problem, interval, isPaused }: TopState,
  now: number,
): number | undefined {
  if (snapshot === undefined || isPaused) return undefined
  const age = now - snapshot.at
  return problem !== undefined || age > interval * LATE ? age : undefined
}

const NAMES = { single: 'one server', sentinel: 'Sentinels', cluster: 'Cluster' }

function headLines(state: TopState, width: number, now: number): Line[] {
  const { snapshot, problem } = state
  const name = snapshot === undefined ? '' : ` ${NAMES[snapshot.kind]}, prefix ${snapshot.prefix}`
  const at = snapshot === undefined ? '' : time(state.isPaused ? snapshot.at : now)
  const title = seg('sojourn top', 'bold')
  const live = liveness(state, now)
  const whole = ends([title, seg(name)], [seg(`  ${at}  `), live], width)
  // Whether it is of now comes before of when it is.
  const head = whole.includes(live) ? whole : ends([title], [live], width)
  return problem === undefined ? [head] : [head, [seg(problem, 'red')]]
}

function liveness(state: TopState, now: number): Segment {
  if (state.isPaused) return seg('PAUSED', ['yellow', 'bold'])
  const age = staleFor(state, now)
  if (age !== undefined) return seg(`STALE ${span(age)}`, ['red', 'bold'])
  return state.snapshot === undefined ? seg('CONNECTING') : seg('LIVE', ['green', 'bold'])
}

function footLine({ isTyping, filter, sort, view }: TopState): Line {
  if (isTyping)
    return [seg('filter: '), seg(filter, 'bold'), seg('▏'), seg('   ⏎ keep  esc clear', 'dim')]
  if (view !== 'main') return [seg('q quit  esc back  ↑↓ scroll  space pause', 'dim')]
  const filtered = filter === '' ? '' : ` (${filter})`
  return [
    seg(
      `q quit  ? help  s sort: ${sort}  / filter${filtered}  ↑↓ ⏎ inspect  n nodes  d doctor  space pause`,
      'dim',
    ),
  ]
}

function bodyLines(state: TopState, width: number, room: number, now: number): Line[] {
  const { snapshot, view, scrolled } = state
  if (view === 'help') return scroll(helpLines(), scrolled, room)
  if (view === 'doctor') return scroll(doctorLines(state, width), scrolled, room)
  if (snapshot === undefined) return [[], [seg('looking for the servers …')]]
  if (view === 'nodes') return scroll(nodeLines(snapshot, width, now), scrolled, room)
  if (view === 'server') return scroll(serverLines(state), scrolled, room)
  return mainLines(state, snapshot, width, room)
}

function scroll(lines: readonly Line[], by: number, room: number): Line[] {
  const from = Math.max(0, Math.min(by, lines.length - room))
  return lines.slice(from, from + room)
}

function mainLines(state: TopState, snapshot: Snapshot, width: number, room: number): Line[] {
  const summary = [...summaryLines(state, snapshot, width), []]
  const [operations, servers] = [operationsOf(state), serversOf(state)]
  // Heads, and a line between the two.
  const left = Math.max(0, room - summary.length - 3)
  const forServers = Math.min(
    servers.length,
    Math.max(Math.ceil(left / 3), left - operations.length),
  )
  return [
    ...summary,
    ...operationLines(state, operations.slice(0, left - forServers), width),
    [],
    ...serverRows(state, servers, width, forServers),
  ]
}

function summaryLines({ active }: TopState, snapshot: Snapshot, width: number): Line[] {
  const { sessions, application } = snapshot
  const memory = memoryOf(snapshot)
  const traffic = trafficOf(snapshot)
  const count = or(sessions.active, (all) => `${sessions.exact ? '' : '~'}${shown(all)}`)
  const trend = sparkline(active, Math.max(0, Math.min(30, width - 60)), 'least')
  const lines: Line[] = [
    labelled('sessions', [
      seg(count, 'bold'),
      seg(trend === '' ? '' : `  ${trend}`, 'cyan'),
      seg(
        `  ${or(sessions.signedInShare, share)} signed in, ${or(sessions.averageBytes, bytes)} each`,
      ),
    ]),
    labelled('memory', memorySegments(memory)),
    labelled('nodes', nodeSegments(snapshot)),
  ]
  if (traffic === undefined) {
    lines.push(labelled('', [seg(noReports(snapshot), 'dim')]))
    return lines
  }
  for (const name of ['created', 'ended', 'rejected'] as const) {
    lines.push(labelled(name, reasons(traffic, traffic[name], name === 'rejected')))
  }
  if (application?.cache !== undefined) {
    const { entries, on, count: caches } = application.cache
    lines.push(
      labelled('near cache', [
        seg(`${or(hitRate(application.cache), share)} hits`, 'bold'),
        seg(`  ${counted(entries, 'session')}`),
        on === caches ? seg('') : seg(`  off at ${caches - on} of ${caches} nodes`, 'yellow'),
      ]),
    )
  }
  return lines
}

const labelled = (label: string, line: Line): Line => [
  seg(label.padEnd(LABEL), 'dim'),
  seg('  '),
  ...line,
]

/** Of the limit, where there is one. */
const FULL = 0.9
const FILLING = 0.75

function memorySegments(memory: ReturnType<typeof memoryOf>): Line {
  if (memory === undefined) return [seg('?')]
  const { used, max } = memory
  if (max === undefined) return [seg(bytes(used), 'bold'), seg('  no limit', 'dim')]
  const part = used / max
  const style = part >= FULL ? 'red' : part >= FILLING ? 'yellow' : 'green'
  return [
    seg(bar(part, BAR), style),
    seg(`  ${bytes(used)}`, 'bold'),
    seg(` of ${bytes(max)}, ${share(part)}`),
  ]
}

function nodeSegments(snapshot: Snapshot): Line {
  const { nodes, reports } = snapshot
  const versions = new Map<string, number>()
  for (const { version } of nodes) versions.set(version, (versions.get(version) ?? 0) + 1)
  const lag = lagOf(snapshot)
  const told = [...versions].map(([version, count]) => `${count} × ${version}`).join(', ')
  return [
    seg(reports === 'awaited' ? AWAITED : nodes.length > 0 ? `${nodes.length} up` : '?', 'bold'),
    versions.size > 1
      ? seg(`  ${told}`, 'yellow')
      : seg(versions.size === 0 ? '' : `  ${[...versions.keys()].join('')}`),
    ...(lag === undefined ? [] : [seg('   lag ', 'dim'), seg(bytes(lag))]),
  ]
}

function reasons(traffic: Traffic, rates: Readonly<Record<string, number>>, isBad: boolean): Line {
  const told = Object.entries(rates)
    .filter(([, each]) => each > 0)
    .sort(([, one], [, other]) => other - one)
    .map(([name, each]) => `${name} ${rate(each)}`)
  return [
    seg(`${trafficRate(traffic, rates)}/s`, isBad && totalOf(rates) > 0 ? 'yellow' : 'bold'),
    seg(told.length === 0 ? '' : `  ${told.join('  ')}`),
  ]
}

function operationLines(state: TopState, rows: readonly OperationState[], width: number): Line[] {
  const isApplication = state.snapshot?.application !== undefined
  const columns: GridColumn<OperationState>[] = [
    {
      title: (isApplication ? 'OPERATION' : 'REDIS COMMAND').padEnd(18),
      of: ({ name }) => name,
      least: 12,
    },
    { title: '      /s', of: ({ perSecond }) => rate(perSecond), align: 'right' },
    { title: '     p50', of: ({ p50 }) => or(p50, millis), align: 'right', rank: 2 },
    { title: '     p99', of: ({ p99 }) => or(p99, millis), align: 'right', rank: 1 },
    {
      title: 'err %',
      of: ({ failed }) => (failed * 100).toFixed(failed === 0 ? 0 : 2),
      align: 'right',
      style: ({ failed }) => (failed > 0 ? 'red' : undefined),
    },
    {
      title: 'trend'.padEnd(TREND),
      of: ({ name }) => sparkline(state.trends.get(name) ?? [], TREND),
      style: () => 'cyan',
      rank: 3,
    },
  ]
  return grid(columns, rows, width)
}

function serverRows(
  state: TopState,
  servers: readonly ServerState[],
  width: number,
  room: number,
): Line[] {
  const selected = Math.min(state.selected, servers.length - 1)
  const from = Math.max(0, Math.min(selected - Math.floor(room / 2), servers.length - room))
  const rows = servers.slice(from, from + room)
  const columns: GridColumn<ServerState>[] = [
    {
      title: '  SERVER',
      // Where there are no colours too.
      of: (server) => `${server === servers[selected] ? '▸' : ' '} ${server.name}`,
      style: problemStyle,
      least: 16,
    },
    {
      title: 'role    ',
      of: roleOf,
      rank: 1,
    },
    { title: '  ops/s', of: ({ opsPerSecond }) => or(opsPerSecond, rate), align: 'right' },
    { title: ' cpu', of: ({ cpu }) => or(cpu, share), align: 'right', rank: 2 },
    { title: '  memory', of: ({ usedMemory }) => or(usedMemory, bytes), align: 'right', rank: 3 },
    { title: 'clients', of: ({ clients }) => or(clients, shown), align: 'right', rank: 5 },
    {
      title: '   keys',
      of: ({ keys, role }) => (role === 'sentinel' ? '' : or(keys, shown)),
      align: 'right',
      rank: 6,
    },
    {
      title: '  lag',
      of: ({ role, lagBytes }) => (role === 'replica' ? or(lagBytes, bytes) : ''),
      align: 'right',
      style: ({ linked }) => (linked === false ? 'red' : undefined),
      rank: 4,
    },
    {
      title: '',
      of: ({ problem, linked }) =>
        problem ?? (linked === false ? 'not connected to its primary' : ''),
      style: () => 'red',
      rank: 7,
    },
  ]
  return grid(columns, rows, width, selected - from)
}

function roleOf({ role, slots, problem }: ServerState): string {
  if (problem !== undefined) return `${role} away`
  return slots === undefined ? role : `${role} ${slots}`
}

const problemStyle = ({ problem }: ServerState): 'red' | undefined =>
  problem === undefined ? undefined : 'red'
