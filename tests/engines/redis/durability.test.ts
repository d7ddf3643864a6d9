import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Confirmation, type WaitFor } from '../../../src/core/durability.ts'
import { stampOf } from '../../../src/core/engine.ts'
import { StoreRefusedError, StoreUnavailableError } from '../../../src/core/errors.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { until } from '../../support/requests.ts'
import { failure, newId, newOwner, PARTITION, record } from './fixtures.ts'
import { open, start } from './harness.ts'

const HOUR = 3_600_000
const REPLICATED: WaitFor = { replicas: 1, disk: false }
const DISK: WaitFor = { replicas: 0, disk: true }

async function withReplica(): Promise<{ primary: RedisServer; replica: RedisServer }> {
  const args = ['--repl-diskless-sync-delay', '0']
  const primary = await start({ tcp: true, args })
  const replica = await start({
    tcp: true,
    args: [...args, '--replicaof', '127.0.0.1', String(primary.port)],
  })
  // It may be connected, and not confirm anything yet.
  const engine = open(primary.url, { durability: 'replicated' })
  await until('the replica confirms', async () => {
    const confirmation = new Confirmation()
    await engine.create(newId(), record(1), 1, undefined, undefined, { confirmation })
    return confirmation.outcome === 'durable'
  })
  await engine.close()
  return { primary, replica }
}

/** What each kind of write is told, one after the other. */
async function outcomes(engine: RedisEngine, waitFor?: WaitFor): Promise<Record<string, string>> {
  const owner = newOwner()
  const [id, next, other] = [newId(), newId(), newId()]
  const [first, second, third] = [record(1), record(2), record(3)]
  const told: Record<string, string> = {}
  const tell = async (
    name: string,
    write: (options: { confirmation: Confirmation }) => unknown,
  ): Promise<void> => {
    const confirmation = new Confirmation(waitFor)
    await write({ confirmation })
    told[name] = confirmation.outcome
  }
  await tell('create', (options) => engine.create(id, first, HOUR, owner, undefined, options))
  await tell('commit', (options) => engine.commit(id, stampOf(first), second, HOUR, options))
  await tell('rotate', (options) =>
    engine.rotate(id, stampOf(second), next, third, HOUR, { owner, ...options }),
  )
  await tell('destroy', (options) => engine.destroy(next, { ownerTag: owner.tag, ...options }))
  await tell('destroy what is gone', (options) => engine.destroy(next, options))
  await engine.create(other, record(1), HOUR, owner)
  await tell('revokeAll', (options) => engine.revokeAll(PARTITION, owner.tag, options))
  await tell('revokeAll of none', (options) => engine.revokeAll(PARTITION, owner.tag, options))
  return told
}

const all = (outcome: string) => ({
  create: outcome,
  commit: outcome,
  rotate: outcome,
  destroy: outcome,
  'destroy what is gone': outcome,
  revokeAll: outcome,
  'revokeAll of none': outcome,
})

