/**
 * What shares a chunk with what: answers and invalidations are held back by a proxy and come at once,
 * as they do from a busy server to a busy process.
 */
import { expect, it } from 'vitest'
import { stampOf } from '../../../src/core/engine.ts'
import type { RedisEngine, RedisEngineOptions } from '../../../src/engines/redis/redis-engine.ts'
import { proxyOf } from '../../faults/setup.ts'
import type { Proxy } from '../../support/proxy.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { sleep, until } from '../../support/requests.ts'
import { failure, newId, newOwner, PARTITION, record } from './fixtures.ts'
import { open, start } from './harness.ts'

interface World {
  readonly server: RedisServer
  readonly proxy: Proxy
  /** Behind the proxy. */
  readonly here: RedisEngine
  /** Another node. */
  readonly there: RedisEngine
}

async function setUp(options: Partial<RedisEngineOptions> = {}): Promise<World> {
  const server = await start()
  const proxy = await proxyOf(server)
  const here = open(proxy.url, {
    commandTimeout: 5_000,
    nearCache: { maxStaleness: '60s' },
    ...options,
  })
  const there = open(server.url, { commandTimeout: 5_000 })
  await Promise.all([here.ready(), there.ready()])
  // The first heartbeat has come and gone; with 60 s the next one comes after the test.
  await until('the first heartbeat', () => here.nearCache.age !== undefined)
  // Scripts are known to the server, unless a test forgets them.
  const warm = newId()
  const [one, two] = [record(1), record(2)]
  await there.create(warm, one, 60_000, newOwner())
  await there.commit(warm, stampOf(one), two, 60_000)
  await there.touch(warm, stampOf(two), 60_000)
  await there.rotate(warm, stampOf(two), newId(), record(3), 60_000)
  await there.destroy(warm)
  await there.revokeAll(PARTITION, newOwner().tag)
  return { server, proxy, here, there }
}

/** Waits for the answer of what was sent to lie in the proxy. */
async function answered(proxy: Proxy, chunks: number): Promise<void> {
  await until(`${chunks} chunks are held`, () => proxy.held >= chunks)
}

/** What this node would serve without asking. */
function served(engine: RedisEngine, id: string): Buffer | undefined {
  const held = engine.peek(id, engine.now())
  return held && Buffer.from(held.record)
}

it('F07 I4 a read whose answer comes together with the news that outdates it is not kept', async () => {
  const { proxy, here, there } = await setUp()
  const id = newId()
  const first = record(1)
  await there.create(id, first, 60_000)
  proxy.hold()
  const read = here.load(id)
  await answered(proxy, 1)
  await there.commit(id, stampOf(first), record(2), 60_000)
  await answered(proxy, 2)
  proxy.release()
  expect((await read)?.record).toEqual(first)
  expect(served(here, id)).toBeUndefined()
})

it('F07 I4 nor is a commit whose answer comes together with news of the next foreign one', async () => {
  const { proxy, here, there } = await setUp()
  const id = newId()
  const [first, mine, theirs] = [record(1), record(2), record(3)]
  await there.create(id, first, 60_000)
  await here.load(id)
  proxy.hold()
  const write = here.commit(id, stampOf(first), mine, 60_000)
  await answered(proxy, 1)
  await there.commit(id, stampOf(mine), theirs, 60_000)
  await answered(proxy, 2)
  proxy.release()
  expect(await write).toEqual({ status: 'done' })
  expect(served(here, id)).toBeUndefined()
  expect((await here.load(id))?.record).toEqual(theirs)
})

it('F07 I4 nor a touch', async () => {
  const { proxy, here, there } = await setUp()
  const id = newId()
  const first = record(1)
  await there.create(id, first, 60_000)
  await here.load(id)
  proxy.hold()
  const touch = here.touch(id, stampOf(first), 90_000)
  await answered(proxy, 1)
  await there.destroy(id)
  await answered(proxy, 2)
  proxy.release()
  expect(await touch).toEqual({ status: 'done' })
  expect(served(here, id)).toBeUndefined()
})

