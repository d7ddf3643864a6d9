import { describe, expect, it, vi } from 'vitest'
import { SessionEndedError, StoreUnavailableError } from '../../src/core/errors.ts'
import type { Session } from '../../src/core/session.ts'
import type { MemoryEngine } from '../../src/engines/memory/memory-engine.ts'
import type { CreateSessionsOptions } from '../../src/index.ts'
import { type Browser, HOUR, MINUTE, SECOND, setUp } from './session-set-up.ts'

interface Data {
  n: number
  m: number
}

/** Everything that is under way has come to its end. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A user whose browser has a connection to one node, and sends requests to another. */
async function connected(options: CreateSessionsOptions<Data> = {}) {
  const calls: string[] = []
  let watches = 0
  let failure: Error | undefined
  const wrap = (engine: MemoryEngine): MemoryEngine => ({
    ...engine,
    load: async (...args) => {
      calls.push('load')
      if (failure !== undefined) throw failure
      return engine.load(...args)
    },
    // As the near cache of Redis: nothing counts that the store has not confirmed lately.
    peek: (...args) => (failure === undefined ? engine.peek(...args) : undefined),
    peekLate: (id, now) => engine.peek(id, now),
    commit: async (...args) => {
      await new Promise((resolve) => setImmediate(resolve))
      const written = await engine.commit(...args)
      calls.push('committed')
      return written
    },
    touch: async (...args) => {
      calls.push('touch')
      return engine.touch(...args)
    },
    watch: (id, listener) => {
      watches++
      const leave = engine.watch(id, listener)
      return () => {
        watches--
        leave()
      }
    },
  })
  const { sessions, clock, engine, announced } = setUp<Data>(options, wrap)
  const other = setUp<Data>(options, undefined, clock, engine)
  const browser = other.browser()
  await browser.visit(async (session) => {
    session.set('n', 1)
    await session.login('ada', { keep: ['n'] })
  })
  const attach = async (asking: Browser<Data> = browser) => {
    const key = {}
    const facts = { secure: true, host: 'example.org', proxied: false, cookie: asking.cookie }
    await sessions.exchange(key, facts)
    return sessions.attach(key)
  }
  const attachment = await attach()
  await settled()
  return {
    ...{ attachment, attach, browser, clock, engine, sessions, other, announced, calls },
    watches: () => watches,
    breakStore: (error: Error | undefined) => {
      failure = error
    },
  }
}

const read = (n: { get(name: 'n'): number | undefined }): number | undefined => n.get('n')

