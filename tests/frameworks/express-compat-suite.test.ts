/** What every adapter has to do, on compat: a file of its own, for the others run beside it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { cachingCases } from './cases/caching.ts'
import { compressionCases } from './cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from './cases/endings.ts'
import { failureCases } from './cases/failures.ts'
import { outageCases } from './cases/outages.ts'
import { secrecyCases } from './cases/secrecy.ts'
import { compatAdapter } from './express-compat/compat-adapter.ts'
import { versions } from './express-compat/versions.ts'
import { nodeResponseSuite } from './suite.ts'

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
  const adapter = compatAdapter(version)
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
