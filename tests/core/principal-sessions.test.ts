import { describe, expect, it } from 'vitest'
import {
  AttributeError,
  NotSignedInError,
  OptionError,
  SchemaError,
  SessionEndedError,
  StoreUnavailableError,
} from '../../src/core/errors.ts'
import { HOUR, interleaved, MINUTE, type Slip, setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

describe('sessions.of', () => {
  it('S17 refuses what does not say what it means, and ends or changes nothing', async () => {
    const { browser, sessions } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.login('u1'))
    const own = sessions.of('u1') as unknown as Record<
      'revokeAll' | 'set',
      (value: unknown) => Promise<unknown>
    >
    for (const wrong of [{ exept: 'id' }, 'id', ['id'], null]) {
      await expect(own.revokeAll(wrong)).rejects.toThrow(OptionError)
    }
    for (const wrong of ['roles', ['admin'], null, undefined]) {
      await expect(own.set(wrong)).rejects.toThrow(OptionError)
    }
    expect(await sessions.of('u1').count()).toBe(1)
    expect(await user.sees()).toEqual({})
  })

  it('S16 lists devices: who, where, since when, last active, and which one this is', async () => {
    const { browser, sessions, clock } = setUp<Data>({ touchAfter: 0 })
    const [phone, laptop] = [browser(), browser()]
    const at = clock.now()
    await phone.visit((s) => s.login('u1', { device: 'Phone', address: '::1', kind: 'mobile' }))
    clock.advance(MINUTE)
    await laptop.visit((s) => s.login('u1', { device: 'Laptop' }))
    clock.advance(MINUTE)
    const { session } = await laptop.request()
    await session.touch()
    const own = sessions.of(session)
    const listed = await own.list()
    expect(listed).toMatchObject([
      { device: 'Phone', address: '::1', kind: 'mobile', createdAt: at, lastActiveAt: at },
      { device: 'Laptop', createdAt: at + MINUTE, lastActiveAt: at + 2 * MINUTE },
    ])
    expect(listed.map(({ current }) => current)).toEqual([false, true])
    expect(listed[1]).toMatchObject({ id: session.id, address: undefined, kind: undefined })
    expect((await sessions.of('u1').list()).map(({ current }) => current)).toEqual([false, false])
    expect(await own.count()).toBe(2)
    expect(await sessions.of('u2').count()).toBe(0)
  })

  it('keeps the kind over a rotation and a new lifetime', async () => {
    const { browser, sessions } = setUp<Data>()
    const user = browser()
    await user.visit((s) => s.login('u1', { kind: 'mobile' }))
    await user.visit((s) => s.rotate())
    await user.visit((s) => s.setLifetime({ idleTimeout: '1h' }))
    expect(await sessions.of('u1').list()).toMatchObject([{ kind: 'mobile' }])
  })

  it('is for somebody’s session, and takes what names a principal', async () => {
    const { browser, sessions } = setUp<Data>()
    const user = browser()
    const { session } = await user.request()
    expect(() => sessions.of(session)).toThrow(NotSignedInError)
    await user.visit((s) => s.set('a', 1))
    const stored = (await user.request()).session
    expect(() => sessions.of(stored)).toThrow(NotSignedInError)
    for (const wrong of ['', undefined, null, 7]) {
      expect(() => sessions.of(wrong as string)).toThrow(AttributeError)
    }
  })
})

describe('S18 sign out everywhere else', () => {
  it('ends all but this one', async () => {
    const { browser, sessions, announced } = setUp<Data>()
    const [mine, other, another, stranger] = [browser(), browser(), browser(), browser()]
    for (const user of [mine, other, another]) await user.visit((s) => s.login('u1'))
    await stranger.visit((s) => s.login('u2'))
    await mine.visit(async (s) =>
      expect(await sessions.of(s).revokeOthers()).toMatchObject({ count: 2 }),
    )
    expect(await mine.sees()).toEqual({})
    const principals = [mine, other, another, stranger].map(async (b) => {
      return (await b.request()).session.principal
    })
    expect(await Promise.all(principals)).toEqual(['u1', undefined, undefined, 'u2'])
    expect(announced('revoked')).toHaveLength(2)
  })

  it('spares this one also when a parallel request rotates it', async () => {
    const { browser, sessions } = setUp<Data>()
    const [mine, other] = [browser(), browser()]
    for (const user of [mine, other]) await user.visit((s) => s.login('u1'))
    const { session } = await mine.request()
    await mine.visit((s) => s.rotate())
    expect(await sessions.of(session).revokeOthers()).toMatchObject({ count: 1 })
    expect((await mine.request()).session.principal).toBe('u1')
    expect((await other.request()).session.principal).toBeUndefined()
  })

  it('ends nobody for a session that has been signed out, or is another one’s by now', async () => {
    const { browser, sessions } = setUp<Data>()
    const [mine, other] = [browser(), browser()]
    for (const user of [mine, other]) await user.visit((s) => s.login('u1'))
    const exchange = await mine.request()
    const own = sessions.of(exchange.session)
    await exchange.session.login('u2')
    await expect(own.revokeOthers()).rejects.toThrow(SessionEndedError)
    await exchange.session.logout()
    await expect(own.revokeOthers()).rejects.toThrow(SessionEndedError)
    expect(await sessions.of('u1').count()).toBe(1)
  })
})

