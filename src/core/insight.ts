import type { Engine } from './engine.ts'
import { hasInsights, type Insights } from './engine-abilities.ts'
import { OptionError, StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import { bucketOf, Durations, GAP_BUCKETS, SHORTEST_GAP } from './gap-histogram.ts'
import type { RecordHeader } from './record.ts'
import { refuseUnknown } from './unknown-options.ts'

export interface InsightOptions {
  /** How many sessions are looked at for `ttl`, 0 to 100,000. Default 10,000. */
  readonly sample?: number
}

export interface SessionsInsight {
  /**
   * How long people were away who came back to their session, within the last 14 days on all nodes. From a
   * second on, and of those who came back within `touchAfter` only requests that stored something.
   */
  readonly gaps: Durations
  /** What is left of the sessions that were looked at if nobody comes. */
  readonly ttl: Durations
  /** Whether those were all that there are. */
  readonly complete: boolean
}

const DAYS = 14
const DEFAULT_SAMPLE = 10_000
const LARGEST_SAMPLE = 100_000
/** Milliseconds, and the part of them that is left to chance: nodes that were started together. */
const FLUSH_EVERY = 60_000
const JITTER = 0.25
/** Lifetimes are read off some milliseconds before or after they are set. */
const SLACK = 1_000

/** Counts here how long people were away, and now and then adds that to what the store has counted. */
export class Insight {
  readonly #engine: (Engine & Insights) | undefined
  readonly #events: EventHub
  readonly #counts = new Float64Array(GAP_BUCKETS)
  /** Runs while there is anything to be added. */
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(engine: Engine, events: EventHub) {
    this.#engine = hasInsights(engine) ? engine : undefined
    this.#events = events
  }

  /**
   * The idle timeout of a session has been renewed.
   * @param header as it was before
   * @param expiresAt when it would have ended: tells when it was renewed last
   */
  renewed(header: RecordHeader, expiresAt: number): void {
    // Where the deadline cuts the idle timeout short, its end does not tell when it began.
    if (this.#engine === undefined || expiresAt > header.deadline - SLACK) return
    const gap = this.#engine.now() - expiresAt + header.idleTimeout
    if (gap >= SHORTEST_GAP) this.#add(bucketOf(gap), 1)
  }

  /** @throws OptionError, StoreUnavailableError, StoreRefusedError */
  async read(options: InsightOptions): Promise<SessionsInsight> {
    refuseUnknown(options, ['sample'])
    const { sample = DEFAULT_SAMPLE } = options
    const engine = this.#engine
    if (!Number.isInteger(sample) || sample < 0 || sample > LARGEST_SAMPLE) {
      throw new OptionError('sample', `takes a whole number from 0 to ${LARGEST_SAMPLE}`)
    }
    if (engine === undefined) throw new OptionError('engine', 'is one that counts nothing')
    await this.#flush()
    const [gaps, { ttls, complete }] = await Promise.all([
      engine.gaps(DAYS),
      engine.sampleTtls(sample),
    ])
    const lifetimes = new Map<number, number>()
    for (const bucket of ttls.map(bucketOf)) {
      lifetimes.set(bucket, (lifetimes.get(bucket) ?? 0) + 1)
    }
    return { gaps: new Durations(gaps), ttl: new Durations(lifetimes), complete }
  }

  /** Adds what is left, if the store can be reached. Afterwards nothing is counted. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#flush().catch(() => undefined)
  }

  #add(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count
    if (this.#timer !== undefined || this.#closed) return
    const wait = FLUSH_EVERY * (1 + Math.random() * JITTER)
    this.#timer = setTimeout(() => {
      this.#flush().catch((error: unknown) => {
        this.#events.emit('error', { operation: 'insight', error })
      })
    }, wait).unref()
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    if (this.#timer === undefined) return
    this.#timer = undefined
    const counts = new Map<number, number>()
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) counts.set(bucket, count)
    this.#counts.fill(0)
    try {
      await this.#engine?.addGaps(counts)
    } catch (error) {
      // What may have been added is not added again: rather too few than too many.
      const isUnknown = error instanceof StoreUnavailableError && error.indeterminate
      if (!isUnknown) for (const [bucket, count] of counts) this.#add(bucket, count)
      throw error
    }
  }
}
