import { createHash } from 'node:crypto'
import { codecs } from '../../core/codec.ts'
import type { Durations } from '../../core/gap-histogram.ts'
import { isPrivateName } from '../../core/private-names.ts'
import type { AttributeReads } from '../observe/report-book.ts'
import type { SessionDetails } from '../sessions/catalogue.ts'

/** What another idle timeout would mean. */
export interface TimeoutAdvice {
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Which part of the sessions would have to sign in again on a day, at most: 0 to 1. */
  readonly signedOut: number
  /** Which part of the returns come after longer than this, 0 to 1. Most returns are short: it says little of people. */
  readonly ofReturns: number
  /** Which part of the memory of sessions would be free, 0 to 1. */
  readonly freed: number
}

export interface AttributeAdvice {
  readonly name: string
  /** In which part of the sessions it is, 0 to 1. */
  readonly present: number
  /** Encoded, where it is. */
  readonly averageBytes: number
  readonly largestBytes: number
  /** Of all that attributes take, 0 to 1. */
  readonly share: number
  /** Which part of the sessions with it have the most frequent value, 0 to 1. */
  readonly alike: number
  /** Another one that has the same value in nearly all sessions with this one; undefined: none has. */
  readonly sameAs: string | undefined
  /** Whether a process that reports has read it; undefined: that is not known. */
  readonly read: boolean | undefined
  /** What to do about it; undefined: nothing. */
  readonly advice: string | undefined
}

export interface Advice {
  /** How many sessions were looked at. */
  readonly looked: number
  /** How many returns were counted, of all nodes within the last `days`. */
  readonly returns: number
  /** On so many of the last 14 days any were. */
  readonly days: number
  /** Since about when, milliseconds: who is away for longer than half of it can hardly have come back yet. */
  readonly observed: number
  /** That most of the sessions have, milliseconds. */
  readonly idleTimeout: number | undefined
  readonly timeouts: readonly TimeoutAdvice[]
  /** The shortest that costs hardly anybody, if it is shorter than the present one. */
  readonly recommended: TimeoutAdvice | undefined
  /** Largest first; none without the secrets. */
  readonly attributes: readonly AttributeAdvice[]
  /** Whether sessions were opened. */
  readonly isOpen: boolean
  /** Of those that report; undefined: none does, or one does not say what it reads. */
  readonly readers: { readonly nodes: number; readonly counted: number } | undefined
}

const MINUTE = 60_000
const DAY = 1_440 * MINUTE
const CANDIDATES = [
  5, 10, 15, 20, 30, 45, 60, 120, 240, 480, 720, 1_440, 2_880, 10_080, 20_160, 43_200,
].map((minutes) => minutes * MINUTE)
/** Of the sessions, on a day: what a shorter timeout may cost. */
const BEARABLE = 0.01
/** Fewer returns say nothing. */
const ENOUGH_RETURNS = 200
/** Else it is not worth a change. */
const WORTHWHILE = 0.05
const LARGE = 2_048
const LARGE_SHARE = 0.3
/** Of an attribute that most sessions have. */
const ALIKE = 0.9
const USUAL = 0.5
const NOTABLE = 64
/** What nobody has read for less says little, milliseconds. */
const LONG_ENOUGH = 3_600_000

/** What is known of all, beside the sessions that were looked at. */
export interface Known {
  readonly gaps: Durations
  /** On so many days they were counted. */
  readonly days: number
  /** How many sessions there are, about. */
  readonly live: number
  /** Milliseconds since the epoch, by the store's clock. */
  readonly now: number
  /** What processes read. */
  readonly reads?: AttributeReads | undefined
}

export function advise(
  sessions: readonly SessionDetails[],
  { gaps, days, live, now, reads }: Known,
): Advice {
  const idleTimeout = mostFrequent(sessions.map((session) => session.idleTimeout))
  const all = sessions.reduce((sum, { bytes }) => sum + bytes, 0)
  const timeouts = CANDIDATES.filter(
    (candidate) => idleTimeout !== undefined && candidate < idleTimeout,
  ).map(
    (candidate): TimeoutAdvice => ({
      idleTimeout: candidate,
      ...endings(gaps, candidate, days * live),
      freed:
        all === 0
          ? 0
          : sessions.reduce(
              (sum, { bytes, lastActiveAt }) => sum + (now - lastActiveAt > candidate ? bytes : 0),
              0,
            ) / all,
    }),
  )
  const oldest = sessions.reduce((age, { createdAt }) => Math.max(age, now - createdAt), 0)
  const observed = Math.max(oldest, (days - 1) * DAY)
  const isKnown = gaps.count >= ENOUGH_RETURNS
  const recommended = isKnown
    ? timeouts.find(
        (each) =>
          each.idleTimeout * 2 <= observed &&
          each.signedOut <= BEARABLE &&
          each.freed >= WORTHWHILE,
      )
    : undefined
  const opened = sessions.filter(({ closed }) => closed === undefined)
  return {
    looked: sessions.length,
    returns: gaps.count,
    ...{ days, observed },
    ...{ idleTimeout, timeouts, recommended },
    attributes: attributesOf(opened, reads),
    isOpen: opened.length > 0,
    readers: reads && { nodes: reads.nodes, counted: reads.counted },
  }
}

