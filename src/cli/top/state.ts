import type { Examination } from '../../operations/doctor/examine.ts'
import type { OperationState, ServerState, Snapshot } from '../../operations/observe/snapshot.ts'
import { plain } from '../table.ts'

export type SortBy = 'rate' | 'p99' | 'failed' | 'name'
export type ViewName = 'main' | 'server' | 'nodes' | 'doctor' | 'help'

const SORTS: readonly SortBy[] = ['rate', 'p99', 'failed', 'name']
/** Points of a trend. */
const KEPT = 120
/** Of those that are not asked for any more. */
const MOST_TRENDS = 200

/** All that is drawn follows from this, and from the size of the terminal. */
export interface TopState {
  readonly snapshot: Snapshot | undefined
  /** Why there is no newer one. */
  readonly problem: string | undefined
  readonly isPaused: boolean
  /** Milliseconds between two looks. */
  readonly interval: number
  readonly active: readonly number[]
  /** Rates, by the operation's name. */
  readonly trends: ReadonlyMap<string, readonly number[]>
  readonly sort: SortBy
  readonly filter: string
  /** The filter is being typed. */
  readonly isTyping: boolean
  readonly view: ViewName
  /** Of the list of servers. */
  readonly selected: number
  /** Lines that are above what is shown of a long view. */
  readonly scrolled: number
  /** What doctor has found; `looking`: it has not answered yet. */
  readonly doctor: Examination | 'looking' | { readonly problem: string } | undefined
}

export const initialState = (interval: number): TopState => ({
  ...{ snapshot: undefined, problem: undefined, isPaused: false, interval },
  ...{ active: [], trends: new Map(), sort: 'rate', filter: '', isTyping: false },
  ...{ view: 'main', selected: 0, scrolled: 0, doctor: undefined },
})

export function withSnapshot(state: TopState, snapshot: Snapshot): TopState {
  const { active: count } = snapshot.sessions
  const trends = new Map<string, readonly number[]>()
  const now = new Map(operationsIn(snapshot).map(({ name, perSecond }) => [name, perSecond]))
  for (const name of [...now.keys(), ...state.trends.keys()]) {
    if (trends.has(name) || trends.size >= MOST_TRENDS) continue
    const points = [...(state.trends.get(name) ?? []), now.get(name) ?? 0].slice(-KEPT)
    if (points.some((point) => point > 0)) trends.set(name, points)
  }
  return {
    ...state,
    ...{ snapshot, trends, problem: undefined },
    active: count === undefined ? state.active : [...state.active, count].slice(-KEPT),
  }
}

/** Of the applications where they report, else of Redis. */
const operationsIn = ({ application, commands }: Snapshot): readonly OperationState[] =>
  application?.operations ?? commands

/** One filter for two lists: one in which nothing has the text stays whole, where the other has some. */
function filtered({ snapshot, filter }: TopState): {
  readonly operations: readonly OperationState[]
  readonly servers: readonly ServerState[]
} {
  if (snapshot === undefined) return { operations: [], servers: [] }
  const all = { operations: operationsIn(snapshot), servers: snapshot.servers }
  const operations = all.operations.filter(({ name }) => isWanted(name, filter))
  const servers = all.servers.filter(({ name, role }) => isWanted(`${name} ${role}`, filter))
  return {
    operations: operations.length === 0 && servers.length > 0 ? all.operations : operations,
    servers: servers.length === 0 && operations.length > 0 ? all.servers : servers,
  }
}

export function operationsOf(state: TopState): OperationState[] {
  const { sort } = state
  const { operations: rows } = filtered(state)
  const key = { rate: 'perSecond', p99: 'p99', failed: 'failed' } as const
  return rows.toSorted((one, other) =>
    sort === 'name'
      ? compare(one.name, other.name)
      : (other[key[sort]] ?? -1) - (one[key[sort]] ?? -1) || compare(one.name, other.name),
  )
}

const ROLES = { primary: 0, replica: 1, sentinel: 2 }

/** Primaries first. */
export function serversOf(state: TopState): ServerState[] {
  return filtered(state).servers.toSorted(
    (one, other) => ROLES[one.role] - ROLES[other.role] || compare(one.name, other.name),
  )
}

export function selectedServer(state: TopState): ServerState | undefined {
  const servers = serversOf(state)
  return servers[Math.min(state.selected, servers.length - 1)]
}

/** What a key changes of what is shown; what it starts besides is the command's. */
export function withKey(state: TopState, key: string): TopState {
  if (state.isTyping) return typing(state, key)
  switch (key) {
    case 's':
      return { ...state, sort: SORTS[(SORTS.indexOf(state.sort) + 1) % SORTS.length] ?? 'rate' }
    case '/':
      return { ...state, isTyping: true, view: 'main' }
    case 'space':
      return { ...state, isPaused: !state.isPaused }
    case '?':
      return to(state, state.view === 'help' ? 'main' : 'help')
    case 'd':
      return to(state, 'doctor')
    case 'n':
      return to(state, state.view === 'nodes' ? 'main' : 'nodes')
    case 'enter':
      return state.view === 'main' && selectedServer(state) !== undefined
        ? to(state, 'server')
        : to(state, 'main')
    case 'escape':
      return state.view === 'main' ? { ...state, filter: '' } : to(state, 'main')
    case 'up':
    case 'k':
      return moved(state, -1)
    case 'down':
    case 'j':
      return moved(state, 1)
    default:
      return state
  }
}

const to = (state: TopState, view: ViewName): TopState => ({ ...state, view, scrolled: 0 })

function moved(state: TopState, by: number): TopState {
  if (state.view !== 'main') return { ...state, scrolled: Math.max(0, state.scrolled + by) }
  const last = Math.max(0, serversOf(state).length - 1)
  const from = Math.min(state.selected, last)
  return { ...state, selected: Math.min(last, Math.max(0, from + by)) }
}

const LONGEST_FILTER = 40

function typing(state: TopState, key: string): TopState {
  const { filter } = state
  if (key === 'enter') return { ...state, isTyping: false }
  if (key === 'escape') return { ...state, isTyping: false, filter: '' }
  if (key === 'backspace') return { ...state, filter: Array.from(filter).slice(0, -1).join('') }
  const text = key === 'space' ? ' ' : key
  if (Array.from(text).length !== 1 || filter.length >= LONGEST_FILTER) return state
  return { ...state, filter: filter + plain(text), selected: 0 }
}

const isWanted = (text: string, filter: string): boolean =>
  text.toLowerCase().includes(filter.toLowerCase())

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
