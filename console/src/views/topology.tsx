import type { JSX } from 'preact'
import type { PageNode, Snapshot } from '../../../src/operations/console/api.ts'
import type { ServerState } from '../../../src/operations/observe/snapshot.ts'
import { bytes, capital, count, latency, percent, plural, rate, span } from '../format.ts'
import { Badge } from '../parts/badge.tsx'
import { MemoryMeter } from '../parts/meter.tsx'
import { Empty, Loading } from '../parts/states.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { noReports, toHear } from '../reports.ts'
import { stateOf } from '../server-state.ts'
import { now } from '../state/clock.ts'
import { snapshot } from '../state/live.ts'
import { param, setParams } from '../state/route.ts'

/** So many times its even part, and a primary is hot. */
const HOT = 1.3

const serverColumns: readonly Column<ServerState>[] = [
  {
    id: 'name',
    title: 'Server',
    grow: true,
    cell: ({ name, role, primary }) => (
      <span class={role === 'replica' && primary ? 'indented' : undefined}>
        {name}
        {role === 'sentinel' && <span class="quiet"> {role}</span>}
      </span>
    ),
  },
  {
    id: 'state',
    title: 'State',
    cell: (server) => {
      const [mark, word] = stateOf(server)
      return <Badge mark={mark} word={word} />
    },
  },
  { id: 'version', title: 'Version', wide: true, cell: ({ version = '–' }) => version },
  {
    id: 'memory',
    title: 'Memory',
    cell: ({ usedMemory, maxMemory, problem, role }) =>
      problem !== undefined || role === 'sentinel' ? (
        <span class="quiet">–</span>
      ) : (
        <MemoryMeter used={usedMemory} limit={maxMemory} />
      ),
  },
  {
    id: 'ops',
    title: 'Commands /s',
    numeric: true,
    wide: true,
    cell: ({ opsPerSecond }) => rate(opsPerSecond),
  },
  { id: 'cpu', title: 'CPU', numeric: true, wide: true, cell: ({ cpu }) => percent(cpu) },
  {
    id: 'clients',
    title: 'Clients',
    numeric: true,
    wide: true,
    cell: ({ clients }) => count(clients),
  },
  { id: 'keys', title: 'Keys', numeric: true, wide: true, cell: ({ keys }) => count(keys) },
  {
    id: 'slots',
    title: 'Slots',
    numeric: true,
    wide: true,
    cell: ({ role, slots }) => (role === 'primary' ? count(slots) : ''),
  },
  {
    id: 'evicted',
    title: 'Evicted /s',
    numeric: true,
    wide: true,
    cell: ({ evictedPerSecond }) => (
      <span class={evictedPerSecond ? 'bad' : undefined}>{rate(evictedPerSecond)}</span>
    ),
  },
  {
    id: 'lag',
    title: 'Behind',
    numeric: true,
    cell: ({ role, lagBytes, linked }) =>
      role !== 'replica' ? (
        ''
      ) : linked === false ? (
        <span class="bad">cut off</span>
      ) : (
        bytes(lagBytes)
      ),
  },
  {
    id: 'uptime',
    title: 'Up',
    numeric: true,
    wide: true,
    cell: ({ uptime }) => span(uptime === undefined ? undefined : uptime * 1_000),
  },
]

export function Topology(): JSX.Element {
  const look = snapshot.value
  if (look === undefined) return <Loading what="Looking at the servers" />
  const servers = grouped(look.servers)
  const primaries = look.servers.filter(({ role }) => role === 'primary')
  const away = look.servers.filter(({ problem }) => problem !== undefined)
  const versions = [...new Set(look.servers.flatMap(({ version }) => version ?? []))]
  const shown = serverColumns.filter(({ id }) =>
    id === 'version'
      ? versions.length > 1
      : id === 'slots'
        ? look.kind === 'cluster'
        : id !== 'evicted' || look.servers.some(({ evictedPerSecond = 0 }) => evictedPerSecond > 0),
  )
  return (
    <div class="view">
      <h1 class="view-title">Topology</h1>
      <section aria-label="Servers">
        <h2>
          Servers{' '}
          <span class="quiet">
            {plural(primaries.length, 'primary', 'primaries')}, {look.servers.length} in all
            {versions.length === 1 && `, ${versions[0]}`}
            {away.length > 0 && `, ${away.length} away`}
          </span>
        </h2>
        <Table
          label="Servers"
          columns={shown}
          rows={servers}
          keyOf={({ name, role }) => `${role} ${name}`}
          tone={({ problem }) => (problem === undefined ? undefined : 'away')}
        />
        {away.map(({ name, problem }) => (
          <p class="notice error" key={name}>
            {name}: {problem}
          </p>
        ))}
      </section>
      {primaries.length > 1 && <Balance primaries={primaries} />}
      <Nodes look={look} />
    </div>
  )
}