/**
 * Each return after longer is one more sign-in. Whose they are is not counted: if all of them were of different sessions,
 * so many would be signed out on a day, and there cannot be more.
 */
function endings(
  gaps: Durations,
  candidate: number,
  sessionDays: number,
): Pick<TimeoutAdvice, 'signedOut' | 'ofReturns'> {
  const ofReturns = gaps.count === 0 ? 0 : gaps.shareLongerThan(candidate)
  const signedOut = sessionDays === 0 ? 0 : Math.min(1, (ofReturns * gaps.count) / sessionDays)
  return { signedOut, ofReturns }
}

interface Seen {
  count: number
  bytes: number
  largest: number
  readonly values: Map<string, number>
  /** In how many sessions another one has the same value, by its name. */
  readonly twins: Map<string, number>
}

function attributesOf(
  sessions: readonly SessionDetails[],
  reads: AttributeReads | undefined,
): AttributeAdvice[] {
  const seen = new Map<string, Seen>()
  let all = 0
  for (const { attributes } of sessions) {
    const names = new Map<string, string>()
    // By name, so that of two it is the same one everywhere.
    for (const { name, bytes, value } of attributes.toSorted(byName)) {
      const own = seen.get(name) ?? {
        ...{ count: 0, bytes: 0, largest: 0 },
        values: new Map<string, number>(),
        twins: new Map<string, number>(),
      }
      seen.set(name, own)
      own.count++
      own.bytes += bytes
      own.largest = Math.max(own.largest, bytes)
      all += bytes
      const hash = hashOf(value)
      own.values.set(hash, (own.values.get(hash) ?? 0) + 1)
      const twin = names.get(hash)
      if (twin !== undefined && !isPrivateName(name))
        own.twins.set(twin, (own.twins.get(twin) ?? 0) + 1)
      else if (bytes >= NOTABLE && !isPrivateName(name)) names.set(hash, name)
    }
  }
  return [...seen]
    .map(([name, { count, bytes, largest, values, twins }]): AttributeAdvice => {
      const [twin] = [...twins].sort(([, one], [, other]) => other - one)
      const facts = {
        name,
        present: count / sessions.length,
        averageBytes: bytes / count,
        largestBytes: largest,
        share: bytes / all,
        alike: Math.max(...values.values()) / count,
        sameAs: twin !== undefined && twin[1] >= ALIKE * count ? twin[0] : undefined,
        // Others' own are read where nobody counts.
        read: reads === undefined || isPrivateName(name) ? undefined : reads.names.has(name),
      }
      return { ...facts, advice: adviceFor(facts, reads) }
    })
    .sort((one, other) => other.share - one.share)
}

function adviceFor(
  facts: Omit<AttributeAdvice, 'advice'>,
  reads: AttributeReads | undefined,
): string | undefined {
  const { present, averageBytes, largestBytes, share, alike, sameAs, read } = facts
  if (read === false && averageBytes >= NOTABLE && (reads?.counted ?? 0) >= LONG_ENOUGH) {
    return 'no process that reports has read it: is it needed? Others (Python, Java) do not report'
  }
  if (alike >= ALIKE && present >= USUAL && averageBytes >= NOTABLE) {
    return 'nearly all sessions have the same: keep it once, in the application or in a cache'
  }
  if (sameAs !== undefined) return `the same as ${JSON.stringify(sameAs)}: one of them is enough`
  if (largestBytes > LARGE && averageBytes > LARGE) {
    return 'large: keep it in the database and its key in the session; each change of anything writes it again'
  }
  if (share >= LARGE_SHARE && averageBytes >= 4 * NOTABLE)
    return 'most of what sessions take: is all of it needed with each request?'
  return undefined
}

/** Values are compared by their hashes: what people have in their sessions is not kept here. */
function hashOf(value: unknown): string {
  const bytes = codecs.messagepack.encode(new Map([['v', value]]), new Map())
  return createHash('sha256').update(bytes).digest('base64')
}

const byName = ({ name }: { readonly name: string }, other: { readonly name: string }): number =>
  name < other.name ? -1 : 1

function mostFrequent(values: readonly number[]): number | undefined {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0]
}
