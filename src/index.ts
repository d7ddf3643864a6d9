export type { Audit, AuditHandler, ListOptions, ReadOptions } from './core/audit.ts'
export type {
  AuditEntry,
  AuditedEvent,
  HandedAuditEntry,
  ReadableEntry,
  UnreadableEntry,
} from './core/audit-entry.ts'
export type {
  AuditBatch,
  AuditConsumer,
  AuditLog,
  AuditRange,
  AuditRecord,
  ConsumerOptions,
  HandedAuditRecord,
  StoredAuditRecord,
} from './core/audit-log.ts'
export type { AuditOptions } from './core/audit-options.ts'
export type { AuditReading } from './core/audit-reader.ts'
export type { ChangedSessions } from './core/change-all.ts'
export { addressOf } from './core/client-address.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { CookieOptions } from './core/cookie.ts'
export {
  Confirmation,
  type Durability,
  type DurabilityDefault,
  type DurabilityOption,
  type DurabilityOptions,
  type Outcome,
  type WaitFor,
} from './core/durability.ts'
export type { Duration } from './core/duration.ts'
export type {
  CommitOptions,
  ConfirmOptions,
  CreateResult,
  DestroyOptions,
  DestroyResult,
  Engine,
  Held,
  Limit,
  LimitPolicy,
  ListedSession,
  LoadOptions,
  Owner,
  RevokeOptions,
  RotateOptions,
  SessionId,
  Stamp,
  Stored,
  Trail,
  WriteResult,
} from './core/engine.ts'
export type {
  Audits,
  ConnectionStats,
  ExpiryEvents,
  InsightSample,
  Insights,
  Listing,
  NearCacheStats,
  NearReads,
  Permits,
  Regions,
  Reports,
  ScannedRecord,
} from './core/engine-abilities.ts'
export {
  AttributeError,
  CsrfError,
  HeadersSentError,
  isSojournError,
  LegacyFormatError,
  NotSignedInError,
  OptionError,
  RateLimitError,
  ReadOnlySessionError,
  SchemaError,
  SecretsError,
  SessionConflictError,
  SessionElsewhereError,
  SessionEndedError,
  SessionLimitError,
  SessionTooLargeError,
  SojournError,
  type SojournErrorCode,
  StoreRefusedError,
  StoreUnavailableError,
} from './core/errors.ts'
export {
  type SessionEventName,
  type SessionEvents,
  type SessionListener,
  sessionEventNames,
} from './core/events.ts'
export type { DurationBucket, Durations, Percentiles } from './core/gap-histogram.ts'
export type { InsightOptions, SessionsInsight } from './core/insight.ts'
export type { LimitedLogin, MaxSessions, SessionLimit } from './core/limit.ts'
export type { Secrets, SecretsSource } from './core/live-keyring.ts'
export type { LifetimeOptions, LoginOptions } from './core/login-options.ts'
export { counter, fields, type Merge, union } from './core/merge.ts'
export type { NewSessionsOptions } from './core/new-sessions.ts'
export type { RegionContext, RegionOf, SessionsOptions } from './core/options.ts'
export type { OutageOptions, OutagePolicy } from './core/outage.ts'
export type {
  OwnSessions,
  PrincipalSessions,
  RevokeAllOptions,
  Revoked,
  SessionInfo,
  SignedIn,
} from './core/principal-sessions.ts'
export type { RejectReason } from './core/record.ts'
export { headerOf } from './core/request-header.ts'
export type { Migration } from './core/schema.ts'
export { secretsFile } from './core/secrets-file.ts'
export type { Session, View } from './core/session.ts'
export type { OpenOptions, Sessions, SessionsStats } from './core/sessions.ts'
export type { Validations } from './core/validations.ts'
export type { Watch, WatchOptions } from './core/watch.ts'
export { type CreateSessionsOptions, createSessions } from './create-sessions.ts'
export { memoryEngine } from './engines/memory/memory-engine.ts'
export type { NearCacheOptions } from './engines/redis/near-cache-options.ts'
export type {
  HostAddress,
  MapAddress,
  RedisAccess,
  RedisClusterOptions,
  RedisOptions,
  RedisSentinelOptions,
  RedisSource,
  RedisTlsOptions,
  ServerAddress,
} from './engines/redis/options.ts'
export { type RedisEngineOptions, redisEngine } from './engines/redis/redis-engine.ts'
export type { RedisRegionsOptions, RegionOptions } from './engines/regions/options.ts'