it('F07 I4 nor a creation and a rotation', async () => {
  const { proxy, here, there } = await setUp()
  const [id, next] = [newId(), newId()]
  const first = record(1)
  proxy.hold()
  const creation = here.create(id, first, 60_000)
  await answered(proxy, 1)
  const rotation = here.rotate(id, stampOf(first), next, record(2), 60_000)
  await answered(proxy, 2)
  await there.destroy(next)
  await answered(proxy, 3)
  proxy.release()
  await Promise.all([creation, rotation])
  expect(served(here, id)).toBeUndefined()
  expect(served(here, next)).toBeUndefined()
})

it('F07 I4 what was written here after a read was asked for is not covered by its answer', async () => {
  const { proxy, here, there } = await setUp()
  const id = newId()
  const [first, mine] = [record(1), record(2)]
  await there.create(id, first, 60_000)
  proxy.hold()
  const outcomes = [here.load(id), here.commit(id, stampOf(first), mine, 60_000), here.load(id)]
  await answered(proxy, 1)
  await sleep(20)
  proxy.release()
  await Promise.all(outcomes)
  const found = served(here, id)
  expect(found === undefined || found.equals(mine)).toBe(true)
})

it('F21 I4 a write that is sent again, for its script was forgotten, leaves nothing from before it', async () => {
  const { server, proxy, here, there } = await setUp()
  const id = newId()
  const first = record(1)
  await there.create(id, first, 60_000)
  await server.cli('SCRIPT', 'FLUSH')
  proxy.hold()
  const write = here.destroy(id)
  await answered(proxy, 1) // NOSCRIPT
  const read = here.load(id)
  await answered(proxy, 2)
  proxy.release(1)
  await answered(proxy, 2) // beside the read's answer that of the script's text
  proxy.release()
  expect((await write).status).toBe('done')
  expect((await read)?.record).toEqual(first)
  expect(served(here, id)).toBeUndefined()
})

it('F07 I4 nor does one that its caller has given up by then', async () => {
  const { server, proxy, here, there } = await setUp({ commandTimeout: 300 })
  const [id, other] = [newId(), newId()]
  const first = record(1)
  await there.create(id, first, 60_000)
  await here.load(id)
  await server.cli('SCRIPT', 'FLUSH')
  proxy.hold()
  const lively = here.load(other)
  await answered(proxy, 1)
  const given = failure(here.destroy(id))
  await answered(proxy, 2) // NOSCRIPT
  await sleep(100)
  proxy.release(1)
  // An answer since the destroy was sent: the link is alive, and stays.
  await lively
  expect(await given).toMatchObject({ indeterminate: true })
  expect(served(here, id)).toBeUndefined()
  const read = here.load(id)
  await answered(proxy, 2)
  proxy.release()
  await read
  await sleep(100)
  const stored = await there.load(id)
  // Carried out or not: what is served here must be what is stored.
  expect(served(here, id)?.toString('hex')).toBe(
    stored && Buffer.from(stored.record).toString('hex'),
  )
})

it('F07 I4 nor does a revocation of everything that its caller has given up', async () => {
  const { server, proxy, here, there } = await setUp({ commandTimeout: 300 })
  const [id, other] = [newId(), newId()]
  const owner = newOwner()
  const first = record(1)
  await there.create(id, first, 60_000, owner)
  await here.load(id)
  await server.cli('SCRIPT', 'FLUSH')
  proxy.hold()
  const lively = here.load(other)
  await answered(proxy, 1)
  const given = failure(here.revokeAll(PARTITION, owner.tag))
  await answered(proxy, 2)
  await sleep(100)
  proxy.release(1)
  await lively
  expect(await given).toMatchObject({ indeterminate: true })
  const read = here.load(id)
  await answered(proxy, 2)
  proxy.release()
  await read
  await sleep(100)
  const stored = await there.load(id)
  expect(served(here, id)?.toString('hex')).toBe(
    stored && Buffer.from(stored.record).toString('hex'),
  )
})

