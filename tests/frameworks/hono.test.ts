import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { honoAdapter } from './hono/hono-adapter.ts'
import { honoMounting } from './hono/mounting.ts'
import { honoStreaming } from './hono/streaming.ts'
import { adapterSuite } from './suite.ts'

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

describe('Hono', () => {
  adapterSuite(honoAdapter)
  honoMounting()
  honoStreaming()

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    endingCases(honoAdapter, replyEndings, () => redisEngine({ redis: server.url }))
    outageCases(honoAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
