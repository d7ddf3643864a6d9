import Koa from 'koa'
import Koa2 from 'koa2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { compressionCases } from './cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { failureCases } from './cases/failures.ts'
import { outageCases } from './cases/outages.ts'
import { koaErrors } from './koa/errors.ts'
import { koaAdapter } from './koa/koa-adapter.ts'
import type { KoaVersion } from './koa/koa-site.ts'
import { koaMounting } from './koa/mounting.ts'
import { adapterSuite, nodeResponseSuite } from './suite.ts'

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

describe.each(versions)('$name', (version) => {
  const adapter = koaAdapter(version.name, version.create, 'middleware')
  adapterSuite(adapter)
  nodeResponseSuite(adapter)
  compressionCases(adapter)
  koaMounting(version)
  koaErrors(version)

  describe('whose errors are answered by ctx.onerror', () => {
    const late = koaAdapter(version.name, version.create, 'ctx.onerror')
    failureCases(late)
  })

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const engine = () => redisEngine({ redis: server.url })
    endingCases(adapter, replyEndings, engine)
    endingCases(adapter, nodeEndings, engine)
    outageCases(adapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
