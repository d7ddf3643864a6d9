import { createSessions, type NearCacheOptions, type Sessions } from 'sojourn'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'

interface Data {
  n: number
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** Longer than any of it takes on a slow machine; what is said in milliseconds is in bench/staleness. */
const SOON = { timeout: 5_000, interval: 5 }

interface World {
  readonly server: RedisServer
  readonly here: Sessions<Data>
  readonly there: Sessions<Data>
  /** A session of `ada`, by its token. */
  readonly token: string
}

async function twoNodes(
  nearCache: boolean | NearCacheOptions = true,
  idleTimeout = 600_000,
): Promise<World> {
  const server = await startRedis()
  closing.push(() => server.stop())
  const [here, there] = ['here', 'there'].map((name) => {
    const sessions = createSessions<Data>({
      redis: { url: server.url, name },
      secrets: ['a secret for tests, of 32 bytes or more'],
      nearCache,
      idleTimeout,
    })
    closing.push(() => sessions.close())
    return sessions
  }) as [Sessions<Data>, Sessions<Data>]
  const session = await there.open()
  await session.login('ada')
  return { server, here, there, token: session.token ?? '' }
}

describe.each([true, false])('nearCache: %s', (nearCache) => {
  it('S16 a sign-out on another node fires the signal', async () => {
    const { here, there, token } = await twoNodes(nearCache)
    const watch = here.watch(await here.open(token))
    const { signal } = await here.open(token)
    await (await there.open(token)).logout()
    await vi.waitFor(
      () => expect([watch.signal.aborted, signal.aborted]).toEqual([true, true]),
      SOON,
    )
  })

  it('S17 so does signing out everywhere, from this node too', async () => {
    const { here, token } = await twoNodes(nearCache)
    const watch = here.watch(await here.open(token))
    await here.of('ada').revokeAll()
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), SOON)
  })

  it('a change on another node is told, by whichever way', async () => {
    const { here, there, token } = await twoNodes(nearCache)
    const onChange = vi.fn<() => void>()
    here.watch(await here.open(token), { onChange })
    await (await there.open(token)).update('n', () => 1)
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1), SOON)
  })

  it('S14 expiry is noticed, whenever Redis tells of it', async () => {
    const { here, token } = await twoNodes(nearCache, 300)
    const watch = here.watch(await here.open(token))
    await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), SOON)
  })
})

it('F21 an emptied server ends all of them', async () => {
  const { server, here, token } = await twoNodes()
  const watch = here.watch(await here.open(token))
  await server.cli('FLUSHALL')
  await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), SOON)
})

it('F06 what ended while the connection was down is noticed on the next one', async () => {
  const { server, here, there, token } = await twoNodes()
  const watch = here.watch(await here.open(token))
  await here.open(token, { fresh: true })
  const ids = (await server.cli('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => line.includes('name=here'))
    .map((line) => /^id=(\d+)/.exec(line)?.[1] ?? '')
  for (const id of ids) await server.cli('CLIENT', 'KILL', 'ID', id)
  await there.of('ada').revokeAll()
  await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), SOON)
})

it('F04 a hung server fires nothing', async () => {
  const { server, here, token } = await twoNodes()
  const watch = here.watch(await here.open(token))
  await here.open(token, { fresh: true })
  server.pause()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(watch.signal.aborted).toBe(false)
  server.resume()
  await here.ready()
  await here.of('ada').revokeAll()
  await vi.waitFor(() => expect(watch.signal.aborted).toBe(true), SOON)
})

it('I6 a watch that is closed leaves nothing behind', async () => {
  const { server, here, there, token } = await twoNodes()
  const session = await here.open(token)
  const watches = Array.from({ length: 200 }, () => here.watch(session))
  // The first time it tries what sessions need.
  await here.ready()
  await here.open(token, { fresh: true })
  for (const watch of watches) watch.close()
  await server.cli('CONFIG', 'RESETSTAT')
  await (await there.open(token)).update('n', () => 1)
  await here.ready()
  // The other node's update, and the question of `ready`: nobody has read the session again here.
  const stats = await server.cli('INFO', 'commandstats')
  expect(/cmdstat_pttl:calls=(\d+)/.exec(stats)?.[1]).toBe('2')
})
