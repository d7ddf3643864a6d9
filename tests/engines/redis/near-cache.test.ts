/** The rules of the near cache, without a server: a clock that stands still, answers made up. */
import { describe, expect, it } from 'vitest'
import { type Held, type SessionId, stampOf } from '../../../src/core/engine.ts'
import { NearCache } from '../../../src/engines/redis/near-cache.ts'
import { type ManualClock, manualClock } from '../../../src/testing/index.ts'
import { random } from '../../support/random.ts'
import { newId, record } from './fixtures.ts'

const LIMITS = { maxStaleness: 1_000, maxEntries: 1_000, maxBytes: 16 * 1024 * 1024 }

/** Connected and confirmed, at the clock's present time. */
function nearCache(limits = LIMITS): { near: NearCache; clock: ManualClock } {
  const clock = manualClock()
  const near = new NearCache(limits, () => clock.now())
  near.turnOn()
  near.confirm(clock.now())
  return { near, clock }
}

function fill(near: NearCache, ttl = 600_000, bytes: Uint8Array = record(1)): string {
  const id = newId()
  near.keep(id, near.hold(id), bytes, ttl)
  return id
}

it('I4 what it says to hold is what it would give, whatever has come in between', () => {
  const ids = Array.from({ length: 4 }, newId) as [SessionId, ...SessionId[]]
  const { near, clock } = nearCache({ ...LIMITS, maxEntries: 6 })
  const seen: [SessionId, Held][] = []
  const { next } = random(7)
  const kinds = new Map<string, number>()
  for (let step = 0; step < 3_000; step++) {
    const id = ids[next(ids.length)] as SessionId
    const acts: Record<string, () => void> = {
      keep: () => near.keep(id, near.hold(id), record(step), 2_000),
      others: () => void fill(near),
      renew: () => {
        const held = near.held(id)
        if (held !== undefined) near.renew(id, near.hold(id), stampOf(held.record), 3_000)
      },
      remember: () => {
        const held = near.held(id)
        if (held !== undefined) near.remember(id, held, { step }, next(2_000))
      },
      drop: () => near.drop(id),
      release: () => near.release(id, near.hold(id)),
      clear: () => near.clear(),
      disconnect: () => near.disconnect(),
      connect: () => near.turnOn(),
      confirm: () => near.confirm(clock.now()),
      later: () => clock.advance(next(500)),
    }
    const names = Object.keys(acts)
    // What empties it comes less often than what fills it.
    const name = names[next(20) < 19 ? next(4) : next(names.length)] as string
    acts[name]?.()
    if (near.stats.state !== 'on') near.turnOn()
    if (next(2) === 0) near.confirm(clock.now())
    const now = clock.now()
    for (const [of, held] of seen) {
      if (!near.holds(held, now)) continue
      expect(near.peek(of, now)).toBe(held)
      kinds.set(name, (kinds.get(name) ?? 0) + 1)
    }
    const held = near.peek(id, now)
    if (held !== undefined) seen.push([id, held])
    if (seen.length > 40) seen.shift()
  }
  // It says so often enough to be of use, and what has left keeps nothing.
  expect([...kinds.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(1_000)
  near.clear()
  for (const [, held] of seen) expect([held.record.length, held.opened]).toEqual([0, undefined])
})

describe('placeholders', () => {
  it('F07 I4 an answer is kept when nothing came between', () => {
    const { near, clock } = nearCache()
    const id = newId()
    const bytes = record(1)
    near.keep(id, near.hold(id), bytes, 1_000)
    expect(near.peek(id, clock.now())?.record).toEqual(new Uint8Array(bytes))
  })

  it.each([
    ['of the key', (near: NearCache, id: string) => near.invalidate(id)],
    ['of all keys', (near: NearCache) => near.invalidate(undefined)],
    ['that the connection is gone', (near: NearCache) => near.disconnect()],
    ['that there is a new connection', (near: NearCache) => near.turnOn()],
    ['that the server tells nothing', (near: NearCache) => near.turnOff('refused')],
    ['of an own revocation', (near: NearCache, id: string) => near.drop(id)],
  ])('F07 I4 news %s, between question and answer, discards the answer', (_, news) => {
    const { near, clock } = nearCache()
    const id = newId()
    const hold = near.hold(id)
    news(near, id)
    near.keep(id, hold, record(1), 1_000)
    near.turnOn()
    near.confirm(clock.now())
    expect(near.held(id)).toBeUndefined()
    expect(near.peek(id, clock.now())).toBeUndefined()
  })

  it('I4 news of another key leaves the answer alone', () => {
    const { near, clock } = nearCache()
    const id = newId()
    const hold = near.hold(id)
    near.invalidate(newId())
    near.keep(id, hold, record(1), 1_000)
    expect(near.peek(id, clock.now())).toBeDefined()
  })

  it('I4 of two that are under way the newest counts, whichever is looked at first', () => {
    for (const order of ['older first', 'newer first']) {
      const { near, clock } = nearCache()
      const id = newId()
      const [older, newer] = [near.hold(id), near.hold(id)]
      const bytes = record(2)
      if (order === 'older first') near.keep(id, older, record(1), 1_000)
      expect(near.peek(id, clock.now())).toBeUndefined()
      near.keep(id, newer, bytes, 1_000)
      if (order === 'newer first') near.keep(id, older, record(1), 1_000)
      const found = near.peek(id, clock.now())?.record
      expect(found === undefined || Buffer.compare(found, bytes) === 0).toBe(true)
    }
  })

  it('I4 an answer that was lost takes the entry along', () => {
    const { near } = nearCache()
    const id = fill(near)
    near.release(id, near.hold(id))
    expect(near.held(id)).toBeUndefined()
  })

  it('I4 a lost answer leaves nothing that was kept while it was under way', () => {
    const { near } = nearCache()
    const id = fill(near)
    const write = near.hold(id)
    near.keep(id, near.hold(id), record(1), 1_000)
    near.release(id, write)
    expect(near.held(id)).toBeUndefined()
  })

  it('I4 a touch renews only the record that it has touched', () => {
    const { near, clock } = nearCache()
    const bytes = record(7)
    const id = fill(near, 500, bytes)
    near.renew(id, near.hold(id), stampOf(bytes), 5_000)
    expect(near.peek(id, clock.now())?.expiresAt).toBe(clock.now() + 5_000)
    near.renew(id, near.hold(id), stampOf(record(8)), 9_000)
    expect(near.held(id)).toBeUndefined()
  })

  it('I4 a touch brings nothing back that was invalidated', () => {
    const { near } = nearCache()
    const bytes = record(7)
    const id = fill(near, 500, bytes)
    const hold = near.hold(id)
    near.invalidate(id)
    near.renew(id, hold, stampOf(bytes), 5_000)
    expect(near.held(id)).toBeUndefined()
  })

  it('copies the record: the chunk that it came in is not kept', () => {
    const { near } = nearCache()
    const chunk = Buffer.alloc(64 * 1024, 1)
    const id = fill(near, 1_000, chunk.subarray(100, 200))
    expect(near.held(id)?.record.buffer.byteLength).toBe(100)
    chunk.fill(2)
    expect(near.held(id)?.record).toEqual(new Uint8Array(100).fill(1))
  })
})

describe('F19 the own deadline', () => {
  it('ends an entry to the millisecond, whatever the server says', () => {
    const { near, clock } = nearCache()
    const id = fill(near, 800)
    clock.advance(799)
    expect(near.peek(id, clock.now())).toBeDefined()
    clock.advance(1)
    near.confirm(clock.now())
    expect(near.peek(id, clock.now())).toBeUndefined()
  })

  it('runs from the question, not from its answer', () => {
    const { near, clock } = nearCache()
    const id = newId()
    const hold = near.hold(id)
    clock.advance(300)
    near.keep(id, hold, record(1), 500)
    near.confirm(clock.now())
    clock.advance(200)
    expect(near.peek(id, clock.now())).toBeUndefined()
  })
})

describe('F08 freshness', () => {
  it('I4 counts from when the answered question was sent', () => {
    const { near, clock } = nearCache()
    const id = fill(near)
    const sentAt = clock.now()
    clock.advance(900)
    near.confirm(sentAt)
    clock.advance(99)
    expect(near.peek(id, clock.now())).toBeDefined()
    expect(near.stats.age).toBe(999)
    clock.advance(1)
    expect(near.peek(id, clock.now())).toBeUndefined()
    near.confirm(clock.now())
    expect(near.peek(id, clock.now())).toBeDefined()
  })

  it.each([
    ['gone', (near: NearCache) => near.disconnect()],
    ['not trusted', (near: NearCache) => near.turnOff('refused')],
  ])('I4 of a connection that is %s no answer confirms anything', (_, end) => {
    const { near, clock } = nearCache()
    const id = fill(near)
    end(near)
    near.confirm(clock.now())
    near.keep(id, near.hold(id), record(1), 1_000)
    expect(near.peek(id, clock.now())).toBeUndefined()
    expect(near.stats).toMatchObject({ entries: 0, age: undefined })
  })
})

describe('I6 bounds', () => {
  it('by entries', () => {
    const { near } = nearCache({ ...LIMITS, maxEntries: 100 })
    for (let i = 0; i < 1_000; i++) {
      fill(near)
      expect(near.stats.entries).toBeLessThanOrEqual(100)
    }
    expect(near.stats.entries).toBeGreaterThanOrEqual(50)
    expect(near.stats.entries + near.stats.evictions).toBe(1_000)
  })

  it('by bytes, whatever the sizes', () => {
    const maxBytes = 1024 * 1024
    const { near } = nearCache({ ...LIMITS, maxEntries: 100_000, maxBytes })
    for (let i = 0; i < 500; i++) {
      const id = fill(near, 1_000, record(1, Buffer.alloc((i * 977) % 60_000)))
      if (i % 3 === 0) near.invalidate(id)
      expect(near.stats.bytes).toBeLessThanOrEqual(maxBytes)
    }
    near.invalidate(undefined)
    expect(near.stats).toMatchObject({ entries: 0, bytes: 0 })
  })

  it('keeps nothing of a record that alone would be too much, nor what stood there before', () => {
    const { near } = nearCache({ ...LIMITS, maxBytes: 1024 * 1024 })
    const id = fill(near)
    near.keep(id, near.hold(id), record(2, Buffer.alloc(600_000)), 1_000)
    expect(near.held(id)).toBeUndefined()
  })

  it('by what was made of the records, too', () => {
    const maxBytes = 1024 * 1024
    const { near } = nearCache({ ...LIMITS, maxBytes })
    for (let i = 0; i < 300; i++) {
      const id = fill(near)
      const held = near.held(id)
      if (held !== undefined) near.remember(id, held, {}, (i * 1_009) % 90_000)
      expect(near.stats.bytes).toBeLessThanOrEqual(maxBytes)
    }
    near.invalidate(undefined)
    expect(near.stats.bytes).toBe(0)
  })

  it('what is asked for stays, what is not leaves', () => {
    const { near, clock } = nearCache({ ...LIMITS, maxEntries: 100 })
    const [asked, forgotten] = [fill(near), fill(near)]
    for (let i = 0; i < 1_000; i++) {
      fill(near)
      expect(near.peek(asked, clock.now())).toBeDefined()
    }
    expect(near.held(forgotten)).toBeUndefined()
  })
})

it('counts hits, misses and invalidations', () => {
  const { near, clock } = nearCache()
  const id = fill(near)
  near.peek(id, clock.now())
  near.peek(id, clock.now())
  near.peek(newId(), clock.now())
  near.miss()
  near.invalidate(id)
  near.drop(newId())
  expect(near.stats).toMatchObject({
    state: 'on',
    hits: 2,
    misses: 1,
    invalidations: 1,
    entries: 0,
  })
})
