/** What adapters keep with a session, do to it and read of it that the application does not see. */

import { createSessions, memoryEngine, type Sessions, type SessionsOptions } from 'sojourn'
import { manualClock } from 'sojourn/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { namedCookie } from '../../src/core/cookie.ts'
import type { Exchange } from '../../src/core/exchange.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

type Data = Record<string, unknown>

function setUp(options: SessionsOptions<Data> = {}) {
  const clock = manualClock()
  const engine = memoryEngine({ clock })
  const make = (): Sessions<Data> =>
    createSessions<Data>({ engine, clock, secrets: ['k'.repeat(32)], ...options })
  const [sessions, other] = [make(), make()]
  closing.push(
    () => sessions.close(),
    () => other.close(),
  )
  const request = { secure: true, host: 'localhost', proxied: false }
  const enter = async (cookie?: string, at = sessions): Promise<Exchange<Data>> =>
    at.exchange({}, { ...request, cookie }, { cookie: namedCookie('sid') })
  /** As a response that sets the cookie. */
  const leave = async (exchange: Exchange<Data>): Promise<string> => {
    await exchange.commit()
    return `sid=${exchange.deliver()?.token}`
  }
  return { sessions, other, clock, enter, leave }
}

describe('a note', () => {
  it.each(['set back', 'set back and said again'])(
    'that is %s while another is being stored is what is stored in the end',
    async (what) => {
      const { enter, leave } = setUp()
      const first = await enter()
      first.note = { v: 1 }
      first.session.set('n', 1)
      const cookie = await leave(first)
      const second = await enter(cookie)
      second.note = { v: 2 }
      const storing = second.commit()
      second.note = { v: 1 }
      const last = what === 'set back' ? { v: 1 } : { v: 2 }
      second.note = last
      await storing
      expect(second.note).toEqual(last)
      await second.commit()
      expect(second.dirty).toBe(false)
      expect((await enter(cookie)).note).toEqual(last)
    },
  )

  it('is kept with the session, is no attribute, and does not store a session by itself', async () => {
    const { sessions, other, enter, leave } = setUp()
    const first = await enter()
    first.note = { a: [1] }
    expect(first.dirty).toBe(false)
    first.session.set('n', 1)
    const cookie = await leave(first)
    const second = await enter(cookie, other)
    expect(second.note).toEqual({ a: [1] })
    expect(second.session.toJSON()).toEqual({ n: 1 })
    second.note = { a: [1] }
    expect(second.dirty).toBe(false)
    second.note = { a: [2] }
    expect(second.dirty).toBe(true)
    await second.commit()
    expect(second.dirty).toBe(false)
    expect((await enter(cookie, sessions)).note).toEqual({ a: [2] })
    const third = await enter(cookie)
    third.note = undefined
    await third.commit()
    expect((await enter(cookie, other)).note).toBeUndefined()
  })

  it('goes along with a login, a rotation and a change of others; not past a logout', async () => {
    const { other, enter, leave } = setUp()
    const exchange = await enter()
    exchange.note = 'kept'
    exchange.session.set('n', 1)
    await exchange.session.login('ada', { keep: ['n'] })
    await exchange.session.rotate()
    const cookie = await leave(exchange)
    const elsewhere = await enter(cookie, other)
    elsewhere.session.set('m', 2)
    await elsewhere.commit()
    const late = await enter(cookie)
    expect(late.note).toBe('kept')
    await late.session.logout()
    expect(late.note).toBeUndefined()
  })

  it('and a change of another at once are both there', async () => {
    const { other, enter, leave } = setUp()
    const first = await enter()
    first.session.set('n', 1)
    const cookie = await leave(first)
    const [a, b] = [await enter(cookie), await enter(cookie, other)]
    a.note = 'a'
    b.session.set('m', 2)
    await b.commit()
    await a.commit()
    const { note, session } = await enter(cookie)
    expect({ note, ...session.toJSON() }).toEqual({ note: 'a', n: 1, m: 2 })
  })
})

describe('leave', () => {
  it('gives a new token and nobody’s session with all attributes; the former is refused at once', async () => {
    const { sessions, other, enter, leave } = setUp()
    const logouts: unknown[] = []
    sessions.on('logout', (event) => logouts.push(event))
    const first = await enter()
    first.note = 'kept'
    first.session.set('n', 1)
    await first.session.login('ada', { keep: ['n'] })
    const cookie = await leave(first)
    const second = await enter(cookie)
    const { id } = second.session
    second.session.set('m', 2)
    await second.disown(60_000)
    const after = await leave(second)
    expect(after).not.toBe(cookie)
    const found = await enter(after, other)
    expect(found.session.toJSON()).toEqual({ n: 1, m: 2 })
    expect(found.session.principal).toBeUndefined()
    expect(found.note).toBe('kept')
    expect(found.idleTimeout).toBe(60_000)
    expect(await sessions.of('ada').count()).toBe(0)
    expect((await enter(cookie, other)).session.isNew).toBe(true)
    expect(logouts).toEqual([{ id, principal: 'ada' }])
  })
})

