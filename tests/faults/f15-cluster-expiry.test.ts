import { describe, expect, it } from 'vitest'
import type { CreateSessionsOptions } from '../../src/create-sessions.ts'
import type { Sessions } from '../../src/index.ts'
import { type ClusterNode, type RedisCluster, startCluster } from '../support/cluster.ts'
import { seeded } from '../support/random.ts'
import { sleep, until } from '../support/requests.ts'
import { atEnd, node } from './setup.ts'

async function cluster(args: readonly string[] = []): Promise<RedisCluster> {
  const started = await startCluster({ args })
  atEnd(() => started.stop())
  return started
}

function nodeOf(
  { addresses }: RedisCluster,
  options: CreateSessionsOptions<Record<string, unknown>>,
): Promise<Sessions> {
  return node('', { redis: { cluster: addresses.slice(0, 1) }, idleTimeout: '2s', ...options })
}

/** @returns their ids, and those of which somebody is known by principal */
async function make(sessions: Sessions, count: number): Promise<Map<string, string | undefined>> {
  const made = new Map<string, string | undefined>()
  for (let i = 0; i < count; i++) {
    const session = await sessions.open()
    session.set('n', i)
    const principal = i % 2 === 0 ? `user ${i}` : undefined
    if (principal !== undefined) await session.login(principal)
    await session.commit()
    made.set(session.id ?? '', principal)
  }
  return made
}

function listen(sessions: Sessions): Map<string, (string | undefined)[]> {
  const told = new Map<string, (string | undefined)[]>()
  sessions.on('expired', ({ id, principal }) => {
    told.set(id, [...(told.get(id) ?? []), principal])
  })
  return told
}

function slotOf(token: string): number {
  return Buffer.from(token, 'base64url').readUInt16BE(1) * 16
}

describe('expiry on a Cluster', () => {
  it('reliable: sessions of all masters are told of, and whose they were, while slots are moved', async () => {
    const random = seeded('expiry')
    const servers = await cluster()
    const [here, there] = [
      await nodeOf(servers, { expiry: 'reliable' }),
      await nodeOf(servers, { expiry: 'reliable' }),
    ]
    const told = [listen(here), listen(there)]
    const slots: number[] = []
    const made = await make(here, 150)
    for (let i = 0; i < 10; i++) {
      const session = await here.open()
      session.set('n', i)
      await session.commit()
      made.set(session.id ?? '', undefined)
      slots.push(slotOf(session.token ?? ''))
    }
    for (const slot of slots) {
      const owner = await servers.masterOf(slot)
      const others = servers.nodes.filter((one) => one !== owner)
      const pause = () => sleep(random.next(40))
      await servers.moveSlot(slot, others[random.next(2)] as ClusterNode, {
        before: pause,
        midway: pause,
      })
    }
    const all = () => new Map(told.flatMap((one) => [...one]))
    await until('all are told', () => [...made.keys()].every((id) => all().has(id)), 20_000)
    // And of nobody else.
    expect(new Map([...all()].map(([id, principals]) => [id, principals[0]]))).toEqual(made)
    for (const one of servers.nodes) {
      await until('nothing is left', async () => {
        const keys = (await one.cli('KEYS', 'sj:*')).split('\n')
        return keys.every((key) => key === '' || /:x:(turn|listens)$/.test(key))
      })
    }
  }, 60_000)

  it('reliable: a master that is gone holds up nothing that others have', async () => {
    const servers = await cluster(['--cluster-require-full-coverage', 'no'])
    const here = await nodeOf(servers, { expiry: 'reliable' })
    const told = listen(here)
    const failures: string[] = []
    here.on('error', ({ operation }) => void failures.push(operation))
    // Not that of partition 0, which has what all share.
    const gone = await servers.masterOf(16_368)
    const made = await make(here, 60)
    const partitions = new Set<string>()
    for (const key of (await gone.cli('KEYS', 'sj:*:x')).split('\n')) {
      const tag = /\{(...)\}/.exec(key)?.[1]
      if (tag !== undefined) partitions.add(tag)
    }
    await gone.kill()
    const others = [...made.keys()].filter((id) => !partitions.has(id.slice(0, 3)))
    expect(others.length).toBeGreaterThan(10)
    expect(others.length).toBeLessThan(60)
    await until('the others are told', () => others.every((id) => told.has(id)), 15_000)
    expect(failures).toContain('expiry')
  }, 60_000)

  it('notify: every master is listened to', async () => {
    const servers = await cluster(['--notify-keyspace-events', 'Ex'])
    const here = await nodeOf(servers, { expiry: 'notify' })
    const told = listen(here)
    // Each has been seen to publish, or this says so.
    const problems: unknown[] = []
    here.on('error', ({ error }) => void problems.push(error))
    await sleep(300)
    const made = await make(here, 60)
    await until('all are told', () => told.size === made.size, 15_000)
    expect([...told.keys()].toSorted()).toEqual([...made.keys()].toSorted())
    expect([...told.values()].every(({ length }) => length === 1)).toBe(true)
    expect(problems).toEqual([])
  }, 60_000)
})