/** Each primary with its replicas under it. */
function grouped(servers: readonly ServerState[]): ServerState[] {
  const primaries = servers.filter(({ role }) => role === 'primary')
  const names = new Set(primaries.map(({ name }) => name))
  const others = servers.filter(
    ({ role, primary }) => role !== 'primary' && !(primary !== undefined && names.has(primary)),
  )
  return [
    ...primaries.flatMap((primary) => [
      primary,
      ...servers.filter(({ role, primary: of }) => role !== 'primary' && of === primary.name),
    ]),
    ...others,
  ]
}

const measures: readonly (readonly [
  string,
  (server: ServerState) => number | undefined,
  (value: number) => string,
])[] = [
  ['Slots', ({ slots }) => slots, count],
  ['Keys', ({ keys }) => keys, count],
  ['Memory', ({ usedMemory }) => usedMemory, bytes],
  ['Commands /s', ({ opsPerSecond }) => opsPerSecond, rate],
]

/** The same primaries in the same order on each line: where one is wider than its slots, it is hot. */
function Balance({ primaries }: { primaries: readonly ServerState[] }): JSX.Element {
  return (
    <section aria-label="Balance">
      <h2>
        Balance{' '}
        <span class="quiet">
          how the primaries share; in order {primaries.map(({ name }) => name).join(', ')}
        </span>
      </h2>
      <dl class="balance">
        {measures.map(([name, pick, format]) => {
          const values = primaries.map((server) => pick(server) ?? 0)
          const total = values.reduce((all, value) => all + value, 0)
          if (total === 0) return null
          return (
            <div key={name}>
              <dt>{name}</dt>
              <dd>
                {values.map((value, index) => {
                  const part = value / total
                  const isHot = part > HOT / primaries.length
                  const server = primaries[index] as ServerState
                  return (
                    <span
                      key={server.name}
                      class={isHot ? 'piece hot' : 'piece'}
                      style={{ flexGrow: part }}
                      title={`${server.name}: ${format(value)}`}
                    >
                      {percent(part)}
                      {isHot && <span class="unseen"> hot</span>}
                    </span>
                  )
                })}
              </dd>
            </div>
          )
        })}
      </dl>
    </section>
  )
}

function Nodes({ look }: { look: Snapshot }): JSX.Element {
  const { nodes, reports } = look
  const versions = new Map<string, number>()
  for (const { version } of nodes) versions.set(version, (versions.get(version) ?? 0) + 1)
  const usual = [...versions].sort(([, a], [, b]) => b - a)[0]?.[0]
  const columns: readonly Column<PageNode>[] = [
    {
      id: 'name',
      title: 'Node',
      grow: true,
      by: ({ name }) => name,
      cell: ({ name, pid }) => (
        <>
          {name} <span class="quiet">{pid}</span>
        </>
      ),
    },
    {
      id: 'version',
      title: 'Library',
      by: ({ version }) => version,
      cell: ({ version }) => (version === usual ? version : <Badge mark="info" word={version} />),
    },
    {
      id: 'ops',
      title: 'Asked /s',
      numeric: true,
      by: ({ perSecond }) => perSecond,
      cell: ({ perSecond }) => rate(perSecond),
    },
    {
      id: 'p99',
      title: 'Slowest p99',
      numeric: true,
      by: ({ p99 }) => p99 ?? 0,
      cell: ({ p99 }) => latency(p99),
    },
    {
      id: 'hits',
      title: 'Near cache',
      numeric: true,
      wide: true,
      by: (node) => node.hitRate ?? 0,
      cell: (node) => percent(node.hitRate),
    },
    {
      id: 'errors',
      title: 'Errors /s',
      numeric: true,
      wide: true,
      by: ({ errorsPerSecond }) => errorsPerSecond,
      cell: ({ errorsPerSecond }) => (
        <span class={errorsPerSecond > 0 ? 'bad' : undefined}>{rate(errorsPerSecond)}</span>
      ),
    },
    {
      id: 'up',
      title: 'Up',
      numeric: true,
      wide: true,
      by: ({ startedAt }) => -startedAt,
      cell: ({ startedAt }) => span(now.value - startedAt),
    },
    {
      id: 'age',
      title: 'Reported',
      numeric: true,
      wide: true,
      cell: ({ age }) => `${span(age)} ago`,
    },
  ]
  return (
    <section aria-label="Nodes of the application">
      <h2>
        Nodes of the application{' '}
        <span class="quiet">
          {nodes.length > 0 && plural(nodes.length, 'process', 'processes')}
          {reports === 'awaited' && nodes.length > 0 && ' so far'}
          {versions.size > 1 && `, ${versions.size} versions of the library`}
        </span>
      </h2>
      {nodes.length === 0 ? (
        <Empty title={capital(noReports(look))}>
          {reports === 'refused' ? (
            <p>
              {toHear(look.prefix)} <code>sojourn acl --role ops</code>.
            </p>
          ) : (
            <p>
              With <code>report(sessions)</code> of <code>sojourn/metrics</code> each process tells
              what it measures, and is listed here.
            </p>
          )}
        </Empty>
      ) : (
        <Table
          label="Nodes"
          columns={columns}
          rows={nodes}
          keyOf={({ id }) => id}
          sort={param('sort') || 'name'}
          onSort={(sort) => setParams({ sort })}
          virtual={nodes.length > 60}
        />
      )}
    </section>
  )
}