describe('assign', () => {
  const owner = (data: ReadonlyMap<string, unknown>): string | undefined =>
    data.get('user') as string | undefined

  it('and leave take along what another request has set meanwhile, also a new attribute', async () => {
    const { enter, leave } = setUp()
    const first = await enter()
    first.session.set('n', 1)
    const cookie = await leave(first)
    const [slow, quick] = [await enter(cookie), await enter(cookie)]
    quick.session.set('cart', ['pear'])
    await quick.commit()
    slow.session.set('user', 'ada')
    await slow.assign('ada', {})
    const signedIn = await leave(slow)
    const data = { n: 1, cart: ['pear'], user: 'ada' }
    expect((await enter(signedIn)).session.toJSON()).toEqual(data)
    const [leaving, other] = [await enter(signedIn), await enter(signedIn)]
    other.session.set('m', 2)
    await other.commit()
    leaving.session.delete('user')
    await leaving.disown(60_000)
    expect((await enter(await leave(leaving))).session.toJSON()).toEqual({
      n: 1,
      cart: ['pear'],
      m: 2,
    })
  })

  it('by what a request has set: the former token is refused at once', async () => {
    const { sessions, other, enter, leave } = setUp()
    for (const each of [sessions, other]) each.ownedBy(owner)
    const first = await enter()
    first.session.set('n', 1)
    const cookie = await leave(first)
    const second = await enter(cookie)
    second.session.set('user', 'ada')
    await second.assign('ada', {})
    expect((await enter(await leave(second), other)).session.principal).toBe('ada')
    expect((await enter(cookie, other)).session.isNew).toBe(true)
  })

  it('by what has been stored before, in parallel: one session, nothing lost, nobody turned away', async () => {
    const { sessions, other, enter, leave } = setUp({ maxSessions: 1 })
    const events: string[] = []
    for (const each of [sessions, other]) {
      each.ownedBy(owner)
      each.on('login', ({ principal }) => events.push(`login ${principal}`))
    }
    const first = await enter()
    first.session.set('user', 'ada')
    const cookie = await leave(first)
    for (const each of [sessions, other]) {
      each.on('changed', ({ attributes }) => events.push(...attributes))
    }
    const parallel = await Promise.all(
      [sessions, other, sessions].map(async (at) => enter(cookie, at)),
    )
    const late = await enter(cookie)
    const cookies = await Promise.all(
      parallel.map(async (exchange, i) => {
        exchange.session.set(`a${i}`, i)
        await exchange.assign('ada', {})
        return leave(exchange)
      }),
    )
    // One sign-in, and what the two others have set.
    expect(events.filter((event) => event.startsWith('login'))).toEqual(['login ada'])
    expect(events.filter((event) => /^a\d$/.test(event))).toHaveLength(2)
    late.session.set('late', true)
    cookies.push(await leave(late))
    const data = { user: 'ada', a0: 0, a1: 1, a2: 2, late: true }
    for (const each of [...cookies, cookie]) {
      const { session } = await enter(each, other)
      expect(session.toJSON()).toEqual(data)
      expect(session.principal).toBe('ada')
    }
    expect(await sessions.of('ada').count()).toBe(1)
  })
})

describe('data that name a principal', () => {
  const owner = (data: ReadonlyMap<string, unknown>): string | undefined =>
    data.get('user') as string | undefined

  /** Of a session that is ada's, with data that name `stored`. */
  const opened = async (stored: string | undefined) => {
    const { sessions, enter, leave } = setUp()
    sessions.ownedBy(owner)
    const first = await enter()
    await first.session.login('ada')
    if (stored !== undefined) first.session.set('user', stored)
    return enter(await leave(first))
  }

  it('make it theirs where they name another than it is', async () => {
    const { enter } = setUp()
    const nobodys = await enter()
    expect(nobodys.isAnothers('ada')).toBe(true)
    expect(nobodys.isAnothers(undefined)).toBe(false)
    const exchange = await opened('ada')
    expect(exchange.isAnothers('ada')).toBe(false)
    expect(exchange.isAnothers('bob')).toBe(true)
    expect(exchange.isAnothers(undefined)).toBe(true)
  })

  it('make it theirs though they were stored before anybody looked for a principal', async () => {
    const { sessions, enter, leave } = setUp()
    const first = await enter()
    first.session.set('user', 'ada')
    const cookie = await leave(first)
    sessions.ownedBy(owner)
    expect((await enter(cookie)).isAnothers('ada')).toBe(true)
  })

  it('say nothing of who has signed in by other means while they are as they were stored', async () => {
    const without = await opened(undefined)
    expect(without.isAnothers(undefined)).toBe(false)
    expect(without.isAnothers('bob')).toBe(true)
    const former = await opened('bob')
    expect(former.isAnothers('bob')).toBe(false)
    expect(former.isAnothers(undefined)).toBe(true)
  })

  it('make nobody’s session of one that somebody has ended meanwhile anybody’s', async () => {
    const { sessions, enter, leave } = setUp()
    sessions.ownedBy(owner)
    const first = await enter()
    await first.session.login('ada')
    const late = await enter(await leave(first))
    await sessions.of('ada').revokeAll()
    late.session.set('user', 'ada')
    await late.commit()
    expect(late.ended).toBe(true)
    expect(late.isAnothers('ada')).toBe(false)
  })
})

