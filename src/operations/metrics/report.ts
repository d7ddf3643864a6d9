import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { hasNearReads, hasReports, type Reports } from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import { reads } from '../../core/reads.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { version } from '../../core/version.ts'
import type { Sessions } from '../../index.ts'
import type { MetricId } from './catalogue.ts'
import { Meter } from './meter.ts'
import {
  type CacheCounts,
  encodeReport,
  MOST_KEYS,
  type OperationCounts,
} from './report-message.ts'

export interface ReportOptions {
  /** As it is shown, 1 to 64 characters. Default: the host's name. */
  readonly name?: string
  /** Between two reports, 500 ms to 5 s. Default 2 s. */
  readonly every?: Duration
}

const LONGEST = 5_000
const SHORTEST = 500
/** Between two `error` events, milliseconds. */
const TOLD_EVERY = 60_000
/** No request's. */
const OWN_OPERATIONS = /^(?:report|reports|heartbeat)$|[A-Z]/

/** What of sessions is asked for here. */
type Reporting = Pick<Sessions, 'engine' | 'stats' | 'reportError' | 'isClosed'>

/**
 * Tells `sojourn top`, `sojourn stats` and the console of this process: how it fares, and which version it has. By a
 * message to Redis (PUBLISH) every other second, which is kept nowhere. Ends with the sessions, and keeps no process alive.
 * @returns a function that ends it
 * @throws OptionError, also for an engine that only this process knows
 */
export function report(sessions: Reporting, options: ReportOptions = {}): () => void {
  refuseUnknown(options, ['name', 'every'])
  const { name = hostname().slice(0, 64), every = '2s' } = options
  if (typeof name !== 'string' || name === '' || name.length > 64) {
    throw new OptionError('name', 'takes 1 to 64 characters')
  }
  const pause = parseDuration('every', every, LONGEST)
  if (pause < SHORTEST) throw new OptionError('every', `is shorter than ${SHORTEST} ms`)
  if (typeof (sessions as Partial<Reporting> | null)?.stats !== 'function') {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  const { engine } = sessions
  if (!hasReports(engine)) {
    throw new OptionError(
      'sessions',
      `are kept by an engine (${engine.name}) that has nobody to report to: report needs Redis`,
    )
  }
  const reporter = new Reporter(sessions, engine, name)
  const timer = setInterval(() => {
    if (sessions.isClosed) end()
    else void reporter.publish()
  }, pause)
  timer.unref()
  void reporter.publish()
  const end = (): void => {
    clearInterval(timer)
    reporter.close()
  }
  return end
}

class Reporter {
  readonly #sessions: Reporting
  readonly #engine: Reports
  readonly #name: string
  readonly #meter = new Meter()
  readonly #endReads = reads.watch()
  readonly #id = randomUUID()
  readonly #since = performance.now()
  #isUnderWay = false
  #isEnded = false
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(sessions: Reporting, engine: Reports, name: string) {
    this.#sessions = sessions
    this.#engine = engine
    this.#name = name
  }

  close(): void {
    this.#isEnded = true
    this.#endReads()
    this.#meter.close()
  }

  /** One at a time. Never rejects: that nobody hears of a process is no failure of its requests. */
  async publish(): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    try {
      await this.#engine.publishReport(this.#message())
    } catch (error) {
      this.#tell(error)
    } finally {
      this.#isUnderWay = false
    }
  }

  #tell(error: unknown): void {
    const now = performance.now()
    if (this.#isEnded || this.#sessions.isClosed || now - this.#toldAt < TOLD_EVERY) return
    this.#toldAt = now
    this.#sessions.reportError('report', error)
  }

  #message(): string {
    const now = performance.now()
    return encodeReport({
      id: this.#id,
      name: this.#name,
      version,
      pid: process.pid,
      startedAt: Math.floor(performance.timeOrigin),
      counted: Math.round(now - this.#since),
      operations: this.#operations(),
      created: this.#byLabel('created'),
      ended: this.#byLabel('ended'),
      rejected: this.#byLabel('rejected'),
      conflicts: this.#total('conflicts'),
      errors: this.#total('errors'),
      outages: this.#total('outages'),
      cache: this.#cache(),
      reads: reads.names,
      keys: this.#keys,
    })
  }

  get #keys(): readonly number[] | undefined {
    const { keyIds } = this.#sessions.stats()
    // So many nobody has who changes them one after the other.
    return keyIds.length > MOST_KEYS ? undefined : keyIds
  }

  #operations(): Map<string, OperationCounts> {
    const operations = new Map<string, { failed: number; counts: number[] }>()
    for (const { labels, value } of this.#meter.histograms('operations')) {
      const [name = '', outcome] = labels
      if (OWN_OPERATIONS.test(name)) continue
      const own = operations.get(name) ?? { failed: 0, counts: value.counts.map(() => 0) }
      operations.set(name, own)
      for (const [i, count] of value.counts.entries()) {
        own.counts[i] = (own.counts[i] ?? 0) + count
        if (outcome !== 'ok') own.failed += count
      }
    }
    return operations
  }

  #byLabel(id: MetricId): Map<string, number> {
    return new Map(this.#meter.counters(id).map(({ labels, value }) => [labels[0] ?? '', value]))
  }

  #total(id: MetricId): number {
    return this.#meter.counters(id).reduce((sum, { value }) => sum + value, 0)
  }

  #cache(): CacheCounts | undefined {
    const { engine } = this.#sessions
    if (!hasNearReads(engine)) return undefined
    const { hits, misses, invalidations, entries, bytes, state } = engine.nearCache
    return { hits, misses, invalidations, entries, bytes, isOn: state === 'on' }
  }
}
