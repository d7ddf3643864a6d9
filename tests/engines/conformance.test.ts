import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { engineSuite, manualClock } from '../../src/testing/index.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RedisTime, redisTime } from './redis-time.ts'

const cases = engineSuite().map(({ title, run }) => [title, run] as const)

describe('memory engine', () => {
  test.each(cases)('%s', async (_, assertCase) => {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    try {
      await assertCase({ engine, second: engine, advance: async (ms) => clock.advance(ms) })
    } finally {
      await engine.close()
    }
  })
})

/** The user that docs/redis.md tells to make. */
function documentedUser(): string[] {
  const docs = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8')
  const [command] = /ACL SETUSER[^`]*/.exec(docs) ?? ['']
  return command.trim().split(/\s+/)
}

/** With reliable expiry an index entry stays until it has been told whose session has expired. */
const ENTRIES_GO = [
  'create removes the entries of dead sessions from the index',
  'destroy of a session that is gone still removes its index entry',
]

describe.each(['off', 'reliable'] as const)(
  'S28 Redis engine, as the user with the least permissions, expiry %s',
  (expiry) => {
    let server: RedisServer
    let time: RedisTime
    let count = 0

    beforeAll(async () => {
      server = await startRedis()
      time = await redisTime(server)
      await server.cli(...documentedUser())
    })

    afterAll(async () => {
      await time.close()
      await server.stop()
    })

    const those = cases.filter(([title]) => expiry === 'off' || !ENTRIES_GO.includes(title))
    test.each(those)('%s', async (_, assertCase) => {
      const clock = manualClock()
      const prefix = `sj:case${(count += 1)}`
      // No deadline is tested here, and no slow machine is to meet one.
      const redis = { url: server.url, username: 'app', password: 'password' }
      const options = { redis, prefix, clock, commandTimeout: 10_000, expiry }
      const [engine, second] = [redisEngine(options), redisEngine(options)]
      const advance = async (ms: number): Promise<void> => {
        clock.advance(ms)
        await time.pass(prefix, ms)
      }
      try {
        await assertCase({ engine, second, advance })
      } finally {
        await Promise.all([engine.close(), second.close()])
      }
    })
  },
)
