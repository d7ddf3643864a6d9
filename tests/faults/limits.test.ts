import { expect, it } from 'vitest'
import { isSojournError } from '../../src/core/errors.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { SECRET } from '../support/requests.ts'
import type { LoginNode, Logins } from './nodes/login-node.ts'
import { atEnd, child, node, server } from './setup.ts'

const RUNS = 100
const LOGINS = 200
const LIMIT = 5
const POLICIES = ['evict-oldest', 'evict-idle', 'reject'] as const
const PROGRAM = new URL('nodes/login-node.ts', import.meta.url)

/** Which of the tokens open a session, asked on every node. */
async function open(nodes: readonly Sessions[], tokens: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    tokens.map(async (token) => {
      const seen = await Promise.all(nodes.map((each) => each.open(token, { fresh: true })))
      return seen.map(({ principal }) => principal !== undefined)
    }),
  )
  return tokens.filter((_, i) => found[i]?.some((isOpen) => isOpen))
}

async function loginHere(sessions: Sessions, logins: Logins): Promise<string[]> {
  const { principal, max, policy } = logins
  const tokens = Array.from({ length: logins.count }, async () => {
    const session = await sessions.open()
    try {
      await session.login(principal, { maxSessions: { max, policy } })
    } catch (error) {
      if (isSojournError(error) && error.code === 'ERR_SOJOURN_SESSION_LIMIT') return []
      throw error
    }
    return [session.token as string]
  })
  return (await Promise.all(tokens)).flat()
}

it('S19 200 parallel logins under a limit of 5, embedded: exactly 5 live, 100 times of 100', async () => {
  const sessions = createSessions({ secrets: [SECRET] })
  atEnd(() => sessions.close())
  const live: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const policy = POLICIES[run % POLICIES.length] ?? 'reject'
    const logins: Logins = { principal: `u${run}`, count: LOGINS, policy, max: LIMIT }
    live.push((await open([sessions], await loginHere(sessions, logins))).length)
    expect(await sessions.of(logins.principal).count()).toBe(LIMIT)
  }
  expect(live).toEqual(live.map(() => LIMIT))
})

it('S19 the same in Redis, from two nodes here and two other processes', async () => {
  const redis = await server()
  const options = { commandTimeout: '20s' } as const
  const nodes = [await node(redis.url, options), await node(redis.url, options)]
  const start: LoginNode = { redis: redis.url }
  const others = await Promise.all([child(PROGRAM, start), child(PROGRAM, start)])
  const count = LOGINS / 4
  const live: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const policy = POLICIES[run % POLICIES.length] ?? 'reject'
    const logins: Logins = { principal: `u${run}`, count, policy, max: LIMIT }
    const tokens = await Promise.all([
      ...nodes.map((each) => loginHere(each, logins)),
      ...others.map((each) => each.ask<string[]>('login', logins)),
    ])
    live.push((await open(nodes.slice(run % 2, (run % 2) + 1), tokens.flat())).length)
    expect(await nodes[0]?.of(logins.principal).count()).toBe(LIMIT)
  }
  expect(live).toEqual(live.map(() => LIMIT))
}, 120_000)

it('S17 revokeAll of 10,000 while 50 logins a second go on: none from before it survives', async () => {
  const redis = await server()
  const options = { commandTimeout: '20s' } as const
  const [here, there] = [await node(redis.url, options), await node(redis.url, options)]
  const signIn = async (): Promise<string> => {
    const session = await there.open()
    await session.login('u1')
    return session.token as string
  }
  const before: string[] = []
  while (before.length < 10_000) {
    before.push(...(await Promise.all(Array.from({ length: 200 }, signIn))))
  }
  const late: string[] = []
  const logins: Promise<void>[] = []
  let isRevoking = false
  // What this process has been told of before it asks for the revocation.
  const timer = setInterval(() => {
    logins.push(
      signIn().then((token) => {
        ;(isRevoking ? late : before).push(token)
      }),
    )
  }, 20)
  await new Promise((resolve) => setTimeout(resolve, 500))
  isRevoking = true
  const revoked = await here.of('u1').revokeAll()
  await new Promise((resolve) => setTimeout(resolve, 300))
  clearInterval(timer)
  await Promise.all(logins)
  expect(before.length).toBeGreaterThan(10_010)
  expect(revoked.count).toBeGreaterThanOrEqual(before.length)
  expect(await open([here, there], before)).toEqual([])
  // The near caches know of it too.
  const near = await Promise.all(before.map((token) => there.open(token)))
  expect(near.filter(({ principal }) => principal !== undefined)).toEqual([])
  const listed = await here.of('u1').count()
  expect((await open([here], late)).length).toBe(listed)
  expect(listed).toBeGreaterThan(0)
}, 60_000)
