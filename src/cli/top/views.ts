import type { Severity } from '../../operations/doctor/finding.ts'
import { bytes } from '../../operations/doctor/finding.ts'
import { hitRate } from '../../operations/observe/hit-rate.ts'
import type { NodeState, ServerState, Snapshot } from '../../operations/observe/snapshot.ts'
import { noReports, or, rate, share } from '../figures.ts'
import { span } from '../table.ts'
import { shown } from '../talk.ts'
import { type GridColumn, grid } from './grid.ts'
import { type Line, seg } from './line.ts'
import { selectedServer, type TopState } from './state.ts'

const KEYS: readonly [key: string, what: string][] = [
  ['s', 'sort operations: by rate, p99, failures, name'],
  ['/', 'filter operations and servers by a part of the name; esc clears it'],
  ['↑ ↓  k j', 'choose a server; scroll in a long list'],
  ['enter', 'all about the chosen server'],
  ['n', 'nodes: each process that reports'],
  ['d', 'doctor: what is wrong with the servers, and how to mend it'],
  ['space', 'pause: nothing is asked meanwhile'],
  ['?', 'this'],
  ['q  Ctrl-C', 'quit'],
]

export function helpLines(): Line[] {
  return [
    [],
    ...KEYS.map(([key, what]): Line => [seg(`  ${key.padEnd(12)}`, 'bold'), seg(what)]),
    [],
    [
      seg(
        '  A "?" is what the servers do not tell, or this user may not see. "~": an estimate, by a sample.',
      ),
    ],
    [
      seg(
        '  Operations are those of the applications that report (`report` of sojourn/metrics), waits included;',
      ),
    ],
    [seg('  without one, those of Redis, by its own clock. Looking changes nothing in Redis.')],
  ]
}

/** Where what is in use is known, none was told because there is none. */
const limitOf = ({ maxMemory, usedMemory }: ServerState): string =>
  maxMemory === undefined && usedMemory !== undefined ? 'none' : or(maxMemory, bytes)

export function serverLines(state: TopState): Line[] {
  const server = selectedServer(state)
  if (server === undefined) return [[], [seg('There is no such server any more.')]]
  const perSecond = (number: number | undefined): string => or(number, (of) => `${rate(of)}/s`)
  const facts: [string, string][] = [
    ['role', server.role],
    ['version', or(server.version, String)],
    ['up for', or(server.uptime, (seconds) => span(seconds * 1_000))],
    ['memory', or(server.usedMemory, bytes)],
    ['limit', limitOf(server)],
    ['when full', or(server.memoryPolicy, String)],
    ['keys', or(server.keys, shown)],
    ['clients', or(server.clients, shown)],
    ['commands', perSecond(server.opsPerSecond)],
    ['processor', or(server.cpu, share)],
    ['evicted', perSecond(server.evictedPerSecond)],
    ['expired', perSecond(server.expiredPerSecond)],
    ['network in', or(server.inputBytesPerSecond, (of) => `${bytes(of)}/s`)],
    ['network out', or(server.outputBytesPerSecond, (of) => `${bytes(of)}/s`)],
    ...(server.role === 'replica'
      ? ([
          ['primary', or(server.primary, String)],
          ['connected', or(server.linked, (is) => (is ? 'yes' : 'no'))],
          ['lag', or(server.lagBytes, bytes)],
        ] as [string, string][])
      : []),
    ...(server.slots === undefined ? [] : ([['slots', shown(server.slots)]] as [string, string][])),
  ]
  return [
    [],
    [seg(server.name, 'bold')],
    ...(server.problem === undefined ? [] : [[seg(server.problem, 'red')]]),
    [],
    ...facts.map(([name, text]): Line => [seg(name.padEnd(12), 'dim'), seg('  '), seg(text)]),
  ]
}

export function nodeLines(snapshot: Snapshot, width: number, now: number): Line[] {
  const { nodes } = snapshot
  if (nodes.length === 0) return [[], [seg(noReports(snapshot))]]
  const all = ({ state }: NodeState): number =>
    state.operations.reduce((sum, { perSecond }) => sum + perSecond, 0)
  const columns: GridColumn<NodeState>[] = [
    { title: 'NODE', of: ({ name }) => name, least: 12 },
    { title: 'pid', of: ({ pid }) => String(pid), align: 'right', rank: 3 },
    { title: 'version', of: ({ version }) => version, rank: 1 },
    { title: 'up for', of: ({ startedAt }) => span(now - startedAt), align: 'right', rank: 4 },
    { title: 'heard', of: ({ age }) => `${span(age)} ago`, align: 'right', rank: 5 },
    { title: 'ops/s', of: (node) => rate(all(node)), align: 'right' },
    { title: 'hits', of: ({ state }) => or(hitRate(state.cache), share), align: 'right', rank: 2 },
    {
      title: 'errors/s',
      of: ({ state }) => rate(state.errorsPerSecond + state.outagesPerSecond),
      align: 'right',
      style: ({ state }) =>
        state.errorsPerSecond + state.outagesPerSecond > 0 ? 'red' : undefined,
      rank: 2,
    },
  ]
  return [[], ...grid(columns, nodes, width)]
}

const MARKS: Readonly<
  Record<Severity, { mark: string; style: 'blue' | 'yellow' | 'red' | 'gray' }>
> = {
  info: { mark: 'i', style: 'blue' },
  warn: { mark: '!', style: 'yellow' },
  error: { mark: '✗', style: 'red' },
  unknown: { mark: '?', style: 'gray' },
}

export function doctorLines({ doctor }: TopState, width: number): Line[] {
  if (doctor === undefined || doctor === 'looking') {
    return [[], [seg('doctor asks the servers, twice within three seconds …')]]
  }
  if ('problem' in doctor) return [[], [seg(doctor.problem, 'red')]]
  const found = doctor.results.flatMap(({ id, findings }) =>
    findings.map((finding) => ({ id, ...finding })),
  )
  if (found.length === 0) return [[], [seg('Nothing to do.', 'green')]]
  return [
    [],
    ...found.flatMap(({ id, severity, seen, servers, why, fix }): Line[] => {
      const { mark, style } = MARKS[severity]
      const where = servers.length === 0 ? '' : ` (${servers.slice(0, 3).join(', ')})`
      return [
        [seg(`${mark} `, style), seg(`${id}  `, 'dim'), seg(seen + where)],
        ...wrapped(why, width - 4).map((line): Line => [seg(`    ${line}`, 'dim')]),
        ...fix.flatMap((line) =>
          wrapped(`→ ${line}`, width - 4).map((part): Line => [seg(`    ${part}`)]),
        ),
      ]
    }),
  ]
}

/** By words; a word that is longer than a line stays whole, and is cut where it is shown. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}
