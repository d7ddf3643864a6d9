import { expect, it } from 'vitest'
import { signIn, until } from '../support/requests.ts'
import { child, node, server } from './setup.ts'

const ROUNDS = 25

it('another process that writes to a session without rest keeps nobody from signing in, out, or writing', async () => {
  const redis = await server()
  const sessions = await node<{ n: number; mine: number }>(redis.url)
  const writer = await child(new URL('nodes/writer-node.ts', import.meta.url), { redis: redis.url })
  const failed: string[] = []

  for (let round = 0; round < ROUNDS; round++) {
    const token = await signIn(sessions, { n: 0 }, 'ada')
    const writing = writer.ask<void>('writeUntilItEnds', token)
    await until('it writes', async () => ((await sessions.open(token)).get('n') ?? 0) > 3)
    const session = await sessions.open(token)
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => failed.push(`${what}: ${String(error)}`))
    }
    session.set('mine', round)
    await attempt('commit', () => session.commit())
    expect((await sessions.open(token, { fresh: true })).get('mine')).toBe(round)
    if (round % 2 === 0) await attempt('login', () => session.login('grace', { keep: ['n'] }))
    else await attempt('logout', () => session.logout())
    // It ends because its session has ended.
    await writing
    const old = await sessions.open(token, { fresh: true })
    expect(old.isNew).toBe(true)
  }
  expect(failed).toEqual([])
  // Nothing is left but what the logins have made.
  expect(await sessions.of('ada').list()).toEqual([])
  expect(await sessions.of('grace').list()).toHaveLength(Math.ceil(ROUNDS / 2))
})
