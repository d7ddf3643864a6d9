import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { nestContexts } from './nest/contexts.ts'
import { nestFeatures } from './nest/features.ts'
import { nestGateways } from './nest/gateways.ts'
import { nestAdapter } from './nest/nest-adapter.ts'
import { platforms } from './nest/nest-app.ts'
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

describe.each(platforms)('Nest on %s', (platform) => {
  const adapter = nestAdapter(`Nest on ${platform}`, platform)
  adapterSuite(adapter)
  nodeResponseSuite(adapter)
  nestFeatures(platform)

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    endingCases(adapter, replyEndings, () => redisEngine({ redis: server.url }))
    outageCases(adapter)
  })
})

nestContexts()
nestGateways()

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