describe('deliver', () => {
  it('says whether the browser holds the token; without a session there is nothing', async () => {
    const { enter } = setUp()
    expect((await enter()).deliver()).toBeUndefined()
    const first = await enter()
    const reserved = first.id
    first.want()
    await first.commit()
    expect(first.session.id).toBe(reserved)
    const { token, isHeld } = first.deliver() ?? {}
    expect(isHeld).toBe(false)
    const second = await enter(`sid=${token}`)
    expect(second.deliver()).toEqual({ token, isHeld: true })
    const third = await enter(`sid=${token}`)
    await third.session.rotate()
    expect(third.deliver()).toMatchObject({ isHeld: false })
  })

  it('a session that is wanted after it is not stored: nobody would find it', async () => {
    const { sessions, enter } = setUp()
    const created: unknown[] = []
    sessions.on('created', (event) => created.push(event))
    const exchange = await enter()
    exchange.deliver()
    exchange.want()
    expect(exchange.dirty).toBe(false)
    await exchange.commit()
    expect(created).toEqual([])
  })
})

describe('a renewal after the response', () => {
  it('comes when it is worth as much as is asked for', async () => {
    const { clock, enter, leave } = setUp({ idleTimeout: 100_000 })
    const first = await enter()
    first.session.set('n', 1)
    const cookie = await leave(first)
    const left = async (): Promise<number> =>
      ((await enter(cookie)).session.expiresAt ?? 0) - clock.now()
    clock.advance(200)
    ;(await enter(cookie)).afterResponse(() => undefined)
    expect(await left()).toBe(99_800)
    ;(await enter(cookie)).afterResponse(() => undefined, 500)
    expect(await left()).toBe(99_800)
    ;(await enter(cookie)).afterResponse(() => undefined, 200)
    await expect.poll(left).toBe(100_000)
  })
})

describe('a session by its public id', () => {
  it('is read, changed and renewed without its token, also at its former id', async () => {
    const { sessions, other, clock, enter, leave } = setUp({ idleTimeout: 100_000 })
    const first = await enter()
    first.note = 'kept'
    first.session.set('n', 1)
    let cookie = await leave(first)
    const id = first.session.id as string
    expect(await other.stored.read(id)).toMatchObject({
      ...{ id, note: 'kept', idleTimeout: 100_000, expiresAt: clock.now() + 100_000 },
      attributes: new Map([['n', 1]]),
    })
    const second = await enter(cookie)
    await second.session.rotate()
    cookie = await leave(second)
    clock.advance(50_000)
    const delta = new Map([['m', { value: 2 }]])
    expect(await other.stored.change(id, () => ({ delta, note: 'new', idleTimeout: 70_000 }))).toBe(
      true,
    )
    const third = await enter(cookie)
    expect({ note: third.note, ...third.session.toJSON() }).toEqual({ note: 'new', n: 1, m: 2 })
    expect(third.session.expiresAt).toBe(clock.now() + 70_000)
    clock.advance(50_000)
    expect(await other.stored.touch(id)).toBe(true)
    expect((await sessions.stored.read(id))?.expiresAt).toBe(clock.now() + 70_000)
  })

  it('runs again when another writer was first', async () => {
    const { sessions, enter, leave } = setUp()
    const first = await enter()
    first.session.set('n', 1)
    const cookie = await leave(first)
    let runs = 0
    const writer = await enter(cookie)
    writer.session.set('n', 10)
    // The record is read, then the other one writes, then this one would.
    const changing = sessions.stored.change(first.session.id as string, ({ attributes, note }) => {
      runs++
      if (runs === 1) void writer.commit()
      const value = (attributes.get('n') as number) + 1
      return { delta: new Map([['n', { value }]]), note }
    })
    expect(await changing).toBe(true)
    expect(runs).toBe(2)
    expect((await enter(cookie)).session.get('n')).toBe(11)
  })

  it('is not there when it has ended, and for what is no id', async () => {
    const { sessions, enter } = setUp()
    const first = await enter()
    first.session.set('n', 1)
    await first.commit()
    const id = first.session.id as string
    await first.session.logout()
    for (const asked of [id, 'x', '', '../x']) {
      expect(await sessions.stored.read(asked)).toBeUndefined()
      expect(await sessions.stored.touch(asked)).toBe(false)
      const nothing = { delta: new Map(), note: undefined }
      expect(await sessions.stored.change(asked, () => nothing)).toBe(false)
    }
  })

  it('is refused where sessions open with their tokens only', async () => {
    const { sessions, enter } = setUp({ seal: 'token' })
    const first = await enter()
    first.session.set('n', 1)
    await first.commit()
    await expect(sessions.stored.read(first.session.id as string)).rejects.toThrow(/seal/)
  })
})
