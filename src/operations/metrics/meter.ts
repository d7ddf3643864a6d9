import {
  type EventMessage,
  type MeasureMessage,
  type OperationMessage,
  subscribe,
} from '../../core/diagnostics.ts'
import { isSojournError, StoreRefusedError, StoreUnavailableError } from '../../core/errors.ts'
import { METRICS, type MetricId } from './catalogue.ts'

/** Values of labels, in the order of the metric's. */
export type Labels = readonly string[]

export interface Series<Value> {
  readonly labels: Labels
  readonly value: Value
}

export interface HistogramValue {
  /** How many were in each bucket of the metric, and how many above the last. */
  readonly counts: readonly number[]
  readonly sum: number
}

/** What else wants to know at once, such as OpenTelemetry's instruments. */
export interface Sink {
  counted(id: MetricId, labels: Labels): void
  /** @param value in the metric's unit */
  measured(id: MetricId, labels: Labels, value: number): void
}

/** Counts what happens to the sessions of this process, from when it is made. */
export class Meter {
  readonly #counters = new Map<MetricId, Map<string, { labels: Labels; value: number }>>()
  readonly #histograms = new Map<
    MetricId,
    Map<string, { labels: Labels; value: { counts: number[]; sum: number } }>
  >()
  readonly #sink: Sink | undefined
  readonly #unsubscribe: () => void

  constructor(sink?: Sink) {
    this.#sink = sink
    this.#unsubscribe = subscribe(
      (message) => this.#event(message),
      (message) => this.#operation(message),
      (message) => this.#measure(message),
    )
  }

  counters(id: MetricId): readonly Series<number>[] {
    return [...(this.#counters.get(id)?.values() ?? [])]
  }

  histograms(id: MetricId): readonly Series<HistogramValue>[] {
    return [...(this.#histograms.get(id)?.values() ?? [])]
  }

  close(): void {
    this.#unsubscribe()
  }

  #event({ name, event }: EventMessage): void {
    const of = event as Readonly<Record<string, unknown>>
    const text = (field: string): string => String(of[field])
    switch (name) {
      case 'created':
        return this.#count('created', ['anonymous'])
      case 'login':
        // One of nobody becomes somebody's: it is no session more, but a new one.
        this.#count('created', ['login'])
        return
      case 'adopted':
        return this.#count('created', ['adopted'])
      case 'logout':
      case 'revoked':
      case 'evicted':
      case 'expired':
        return this.#count('ended', [name])
      case 'rotated':
        return this.#count('rotated', [])
      case 'rejected':
        return this.#count('rejected', [text('reason')])
      case 'conflict':
        return this.#count('conflicts', [])
      case 'dropped':
        return this.#count('dropped', [text('reason')])
      case 'token-reuse':
        return this.#count('reuse', [])
      case 'anomaly':
        return this.#count('anomalies', [])
      case 'outage':
        return this.#count('outages', [text('policy')])
      case 'uncertain':
        return this.#count('uncertain', [text('operation')])
      case 'error':
        return this.#count('errors', [text('operation')])
      default:
    }
  }

  #operation({ operation, duration, error }: OperationMessage): void {
    const labels = [operation, outcomeOf(error), error === undefined ? '' : errorType(error)]
    this.#record('operations', labels, duration / 1_000)
  }

  #measure({ name, value, reason = '' }: MeasureMessage): void {
    switch (name) {
      case 'record.size':
        return this.#record('recordSize', [], value)
      case 'expiry.lag':
        return this.#record('expiryLag', [], value / 1_000)
      case 'session.lifetime':
        return this.#record('lifetime', [reason], value / 1_000)
      case 'store.retry':
        return this.#count('retries', [reason])
      default:
    }
  }

  #record(id: MetricId, labels: Labels, value: number): void {
    const series = this.#histograms.get(id) ?? new Map()
    this.#histograms.set(id, series)
    const { buckets = [] } = METRICS[id]
    const key = labels.join('\n')
    let one = series.get(key)
    if (one === undefined) {
      one = { labels, value: { counts: new Array<number>(buckets.length + 1).fill(0), sum: 0 } }
      series.set(key, one)
    }
    const at = buckets.findIndex((bound) => value <= bound)
    one.value.counts[at === -1 ? buckets.length : at]++
    one.value.sum += value
    this.#sink?.measured(id, labels, value)
  }

  #count(id: MetricId, labels: Labels): void {
    const series = this.#counters.get(id) ?? new Map<string, { labels: Labels; value: number }>()
    this.#counters.set(id, series)
    const key = labels.join('\n')
    const one = series.get(key)
    if (one === undefined) series.set(key, { labels, value: 1 })
    else one.value++
    this.#sink?.counted(id, labels)
  }
}

/** `ok`, `unavailable`: it did not answer, or cannot serve just now; `refused`: it said no. */
function outcomeOf(error: unknown): string {
  if (error === undefined) return 'ok'
  if (error instanceof StoreUnavailableError) return 'unavailable'
  return error instanceof StoreRefusedError ? 'refused' : 'failed'
}

/**
 * `error.type` by OpenTelemetry's conventions for databases: the server's own word (`OOM`, `NOPERM`, `READONLY`) where it has
 * answered, else the error's code.
 */
export function errorType(error: unknown): string {
  if (error instanceof StoreRefusedError) return error.reason
  return isSojournError(error) ? error.code : '_OTHER'
}