it('I4 a question from long ago is joined by nobody', async () => {
  const { proxy, here, there } = await setUp({ nearCache: { maxStaleness: 100 } })
  const id = newId()
  await there.create(id, record(1), 60_000)
  proxy.hold()
  const early = here.load(id)
  await answered(proxy, 1)
  await there.destroy(id)
  await sleep(150)
  // Asked for more than maxStaleness after the session had ended.
  const late = here.load(id)
  await sleep(20)
  proxy.release()
  expect(await early).toBeDefined()
  expect(await late).toBeUndefined()
})

it('F21 I4 a read between a forgotten script and its text is not kept when the write’s answer is late', async () => {
  const { server, proxy, here, there } = await setUp({ commandTimeout: 400 })
  const [id, other] = [newId(), newId()]
  const first = record(1)
  await there.create(id, first, 60_000)
  await server.cli('SCRIPT', 'FLUSH')
  proxy.hold()
  const lively = here.load(other)
  await answered(proxy, 1)
  const given = failure(here.destroy(id))
  await answered(proxy, 2) // NOSCRIPT
  await sleep(150)
  const read = here.load(id)
  await answered(proxy, 3)
  proxy.release(2)
  await lively
  await answered(proxy, 2) // beside the read's answer that of the script's text
  expect(await given).toMatchObject({ indeterminate: true })
  proxy.release()
  expect((await read)?.record).toEqual(first)
  expect(await there.load(id)).toBeUndefined()
  expect(served(here, id)).toBeUndefined()
})

it.each(['destroy', 'rotate'] as const)(
  'F07 I4 who watches a session is told when this node’s own %s was carried out and its answer is late',
  async (kind) => {
    const { proxy, here, there } = await setUp({ commandTimeout: 300 })
    const [id, other] = [newId(), newId()]
    const first = record(1)
    await there.create(id, first, 60_000)
    await here.load(id)
    let told = 0
    here.watch(id, () => told++)
    proxy.hold()
    const lively = here.load(other)
    await answered(proxy, 1)
    const given = failure(
      kind === 'destroy'
        ? here.destroy(id)
        : here.rotate(id, stampOf(first), newId(), record(2), 60_000),
    )
    await answered(proxy, 2)
    proxy.release(1)
    await lively
    expect(await given).toMatchObject({ indeterminate: true })
    proxy.release()
    await here.load(newId())
    expect(await there.load(id)).toBeUndefined()
    expect(proxy.connections).toBe(1)
    expect(told).toBeGreaterThan(0)
  },
)

it.each(['revokeAll', 'create'] as const)(
  'F07 I1 I4 what a %s may have ended is not served when its answer is late',
  async (kind) => {
    const { proxy, here, there } = await setUp({ commandTimeout: 300 })
    const [id, other, owner, first] = [newId(), newId(), newOwner(), record(1)]
    await there.create(id, first, 60_000, owner)
    await here.load(id)
    expect(served(here, id)).toEqual(first)
    proxy.hold()
    const lively = here.load(other)
    await answered(proxy, 1)
    const limit = { max: 1, policy: 'evict-oldest' } as const
    const given = failure(
      kind === 'revokeAll'
        ? here.revokeAll(PARTITION, owner.tag)
        : here.create(newId(), record(2), 60_000, { ...newOwner(), tag: owner.tag }, limit),
    )
    await answered(proxy, 2)
    proxy.release(1)
    await lively
    expect(await given).toMatchObject({ indeterminate: true })
    expect(await there.load(id)).toBeUndefined()
    expect(served(here, id)).toBeUndefined()
    proxy.release()
    await here.load(newId())
    expect(served(here, id)).toBeUndefined()
  },
)
