import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OptionError } from '../../src/core/errors.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { indexBytes } from '../../src/operations/plan/memory.ts'
import { type PlanOptions, plan } from '../../src/operations/plan/plan.ts'
import { storedBytesOf } from '../../src/operations/plan/sample.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

const SECRET = 'x'.repeat(40)
const SAMPLE: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('../../bench/sample-session.json', import.meta.url), 'utf8'),
)
const PAYLOAD = JSON.stringify(SAMPLE).length
const SESSIONS = 100_000
const AT_ONCE = 200

const OPTIONS: PlanOptions = {
  ...{ users: 50_000, sessionsPerUser: 2, payload: PAYLOAD, idleTimeout: 1_800_000 },
  ...{ requests: 10_000, writes: 0.1, processes: 20, holders: 1, machine: 16 * 2 ** 30 },
}

const figure = (options: Partial<PlanOptions>, name: string): number => {
  const found = plan({ ...OPTIONS, ...options }).figures.find((each) => each.name === name)
  if (found === undefined) throw new Error(`there is no figure ${name}`)
  return found.value
}

describe('sojourn plan, beside a real server with 100,000 sessions', () => {
  let server: RedisServer
  let before: number

  const used = async () =>
    Number(/^used_memory:(\d+)/m.exec(await server.cli('INFO', 'memory'))?.[1])

  beforeAll(async () => {
    server = await startRedis()
    before = await used()
    const sessions = createSessions({
      redis: server.url,
      secrets: [SECRET],
      nearCache: false,
      commandTimeout: '10s',
    })
    const make = async (i: number) => {
      const session = await sessions.open()
      // No two alike, as with real ones: what repeats is not stored twice.
      const own = { ...SAMPLE, csrf: `${i}${Math.random()}${Math.random()}`.slice(0, 22) }
      for (const [name, value] of Object.entries(own)) session.set(name, value)
      await session.login(`u_${10_000_000 + Math.floor(i / 2)}`, {
        ...{
          keep: Object.keys(own),
          device: 'Firefox 130 on Linux',
          address: `203.0.113.${i % 250}`,
        },
      })
    }
    for (let i = 0; i < SESSIONS; i += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, j) => make(i + j)))
    }
    await sessions.close()
  }, 120_000)

  afterAll(() => server.stop())

  it('says within 10 % what they take', async () => {
    const really = (await used()) - before
    const planned = figure({}, 'memory of the sessions')
    expect(Math.abs(planned / really - 1)).toBeLessThan(0.1)
  })

  it('and within 10 % with the record size that is known', async () => {
    const [key] = (await server.cli('SCAN', '0', 'MATCH', 'sj:*:s:*', 'COUNT', '1000'))
      .split('\n')
      .slice(1)
    const record = Number(await server.cli('STRLEN', key as string))
    const planned = figure({ record }, 'memory of the sessions')
    expect(Math.abs(planned / ((await used()) - before) - 1)).toBeLessThan(0.1)
  })
})

describe('sojourn plan, beside a real server with other sessions', () => {
  const random = (bytes: number) =>
    randomBytes(Math.ceil(bytes * 0.75))
      .toString('base64')
      .slice(0, bytes)
  const line = (n: number) => ({
    sku: `AB-${n}`,
    name: 'Blue linen shirt, long sleeves',
    price: 4_900 + n,
    quantity: 1,
  })

  it.each<[string, number, () => Record<string, unknown>]>([
    ['without attributes', 1, () => ({})],
    ['of one number, ten a user', 10, () => ({ n: Math.random() })],
    ['that cannot be compressed', 1, () => ({ token: random(400) })],
    ['that cannot be compressed, ten a user', 10, () => ({ token: random(1_500) })],
    [
      'of a cart that repeats itself',
      3,
      () => ({ cart: Array.from({ length: 40 }, (_, n) => line(n)) }),
    ],
  ])(
    'says within a tenth what they take: sessions %s',
    async (_, sessionsPerUser, make) => {
      const server = await startRedis()
      try {
        const used = async () =>
          Number(/^used_memory:(\d+)/m.exec(await server.cli('INFO', 'memory'))?.[1])
        const sessions = createSessions({
          redis: server.url,
          secrets: [SECRET],
          nearCache: false,
          commandTimeout: '10s',
        })
        // Scripts and buffers are no sessions.
        const first = await sessions.open()
        first.set('n', 1)
        await first.login('first')
        await first.logout()
        const before = await used()
        const count = 6_000
        for (let i = 0; i < count; i += AT_ONCE) {
          await Promise.all(
            Array.from({ length: AT_ONCE }, async (__, j) => {
              const session = await sessions.open()
              const own = make()
              for (const [name, value] of Object.entries(own)) session.set(name, value)
              await session.login(`somebody${Math.floor((i + j) / sessionsPerUser)}@example.org`, {
                ...{
                  keep: Object.keys(own),
                  device: 'Firefox 130 on Linux',
                  address: '203.0.113.7',
                },
              })
            }),
          )
        }
        await sessions.close()
        const record = await storedBytesOf(make())
        const planned = figure(
          { users: count / sessionsPerUser, sessionsPerUser, record },
          'memory of the sessions',
        )
        expect(planned / ((await used()) - before)).toBeGreaterThan(0.9)
        expect(planned / ((await used()) - before)).toBeLessThan(1.1)
      } finally {
        await server.stop()
      }
    },
    60_000,
  )

  it('refuses a session that is none', async () => {
    await expect(storedBytesOf([1])).rejects.toThrow(OptionError)
    await expect(storedBytesOf('x')).rejects.toThrow('session')
  })
})

describe('sojourn plan', () => {
  it('knows that a list in one piece takes less', () => {
    expect(indexBytes(2, 256)).toBeLessThan(indexBytes(2))
  })

  it('takes one primary, or a Cluster of three at least, by one name', () => {
    const two = plan({ ...OPTIONS, users: 10_000_000 })
    expect(figure({ users: 10_000_000 }, 'primaries')).toBe(3)
    const text = JSON.stringify(two)
    expect(text).toMatch(/2 by memory .*; a Cluster has 3 at least/)
    expect(text).toContain('a Cluster of 3 primaries, a replica each')
    expect(text).not.toContain('master')
  })

  it('takes more servers by memory, and more by work', () => {
    expect(figure({}, 'primaries')).toBe(1)
    expect(figure({ users: 50_000_000 }, 'primaries')).toBeGreaterThan(3)
    expect(figure({ requests: 200_000, users: 5_000_000 }, 'primaries')).toBeGreaterThan(3)
  })

  it('reckons invalidations by who holds a session, connections by processes, touches by the idle timeout', () => {
    expect(figure({ holders: 0 }, 'invalidations')).toBe(0)
    expect(figure({ holders: 2 }, 'invalidations')).toBe(
      2 * figure({ holders: 1 }, 'invalidations'),
    )
    expect(figure({ processes: 100 }, 'connections a server')).toBe(300)
    expect(figure({ idleTimeout: 86_400_000 }, 'writes')).toBeLessThan(figure({}, 'writes'))
  })

  it.each<[string, Partial<PlanOptions>]>([
    ['users', { users: 0 }],
    ['writes', { writes: 1.5 }],
    ['holders', { holders: 20 }],
    ['payload', { payload: Number.NaN }],
  ])('refuses %s that cannot be', (name, options) => {
    expect(() => plan({ ...OPTIONS, ...options })).toThrow(OptionError)
    expect(() => plan({ ...OPTIONS, ...options })).toThrow(name)
  })
})
