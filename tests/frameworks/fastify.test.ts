import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { compressionCases } from './cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { fastifyAdapter } from './fastify/fastify-adapter.ts'
import { fastifyMounting } from './fastify/mounting.ts'
import { fastifyReplies } from './fastify/replies.ts'
import { adapterSuite, nodeResponseSuite } from './suite.ts'

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

describe('Fastify', () => {
  adapterSuite(fastifyAdapter)
  nodeResponseSuite(fastifyAdapter)
  compressionCases(fastifyAdapter)
  fastifyMounting()
  fastifyReplies()

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const engine = () => redisEngine({ redis: server.url })
    endingCases(fastifyAdapter, replyEndings, engine)
    endingCases(fastifyAdapter, nodeEndings, engine)
    outageCases(fastifyAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
