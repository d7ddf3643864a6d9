import { refuseUnknown } from '../../core/unknown-options.ts'
import { METRICS, type MetricId } from './catalogue.ts'
import { type HistogramValue, Meter, type Series } from './meter.ts'
import {
  CONTENT_TYPE,
  checkLabels,
  exposed,
  prometheusLabel,
  prometheusLabels,
  prometheusName,
} from './prometheus.ts'
import { type MeasuredSessions, sourcesOf, statsSeries } from './stats-series.ts'

export interface MetricsOptions {
  /** Whose near caches are told of: those of the application. What happens to sessions is told of all in the process. */
  readonly sessions?: MeasuredSessions
  /** With each series: `{ service: 'shop' }`. Their number is multiplied with all others. */
  readonly labels?: Readonly<Record<string, string>>
}

/** A registry of prom-client, or of what has taken its place. */
export interface MetricRegistry {
  registerMetric(metric: never): void
}

/** Figures of the sessions of this process, from when it was made. */
export interface SessionMetrics {
  /** For the response's Content-Type. */
  readonly contentType: string
  /** Prometheus' text format. */
  text(): string
  /** Into the registry that the application has already: `registry.metrics()` then has these too. */
  register(registry: MetricRegistry): void
  /** Counts no more. */
  close(): void
}

/**
 * Figures for Prometheus. Until it is called nothing is counted; afterwards each command to Redis costs about a
 * microsecond more, and a hit of the near cache nothing.
 * @throws OptionError
 */
export function sessionMetrics(options: MetricsOptions = {}): SessionMetrics {
  refuseUnknown(options, ['sessions', 'labels'])
  const { labels = {} } = options
  checkLabels(labels, Object.values(METRICS))
  const sources = sourcesOf(options.sessions)
  const meter = new Meter()
  const ids = Object.keys(METRICS) as MetricId[]
  const seriesOf = (id: MetricId): readonly Series<number | HistogramValue>[] => {
    if (METRICS[id].kind === 'histogram') return meter.histograms(id)
    return statsSeries(id, sources) ?? meter.counters(id)
  }
  return {
    contentType: CONTENT_TYPE,
    text: () => `${ids.map((id) => exposed(METRICS[id], seriesOf(id), labels)).join('\n')}\n`,
    register(registry) {
      for (const id of ids)
        registry.registerMetric(registered(id, () => seriesOf(id), labels) as never)
    },
    close: () => meter.close(),
  }
}

interface RegisteredValue {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** As prom-client's registry asks its own metrics. */
function registered(
  id: MetricId,
  series: () => readonly Series<number | HistogramValue>[],
  common: Readonly<Record<string, string>>,
): object {
  const metric = METRICS[id]
  const name = prometheusName(metric)
  const about = { name, help: metric.help, type: metric.kind, aggregator: 'sum' }
  return {
    ...about,
    labelNames: [...metric.labels.map(prometheusLabel), ...Object.keys(common)],
    get: async () => ({
      ...about,
      values: series().flatMap(({ labels, value }) => {
        const own = { ...common, ...prometheusLabels(metric, labels) }
        return typeof value === 'number'
          ? [{ labels: own, value }]
          : histogramValues(name, own, value, metric.buckets ?? [])
      }),
    }),
    reset: () => undefined,
  }
}

function histogramValues(
  name: string,
  labels: Readonly<Record<string, string>>,
  { counts, sum }: HistogramValue,
  bounds: readonly number[],
): RegisteredValue[] {
  let below = 0
  const buckets = counts.map((count, i) => {
    below += count
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bounds[i] ?? '+Inf' },
      value: below,
    }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ]
}