describe('an attachment', () => {
  it('each event sees what requests have stored meanwhile, and they what it stores', async () => {
    const { attachment, browser } = await connected()
    await browser.visit((session) => session.set('n', 2))
    expect(await attachment.run(read)).toBe(2)
    expect(
      await attachment.run((session) => {
        session.set('m', 3)
        return 'done'
      }),
    ).toBe('done')
    expect(await browser.sees()).toEqual({ n: 2, m: 3 })
  })

  it('its work begins in the same tick when the session is at hand, and asks nobody', async () => {
    const { attachment, calls } = await connected({ rotateEvery: '15m' })
    calls.length = 0
    let isBegun = false
    const running = attachment.run((session) => {
      isBegun = session.get('n') === 1
    })
    expect(isBegun).toBe(true)
    await running
    expect(calls).toEqual([])
  })

  it('so too when its token is old enough for another, which it cannot be given', async () => {
    const { attachment, calls, clock } = await connected({ rotateEvery: '1m' })
    clock.advance(2 * MINUTE)
    calls.length = 0
    expect(await attachment.run(read)).toBe(1)
    expect(calls).toEqual([])
  })

  it('changes by two at once and by a request all count', async () => {
    const { attachment, attach, browser } = await connected()
    const second = await attach()
    const add = (value = 0): number => value + 1
    await Promise.all(
      Array.from({ length: 10 }, (_, i) => [
        (i % 2 === 0 ? attachment : second).run((session) => session.update('n', add)),
        browser.copy().visit((session) => session.update('n', add)),
      ]).flat<Promise<unknown>[][]>(),
    )
    expect(await browser.sees()).toEqual({ n: 21 })
  })

  it('what the work has not waited for is done when it is', async () => {
    const { attachment, calls } = await connected()
    await attachment.run((session) => void session.update('n', () => 3))
    expect(calls).toContain('committed')
  })

  it('work that throws stores nothing', async () => {
    const { attachment, browser } = await connected()
    const failing = attachment.run((session) => {
      session.set('n', 7)
      throw new Error('mine')
    })
    await expect(failing).rejects.toThrow('mine')
    expect(await browser.sees()).toEqual({ n: 1 })
  })

  it('refuses what would need a cookie, and tells no token', async () => {
    const { attachment } = await connected()
    const refused = { code: 'ERR_SOJOURN_HEADERS_SENT' }
    for (const work of ['rotate', 'login', 'stepUp'] as const) {
      await expect(attachment.run((s) => s[work]('2' as never))).rejects.toMatchObject(
        work === 'stepUp' ? { code: 'ERR_SOJOURN_OPTION' } : refused,
      )
    }
    await expect(attachment.run((s) => s.stepUp(2))).rejects.toMatchObject(refused)
    expect(await attachment.run((session) => session.token)).toBeUndefined()
    expect(await attachment.run((session) => session.principal)).toBe('ada')
  })

  it('goes along with rotations, for as long as it is silent, without a word about reuse', async () => {
    const options = { tokenReuse: 'end', absoluteTimeout: '12h', idleTimeout: '12h' } as const
    const { attachment, browser, clock, announced } = await connected(options)
    for (let hours = 0; hours < 5; hours++) {
      await browser.visit((session) => session.rotate())
      await settled()
      await browser.visit()
      clock.advance(HOUR + MINUTE)
    }
    await attachment.run((session) => session.set('m', 5))
    expect(await browser.sees()).toEqual({ n: 1, m: 5 })
    expect(attachment.signal.aborted).toBe(false)
    expect(announced('token-reuse')).toEqual([])
  })

  it('goes past a forward whose time is over, when it could not follow at once', async () => {
    const { attachment, browser, clock, breakStore } = await connected({ tokenReuse: 'end' })
    breakStore(new StoreUnavailableError('gone', false))
    await browser.visit((session) => session.rotate())
    await browser.visit()
    clock.advance(20 * SECOND)
    await settled()
    breakStore(undefined)
    await attachment.run((session) => session.set('m', 5))
    expect(await browser.sees()).toEqual({ n: 1, m: 5 })
  })

  const ends: Record<string, (browser: Browser<Data>) => Promise<unknown>> = {
    'a logout': (browser) => browser.visit((session) => session.logout()),
    'a login': (browser) => browser.visit((session) => session.login('grace')),
    'a step-up': (browser) => browser.visit((session) => session.stepUp(2)),
  }
  it.each(Object.keys(ends))('%s ends it: the signal fires, events are refused', async (way) => {
    const { attachment, browser, watches } = await connected()
    const work = vi.fn<() => void>()
    await ends[way]?.(browser)
    await settled()
    expect(attachment.signal.aborted).toBe(true)
    await expect(attachment.run(work)).rejects.toBeInstanceOf(SessionEndedError)
    expect(work).not.toHaveBeenCalled()
    expect(watches()).toBe(0)
  })

  it('its own logout ends it as well', async () => {
    const { attachment } = await connected()
    await attachment.run(async (session) => void (await session.logout()))
    await settled()
    expect(attachment.signal.aborted).toBe(true)
  })

  it('ends when nobody comes', async () => {
    const { attachment, clock } = await connected()
    clock.advance(31 * MINUTE)
    await expect(attachment.run(read)).rejects.toBeInstanceOf(SessionEndedError)
    expect(attachment.signal.aborted).toBe(true)
  })

  it('a change that is lost because the session ends meanwhile is an error', async () => {
    const { attachment, browser } = await connected()
    const losing = attachment.run(async (session) => {
      session.set('n', 9)
      await browser.visit((theirs) => theirs.logout())
    })
    await expect(losing).rejects.toBeInstanceOf(SessionEndedError)
  })

  it('that the store does not answer is an error of the event, and ends nothing', async () => {
    const { attachment, breakStore, browser } = await connected()
    breakStore(new StoreUnavailableError('gone', false))
    await browser.visit((session) => session.rotate())
    await settled()
    await expect(attachment.run(read)).rejects.toBeInstanceOf(StoreUnavailableError)
    expect(attachment.signal.aborted).toBe(false)
    breakStore(undefined)
    expect(await attachment.run(read)).toBe(1)
  })

  it('with `serve-cached` events meanwhile see what was last known', async () => {
    const { attachment, breakStore, announced } = await connected({ outage: 'serve-cached' })
    breakStore(new StoreUnavailableError('gone', false))
    expect(await attachment.run((session) => [session.outage, session.get('n')])).toEqual([
      'serve-cached',
      1,
    ])
    expect(announced('outage')).toMatchObject([{ policy: 'serve-cached' }])
  })

  it('an event counts as activity, unless it says that it is none', async () => {
    const { attachment, clock, calls, engine } = await connected()
    for (let i = 0; i < 4; i++) {
      clock.advance(20 * MINUTE)
      await attachment.run(read)
      await settled()
    }
    expect(calls.filter((call) => call === 'touch')).toHaveLength(4)
    clock.advance(20 * MINUTE)
    await attachment.run(read, { touch: false })
    clock.advance(11 * MINUTE)
    await engine.load('none')
    await settled()
    expect(attachment.signal.aborted).toBe(true)
  })

  it('of nobody: there is nothing to watch, and nothing is stored', async () => {
    const { attach, watches, announced, engine } = await connected()
    const before = watches()
    const attachment = await attach({ cookie: undefined } as Browser<Data>)
    const { records } = engine.stats()
    await attachment.run((session) => {
      expect(session.principal).toBeUndefined()
      session.set('n', 3)
    })
    expect(watches()).toBe(before)
    expect(engine.stats().records).toBe(records)
    expect(announced('dropped')).toMatchObject([{ reason: 'headers-sent' }])
    attachment.close()
    expect(attachment.signal.aborted).toBe(false)
  })

  it('500 of one session are watched once and all told; closed ones leave nothing', async () => {
    const { attachment, attach, browser, watches, calls } = await connected()
    const all = await Promise.all(Array.from({ length: 500 }, () => attach()))
    await settled()
    expect(watches()).toBe(1)
    const [gone, ...rest] = all
    gone?.close()
    calls.length = 0
    await browser.visit((session) => session.rotate())
    await settled()
    expect(watches()).toBe(1)
    await browser.visit((session) => session.logout())
    await settled()
    expect(rest.every(({ signal }) => signal.aborted)).toBe(true)
    expect(attachment.signal.aborted).toBe(true)
    expect(gone?.signal.aborted).toBe(false)
    expect(watches()).toBe(0)
  })

  it('closed, it is not watched, and what is under way is stored', async () => {
    const { attachment, browser, watches } = await connected()
    attachment.close()
    attachment.close()
    expect(watches()).toBe(0)
    await attachment.run((session) => session.set('m', 2))
    expect(await browser.sees()).toEqual({ n: 1, m: 2 })
    await browser.visit((session) => session.logout())
    await settled()
    expect(attachment.signal.aborted).toBe(false)
  })
})

