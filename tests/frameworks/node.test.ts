import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { nodeAdapter } from './node/node-adapter.ts'
import { serverCases } from './node/servers.ts'
import { upgradeCases } from './node/upgrades.ts'
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

describe('node:http', () => {
  adapterSuite(nodeAdapter)
  nodeResponseSuite(nodeAdapter)
  serverCases()
  upgradeCases()

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const engine = () => redisEngine({ redis: server.url })
    endingCases(nodeAdapter, replyEndings, engine)
    endingCases(nodeAdapter, nodeEndings, engine)
    outageCases(nodeAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
