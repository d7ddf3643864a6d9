import { expect, it } from 'vitest'
import type { Exchange } from '../../src/core/exchange.ts'
import { counter } from '../../src/core/merge.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { Keys } from '../../src/operations/sessions/keys.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { atEnd, FULL, node, server } from './setup.ts'

const OLD = 'the old secret, of 32 bytes or more'
const NEW = 'the new secret, of 32 bytes or more'
const USERS = FULL ? 1_000 : 120
/** The rest of them is away. */
const ACTIVE = 0.7 * USERS

interface Data {
  owner: string
  n: number
}

/** Keeps its cookie, as a browser does. */
class Browser {
  token: string
  readonly owner: string
  count = 0

  constructor(owner: string, token: string) {
    this.owner = owner
    this.token = token
  }

  /** @returns whether it is signed in */
  async visit(sessions: Sessions<Data>, isWrite: boolean): Promise<boolean> {
    const exchange: Exchange<Data> = await request(sessions, this.token)
    if (exchange.session.get('owner') !== this.owner) return false
    if (isWrite) await exchange.session.update('n', (n = 0) => n + 1)
    if (exchange.dirty) await exchange.commit()
    if (isWrite) this.count++
    const cookie = exchange.sendHeaders() as string | undefined
    const [, token] = /=([\w-]{48});/.exec(cookie ?? '') ?? []
    if (token !== undefined) this.token = token
    exchange.afterResponse(() => undefined)
    return true
  }
}

it('S26 secrets are changed and all is sealed anew under load: nobody is signed out, no change is lost', async () => {
  const redis = await server()
  // Tokens grow old without waiting for it.
  let skew = 0
  const clock = { now: () => Date.now() + skew, monotonic: () => performance.now() + skew }
  let secrets: readonly string[][] = [[OLD], [OLD]]
  const nodes = await Promise.all(
    [0, 1].map((place) =>
      node<Data>(redis.url, {
        secrets: () => secrets[place] ?? [],
        merge: { n: counter },
        idleTimeout: '2h',
        commandTimeout: '10s',
        clock,
      }),
    ),
  )
  const set = async (...all: readonly string[][]): Promise<void> => {
    secrets = all
    for (const each of nodes) await each.reloadSecrets()
  }
  const [calm] = nodes as [Sessions<Data>]
  const users: Browser[] = []
  for (let i = 0; i < USERS; i++) {
    const owner = `user ${i}`
    const principal = i % 2 === 0 ? owner : undefined
    users.push(new Browser(owner, await signIn<Data>(calm, { owner, n: 0 }, principal)))
  }
  skew = 11 * 60_000

  const signedOut: string[] = []
  const over = new AbortController()
  let visits = 0
  const actors = users.slice(0, ACTIVE).map(async (user, i) => {
    for (let round = i; !over.signal.aborted; round++) {
      const isIn = await user.visit(nodes[round % 2] as Sessions<Data>, round % 3 === 0)
      if (!isIn) signedOut.push(user.owner)
      visits++
      await sleep(5)
    }
  })
  const keys = new Keys({ redis: redis.url, prefix: 'sj', secrets: [NEW, OLD] })
  atEnd(() => keys.close())
  const uses = async () =>
    (await keys.uses()).map(({ place, sessions, tokens }) => ({ place, sessions, tokens }))
  expect(await uses()).toEqual([
    { place: 0, sessions: 0, tokens: 0 },
    { place: 1, sessions: USERS, tokens: 0 },
  ])
  await set([OLD, NEW], [OLD, NEW])
  await set([NEW, OLD], [OLD, NEW])
  await sleep(50)
  await set([NEW, OLD], [NEW, OLD])
  const resealed = await keys.reseal({ operator: 'mara', found: USERS })
  expect(resealed.resealed).toBeGreaterThanOrEqual(USERS - ACTIVE)
  expect(resealed).toMatchObject({ unopened: 0, tokenSealed: 0 })
  // All who come have new tokens: only those who are away need the old secret.
  await until(
    'those who come have new tokens',
    async () => {
      const [, old] = await uses()
      return old?.sessions === 0 && old.tokens === USERS - ACTIVE
    },
    20_000,
  )
  const before = visits
  await until('it goes on', () => visits > before + ACTIVE)
  over.abort()
  await Promise.all(actors)
  for (const user of users.slice(ACTIVE)) {
    if (!(await user.visit(calm, false))) signedOut.push(user.owner)
  }
  expect(await uses()).toEqual([
    { place: 0, sessions: USERS, tokens: 0 },
    { place: 1, sessions: 0, tokens: 0 },
  ])
  await set([NEW], [NEW])
  for (const user of users) {
    if (!(await user.visit(calm, false))) signedOut.push(user.owner)
  }
  expect(signedOut).toEqual([])
  const counted = await Promise.all(
    users.map(async ({ token }) => (await request(calm, token)).session.get('n')),
  )
  expect(counted).toEqual(users.map(({ count }) => count))
}, 120_000)

it('S26 a session that is only read, and is at hand, gets a new token too', async () => {
  const redis = await server()
  let skew = 0
  const clock = { now: () => Date.now() + skew, monotonic: () => performance.now() + skew }
  let secrets = [OLD]
  const here = await node<Data>(redis.url, { secrets: () => secrets, clock })
  const user = new Browser('ada', await signIn<Data>(here, { owner: 'ada', n: 0 }))
  skew = 11 * 60_000
  await until('it is at hand', () => hit(here, user.token) !== undefined)
  const { token } = user
  expect(await user.visit(here, false)).toBe(true)
  expect(user.token).toBe(token)
  secrets = [NEW, OLD]
  await here.reloadSecrets()
  expect(await user.visit(here, false)).toBe(true)
  expect(user.token).not.toBe(token)
  secrets = [NEW]
  await here.reloadSecrets()
  expect(await user.visit(here, false)).toBe(true)
  expect(hit(here, token)?.isNew).toBe(true)
})

it('S26 a request that is under way while its secret is taken out lets in nobody after it', async () => {
  const redis = await server()
  const before = await node<Data>(redis.url, { secrets: [OLD] })
  const token = await signIn<Data>(before, { owner: 'ada', n: 0 })
  const keys = new Keys({ redis: redis.url, prefix: 'sj', secrets: [NEW, OLD] })
  atEnd(() => keys.close())
  expect(await keys.reseal({ operator: 'mara', found: 1 })).toMatchObject({ resealed: 1 })
  let secrets = [NEW, OLD]
  const here = await node<Data>(redis.url, { secrets: () => secrets })
  const underWay = request(here, token)
  secrets = [NEW]
  await here.reloadSecrets()
  expect((await underWay).session.get('owner')).toBe('ada')
  expect(hit(here, token)?.isNew).toBe(true)
})