describe('attributes of all sessions of a principal', () => {
  it('are set in all, without tokens, and nobody’s idle timeout is renewed', async () => {
    const { browser, sessions, clock, announced } = setUp<Data>()
    const users = [browser(), browser()]
    const stranger = browser()
    for (const [i, user] of users.entries()) {
      await user.visit(async (s) => {
        await s.login('u1')
        Object.assign(s.data, { roles: ['admin'], cart: [i], old: 1 })
      })
    }
    await stranger.visit(async (s) => {
      await s.login('u2')
      s.set('roles', ['admin'])
    })
    const before = await sessions.of('u1').list()
    clock.advance(10 * MINUTE)
    const result = await sessions.of('u1').set({ roles: [], old: undefined })
    expect(result).toEqual({ changed: 2, sealed: 0, gone: 0 })
    expect(await sessions.of('u1').list()).toEqual(before)
    for (const [i, user] of users.entries())
      expect(await user.sees()).toEqual({ roles: [], cart: [i] })
    expect(await stranger.sees()).toEqual({ roles: ['admin'] })
    expect(announced('changed').slice(-2)).toMatchObject([
      { attributes: ['roles', 'old'] },
      { attributes: ['roles', 'old'] },
    ])
  })

  it('count as changed where they are so already, and nothing is written', async () => {
    const { browser, sessions, engine } = setUp<Data>()
    const user = browser()
    await user.visit(async (s) => {
      await s.login('u1')
      s.set('roles', ['a'])
    })
    const { id } = (await user.request()).session
    const stored = await engine.load(id as string)
    expect(await sessions.of('u1').set({ roles: ['a'], none: undefined })).toMatchObject({
      changed: 1,
    })
    expect((await engine.load(id as string))?.record).toEqual(stored?.record)
  })

  it('I3 lose no change that a request makes at the same time', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, sessions } = setUp<Data>({}, (engine) => {
      const hook = interleaved(engine, 'commit')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit(async (s) => {
      await s.login('u1')
      Object.assign(s.data, { n: 1, cart: [1] })
    })
    slip(() => user.visit((s) => Object.assign(s.data, { n: 5, cart: [1, 2] })))
    await sessions.of('u1').update('n', (n) => (n as number) + 1)
    expect(await user.sees()).toEqual({ n: 6, cart: [1, 2] })
    // And the other way round: the request is the one that comes late.
    const exchange = await user.request()
    exchange.session.set('cart', [3])
    slip(() => sessions.of('u1').update('n', (n) => (n as number) + 1))
    await user.respond(exchange)
    expect(await user.sees()).toEqual({ n: 7, cart: [3] })
  })

  it('follow a session that is rotated in between, and change it once', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, sessions } = setUp<Data>({}, (engine) => {
      const hook = interleaved(engine, 'commit')
      slip = hook.next
      return hook.engine
    })
    const [user, other] = [browser(), browser()]
    for (const each of [user, other]) {
      await each.visit(async (s) => {
        await s.login('u1')
        s.set('n', 1)
      })
    }
    slip(() => user.visit((s) => s.rotate()))
    const result = await sessions.of('u1').update('n', (n) => (n as number) + 1)
    expect(result).toEqual({ changed: 2, sealed: 0, gone: 0 })
    for (const each of [user, other]) expect(await each.sees()).toEqual({ n: 2 })
  })

  it('change a session once that is rotated after its change and listed as somebody new', async () => {
    let lists = 0
    let slip: Slip = async () => undefined
    const { browser, sessions } = setUp<Data>({}, (engine) => ({
      ...engine,
      list: async (partition, tag) => {
        lists += 1
        if (lists === 2) await slip()
        return engine.list(partition, tag)
      },
    }))
    const user = browser()
    await user.visit(async (s) => {
      await s.login('u1')
      s.set('n', 1)
    })
    slip = async () => {
      for (let i = 0; i < 2; i++) await user.visit((s) => s.rotate())
    }
    const result = await sessions.of('u1').update('n', (n) => (n as number) + 1)
    expect(result).toEqual({ changed: 1, sealed: 0, gone: 0 })
    expect(await user.sees()).toEqual({ n: 2 })
  })

  it('change a session too that a long list has missed, and nobody who signs in meanwhile', async () => {
    let isFirst = true
    const late: Slip[] = []
    const { browser, sessions, clock } = setUp<Data>({}, (engine) => ({
      ...engine,
      list: async (partition, tag) => {
        const listed = await engine.list(partition, tag)
        if (!isFirst) return listed
        isFirst = false
        for (const slip of late) await slip()
        return listed.slice(1)
      },
    }))
    const [missed, other, newcomer] = [browser(), browser(), browser()]
    for (const user of [missed, other]) await user.visit((s) => s.login('u1'))
    late.push(async () => {
      clock.advance(1)
      await newcomer.visit((s) => s.login('u1'))
    })
    expect(await sessions.of('u1').set({ n: 2 })).toEqual({ changed: 2, sealed: 0, gone: 0 })
    for (const user of [missed, other]) expect(await user.sees()).toEqual({ n: 2 })
    expect(await newcomer.sees()).toEqual({})
  })

  it('leave sessions alone that are sealed with their tokens, and say so', async () => {
    const { browser, sessions, engine, clock } = setUp<Data>({ seal: 'token' })
    const mixed = setUp<Data>({}, (inner) => inner, clock, engine)
    const [sealed, open] = [browser(), mixed.browser()]
    for (const user of [sealed, open]) {
      await user.visit(async (s) => {
        await s.login('u1')
        s.set('n', 1)
      })
    }
    expect(await mixed.sessions.of('u1').set({ n: 2 })).toEqual({ changed: 1, sealed: 1, gone: 0 })
    expect(await sessions.of('u1').set({ n: 3 })).toEqual({ changed: 0, sealed: 2, gone: 0 })
    expect(await sealed.sees()).toEqual({ n: 1 })
    expect(await open.sees()).toEqual({ n: 2 })
  })

  it('count those that end in between', async () => {
    let slip: (run: Slip) => void = () => undefined
    const { browser, sessions } = setUp<Data>({}, (engine) => {
      const hook = interleaved(engine, 'commit')
      slip = hook.next
      return hook.engine
    })
    const user = browser()
    await user.visit((s) => s.login('u1'))
    slip(() => sessions.of('u1').revokeAll())
    expect(await sessions.of('u1').set({ n: 1 })).toEqual({ changed: 0, sealed: 0, gone: 1 })
    expect(await sessions.of('u1').count()).toBe(0)
  })

  it('are checked by the schema, and by what can be stored', async () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          (value as Data)['n'] === 'bad'
            ? { issues: [{ message: 'no', path: ['n'] }] }
            : { value: value as Data },
      },
    }
    const { browser, sessions } = setUp<Data>({ schema })
    const user = browser()
    await user.visit(async (s) => {
      await s.login('u1')
      s.set('n', 1)
    })
    const all = sessions.of('u1')
    await expect(all.set({ n: 'bad' })).rejects.toThrow(SchemaError)
    await expect(all.set({ n: () => 1 })).rejects.toThrow(AttributeError)
    await expect(all.set({ constructor: 1 })).rejects.toThrow(AttributeError)
    await expect(all.update('n', () => undefined)).rejects.toThrow(AttributeError)
    await expect(all.update('n', async () => 1)).rejects.toThrow(AttributeError)
    expect(await user.sees()).toEqual({ n: 1 })
  })

  it('stop at the first failure', async () => {
    let commits = 0
    const { browser, sessions } = setUp<Data>({}, (engine) => ({
      ...engine,
      commit: async (id, base, record, ttl) => {
        commits += 1
        if (ttl !== undefined) return engine.commit(id, base, record, ttl)
        throw new StoreUnavailableError('gone for a moment', false)
      },
    }))
    for (let i = 0; i < 40; i++) await browser().visit((s) => s.login('u1'))
    await expect(sessions.of('u1').set({ n: 1 })).rejects.toThrow(StoreUnavailableError)
    expect(commits).toBeLessThan(40)
  })

  it('are migrated first', async () => {
    const old = setUp<Data>()
    const user = old.browser()
    await user.visit(async (s) => {
      await s.login('u1')
      s.set('name', 'x')
    })
    const migrate = { 1: ({ name }: Data) => ({ names: [name] }) }
    const { sessions, browser } = setUp<Data>(
      { version: 2, migrate },
      (engine) => engine,
      old.clock,
      old.engine,
    )
    await sessions.of('u1').update('names', (names) => [...(names as string[]), 'y'])
    expect(await browser(user.cookie).sees()).toEqual({ names: ['x', 'y'] })
  })
})

describe('an absolute deadline', () => {
  it('S13 is not moved by a change of all sessions', async () => {
    const { browser, sessions, clock } = setUp<Data>({ absoluteTimeout: '1h', idleTimeout: '50m' })
    const user = browser()
    await user.visit((s) => s.login('u1'))
    clock.advance(30 * MINUTE)
    await sessions.of('u1').set({ a: 1 })
    const { session } = await user.request()
    expect(session.deadline).toBe(clock.now() + HOUR / 2)
    expect(session.expiresAt).toBe(clock.now() + 20 * MINUTE)
  })
})
