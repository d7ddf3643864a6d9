export {
  type DeploymentMetrics,
  type DeploymentMetricsOptions,
  deploymentMetrics,
} from './deployment-metrics.ts'
export { type OpenTelemetryOptions, openTelemetry } from './open-telemetry.ts'
export { type ReportOptions, report } from './report.ts'
export {
  type MetricRegistry,
  type MetricsOptions,
  type SessionMetrics,
  sessionMetrics,
} from './session-metrics.ts'
export type { MeasuredSessions, StatsSource } from './stats-series.ts'