describe('a view of an attachment', () => {
  const view = async ({ attachment }: Awaited<ReturnType<typeof connected>>) =>
    (await attachment.view()) as Session<Data> & Partial<Data>

  it('is the session as it is now, and what is changed there is stored by itself', async () => {
    const world = await connected()
    await world.browser.visit((session) => session.set('n', 2))
    const session = await view(world)
    expect([session.n, session.principal]).toEqual([2, 'ada'])
    session.m = 3
    await settled()
    expect(await world.browser.sees()).toEqual({ n: 2, m: 3 })
    expect(world.calls).toContain('committed')
  })

  it('there is none of a session that has ended, also where nobody has been told yet', async () => {
    const world = await connected()
    await world.browser.visit((session) => session.logout())
    await expect(world.attachment.view()).rejects.toThrow(SessionEndedError)
  })

  it('its signal is watched until the connection is closed, and not when that has been before', async () => {
    const world = await connected()
    expect((await view(world)).signal.aborted).toBe(false)
    expect(world.watches()).toBe(1)
    world.attachment.close()
    expect(world.watches()).toBe(0)
    expect((await view(world)).signal.aborted).toBe(false)
    expect(world.watches()).toBe(0)
  })

  it('counts as activity, unless it says that it is none', async () => {
    const world = await connected()
    world.clock.advance(10 * MINUTE)
    await world.attachment.view({ touch: false })
    await settled()
    expect(world.calls).not.toContain('touch')
    await view(world)
    await settled()
    expect(world.calls).toContain('touch')
  })
})

it('sessions.attach takes a request that has been seen', () => {
  expect(() => setUp().sessions.attach({})).toThrow(TypeError)
})
