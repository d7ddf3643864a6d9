import type { Snapshot } from '../operations/observe/snapshot.ts'

/** What is not seen. */
export const UNSEEN = '?'
/** What is not seen yet. */
export const AWAITED = '–'

export function or<T>(value: T | undefined, show: (value: T) => string): string {
  return value === undefined ? UNSEEN : show(value)
}

/** 12345.6 → 12,346; 12.34 → 12.3; 0.123 → 0.12 */
export function rate(perSecond: number): string {
  if (perSecond >= 100) return Math.round(perSecond).toLocaleString('en')
  if (perSecond === 0) return '0'
  return perSecond.toFixed(perSecond >= 10 ? 1 : 2)
}

/** Milliseconds. */
export function millis(ms: number): string {
  if (ms < 0.1) return `${Math.round(ms * 1_000)} µs`
  if (ms >= 1_000) return `${(ms / 1_000).toFixed(1)} s`
  return `${ms.toFixed(ms >= 100 ? 0 : ms >= 10 ? 1 : 2)} ms`
}

export const share = (part: number): string =>
  part > 0 && part < 0.0005 ? '<0.1 %' : `${(part * 100).toFixed(part > 0 && part < 0.1 ? 1 : 0)} %`

/** What makes sessions, as an audit tells of it. */
const CREATING = new Set(['created', 'login', 'adopted'])
const ENDING = new Set(['logout', 'revoked', 'evicted', 'expired'])

export interface Traffic {
  /** More happens than is read of an audit: rates are estimated. */
  readonly about: boolean
  readonly created: Readonly<Record<string, number>>
  readonly ended: Readonly<Record<string, number>>
  readonly rejected: Readonly<Record<string, number>>
}

/** Whether applications may tell more in a moment, or will: an audit need not know of what they do. */
export const areRatesAwaited = ({ reports, nodes, application }: Snapshot): boolean =>
  application === undefined && (reports === 'awaited' || nodes.length > 0)

/** Why there is nothing of applications. */
export function noReports({ reports, prefix, nodes }: Snapshot): string {
  if (reports === 'refused') {
    return `reports may not be heard (${prefix}:reports): \`sojourn acl --role ops\``
  }
  if (reports === 'awaited' || nodes.length > 0) return 'listening for the applications …'
  return 'no application reports: with `report` of sojourn/metrics it is shown here'
}

/** A second; by the applications' reports, else by their audit; undefined: there is neither. */
export function trafficOf(snapshot: Snapshot): Traffic | undefined {
  const { application, events } = snapshot
  if (application !== undefined) return { ...application, about: false }
  const { kept, about, perSecond } = events
  if (!kept || perSecond === undefined || areRatesAwaited(snapshot)) return undefined
  const named = (names: ReadonlySet<string>) =>
    Object.fromEntries(Object.entries(perSecond).filter(([name]) => names.has(name)))
  return {
    about,
    created: named(CREATING),
    ended: named(ENDING),
    rejected: named(new Set(['rejected', 'token-reuse'])),
  }
}

export const totalOf = (rates: Readonly<Record<string, number>>): number =>
  Object.values(rates).reduce((sum, one) => sum + one, 0)

/** All of them together, for people: "~" where it is estimated. */
export const trafficRate = ({ about }: Traffic, rates: Readonly<Record<string, number>>): string =>
  `${about ? '~' : ''}${rate(totalOf(rates))}`

/** Of all servers that have sessions; undefined where one of them does not tell, or there is none. */
export function memoryOf({
  servers,
}: Snapshot): { used: number; max: number | undefined } | undefined {
  const primaries = servers.filter(({ role, slots }) => role === 'primary' && slots !== 0)
  const used = sum(primaries.map(({ usedMemory }) => usedMemory))
  if (used === undefined || primaries.length === 0) return undefined
  return { used, max: sum(primaries.map(({ maxMemory }) => maxMemory)) }
}

/** Of the replica that is furthest behind, bytes. */
export function lagOf({ servers }: Snapshot): number | undefined {
  const lags = servers.flatMap(({ lagBytes }) => lagBytes ?? [])
  return lags.length === 0 ? undefined : Math.max(...lags)
}

/** Of all that have sessions. */
export function opsOf({ servers }: Snapshot): number | undefined {
  return sum(
    servers.filter(({ role }) => role === 'primary').map(({ opsPerSecond }) => opsPerSecond),
  )
}

function sum(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce<number | undefined>(
    (total, one) => (total === undefined || one === undefined ? undefined : total + one),
    0,
  )
}
