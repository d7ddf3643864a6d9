import type { Meter as OtelMeter, Tracer } from '@opentelemetry/api'
import { subscribe } from '../../core/diagnostics.ts'
import { OptionError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { labelPairs, METRICS, type Metric, type MetricId } from './catalogue.ts'
import { errorType, Meter } from './meter.ts'
import { type MeasuredSessions, sourcesOf, statsSeries } from './stats-series.ts'

export interface OpenTelemetryOptions {
  /** As of `sessionMetrics`. */
  readonly sessions?: MeasuredSessions
  /** `metrics.getMeter('sojourn')` */
  readonly meter?: OtelMeter
  /** `trace.getTracer('sojourn')`: a span for each command to the store, in that of its request. */
  readonly tracer?: Tracer
}

/** SpanKind.CLIENT and SpanStatusCode.ERROR; the package is not needed to run. */
const CLIENT = 2
const ERROR = 2

/**
 * Figures and spans for OpenTelemetry, by its semantic conventions for databases where they have one.
 * @returns a function that ends it
 * @throws OptionError
 */
export function openTelemetry(options: OpenTelemetryOptions): () => void {
  refuseUnknown(options, ['meter', 'tracer', 'sessions'])
  const { meter, tracer } = options
  if (meter === undefined && tracer === undefined) {
    throw new OptionError('meter', 'is needed, or tracer: of @opentelemetry/api')
  }
  const ends = [
    ...(meter === undefined ? [] : [measure(meter, options.sessions)]),
    ...(tracer === undefined ? [] : [trace(tracer)]),
  ]
  return () => {
    for (const end of ends) end()
  }
}

function measure(meter: OtelMeter, sessions: MeasuredSessions | undefined): () => void {
  const sources = sourcesOf(sessions)
  const described = ({ unit, help }: Metric) => ({ unit, description: help })
  const attributes = (id: MetricId, labels: readonly string[]): Record<string, string> =>
    Object.fromEntries(labelPairs(METRICS[id], labels))
  const ids = Object.keys(METRICS) as MetricId[]
  const histograms = new Map(
    ids
      .filter((id) => METRICS[id].kind === 'histogram')
      .map((id) => [
        id,
        meter.createHistogram(METRICS[id].name, {
          ...described(METRICS[id]),
          advice: { explicitBucketBoundaries: [...(METRICS[id].buckets ?? [])] },
        }),
      ]),
  )
  const counters = new Map(
    ids
      .filter((id) => METRICS[id].kind === 'counter' && statsSeries(id, []) === undefined)
      .map((id) => [id, meter.createCounter(METRICS[id].name, described(METRICS[id]))]),
  )
  const own = new Meter({
    counted: (id, labels) => counters.get(id)?.add(1, attributes(id, labels)),
    measured: (id, labels, value) => histograms.get(id)?.record(value, attributes(id, labels)),
  })
  const observed = ids
    .filter((id) => statsSeries(id, []) !== undefined)
    .map((id) => {
      const metric = METRICS[id]
      const instrument =
        metric.kind === 'counter'
          ? meter.createObservableCounter(metric.name, described(metric))
          : meter.createObservableGauge(metric.name, described(metric))
      const observe: Parameters<typeof instrument.addCallback>[0] = (result) => {
        for (const { labels, value } of statsSeries(id, sources) ?? []) {
          result.observe(value, attributes(id, labels))
        }
      }
      instrument.addCallback(observe)
      return () => instrument.removeCallback(observe)
    })
  return () => {
    own.close()
    for (const end of observed) end()
  }
}

function trace(tracer: Tracer): () => void {
  return subscribe(
    () => undefined,
    ({ operation, duration, error }) => {
      const span = tracer.startSpan(`sojourn ${operation}`, {
        kind: CLIENT,
        startTime: Date.now() - duration,
        attributes: { 'db.system.name': 'redis', 'db.operation.name': operation },
      })
      if (error !== undefined) {
        const { message } = error as { message?: string }
        span.setAttribute('error.type', errorType(error))
        span.setStatus({ code: ERROR, ...(message === undefined ? {} : { message }) })
      }
      span.end()
    },
  )
}
