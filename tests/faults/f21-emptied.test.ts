import { expect, it } from 'vitest'
import { seeded } from '../support/random.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { Load, recovered, type User } from './load.ts'
import { node, server } from './setup.ts'

const LONG = { nearCache: { maxStaleness: '1m' } } as const

async function signedIn(count: number) {
  const redis = await server()
  const nodes = [await node<User>(redis.url, LONG), await node<User>(redis.url, LONG)] as const
  const tokens: string[] = []
  for (let n = 0; n < count; n++) {
    const token = await signIn<User>(nodes[0], { owner: `user ${n}`, n }, `user ${n}`)
    await request(nodes[1], token)
    tokens.push(token)
  }
  await until('all are at hand', () =>
    tokens.every((token) => nodes.every((one) => hit(one, token) !== undefined)),
  )
  return { redis, nodes, tokens }
}

it.each(['FLUSHALL', 'FLUSHDB'])(
  'F21 I2 I4 after %s everyone is signed out, everywhere',
  async (command) => {
    const { redis, nodes, tokens } = await signedIn(20)
    const held = await Promise.all(
      tokens.map(async (token) => (await request(nodes[1], token)).session),
    )
    await redis.cli(command)
    for (const one of nodes) {
      await until('the near cache is empty', () => one.stats().nearCache?.entries === 0)
      for (const token of tokens) {
        expect(hit(one, token)).toBeUndefined()
        expect((await request(one, token)).session.isNew).toBe(true)
      }
    }
    // Requests that had begun before bring nothing back.
    for (const session of held) {
      session.set('n', 1)
      await session.commit()
    }
    expect(await redis.cli('DBSIZE')).toBe('0')
    const again = await signIn<User>(nodes[0], { owner: 'new', n: 0 })
    expect((await request(nodes[1], again)).session.get('owner')).toBe('new')
  },
)

it('F21 I2 I4 I8 after a restart without data everyone is signed out, and can sign in again', async () => {
  const { redis, nodes, tokens } = await signedIn(20)
  await redis.restart()
  await Promise.all(nodes.map((one) => recovered(one)))
  for (const one of nodes) {
    expect(one.stats().nearCache).toMatchObject({ state: 'on', entries: 0 })
    for (const token of tokens) expect((await request(one, token)).session.isNew).toBe(true)
  }
  const again = await signIn<User>(nodes[1], { owner: 'new', n: 0 })
  expect((await request(nodes[0], again)).session.get('owner')).toBe('new')
})

it('F21 I3 I5 scripts that are forgotten again and again under load are sent again, and nobody notices', async () => {
  const random = seeded('F21')
  const redis = await server()
  const [calm, here, there] = [
    await node<User>(redis.url),
    await node<User>(redis.url, { commandTimeout: 5_000 }),
    await node<User>(redis.url, { commandTimeout: 5_000 }),
  ]
  const load = await Load.start(calm, [here, there], random)
  for (let i = 0; i < 40; i++) {
    await redis.cli('SCRIPT', 'FLUSH')
    await sleep(random.next(25))
  }
  await load.stop()
  expect(load.failures).toEqual([])
  expect(await load.problems([here, there])).toEqual([])
})
