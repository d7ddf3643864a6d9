/** What every adapter has to do, on koa-session's API: a file of its own, for the others run beside it. */
import Koa from 'koa'
import Koa2 from 'koa2'
import { koaSession } from 'sojourn/koa-session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { cachingCases } from './cases/caching.ts'
import { compressionCases } from './cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { failureCases } from './cases/failures.ts'
import { outageCases } from './cases/outages.ts'
import { secrecyCases } from './cases/secrecy.ts'
import { koaAdapter } from './koa/koa-adapter.ts'
import type { KoaVersion } from './koa/koa-site.ts'
import { nodeResponseSuite } from './suite.ts'
import type { NodeAdapter } from './support/adapter.ts'

const versions: KoaVersion[] = [
  { name: 'Koa 3', create: () => new Koa() },
  { name: 'Koa 2', create: () => new Koa2() },
]

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

describe.each(versions)('$name', ({ name, create }) => {
  const adapter: NodeAdapter = {
    ...koaAdapter(name, create, 'middleware', (app, sessions) =>
      koaSession({ sessions, key: 'session', sameSite: 'lax' }, app),
    ),
    repeatsCookie: true,
    cookie: /^session=[\w-]{48}; path=\/; samesite=lax; httponly$/,
  }
  endingCases(adapter, replyEndings)
  cachingCases(adapter)
  failureCases(adapter)
  nodeResponseSuite(adapter)
  secrecyCases(adapter)
  compressionCases(adapter)

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    endingCases(adapter, nodeEndings, () => redisEngine({ redis: server.url }))
    outageCases(adapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
