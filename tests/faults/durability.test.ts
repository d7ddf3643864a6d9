/** F02, F03, F15 with `durability`: what was answered `durable` is not undone, and the rest is said to be uncertain. */
import { expect, it } from 'vitest'
import type { Outcome } from '../../src/core/durability.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import type { RedisSource } from '../../src/engines/redis/options.ts'
import { startCluster } from '../support/cluster.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { request, signIn, sleep, until } from '../support/requests.ts'
import { MASTER_NAME, startSentinels } from '../support/sentinels.ts'
import { recovered, type User } from './load.ts'
import { atEnd, node, server } from './setup.ts'

const USERS = 400

interface SignOuts {
  /** What each sign-out was answered; those that failed are not among them. */
  readonly told: ReadonlyMap<string, Outcome>
  /** Lets no more begin, waits for those under way, and ends the node: it repeats nothing. */
  stop(): Promise<void>
}

/** A node that signs one user after the other out, eight at a time. */
async function signingOut(sessions: Sessions<User>): Promise<SignOuts> {
  const tokens: string[] = []
  for (let n = 0; n < USERS; n++) {
    tokens.push(await signIn<User>(sessions, { owner: `user ${n}`, n }, `user ${n}`))
  }
  const told = new Map<string, Outcome>()
  const actor = async (): Promise<void> => {
    for (let token = tokens.pop(); token !== undefined; token = tokens.pop()) {
      try {
        const session = await sessions.open(token, { fresh: true })
        told.set(token, await session.logout())
      } catch {
        // Whether it was carried out is unknown, and so it was said.
      }
      await sleep(2)
    }
  }
  const actors = Array.from({ length: 8 }, actor)
  const stop = async (): Promise<void> => {
    tokens.length = 0
    await Promise.all(actors)
    await sessions.close()
  }
  return { told, stop }
}

/** Of those that were answered so: how many are signed in again. */
async function undone(sessions: Sessions<User>, { told }: SignOuts) {
  const counts = { durable: 0, uncertain: 0, undoneDurable: 0, undoneUncertain: 0 }
  for (const [token, outcome] of told) {
    const { session } = await request(sessions, token)
    const isBack = session.get('owner') !== undefined
    counts[outcome] += 1
    if (isBack) counts[outcome === 'durable' ? 'undoneDurable' : 'undoneUncertain'] += 1
  }
  return counts
}

it('F02 I1 replication ends under load and the primary dies: no durable sign-out is undone, and the others were called uncertain', async () => {
  const args = ['--repl-diskless-sync-delay', '0']
  const [primary, replica] = [
    await server({ tcp: true, args }),
    await server({ tcp: true, args }),
  ] as const
  await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
  const sessions = await node<User>(primary.url, { durability: { replicas: 1, timeout: 100 } })
  await until('the replica is there', async () => {
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    return (await session.logout()) === 'durable'
  })
  const uncertain: string[] = []
  sessions.on('uncertain', ({ operation }) => uncertain.push(operation))
  const signOuts = await signingOut(sessions)
  await until('some are durable', () => signOuts.told.size > 100)
  // It goes on without the primary, and lacks what comes from here on.
  await replica.cli('REPLICAOF', 'NO', 'ONE')
  const before = signOuts.told.size
  await until('some are not', () => signOuts.told.size > before + 30)
  await primary.kill()
  await signOuts.stop()
  const counts = await undone(await node<User>(replica.url), signOuts)
  console.log(counts)
  expect(counts.undoneDurable).toBe(0)
  expect(counts.durable).toBeGreaterThan(90)
  // It would have been for nothing.
  expect(counts.undoneUncertain).toBeGreaterThan(10)
  expect(uncertain.filter((operation) => operation === 'logout')).toHaveLength(counts.uncertain)
}, 60_000)

it('I1 a logout that is asked for again says what is confirmed by then, and nothing else', async () => {
  const args = ['--repl-diskless-sync-delay', '0']
  const primary = await server({ tcp: true, args })
  const sessions = await node<User>(primary.url, { durability: { replicas: 1, timeout: 100 } })
  const token = await signIn<User>(sessions, { owner: 'ada', n: 0 }, 'ada')
  const session = await sessions.open(token)
  expect(await session.logout()).toBe('uncertain')
  // The same object, the same cookie, and nobody's.
  expect(await session.logout()).toBe('uncertain')
  const again = async () => (await request(sessions, token)).session.logout()
  expect(await again()).toBe('uncertain')
  expect(await (await sessions.open(token)).logout()).toBe('uncertain')
  expect(await (await sessions.open()).logout()).toBe('uncertain')
  const replica = await server({ tcp: true, args })
  await replica.cli('REPLICAOF', '127.0.0.1', String(primary.port))
  await until('it is confirmed', async () => (await again()) === 'durable')
  expect(await session.logout()).toBe('durable')
}, 30_000)

interface Deployment {
  readonly redis: RedisSource
  readonly primary: RedisServer
  /** Resolves when another has its place. */
  readonly succeeded: () => Promise<unknown>
}

const deployments: Record<'sentinel' | 'cluster', () => Promise<Deployment>> = {
  async sentinel() {
    const started = await startSentinels({ replicas: 1 })
    atEnd(() => started.stop())
    const primary = await started.primary()
    return {
      redis: { sentinels: started.addresses, masterName: MASTER_NAME },
      primary,
      succeeded: () => started.succeeded(primary),
    }
  },
  async cluster() {
    const started = await startCluster({ replicas: 1 })
    atEnd(() => started.stop())
    const primary = await started.masterOf(0)
    return {
      redis: { cluster: started.addresses },
      primary,
      succeeded: () => started.succeeded(0, primary),
    }
  },
}

it.each(['sentinel', 'cluster'] as const)(
  'F03 F15 I1 I8 the primary is killed while users sign out, %s: no durable sign-out is undone',
  async (kind) => {
    const { redis, primary, succeeded } = await deployments[kind]()
    const options = { redis, durability: 'replicated' } as const
    const signOuts = await signingOut(await node<User>('', options))
    await until('it goes well', () => signOuts.told.size > 60)
    await primary.kill()
    await succeeded()
    await signOuts.stop()
    const other = await node<User>('', options)
    await recovered(other)
    const counts = await undone(other, signOuts)
    console.log(kind, counts)
    expect(counts.undoneDurable).toBe(0)
    expect(counts.durable).toBeGreaterThan(50)
    const token = await signIn<User>(other, { owner: 'late', n: 0 }, 'late')
    // Of Sentinels the only replica is the primary now, and there is none left to wait for.
    expect(await (await other.open(token)).logout()).toMatch(/durable|uncertain/)
  },
  90_000,
)
