import { inspect } from 'node:util'
import {
  createSessions,
  memoryEngine,
  OptionError,
  ReadOnlySessionError,
  StoreUnavailableError,
} from 'sojourn'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bindSessions } from '../../src/frameworks/next/next-sessions.ts'
import type { Platform } from '../../src/frameworks/next/platform.ts'
import { fieldsOf } from '../../src/frameworks/next/set-cookie.ts'
import { NextBrowser, nextSite } from './next/next-site.ts'
import { SECRET } from './support/world.ts'

class Redirect extends Error {
  readonly digest = 'NEXT_REDIRECT;replace;/;303;'
}

describe('withSession', () => {
  it('stores and sets the cookie once, and what comes after in the request sees it', async () => {
    const { request, withSession, readSession, engine } = nextSite()
    const browser = new NextBrowser()
    await request(browser, async () => {
      expect(await withSession((session) => session.set('n', 1))).toBeUndefined()
      expect((await readSession()).get('n')).toBe(1)
      await withSession((session) => session.set('n', 2))
      expect((await readSession()).get('n')).toBe(2)
    })
    expect(browser.sent).toHaveLength(1)
    expect(browser.sent[0]).toMatchObject({ name: 'session', path: '/', httpOnly: true })
    expect(engine.calls.filter((name) => name !== 'load')).toEqual(['create', 'commit'])
    expect(await request(browser, async () => (await readSession()).get('n'))).toBe(2)
  })

  it('that changes nothing creates nothing', async () => {
    const { request, withSession, engine } = nextSite()
    const browser = new NextBrowser()
    const principal = await request(browser, () => withSession((session) => session.principal))
    expect(principal).toBeUndefined()
    expect(browser.sent).toEqual([])
    expect(engine.calls).toEqual([])
  })

  it('inside of another, and by another bundle, is the same session, stored once', async () => {
    const { request, withSession, again, engine } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () =>
      withSession(async (outer) => {
        outer.set('left', 1)
        await again.withSession((inner) => {
          expect(inner).toBe(outer)
          inner.set('right', 2)
        })
        expect((await again.readSession()).get('right')).toBe(2)
      }),
    )
    expect(engine.calls).toEqual(['create'])
  })

  it('at once run one after the other: the second finds the session of the first', async () => {
    const { request, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () =>
      Promise.all([
        withSession((session) => session.set('left', 1)),
        withSession(async (session) => {
          await session.login('ada', { keep: ['left'] })
        }),
        withSession((session) => session.set('right', session.get('left'))),
      ]),
    )
    const session = await request(browser, () => readSession())
    expect(session.principal).toBe('ada')
    expect(session.toObject()).toEqual({ left: 1, right: 1 })
  })

  it('a failed one does not hold up the next', async () => {
    const { request, withSession } = nextSite()
    const browser = new NextBrowser()
    await request(browser, async () => {
      const failing = withSession(() => {
        throw new Error('boom')
      })
      const next = withSession((session) => session.set('n', 1))
      await expect(failing).rejects.toThrow('boom')
      await next
    })
    expect(browser.sent).toHaveLength(1)
  })

  it('redirect() stores what was changed, sets the cookie, and goes on', async () => {
    const { request, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    const redirect = new Redirect()
    const redirected = request(browser, () =>
      withSession(async (session) => {
        await session.login('ada')
        session.set('n', 1)
        throw redirect
      }),
    )
    await expect(redirected).rejects.toBe(redirect)
    const session = await request(browser, () => readSession())
    expect([session.principal, session.get('n')]).toEqual(['ada', 1])
  })

  it('notFound() and redirect() also make a new session', async () => {
    const { request, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    const redirected = request(browser, () =>
      withSession((session) => {
        session.set('n', 1)
        throw new Redirect()
      }),
    )
    await expect(redirected).rejects.toThrow(Redirect)
    expect(await request(browser, async () => (await readSession()).get('n'))).toBe(1)
  })

  it('an error stores what a session had changed, and creates none that nobody gets', async () => {
    const { request, withSession, readSession, engine } = nextSite()
    const browser = new NextBrowser()
    const fail = (): Promise<void> =>
      request(browser, () =>
        withSession((session) => {
          session.set('n', 2)
          throw new Error('boom')
        }),
      )
    await expect(fail()).rejects.toThrow('boom')
    expect(engine.calls).toEqual([])
    await request(browser, () => withSession((session) => session.set('n', 1)))
    await expect(fail()).rejects.toThrow('boom')
    expect(await request(browser, async () => (await readSession()).get('n'))).toBe(2)
  })

  it('what cannot be stored is thrown, also instead of a redirect; a token that is valid is set', async () => {
    const { request, withSession, readSession, engine } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () => withSession((session) => session.set('n', 1)))
    const { cookie } = browser
    engine.failure = new StoreUnavailableError('gone', false)
    for (const end of [() => undefined, () => Promise.reject(new Redirect())]) {
      const refused = request(browser, () =>
        withSession((session) => {
          session.set('n', 2)
          return end()
        }),
      )
      await expect(refused).rejects.toBe(engine.failure)
    }
    expect(browser.cookie).toBe(cookie)
    engine.failure = undefined
    const refused = request(browser, () =>
      withSession(async (session) => {
        await session.login('ada')
        session.set('name', 'x'.repeat(5_000))
      }),
    )
    await expect(refused).rejects.toMatchObject({ code: 'ERR_SOJOURN_TOO_LARGE' })
    expect((await request(browser, () => readSession())).principal).toBe('ada')
  })

  it('a logout clears the cookie, and what is set after makes a new session', async () => {
    const { request, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () => withSession((session) => session.set('n', 1)))
    await request(browser, async () => {
      await withSession(async (session) => void (await session.logout()))
      expect(browser.sent.at(-1)).toMatchObject({ name: 'session', value: '', maxAge: 0 })
      expect((await readSession()).isNew).toBe(true)
    })
    expect(browser.cookie).toBeUndefined()
  })

  it('a route handler’s response says what it depends on, and keeps its own cookies', async () => {
    const { request, withSession } = nextSite()
    const browser = new NextBrowser()
    const own = new Headers({ 'cache-control': 'public, max-age=9' })
    own.append('set-cookie', 'a=1')
    own.append('set-cookie', 'b=2')
    const answer = (change: boolean): Promise<Response> =>
      request(browser, () =>
        withSession((session) => {
          if (change) session.set('n', 1)
          return new Response('hello', { headers: own, status: 201 })
        }),
      )
    const unused = await answer(false)
    expect(unused.headers.get('vary')).toBeNull()
    const used = await answer(true)
    expect(used.status).toBe(201)
    expect(used.headers.get('vary')).toBe('Cookie')
    expect(used.headers.get('cache-control')).toBe('private, max-age=9')
    // Ours is Next's to add.
    expect(used.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  })

  it('what a response’s stream changes is stored', async () => {
    const { request, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    const response = await request(browser, () =>
      withSession(({ data }) => {
        data.cart = []
        return new Response(
          new ReadableStream<Uint8Array>(
            {
              pull(controller) {
                data.cart?.push('in the stream')
                controller.enqueue(Buffer.from('streamed'))
                controller.close()
              },
            },
            { highWaterMark: 0 },
          ),
        )
      }),
    )
    expect(await response.text()).toBe('streamed')
    const session = await request(browser, () => readSession())
    expect(session.get('cart')).toEqual(['in the stream'])
  })
})

describe('readSession', () => {
  it('reads once a request, whoever asks', async () => {
    const { request, render, withSession, readSession, again, engine } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () => withSession((session) => session.set('n', 1)))
    engine.calls.length = 0
    await render(browser, async () => {
      const all = await Promise.all([readSession(), again.readSession(), readSession()])
      expect(all.map((session) => session.get('n'))).toEqual([1, 1, 1])
      expect((await readSession()).get('n')).toBe(1)
    })
    expect(engine.calls).toEqual(['load'])
    await render(browser, () => readSession({ fresh: true }))
    expect(engine.calls).toEqual(['load', 'load'])
  })

  it('asks again in the request where the store has failed', async () => {
    const { request, render, withSession, readSession, engine } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () => withSession((session) => session.set('n', 1)))
    await render(browser, async () => {
      engine.failure = new StoreUnavailableError('gone', false)
      await expect(readSession()).rejects.toBe(engine.failure)
      engine.failure = undefined
      expect((await readSession()).get('n')).toBe(1)
    })
  })

  it('gives what cannot be changed, by a type and by an error that says where to', async () => {
    const { render, readSession, withSession, engine } = nextSite()
    const browser = new NextBrowser()
    await render(browser, async () => {
      const session = (await readSession()) as unknown as Record<string, () => unknown>
      for (const name of ['set', 'delete', 'update', 'login', 'logout', 'rotate', 'commit']) {
        expect(() => session[name]?.()).toThrow(ReadOnlySessionError)
      }
      expect(() => session['data']).toThrow(/withSession/)
      expect(() => Object.assign(session, { views: 5 })).toThrow(ReadOnlySessionError)
      expect(session['token']).toBeUndefined()
      await expect(withSession((writable) => writable.login('ada'))).rejects.toThrow(
        ReadOnlySessionError,
      )
    })
    expect(engine.calls).toEqual([])
  })

  it('shows nothing of itself in JSON, and only names in logs', async () => {
    const { request, render, withSession, readSession } = nextSite()
    const browser = new NextBrowser()
    await request(browser, () => withSession((session) => session.set('name', 'ada lovelace')))
    const session = await render(browser, () => readSession())
    expect(JSON.stringify(session)).toBe('{}')
    expect(session.toObject()).toEqual({ name: 'ada lovelace' })
    const shown = inspect(session, { depth: 9, showHidden: true })
    expect(shown).toContain("'name'")
    expect(shown).not.toContain('lovelace')
    expect(shown).not.toContain(browser.cookie?.split('=')[1])
  })
})