describe('durability', () => {
  it('replicated: durable where a replica has it, for all calls or for one', async () => {
    const { primary, replica } = await withReplica()
    const engine = open(primary.url, { durability: 'replicated' })
    await engine.ready()
    expect(await outcomes(engine)).toEqual(all('durable'))
    // What a call asks for counts.
    expect(await outcomes(engine, { replicas: 0, disk: false })).toEqual(all('uncertain'))
    const calm = open(primary.url)
    expect(await outcomes(calm)).toEqual(all('uncertain'))
    expect(await outcomes(calm, REPLICATED)).toEqual(all('durable'))
    // It is there, indeed.
    const id = newId()
    await engine.create(id, record(1), HOUR)
    const key = `sj:{${id.slice(0, 3)}}:s:${id.slice(3)}`
    expect(await replica.cli('EXISTS', key)).toBe('1')
  })

  it('replicated: done, and uncertain, where the replicas do not answer in time', async () => {
    const { primary, replica } = await withReplica()
    const engine = open(primary.url, { durability: { replicas: 1, timeout: 50 } })
    await engine.ready()
    replica.pause()
    const id = newId()
    const confirmation = new Confirmation()
    await engine.create(id, record(1), HOUR, undefined, undefined, { confirmation })
    expect(confirmation).toMatchObject({ outcome: 'uncertain', isMissing: true })
    expect(await engine.load(id)).toBeDefined()
    const two = new Confirmation({ replicas: 2, disk: false })
    replica.resume()
    await engine.destroy(id, { confirmation: two })
    expect(two.outcome).toBe('uncertain')
    // Asked again, when it can be said: it rests on what was written before.
    const again = new Confirmation()
    expect(await engine.destroy(id, { confirmation: again })).toMatchObject({ status: 'gone' })
    expect(again.outcome).toBe('durable')
  })

  it('what is gone is not durable by itself: what ended it may not have reached the replica', async () => {
    const { primary, replica } = await withReplica()
    const engine = open(primary.url, { durability: { replicas: 1, timeout: 50 } })
    const id = newId()
    await engine.create(id, record(1), HOUR)
    replica.pause()
    const calm = open(primary.url)
    await calm.destroy(id)
    const confirmation = new Confirmation()
    await engine.destroy(id, { confirmation })
    expect(confirmation.outcome).toBe('uncertain')
    replica.resume()
  })

  it('a script that the server has to be told again is waited for, and not only its refusal', async () => {
    const { primary, replica } = await withReplica()
    const engine = open(primary.url, { durability: { replicas: 1, timeout: 50 } })
    const id = newId()
    await engine.create(id, record(1), HOUR)
    await primary.cli('SCRIPT', 'FLUSH')
    await primary.cli('CONFIG', 'RESETSTAT')
    const fine = new Confirmation()
    await engine.create(newId(), record(1), HOUR, undefined, undefined, { confirmation: fine })
    expect(fine.outcome).toBe('durable')
    // The first wait came before the script.
    expect(await primary.cli('INFO', 'commandstats')).toMatch(/cmdstat_wait:calls=2,/)
    await primary.cli('SCRIPT', 'FLUSH')
    // From here on it acknowledges what it has, and gets nothing new.
    replica.pause()
    const confirmation = new Confirmation()
    await engine.destroy(id, { confirmation })
    expect(confirmation.outcome).toBe('uncertain')
    replica.resume()
  })

  it('one wait is for all writes of a moment, and there is one connection for them, or two', async () => {
    const { primary } = await withReplica()
    const engine = open(primary.url, { durability: 'replicated' })
    await engine.ready()
    await primary.cli('CONFIG', 'RESETSTAT')
    const confirmations = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const confirmation = new Confirmation()
        const id = newId()
        await engine.create(id, record(1), HOUR, undefined, undefined, { confirmation })
        return confirmation.outcome
      }),
    )
    expect(new Set(confirmations)).toEqual(new Set(['durable']))
    const stats = await primary.cli('INFO', 'commandstats')
    expect(Number(/cmdstat_wait:calls=(\d+)/.exec(stats)?.[1])).toBeLessThan(20)
    const clients = await primary.cli('CLIENT', 'LIST', 'TYPE', 'normal')
    // The tracked one, one or two that wait, and redis-cli.
    const own = clients.split('\n').filter((line) => line.includes('sojourn'))
    expect(own.length).toBeLessThanOrEqual(3)
  })

  it('I7 while replication stands still writes are done within their time, and reads go on', async () => {
    const { primary, replica } = await withReplica()
    const engine = open(primary.url, { durability: { replicas: 1, timeout: 100 } })
    await engine.ready()
    const id = newId()
    await engine.create(id, record(1), HOUR)
    replica.pause()
    const from = performance.now()
    const writes = Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        await new Promise((resolve) => setTimeout(resolve, n))
        await engine.create(newId(), record(1), HOUR)
      }),
    )
    let reads = 0
    while (performance.now() - from < 300) {
      await engine.load(id, { fresh: true })
      reads++
    }
    // 300 waits one after the other would be 30 s, and fail at their deadlines.
    await writes
    replica.resume()
    // Not one at a time behind the waits.
    expect(reads).toBeGreaterThan(6)
  })

  it('after close nothing is sent, and no connection is made', async () => {
    const { primary } = await withReplica()
    const engine = open(primary.url)
    await engine.ready()
    const id = newId()
    await engine.create(id, record(1), HOUR)
    await engine.close()
    const confirmation = new Confirmation(REPLICATED)
    const error = await failure(engine.destroy(id, { confirmation }))
    expect(error).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE', indeterminate: false })
    expect(await open(primary.url).load(id)).toBeDefined()
  })

  it('a write that the server refuses rejects as ever, and the others of its moment are done', async () => {
    const { primary } = await withReplica()
    const engine = open(primary.url, { durability: 'replicated' })
    const [id, wrong] = [newId(), newId()]
    await primary.cli('HSET', `sj:{${wrong.slice(0, 3)}}:s:${wrong.slice(3)}`, 'a', 'b')
    const refused = failure(engine.commit(wrong, Buffer.alloc(8), record(2), HOUR))
    const confirmation = new Confirmation()
    await engine.create(id, record(1), HOUR, undefined, undefined, { confirmation })
    expect(await refused).toMatchObject({ reason: 'WRONGTYPE' })
    expect(confirmation.outcome).toBe('durable')
  })

  it('I7 the primary is gone: what was not sent says so, and nothing hangs', async () => {
    const { primary } = await withReplica()
    const engine = open(primary.url, { durability: 'replicated' })
    await engine.ready()
    await engine.create(newId(), record(1), HOUR)
    await primary.kill()
    expect(await failure(engine.create(newId(), record(1), HOUR))).toBeInstanceOf(
      StoreUnavailableError,
    )
    await primary.restart()
    await until('it is done again', async () =>
      engine.create(newId(), record(1), HOUR).then(
        () => true,
        () => false,
      ),
    )
    await engine.close()
    expect(await failure(engine.create(newId(), record(1), HOUR))).toMatchObject({
      indeterminate: false,
    })
  })

  it('I4 a record that is written on the other connection is not kept near: nobody would tell of it', async () => {
    const { primary } = await withReplica()
    const [here, there] = [
      open(primary.url, { durability: 'replicated' }),
      open(primary.url, { durability: 'replicated' }),
    ]
    const id = newId()
    let last = record(1)
    await here.create(id, last, HOUR)
    for (let revision = 2; revision < 60; revision++) {
      const writer = revision % 3 === 0 ? there : here
      const reader = writer === here ? there : here
      if (revision % 7 === 0) await reader.load(id)
      const next = record(revision)
      expect(await writer.commit(id, stampOf(last), next, HOUR)).toEqual({ status: 'done' })
      last = next
      // Its own write at once; another's when the server has told.
      expect(writer.peek(id, writer.now())?.record ?? next).toEqual(next)
      const now = () => reader.peek(id, reader.now())?.record
      await until('the other knows', () => now() === undefined || next.equals(now() as Buffer))
      const read = revision % 5 === 0 ? (await writer.load(id))?.record : next
      expect(read).toEqual(next)
    }
  })

  it('S28 a user who may not wait is found out at start; with the permission that docs/redis.md names all goes well', async () => {
    const { primary } = await withReplica()
    const docs = readFileSync(new URL('../../../docs/redis.md', import.meta.url), 'utf8')
    const [rules = ''] = /ACL SETUSER[^`]*/.exec(docs) ?? []
    await primary.cli(...rules.trim().split(/\s+/))
    const access = { url: primary.url, username: 'app', password: 'password' }
    const engine = open(access, { durability: 'replicated' })
    expect(await failure(engine.ready())).toMatchObject({ reason: 'NOPERM' })
    const [added = ''] = /ACL SETUSER app \+wait/.exec(docs) ?? []
    await primary.cli(...added.split(' '))
    await engine.ready()
    expect(await outcomes(engine)).toEqual(all('durable'))
  })

  it('disk: refused at start by a server that keeps nothing on disk, or cannot say so', async () => {
    const server = await start()
    const engine = open(server.url, { durability: 'disk' })
    const error = await failure(engine.ready())
    expect(error).toBeInstanceOf(StoreRefusedError)
    expect((error as StoreRefusedError).reason).toMatch(/^(NOAOF|NOWAITAOF)$/)
    expect(error.message).toMatch(/disk/)
    // A single call is carried out, and says what it does not know.
    const calm = open(server.url)
    expect(await outcomes(calm, DISK)).toEqual(all('uncertain'))
  })

  it('disk: durable where the append-only file has it', async ({ skip }) => {
    const server = await start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const commands = await server.cli('COMMAND', 'INFO', 'waitaof')
    if (!commands.includes('waitaof')) skip('this server has no WAITAOF')
    const engine = open(server.url, { durability: 'disk' })
    await engine.ready()
    expect(await outcomes(engine)).toEqual(all('durable'))
  })
})
