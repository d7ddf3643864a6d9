/** Rotations under load, with answers that get lost: who is signed in stays signed in, with one token. */
import { expect, it } from 'vitest'
import { type Engine, isTrail } from '../../src/core/engine.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import type { Session } from '../../src/core/session.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { parseToken } from '../../src/core/token.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { counter } from '../../src/index.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'
import { seeded } from '../support/random.ts'
import { request, SECRET, signIn } from '../support/requests.ts'
import { atEnd, FULL, server } from './setup.ts'

interface Data {
  n: number
}

const SESSIONS = FULL ? 10_000 : 1_000
const REQUESTS = 20
/** So many of them are under way when the token becomes old. */
const SLOW = 5
/** So many come at once when it is; the rest follow on the first answers. */
const AT_FIRST = 10
/** Browsers at once. */
const AT_ONCE = 50
const MINUTE = 60_000

/** A browser. Of the answers that bring a new token a third get lost, and all of those who are cut off. */
class Client {
  /** All tokens that a node has given for this session. */
  readonly given = new Set<string>()
  token: string
  lost = 0
  increments = 0
  isCutOff = false
  readonly #random: () => number

  constructor(token: string, random: () => number) {
    this.token = token
    this.given.add(token)
    this.#random = random
  }

  /** The end of a request. */
  async respond(exchange: Exchange<Data>): Promise<void> {
    if (exchange.dirty) await exchange.commit()
    const cookie = exchange.sendHeaders() as string | undefined
    exchange.afterResponse((error) => expect.fail(String(error)))
    if (cookie === undefined) return
    const token = cookie.slice(cookie.indexOf('=') + 1, cookie.indexOf(';'))
    if (token === '') throw new Error('the cookie was cleared')
    this.given.add(token)
    if (this.isCutOff || this.#random() < 1 / 3) this.lost++
    else this.token = token
  }

  async visit(node: Sessions<Data>): Promise<void> {
    await this.act(await request(node, this.token))
  }

  /** Half of the requests only read. */
  async act(exchange: Exchange<Data>): Promise<void> {
    const session: Session<Data> = exchange.session
    if (session.principal === undefined) throw new Error('signed out')
    if (this.#random() < 0.5) {
      session.set('n', (session.get('n') ?? 0) + 1)
      this.increments++
    }
    await this.respond(exchange)
  }
}

async function twoNodes(forgetful: boolean) {
  const redis = await server()
  const clock = manualClock()
  const nodes = [1, 2].map(() => {
    const engine = redisEngine({ redis: redis.url, clock, commandTimeout: 20_000 })
    const rotate: Engine['rotate'] = engine.rotate.bind(engine)
    if (forgetful) {
      engine.rotate = (from, base, to, record, ttl, options) =>
        rotate(from, base, to, record, ttl, options?.owner && { owner: options.owner })
    }
    const sessions = createSessions<Data>({
      ...{ engine, clock, secrets: [SECRET] },
      ...{ idleTimeout: '12h', absoluteTimeout: '1d', rotateEvery: '15m' },
      merge: { n: counter },
    })
    atEnd(() => sessions.close())
    return { engine, sessions }
  })
  await Promise.all(nodes.map(({ sessions }) => sessions.ready()))
  return { clock, nodes }
}

type Nodes = Awaited<ReturnType<typeof twoNodes>>['nodes']

/** @param check runs for each browser when it is over for it */
async function storm(
  clock: ManualClock,
  nodes: Nodes,
  count: number,
  random: () => number,
  check: (client: Client) => Promise<void> = async () => undefined,
): Promise<Client[]> {
  const any = (): Sessions<Data> => (nodes[random() < 0.5 ? 0 : 1] as Nodes[number]).sessions
  const clients: Client[] = []
  for (let i = 0; i < count; i += AT_ONCE) {
    const batch = await Promise.all(
      Array.from({ length: AT_ONCE }, async (_, at) => {
        return new Client(await signIn<Data>(any(), { n: 0 }, `user ${i + at}`), random)
      }),
    )
    clients.push(...batch)
    await Promise.all(batch.map((client) => client.visit(any())))
    const slow = await Promise.all(
      batch.map((client) => {
        return Promise.all(Array.from({ length: SLOW }, async () => request(any(), client.token)))
      }),
    )
    clock.advance(15 * MINUTE)
    for (const client of batch) client.isCutOff = random() < 1 / 3
    await Promise.all(
      batch.map((client) => {
        return Promise.all(
          Array.from({ length: AT_FIRST }, async (_, at) => {
            await client.visit(any())
            // With the new token, if it has arrived, while others come with the former one.
            if (at < REQUESTS - SLOW - AT_FIRST) await client.visit(any())
          }),
        )
      }),
    )
    await Promise.all(
      batch.map((client, at) => {
        return Promise.all((slow[at] ?? []).map((exchange) => client.act(exchange)))
      }),
    )
    // Who was cut off comes back within the patience, with the former token.
    clock.advance(4 * MINUTE)
    for (const client of batch) client.isCutOff = false
    await Promise.all(batch.map((client) => client.visit(any())))
    await Promise.all(batch.map((client) => check(client)))
  }
  return clients
}

const keyring = createKeyring([SECRET])

/** Of all tokens that were given, the ids at which a record stands. */
async function liveIds([node]: Nodes, { given }: Client): Promise<string[]> {
  const live: string[] = []
  for (const token of given) {
    const id = parseToken(keyring, token)?.id ?? ''
    const stored = await node?.engine.load(id, { fresh: true })
    if (stored !== undefined && !isTrail(stored.record)) live.push(id)
  }
  return live
}

/** Starts listening for what must not happen. */
function failuresOf(nodes: Nodes): { readonly failures: unknown[]; readonly rotated: string[] } {
  const failures: unknown[] = []
  const rotated: string[] = []
  for (const { sessions } of nodes) {
    for (const name of ['error', 'rejected', 'dropped', 'token-reuse'] as const) {
      sessions.on(name, (event) => failures.push({ name, event }))
    }
    sessions.on('rotated', ({ id }) => rotated.push(id))
  }
  return { failures, rotated }
}

it('I3 nobody is signed out by rotations, nothing is lost, and each session has one live token', async () => {
  const { next } = seeded('rotation storm')
  const { clock, nodes } = await twoNodes(false)
  const { failures, rotated } = failuresOf(nodes)
  const sessions = nodes[1]?.sessions as Sessions<Data>
  let former = 0
  const check = async (client: Client): Promise<void> => {
    const session = await sessions.open(client.token, { fresh: true })
    expect(session.get('n')).toBe(client.increments)
    const listed = await sessions.of(session.principal ?? '').list()
    expect(listed.map(({ id }) => id)).toEqual([session.id])
    expect(await liveIds(nodes, client)).toEqual([session.id])
    // Everybody was given the same successor.
    expect(client.given.size).toBe(2)
    if (session.token !== client.token) former++
  }
  const clients = await storm(clock, nodes, SESSIONS, () => next(2 ** 30) / 2 ** 30, check)
  expect(failures).toEqual([])
  expect([rotated.length, new Set(rotated).size]).toEqual([SESSIONS, SESSIONS])
  const lost = clients.reduce((sum, client) => sum + client.lost, 0)
  console.info(
    `${SESSIONS} rotations under ${SESSIONS * REQUESTS} requests: ${lost} answers with a new token lost, ` +
      `${former} browsers still have the former one, nobody is signed out`,
  )
  expect(lost).toBeGreaterThan(SESSIONS)
  expect(former).toBeGreaterThan(SESSIONS / 20)
}, 60_000)

it('the storm finds rotations that leave no forward', async () => {
  const { next } = seeded('forgetful rotation storm')
  const { clock, nodes } = await twoNodes(true)
  failuresOf(nodes)
  const clients = storm(clock, nodes, AT_ONCE, () => next(2 ** 30) / 2 ** 30)
  await expect(clients).rejects.toThrow('signed out')
})
