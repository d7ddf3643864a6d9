import express from 'express'
import express4 from 'express4'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { compressionCases } from './cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { outageCases } from './cases/outages.ts'
import { expressEndings } from './express/endings.ts'
import { expressAdapter } from './express/express-adapter.ts'
import { expressMounting } from './express/mounting.ts'
import type { ExpressVersion } from './express/site.ts'
import { expressWrapping } from './express/wrapping.ts'
import { adapterSuite, nodeResponseSuite } from './suite.ts'

const versions: ExpressVersion[] = [
  { name: 'Express 5', express, Router: express.Router },
  {
    name: 'Express 4',
    ...(express4 as unknown as Pick<ExpressVersion, 'Router'>),
    express: express4 as never,
  },
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
  const adapter = expressAdapter(version.name, version.express)
  adapterSuite(adapter)
  nodeResponseSuite(adapter)
  compressionCases(adapter)
  expressEndings(version)
  expressMounting(version)
  expressWrapping(version)

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
