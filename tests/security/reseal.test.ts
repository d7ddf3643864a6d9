/** `Keys.reseal` beside what goes on meanwhile: docs/security.md, S26. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { createSessions } from '../../src/create-sessions.ts'
import { recordKey } from '../../src/engines/redis/keys.ts'
import { Keys } from '../../src/operations/sessions/keys.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

const FORMER = 'a former one, of 32 bytes or more'
const FRESH = 'a secret for tests, of 32 bytes or more'
const FOREIGN = 'another secret, of 32 bytes or more'

let server: RedisServer
let keys: Keys
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())
beforeEach(async () => {
  await server.cli('FLUSHALL')
})

/** @returns their tokens */
async function stored(
  count: number,
  secret: string,
  seal: true | 'token' = true,
): Promise<string[]> {
  const sessions = createSessions({ redis: server.url, secrets: [secret], seal })
  const tokens = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const session = await sessions.open()
      session.set('a', i)
      await session.commit()
      return session.token as string
    }),
  )
  await sessions.close()
  return tokens
}

const reseal = async (signal?: AbortSignal): ReturnType<Keys['reseal']> => {
  keys = new Keys({
    redis: { url: server.url, ...server.admin },
    prefix: 'sj',
    secrets: [FRESH, FORMER],
  })
  try {
    return await keys.reseal({ operator: 'a test', found: 0, ...(signal ? { signal } : {}) })
  } finally {
    await keys.close()
  }
}

it('S26 what nobody can open without its token, and what none of the secrets opens, is counted and left', async () => {
  await stored(5, FORMER)
  const sealed = await stored(3, FORMER, 'token')
  const foreign = await stored(2, FOREIGN)
  expect(await reseal()).toEqual({ resealed: 5, tokenSealed: 3, unopened: 2, left: 0 })
  expect(await reseal()).toEqual({ resealed: 0, tokenSealed: 3, unopened: 2, left: 0 })
  const now = createSessions({ redis: server.url, secrets: [FRESH, FORMER] })
  for (const token of sealed) expect((await now.open(token)).get('a')).toBeTypeOf('number')
  await now.close()
  const others = createSessions({ redis: server.url, secrets: [FOREIGN] })
  for (const token of foreign) expect((await others.open(token)).get('a')).toBeTypeOf('number')
  await others.close()
})

it('S26 it stops by a signal, and the rest stays as it is', async () => {
  const tokens = await stored(600, FORMER)
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 50)
  const { resealed } = await reseal(stop.signal)
  expect(resealed).toBeLessThan(600)
  expect((await reseal()).resealed).toBe(600 - resealed)
  const sessions = createSessions({ redis: server.url, secrets: [FRESH, FORMER] })
  for (const token of tokens) expect((await sessions.open(token)).get('a')).toBeTypeOf('number')
  await sessions.close()
})

it('S26 beside logouts and expiry nothing comes back, lives longer, or is lost', async () => {
  const tokens = await stored(600, FORMER)
  const sessions = createSessions({ redis: server.url, secrets: [FRESH, FORMER], nearCache: false })
  const opened = await Promise.all(tokens.map((token) => sessions.open(token)))
  const keyOf = (i: number): string => recordKey('sj', opened[i]?.id as string)
  // Every third ends while it runs, every third expires, the last ones stay.
  for (let i = 1; i < 600; i += 3) await server.cli('PEXPIRE', keyOf(i), String(20 + i))
  const before = Number(await server.cli('PTTL', keyOf(2)))
  const [counts] = await Promise.all([
    reseal(),
    ...opened.map((session, i) => (i % 3 === 0 ? session.logout() : undefined)),
  ])
  expect(counts.resealed).toBeGreaterThanOrEqual(200)
  expect(Number(await server.cli('PTTL', keyOf(2)))).toBeLessThanOrEqual(before)
  await expect
    .poll(() => server.cli('EXISTS', ...Array.from({ length: 200 }, (_, i) => keyOf(3 * i + 1))))
    .toBe('0')
  const found = await Promise.all(tokens.map((token) => sessions.open(token, { fresh: true })))
  expect(found.map((session) => session.get('a') !== undefined)).toEqual(
    tokens.map((_, i) => i % 3 === 2),
  )
  await sessions.close()
})
