export type { MeasuredSessions, StatsSource } from './near-caches.ts'
export { type OpenTelemetryOptions, openTelemetry } from './open-telemetry.ts'
export { type ReportOptions, report } from './report.ts'
export {
  type MetricRegistry,
  type MetricsOptions,
  type SessionMetrics,
  sessionMetrics,
} from './session-metrics.ts'
