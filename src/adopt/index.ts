export type {
  LegacyCookie,
  LegacyEntry,
  LegacyMirror,
  LegacySource,
  MirroredSession,
  OldEntry,
} from '../core/legacy.ts'
export type { LegacyClient } from './client.ts'
export { type ConnectRedisOptions, connectRedis } from './connect-redis.ts'
export type { LegacyCookieOptions } from './cookie.ts'
export type { SourceOptions } from './source-options.ts'
