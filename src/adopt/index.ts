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
export {
  type DjangoCacheOptions,
  type DjangoCookieOptions,
  djangoCache,
  djangoCookie,
} from './django.ts'
export { type FastifySessionOptions, fastifySession } from './fastify-session.ts'
export { type IronSessionOptions, ironSession } from './iron-session.ts'
export { type KoaSessionOptions, koaSession } from './koa-session.ts'
export type { OldLifetime } from './old-lifetime.ts'
export type { OldSecret } from './signature.ts'
export type { SourceOptions } from './source-options.ts'
export { type SpringSessionOptions, springSession } from './spring-session.ts'
