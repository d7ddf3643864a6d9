/** What every adapter has to do, where @fastify/session does not do something else: that is in the other files here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { abortCases } from '../cases/aborts.ts'
import { authenticationCases } from '../cases/authentication.ts'
import { cachingCases } from '../cases/caching.ts'
import { compressionCases } from '../cases/compression.ts'
import { endingCases, nodeEndings, replyEndings } from '../cases/endings.ts'
import { failureCases } from '../cases/failures.ts'
import { headCases } from '../cases/heads.ts'
import { lateChangeCases } from '../cases/late-changes.ts'
import { outageCases } from '../cases/outages.ts'
import { signalCases } from '../cases/signal.ts'
import { streamingCases } from '../cases/streaming.ts'
import { compatAdapter } from './compat-adapter.ts'

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

describe('Fastify, as @fastify/session', () => {
  endingCases(compatAdapter, replyEndings)
  endingCases(compatAdapter, nodeEndings)
  cachingCases(compatAdapter)
  authenticationCases(compatAdapter)
  failureCases(compatAdapter)
  signalCases(compatAdapter)
  headCases(compatAdapter)
  streamingCases(compatAdapter)
  lateChangeCases(compatAdapter)
  abortCases(compatAdapter)
  compressionCases(compatAdapter)

  describe('on Redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await startRedis()
    })
    afterAll(() => server.stop())
    const engine = () => redisEngine({ redis: server.url })
    endingCases(compatAdapter, replyEndings, engine)
    outageCases(compatAdapter)
  })
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
