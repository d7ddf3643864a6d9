import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { fetchAdapter } from './fetch/fetch-adapter.ts'
import { responseCases } from './fetch/responses.ts'
import { streamCases } from './fetch/streams.ts'
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

describe('fetch', () => {
  adapterSuite(fetchAdapter)
  responseCases()
  streamCases()

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    endingCases(fetchAdapter, replyEndings, () => redisEngine({ redis: server.url }))
    outageCases(fetchAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
