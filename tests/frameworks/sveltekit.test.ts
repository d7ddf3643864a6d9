import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { adapterSuite } from './suite.ts'
import { callCases } from './sveltekit/calls.ts'
import { handleAdapter } from './sveltekit/handle-adapter.ts'

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

describe('SvelteKit', () => {
  adapterSuite(handleAdapter)
  callCases()

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    endingCases(handleAdapter, replyEndings, () => redisEngine({ redis: server.url }))
    outageCases(handleAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
