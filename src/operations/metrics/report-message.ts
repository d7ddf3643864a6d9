import { DURATIONS } from './catalogue.ts'

/** What a process tells of itself: counters since it began to, in JSON; protocol/README.md has the form. */
export interface ReportMessage {
  readonly id: string
  readonly name: string
  readonly version: string
  readonly pid: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Since it began to count, by a clock that does not jump. Milliseconds. */
  readonly counted: number
  /** By operation. */
  readonly operations: ReadonlyMap<string, OperationCounts>
  readonly created: ReadonlyMap<string, number>
  readonly ended: ReadonlyMap<string, number>
  readonly rejected: ReadonlyMap<string, number>
  readonly conflicts: number
  readonly errors: number
  readonly outages: number
  readonly cache: CacheCounts | undefined
  /** Names of attributes that it has read; undefined: it does not say, as there are too many. */
  readonly reads: readonly string[] | undefined
  /** Key ids of its secrets, as they stand in records, the one that signs and seals first; undefined: it does not say. */
  readonly keys: readonly number[] | undefined
}

export interface OperationCounts {
  readonly failed: number
  /** In each bucket of `DURATIONS`, and above the last. */
  readonly counts: readonly number[]
}

export interface CacheCounts {
  readonly hits: number
  readonly misses: number
  readonly invalidations: number
  readonly entries: number
  readonly bytes: number
  readonly isOn: boolean
}

const FORM = 1
/** Characters. What we make has under 8,000, of which 64 names of attributes take more than half. */
const LONGEST = 16_384
const LONGEST_NAME = 64
const MOST_NAMES = 64
export const MOST_KEYS = 16
const HIGHEST_KEY = 0xff_ff
/** What is looked at of them: there are 14 operations, and no more methods or reasons. */
const MOST_READ = 32
const LATEST = 8.64e15
/** They may be shown on a terminal, or among other names. */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu

export function encodeReport(report: ReportMessage): string {
  const { operations, created, ended, rejected, ...rest } = report
  return JSON.stringify({
    v: FORM,
    ...rest,
    operations: Object.fromEntries(
      [...operations].map(([name, { failed, counts }]) => [name, [failed, ...counts]]),
    ),
    created: Object.fromEntries(created),
    ended: Object.fromEntries(ended),
    rejected: Object.fromEntries(rejected),
  })
}

/** Anybody may publish there: what is not of the form is nothing, and nothing of it is obeyed. */
export function parseReport(text: string): ReportMessage | undefined {
  if (text.length > LONGEST || !text.startsWith('{')) return undefined
  try {
    return reportOf(JSON.parse(text) as Fields)
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Malformed) return undefined
    throw error
  }
}

type Fields = Readonly<Record<string, unknown>>

class Malformed extends Error {}

function reportOf(fields: Fields): ReportMessage {
  if (fields['v'] !== FORM) throw new Malformed('v')
  const { cache, reads, keys } = fields
  return {
    id: nameIn(fields['id']),
    name: nameIn(fields['name']),
    version: nameIn(fields['version']),
    pid: countIn(fields['pid']),
    startedAt: timeIn(fields['startedAt']),
    counted: countIn(fields['counted']),
    operations: mapIn(fields['operations'], operationIn),
    created: mapIn(fields['created'], countIn),
    ended: mapIn(fields['ended'], countIn),
    rejected: mapIn(fields['rejected'], countIn),
    conflicts: countIn(fields['conflicts']),
    errors: countIn(fields['errors']),
    outages: countIn(fields['outages']),
    cache: cache === undefined ? undefined : cacheIn(objectIn(cache)),
    reads: reads === undefined ? undefined : readsIn(reads),
    keys: keys === undefined ? undefined : keysIn(keys),
  }
}

function cacheIn(fields: Fields): CacheCounts {
  return {
    hits: countIn(fields['hits']),
    misses: countIn(fields['misses']),
    invalidations: countIn(fields['invalidations']),
    entries: countIn(fields['entries']),
    bytes: countIn(fields['bytes']),
    isOn: fields['isOn'] === true,
  }
}

/** To be compared with names, not to be shown. */
function readsIn(value: unknown): readonly string[] {
  const isSo = (name: unknown): name is string =>
    typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME
  if (Array.isArray(value) && value.length <= MOST_NAMES && value.every(isSo)) return value
  throw new Malformed('reads')
}

function keysIn(value: unknown): readonly number[] {
  if (!Array.isArray(value) || value.length > MOST_KEYS) throw new Malformed('keys')
  const ids = value.map(countIn)
  if (ids.every((id) => id <= HIGHEST_KEY)) return ids
  throw new Malformed('keys')
}

function operationIn(value: unknown): OperationCounts {
  // One failed, one for each bucket, one above.
  if (!Array.isArray(value) || value.length !== DURATIONS.length + 2)
    throw new Malformed('operation')
  const [failed = 0, ...counts] = value.map(countIn)
  return { failed, counts }
}

function mapIn<Value>(value: unknown, read: (value: unknown) => Value): Map<string, Value> {
  const entries = Object.entries(objectIn(value))
  if (entries.length > MOST_NAMES) throw new Malformed('names')
  return new Map(entries.slice(0, MOST_READ).map(([name, each]) => [nameIn(name), read(each)]))
}

function objectIn(value: unknown): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
  throw new Malformed('object')
}

function nameIn(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_NAME) {
    return value.replaceAll(UNSHOWABLE, '·')
  }
  throw new Malformed('name')
}

function countIn(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new Malformed('number')
}

function timeIn(value: unknown): number {
  const time = countIn(value)
  if (time <= LATEST) return time
  throw new Malformed('time')
}
