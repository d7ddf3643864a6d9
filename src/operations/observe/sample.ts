import { add, noCounts } from './histogram.ts'
import type { AttributeState, SessionsState } from './snapshot.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Milliseconds. */
export const TIMES: readonly number[] = [
  ...[1, 5, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 6, 12].map((hours) => hours * HOUR),
  ...[1, 3, 7, 14, 30, 90].map((days) => days * DAY),
]
/** Bytes. */
export const SIZES: readonly number[] = [
  128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 65_536, 262_144, 1_048_576,
]
const MOST_ATTRIBUTES = 20
/** An application that makes up names must not fill this process. */
const MOST_NAMES = 500

export interface SampledAttribute {
  count: number
  bytes: number
  largest: number
}

/** What was seen of some keys of a server, summed up. */
export interface Page {
  /** By the monotonic clock, milliseconds. */
  readonly at: number
  /** Keys of whatever kind. */
  looked: number
  sessions: number
  signedIn: number
  bytes: number
  readonly ttl: number[]
  readonly age: number[]
  readonly size: number[]
  /** Sessions that were opened. */
  opened: number
  readonly attributes: Map<string, SampledAttribute>
}

export function emptyPage(at: number): Page {
  return {
    ...{ at, looked: 0, sessions: 0, signedIn: 0, bytes: 0, opened: 0 },
    ...{ ttl: noCounts(TIMES), age: noCounts(TIMES), size: noCounts(SIZES) },
    attributes: new Map(),
  }
}

export function addAttribute(page: Page, name: string, bytes: number): void {
  const known = page.attributes.get(name)
  if (known === undefined && page.attributes.size >= MOST_NAMES) return
  const own = known ?? { count: 0, bytes: 0, largest: 0 }
  page.attributes.set(name, own)
  own.count++
  own.bytes += bytes
  own.largest = Math.max(own.largest, bytes)
}

export function sum(pages: readonly Page[]): Page {
  const all = emptyPage(0)
  for (const page of pages) {
    all.looked += page.looked
    all.sessions += page.sessions
    all.signedIn += page.signedIn
    all.bytes += page.bytes
    all.opened += page.opened
    add(all.ttl, page.ttl)
    add(all.age, page.age)
    add(all.size, page.size)
    for (const [name, { count, bytes, largest }] of page.attributes) {
      const own = all.attributes.get(name) ?? { count: 0, bytes: 0, largest: 0 }
      all.attributes.set(name, own)
      own.count += count
      own.bytes += bytes
      own.largest = Math.max(own.largest, largest)
    }
  }
  return all
}

/** @param active sessions at all servers, and whether they were counted */
export function sessionsOf(
  page: Page,
  active: { readonly count: number | undefined; readonly exact: boolean },
): SessionsState {
  const { sessions, signedIn, bytes, ttl, age, size } = page
  return {
    active: active.count,
    exact: active.exact,
    signedInShare: sessions === 0 ? undefined : signedIn / sessions,
    sampled: sessions,
    averageBytes: sessions === 0 ? undefined : bytes / sessions,
    ttl: { bounds: TIMES, counts: ttl },
    age: { bounds: TIMES, counts: age },
    size: { bounds: SIZES, counts: size },
    attributes: attributesOf(page),
  }
}

function attributesOf({ attributes, opened }: Page): AttributeState[] {
  const all = [...attributes.values()].reduce((total, { bytes }) => total + bytes, 0)
  return [...attributes]
    .map(([name, { count, bytes, largest }]) => ({
      name,
      present: count / opened,
      averageBytes: bytes / count,
      largestBytes: largest,
      share: all === 0 ? 0 : bytes / all,
    }))
    .sort((one, other) => other.share - one.share)
    .slice(0, MOST_ATTRIBUTES)
}