describe('a process', () => {
  it('makes its sessions once, with the first request, however many bundles it has', async () => {
    const { request, readSession, again, made, sessions } = nextSite()
    expect(made()).toBe(0)
    await request(new NextBrowser(), () => readSession())
    await request(new NextBrowser(), () => again.readSession())
    expect(again.sessions()).toBe(sessions())
    expect(made()).toBe(1)
  })

  it('makes none where Next has no request, as when it builds', async () => {
    const { readSession, withSession } = nextSite({ failing: true })
    await expect(readSession()).rejects.toThrow('outside a request scope')
    await expect(withSession(() => undefined)).rejects.toThrow('outside a request scope')
  })

  it('refuses options that it does not know', async () => {
    const { readSession } = nextSite()
    const platform = {} as Platform
    const factory = () => {
      const engine = memoryEngine()
      onTestFinished(() => engine.close())
      return createSessions({ engine, secrets: [SECRET] })
    }
    expect(() => bindSessions(platform, factory() as never, {})).toThrow(OptionError)
    for (const options of [{ fresh: true }, { name: 1 }, { outage: 'ignore' }]) {
      expect(() => bindSessions(platform, factory, options as never)).toThrow(OptionError)
    }
    expect(() => readSession({ outage: 'fail' } as never)).toThrow(OptionError)
  })
})

it('a cookie is told to Next attribute by attribute', () => {
  const header =
    '__Host-session=a=b; Max-Age=60; Path=/; Domain=a.example; HttpOnly; SameSite=None; Secure; Partitioned'
  expect(fieldsOf(header)).toEqual({
    ...{ name: '__Host-session', value: 'a=b', maxAge: 60, path: '/', domain: 'a.example' },
    ...{ httpOnly: true, sameSite: 'none', secure: true, partitioned: true },
  })
  expect(fieldsOf('s=; Expires=Thu, 01 Jan 1970 00:00:00 GMT')).toEqual({
    ...{ name: 's', value: '', expires: new Date(0) },
  })
  expect(() => fieldsOf('s=1; Priority=High')).toThrow(/Priority/)
})
