import { OptionError } from '../../core/errors.ts'
import { labelPairs, type Metric } from './catalogue.ts'
import type { HistogramValue, Series } from './meter.ts'

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const UNITS: Readonly<Record<Metric['unit'], string>> = { '1': '', s: '_seconds', By: '_bytes' }

/** `sojourn.operation.duration` → `sojourn_operation_duration_seconds` */
export function prometheusName({ name, kind, unit }: Metric): string {
  const base = name.replaceAll('.', '_') + UNITS[unit]
  return kind === 'counter' ? `${base}_total` : base
}

/** `error.type` → `error_type` */
export const prometheusLabel = (label: string): string => label.replaceAll('.', '_')

export function prometheusLabels(
  metric: Metric,
  values: readonly string[],
): Record<string, string> {
  const pairs = labelPairs(metric, values)
  return Object.fromEntries(pairs.map(([label, value]) => [prometheusLabel(label), value]))
}

/** @throws OptionError for labels that cannot be with each of these metrics */
export function checkLabels(
  labels: Readonly<Record<string, string>>,
  metrics: readonly Metric[],
): void {
  const isTaken = (label: string): boolean =>
    label === 'le' || metrics.some((metric) => metric.labels.map(prometheusLabel).includes(label))
  for (const label of Object.keys(labels)) {
    if (/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) && !isTaken(label)) continue
    throw new OptionError(
      `labels.${label}`,
      'takes names of letters, digits and _ that no metric has itself',
    )
  }
}

/** The lines of one metric, with what it is. */
export function exposed(
  metric: Metric,
  series: readonly Series<number | HistogramValue>[],
  common: Readonly<Record<string, string>>,
): string {
  const name = prometheusName(metric)
  const lines = [`# HELP ${name} ${escapedHelp(metric.help)}`, `# TYPE ${name} ${metric.kind}`]
  for (const { labels, value } of series) {
    const own = { ...common, ...prometheusLabels(metric, labels) }
    if (typeof value === 'number') lines.push(line(name, own, value))
    else lines.push(...histogram(name, own, value, metric.buckets ?? []))
  }
  return lines.join('\n')
}

function histogram(
  name: string,
  labels: Readonly<Record<string, string>>,
  value: HistogramValue,
  bounds: readonly number[],
): string[] {
  let below = 0
  const buckets = value.counts.map((count, i) => {
    below += count
    const bound = bounds[i]
    return line(
      `${name}_bucket`,
      { ...labels, le: bound === undefined ? '+Inf' : String(bound) },
      below,
    )
  })
  return [...buckets, line(`${name}_sum`, labels, value.sum), line(`${name}_count`, labels, below)]
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapedLabel(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`
}

const escapedLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
const escapedHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
