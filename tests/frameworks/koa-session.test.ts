import { inspect } from 'node:util'
import Koa, { type Context } from 'koa'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { koaSession as koaSource } from 'sojourn/adopt'
import koaSessionDefault, { KoaSessionModel, koaSession } from 'sojourn/koa-session'
import { manualClock } from 'sojourn/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { listen } from './koa/koa-site.ts'
import { type Any, type Handler, type Row, run, start } from './koa-session/pair.ts'
import { Browser } from './support/http-client.ts'
import { watchedEngine } from './support/watched-engine.ts'
import { SECRET } from './support/world.ts'

function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

const count: Handler = ({ session }) => {
  if (session === null) return 'none'
  session['n'] = ((session['n'] as number | undefined) ?? 0) + 1
  return `n is ${session['n'] as number}`
}
const read: Handler = ({ session }) => ({
  ...(session?.toJSON() as object),
  isNew: session?.isNew,
})
const show: Handler = ({ session }) => ({
  json: session,
  length: session?.length,
  populated: session?.populated,
  keys: Object.keys(session ?? {}).filter((name) => name !== 'isNew' && name[0] !== '_'),
  inspected: inspect(session),
})
const basic: Readonly<Record<string, Handler>> = {
  '/count': count,
  '/read': read,
  '/show': show,
  '/untouched': () => 'untouched',
  '/null': (ctx) => {
    ctx.session = null
    return `now ${ctx.session as unknown as string}`
  },
}

/** Seen alike from outside, by a browser and by middleware. */
const rows: Readonly<Record<string, Row>> = {
  'a counter': { handlers: basic, visits: ['/count', '/count', '/read'] },
  'a session that is not touched': {
    handlers: basic,
    visits: ['/untouched', '/count', '/untouched'],
  },
  'a session that is read and empty': { handlers: basic, visits: ['/read', '/read'] },
  'what it shows of itself': { handlers: basic, visits: ['/show', '/count', '/show'] },
  'null ends it': { handlers: basic, visits: ['/count', '/null', '/count'] },
  'null of nobody’s session': { handlers: basic, visits: ['/null'] },
  'null and then an object': {
    handlers: {
      ...basic,
      '/again': (ctx) => {
        ctx.session = null
        ctx.session = { name: 'new' } as never
        return ctx.session
      },
    },
    visits: ['/count', '/again', '/read'],
  },
  'an object replaces the attributes': {
    handlers: {
      ...basic,
      '/set': (ctx) => {
        ctx.session = { name: 'ada' } as never
        return ctx.session
      },
    },
    visits: ['/count', '/set', '/read'],
  },
  'an empty object, new': {
    handlers: {
      ...basic,
      '/set': (ctx) => void ((ctx.session = {} as never), (ctx['body'] = 'x')),
    },
    visits: ['/set'],
  },
  'an empty object, known': {
    handlers: {
      ...basic,
      '/set': (ctx) => void ((ctx.session = {} as never), (ctx['body'] = 'x')),
    },
    visits: ['/count', '/set', '/read'],
  },
  'anything else': {
    handlers: { ...basic, '/set': (ctx) => void (ctx.session = 'text' as never) },
    visits: ['/set', '/count', '/set'],
  },
  'save() stores an empty session': {
    handlers: { ...basic, '/save': async ({ session }) => (await session?.save(), 'saved') },
    visits: ['/save', '/read'],
  },
  'save(callback)': {
    handlers: {
      ...basic,
      '/save': ({ session }) =>
        new Promise((resolve) => void session?.save(() => resolve('called'))),
    },
    visits: ['/save'],
  },
  'regenerate() keeps the attributes': {
    handlers: {
      ...basic,
      '/new': async ({ session }) => (await session?.regenerate(), 'regenerated'),
    },
    visits: ['/count', '/new', '/read', '/count'],
  },
  'commit(callback)': {
    handlers: {
      ...basic,
      '/commit': ({ session }) => {
        if (session !== null) session['a'] = 1
        return new Promise((resolve) => void session?.commit(() => resolve('called')))
      },
    },
    visits: ['/commit', '/read'],
  },
  'autoCommit: false stores nothing by itself': {
    options: { autoCommit: false },
    handlers: {
      ...basic,
      '/commit': async (ctx) => {
        const text = count(ctx)
        await ctx.session?.manuallyCommit()
        return text
      },
    },
    visits: ['/count', '/count', '/commit', '/count', '/read'],
  },
  'autoCommit: false ends nothing by itself, and leaves the cookie': {
    options: { autoCommit: false },
    handlers: {
      ...basic,
      '/commit': async (ctx) => {
        const text = count(ctx)
        await ctx.session?.manuallyCommit()
        return text
      },
      '/null': (ctx) => {
        ctx.session = null
        return [ctx.session]
      },
      '/negative': (ctx) => {
        if (ctx.session) ctx.session.maxAge = -1
        return 'over'
      },
      '/null-and-commit': async (ctx) => {
        const { session } = ctx
        ctx.session = null
        await session?.manuallyCommit()
        return 'committed'
      },
    },
    visits: ['/commit', '/null', '/read', '/negative', '/read', '/null-and-commit', '/read'],
  },
  'what has been given is not new': {
    handlers: {
      ...basic,
      '/new': (ctx) => {
        const isNew = (): unknown => ctx.session?.isNew
        const seen = [isNew()]
        for (const given of [{ n: 1 }, null, {}]) {
          ctx.session = given as Any | null
          seen.push(isNew())
        }
        return seen
      },
      '/same': (ctx) => {
        const { session } = ctx
        ctx.session = session
        return [ctx.session?.isNew]
      },
    },
    visits: ['/same', '/new', '/read', '/new'],
  },
  'names with _ and functions are not stored': {
    handlers: {
      ...basic,
      '/set': ({ session }) => {
        if (session === null) return
        Object.assign(session, { _own: 1, f: () => 1, name: 'ada' })
        return [session['_own'], typeof session['f'], session['name']]
      },
    },
    visits: ['/set', '/read'],
  },
  'attributes are deleted, also by undefined': {
    handlers: {
      ...basic,
      '/set': ({ session }) => Object.assign(session as object, { a: 1, b: 2, c: 3 }),
      '/delete': ({ session }) => {
        delete session?.['a']
        if (session !== null) session['b'] = undefined
        return 'deleted'
      },
    },
    visits: ['/set', '/delete', '/read'],
  },
  'changes in place': {
    handlers: {
      ...basic,
      '/push': ({ session }) => {
        const list = ((session as Record<string, unknown>)['list'] ??= []) as string[]
        list.push('x')
        return list
      },
    },
    visits: ['/push', '/push', '/read'],
  },
  isNew: {
    handlers: { '/': ({ session }) => ({ isNew: session?.isNew, n: count({ session } as never) }) },
    visits: ['/', '/'],
  },
  'rolling: each answer has the cookie': {
    options: { rolling: true, maxAge: 3_600_000 },
    handlers: basic,
    visits: ['/read', '/count', '/read', '/read'],
  },
  'renew: not yet': {
    options: { renew: true, maxAge: 3_600_000 },
    handlers: basic,
    visits: ['/count', '/read'],
  },
  'maxAge: the cookie’s expiry': {
    options: { maxAge: 7_200_000 },
    handlers: basic,
    visits: ['/count'],
  },
  'maxAge: "session"': {
    options: { maxAge: 'session' },
    handlers: basic,
    visits: ['/count', '/count'],
  },
  'maxage, as it was once called': {
    options: { maxage: 7_200_000 } as never,
    handlers: { ...basic, '/age': ({ session }) => [session?.maxAge ?? null] },
    visits: ['/age', '/count'],
  },
  'maxAge of one session': {
    options: { maxAge: 3_600_000 },
    handlers: {
      ...basic,
      '/age': ({ session }) => [session?.maxAge ?? null],
      '/long': ({ session }) => {
        if (session !== null) session.maxAge = 36_000_000
        return 'long'
      },
      '/short': ({ session }) => {
        if (session !== null) session.maxAge = 'session'
        return 'short'
      },
    },
    visits: ['/count', '/age', '/long', '/age', '/count', '/short', '/age', '/count'],
  },
  'maxAge without the option': {
    handlers: { ...basic, '/age': ({ session }) => [session?.maxAge ?? null] },
    visits: ['/age', '/count'],
  },
  'sessionOptions of one request': {
    options: { maxAge: 3_600_000 },
    handlers: {
      ...basic,
      '/options': (ctx) => {
        Object.assign(ctx.sessionOptions, { maxAge: 7_200_000, httpOnly: false })
        return count(ctx)
      },
    },
    visits: ['/options', '/count'],
  },
  'the cookie’s attributes': {
    options: { key: 'sid', path: '/', domain: 'example.org', sameSite: 'strict', httpOnly: false },
    handlers: basic,
    visits: ['/count'],
  },
  'priority and partitioned': {
    options: { sameSite: 'lax', priority: 'high', partitioned: true },
    handlers: basic,
    visits: ['/count'],
  },
  'capital letters': {
    options: { sameSite: 'Lax', priority: 'HIGH' } as never,
    handlers: basic,
    visits: ['/count'],
  },
  'key with a colon': {
    options: { key: 'koa:sess' },
    handlers: basic,
    visits: ['/count', '/count'],
  },
  'secure: true on a plain connection': {
    options: { secure: true },
    handlers: basic,
    visits: ['/count', '/untouched'],
  },
  'secure: true behind a proxy that ends TLS': {
    options: { secure: true },
    headers: { 'X-Forwarded-Proto': 'https' },
    handlers: basic,
    visits: ['/count', '/count'],
  },
  'secure: false behind a proxy that ends TLS': {
    options: { secure: false },
    headers: { 'X-Forwarded-Proto': 'https' },
    handlers: basic,
    visits: ['/count'],
  },
  'behind a proxy that ends TLS': {
    headers: { 'X-Forwarded-Proto': 'https' },
    handlers: basic,
    visits: ['/count', '/null'],
  },
  'valid refuses': {
    options: { valid: (ctx, session) => !(session['n'] === 1 && ctx.path === '/read') },
    handlers: basic,
    visits: ['/count', '/read', '/count'],
  },
  'beforeSave changes what is stored': {
    options: {
      beforeSave: (_, session) =>
        void ((session as never as Record<string, unknown>)['by'] = 'hook'),
    },
    handlers: basic,
    visits: ['/read', '/count', '/read'],
  },
  'beforeSave throws': {
    options: {
      beforeSave: () => {
        throw new Error('no')
      },
    },
    handlers: basic,
    visits: ['/count', '/read'],
  },
  'an error that middleware above catches: stored all the same': {
    before: async (ctx, next) => {
      await next().catch((error: Error) => (ctx.body = error.message))
    },
    handlers: {
      ...basic,
      '/fail': (ctx) => {
        count(ctx)
        throw new Error('caught')
      },
    },
    visits: ['/fail', '/read'],
  },
  'a redirect and a 404': {
    handlers: {
      ...basic,
      '/redirect': (ctx) => {
        count(ctx)
        ctx['redirect']('/read')
      },
      '/missing': (ctx) => void count(ctx),
    },
    visits: ['/redirect', '/missing', '/read'],
  },
  'externalKey by a header': {
    options: {
      externalKey: {
        get: (ctx) => ctx.get('x-session'),
        set: (ctx, value) => ctx.set('x-told', String(value.length > 0)),
      },
    },
    handlers: { ...basic, '/told': (ctx) => count(ctx) },
    visits: ['/told'],
  },
}

describe('as with koa-session', () => {
  describe.each(['koa-session', 'koa-session with a store'] as const)('%s', (kind) => {
    // Keys are of a store; and without one koa-session does not look at what an assignment replaces.
    const names = Object.keys(rows).filter(
      (name) =>
        kind !== 'koa-session' ||
        !/externalKey|regenerate|empty object, known|an object/.test(name),
    )
    it.each(names)('%s', async (name) => {
      const row = rows[name] as Row
      expect(await run('sojourn', row)).toEqual(await run(kind, row))
    })
  })

  it('events tell of what is missed and refused', async () => {
    const row: Omit<Row, 'visits'> = {
      options: { valid: (_, session) => session['n'] !== 2 },
      handlers: basic,
    }
    const told: string[][] = []
    for (const kind of ['koa-session with a store', 'sojourn'] as const) {
      const { browser, events, key } = await start(kind, row)
      for (const path of ['/count', '/count', '/read']) await browser.get(path)
      browser.jar.clear()
      await browser.get('/count')
      const former = browser.jar.get(key) ?? ''
      await browser.get('/null')
      const { cookie } = browser
      await browser.get('/read', {
        cookie: cookie.replace(/koa\.sess=[^;]*/, `koa.sess=${former}`),
      })
      await expect.poll(() => events.length).toBeGreaterThan(0)
      told.push(
        events
          .filter((event) => event.startsWith('invalid'))
          .map((event) => event.replace(/,"_.*?(?=})/, '')),
      )
    }
    expect(told[1]).toEqual(told[0])
  })
})

describe('other than koa-session, or more', () => {
  it('the cookie holds a token that opens the session, and no data; the old one is refused after regenerate', async () => {
    const { browser } = await start('sojourn', {
      handlers: {
        ...basic,
        '/new': async ({ session }) => (await session?.regenerate(), session?.externalKey),
        '/key': ({ session }) => session?.externalKey,
      },
    })
    await browser.get('/count')
    const { cookie } = browser
    expect(cookie).toMatch(/^koa\.sess=[\w-]{48}; koa\.sess\.sig=[\w-]{27}$/)
    const { text: before } = await browser.get('/key')
    const { text: after } = await browser.get('/new')
    expect(after).not.toBe(before)
    expect((await browser.get('/key')).text).toBe(after)
    expect((await browser.get('/count', { cookie })).text).toBe('n is 1')
  })

  it('externalKey is the public id, known before the session is stored; or what genid gives', async () => {
    for (const [options, shape] of [
      [{}, /^[\w-]{20,40}$/],
      [{ prefix: 'app:' }, /^app:[\w-]{36}$/],
      [{ genid: (ctx: Context) => `of${ctx.path}` }, /^of\/key$/],
    ] as const) {
      const { browser } = await start('sojourn', {
        options,
        handlers: {
          ...basic,
          '/key': (ctx) => {
            count(ctx)
            return ctx.session?.externalKey
          },
        },
      })
      const first = (await browser.get('/key')).text
      expect(first).toMatch(shape)
      expect((await browser.get('/key')).text).toBe(first)
      expect((await browser.get('/read')).text).toBe('{"n":2,"isNew":false}')
    }
  })

  it('externalKey by a header: the token goes and comes there', async () => {
    const { browser } = await start('sojourn', {
      options: {
        externalKey: {
          get: (ctx) => ctx.get('x-session'),
          set: (ctx, value) => ctx.set('x-session', value),
        },
      },
      handlers: basic,
    })
    const first = await browser.get('/count')
    expect(first.cookies).toEqual([])
    const headers = { 'x-session': first.headers['x-session'] ?? '' }
    expect((await browser.get('/count', { headers })).text).toBe('n is 2')
    expect((await browser.get('/count')).text).toBe('n is 1')
  })

  it('no other cookie opens a session, and with externalKey none does', async () => {
    const external = {
      get: (ctx: Context) => ctx.get('x-session'),
      set: (ctx: Context, value: string) => ctx.set('x-session', value),
    }
    for (const options of [{ key: '__Host-sid' }, { key: 'koa:sess' }, { externalKey: external }]) {
      const { browser, key } = await start('sojourn', { options, handlers: basic })
      const { headers } = await browser.get('/count')
      const token = headers['x-session'] ?? browser.jar.get(key) ?? ''
      const shown = options.externalKey === undefined ? { cookie: `${key}=${token}` } : {}
      const told = options.externalKey === undefined ? {} : { 'x-session': token }
      expect((await browser.get('/read', { ...shown, headers: told })).text).toContain('"n":1')
      const names = ['sojourn.koa-session', 'session', '__Host-session', 'koa.sess', `x${key}`]
      const planted = names.map((name) => `${name}=${token}`).join('; ')
      for (const cookie of [planted, `${key}=garbage; ${planted}`]) {
        expect((await browser.get('/read', { cookie })).text).toBe('{"isNew":true}')
      }
    }
  })

  it('the cookie is found where a connection is upgraded, but not one beside externalKey', async () => {
    for (const [options, isFound] of [
      [{ key: 'sid' }, true],
      [{ key: '__Host-sid' }, true],
      [{ key: 'sid', externalKey: { get: () => undefined, set: () => undefined } }, false],
    ] as const) {
      const app = new Koa()
      app.keys = ['a key of the application, long enough']
      const { sessions } = koaSession({ ...options, engine: memoryEngine() }, app)
      const session = await sessions.open(undefined)
      session.set('a', 1)
      await session.commit()
      const cookie = `${options.key}=${session.token ?? ''}`
      const seen = { cookie, secure: true, host: 'example.org', proxied: false }
      const { session: found } = await sessions.exchange({}, seen)
      expect(found.get('a')).toBe(isFound ? 1 : undefined)
      await sessions.close()
    }
  })

  it('two requests that change different attributes: both are kept', async () => {
    const { browser } = await start('sojourn', {
      handlers: {
        ...basic,
        ...Object.fromEntries(
          ['a', 'b', 'c', 'd'].map((name) => [
            `/${name}`,
            async ({ session }: { session: Record<string, unknown> | null }) => {
              void session?.['n']
              await new Promise((resolve) => setImmediate(resolve))
              if (session !== null) session[name] = 1
              return 'set'
            },
          ]),
        ),
      },
    })
    await browser.get('/count')
    const { cookie } = browser
    await Promise.all(['/a', '/b', '/c', '/d'].map((path) => browser.get(path, { cookie })))
    expect(JSON.parse((await browser.get('/read')).text)).toEqual({
      ...{ n: 1, a: 1, b: 1, c: 1, d: 1 },
      isNew: false,
    })
  })

  it('lives for maxAge after it was last stored; renew and rolling prolong it', async () => {
    for (const [options, isThere] of [
      [{}, false],
      [{ renew: true }, true],
      [{ rolling: true }, true],
    ] as const) {
      const clock = manualClock()
      const { browser, events } = await start('sojourn', {
        options: { ...options, maxAge: 3_600_000, engine: memoryEngine({ clock }), clock },
        handlers: basic,
      })
      await browser.get('/count')
      clock.advance(2_400_000)
      const { cookies } = await browser.get('/read')
      expect(cookies).toHaveLength(isThere ? 2 : 0)
      clock.advance(2_400_000)
      expect((await browser.get('/read')).text).toBe(
        isThere ? '{"n":1,"isNew":false}' : '{"isNew":true}',
      )
      await expect.poll(() => events).toEqual(isThere ? [] : ['missed undefined /read'])
    }
  })

  it('a maxAge in the past ends the session', async () => {
    const { browser } = await start('sojourn', {
      handlers: {
        ...basic,
        '/end': ({ session }) => (((session as { maxAge: number }).maxAge = -1), 'ended'),
      },
    })
    await browser.get('/count')
    expect((await browser.get('/end')).cookies).toEqual([
      expect.stringContaining('koa.sess=; path=/; expires=Thu, 01 Jan 1970'),
      expect.stringMatching(/^koa\.sess\.sig=.*; path=\/; expires=Thu, 01 Jan 1970/),
    ])
    expect((await browser.get('/read')).text).toBe('{"isNew":true}')
  })

  it('a login of Sojourn works beside it: sessions.from(ctx)', async () => {
    const app = new Koa()
    app.keys = ['a key of the application, long enough']
    const middleware = koaSession({ engine: memoryEngine() }, app)
    app.use(middleware)
    app.use(async (ctx) => {
      const session = middleware.sessions.from(ctx)
      if (ctx.path === '/login') await session.login('ada', { keep: ['n'] })
      if (ctx.path === '/new')
        await (ctx.session as never as { regenerate(): Promise<void> }).regenerate()
      ctx.body = JSON.stringify([session.principal ?? 'nobody', ctx.session])
      ;(ctx.session as never as Record<string, number>)['n'] = 1
    })
    const server = await listen(app, [])
    const browser = new Browser(server.port)
    await browser.get('/')
    expect((await browser.get('/login')).text).toBe('["ada",{"n":1}]')
    const { cookie } = browser
    expect((await browser.get('/new')).text).toBe('["ada",{"n":1}]')
    expect(await middleware.sessions.of('ada').list()).toHaveLength(1)
    await middleware.sessions.of('ada').revokeAll()
    expect((await browser.get('/')).text).toBe('["nobody",{}]')
    expect((await browser.get('/', { cookie })).text).toBe('["nobody",{}]')
    browser.close()
    await server.close()
    await middleware.sessions.close()
  })

  it.each(['nobody', 'ada'])(
    'regenerate, and another node signs %s out meanwhile: nothing is carried over',
    async (principal) => {
      const engine = memoryEngine()
      const [arrived, go] = [gate(), gate()]
      const handlers: Readonly<Record<string, Handler>> = {
        ...basic,
        '/login': (ctx) => ctx.login(principal),
        '/new': async ({ session }) => {
          void session?.['n']
          arrived.open()
          await go.opened
          if (session !== null) session['late'] = 1
          await session?.regenerate()
          return session
        },
      }
      const one = await start('sojourn', { options: { engine }, handlers })
      const two = await start('sojourn', { options: { engine }, handlers })
      const dropped: unknown[] = []
      one.sessions?.on('dropped', ({ attributes }) => dropped.push(attributes))
      await one.browser.get('/count')
      if (principal !== 'nobody') await one.browser.get('/login')
      const { cookie } = one.browser
      const renewed = one.browser.get('/new')
      await arrived.opened
      await two.browser.get('/null', { cookie })
      go.open()
      expect(await renewed).toMatchObject({ status: 200, text: '{}', cookies: [] })
      expect(dropped).toEqual([['late']])
      expect((await one.browser.get('/read', { cookie })).text).toBe('{"isNew":true}')
      expect(await one.sessions?.of('ada').list()).toEqual([])
    },
  )

  it('regenerate stores what was changed, its lifetime too, for whoever was signed in', async () => {
    const { browser, sessions } = await start('sojourn', {
      options: { maxAge: 3_600_000 },
      handlers: {
        ...basic,
        '/login': (ctx) => ctx.login('ada'),
        '/new': async ({ session }) => {
          Object.assign(session as object, { maxAge: 7_200_000, late: 1 })
          await session?.regenerate()
          return session?.externalKey
        },
      },
    })
    await browser.get('/count')
    await browser.get('/login')
    const { cookie } = browser
    const { text: key } = await browser.get('/new')
    expect((await browser.get('/read')).text).toBe('{"n":1,"late":1,"isNew":false}')
    expect(await sessions?.of('ada').list()).toMatchObject([{ id: key }])
    expect((await browser.get('/read', { cookie })).text).toBe('{"isNew":true}')
  })

  it('a store that is away: 503, by middleware above or by Koa', async () => {
    const engine = watchedEngine(memoryEngine())
    const caught: unknown[] = []
    const { browser, app } = await start('sojourn', {
      options: { engine },
      before: async (_, next) => {
        await next().catch((error: unknown) => {
          caught.push(error)
          throw error
        })
      },
      handlers: basic,
    })
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    engine.failure = new StoreUnavailableError('gone', false)
    expect(await browser.get('/count')).toMatchObject({ status: 503, cookies: [] })
    expect(caught).toEqual([engine.failure])
    expect(errors).toEqual([engine.failure])
  })

  it('an error of beforeSave is told once', async () => {
    const { browser, app } = await start('sojourn', {
      options: {
        beforeSave: () => {
          throw new Error('no')
        },
      },
      handlers: basic,
    })
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    expect((await browser.get('/count')).status).toBe(500)
    expect(errors).toMatchObject([{ message: 'no' }])
  })

  it.each([true, false])(
    'signed: %s: whether `ctx.cookies.get` finds the cookie, and its end',
    async (signed) => {
      const { browser } = await start('sojourn', {
        options: { signed },
        handlers: {
          ...basic,
          '/cookie': ({ cookies }) => cookies.get('koa.sess', { signed: true })?.length ?? 'none',
          '/end': (ctx) => ((ctx.session = null), 'ended'),
        },
      })
      const { cookies } = await browser.get('/count')
      const names = (all: readonly string[]): unknown[] => all.map((each) => each.split('=', 1)[0])
      const expected = signed ? ['koa.sess', 'koa.sess.sig'] : ['koa.sess']
      expect(names(cookies)).toEqual(expected)
      expect((await browser.get('/cookie')).text).toBe(signed ? '48' : 'none')
      const ended = await browser.get('/end')
      expect(names(ended.cookies)).toEqual(expected)
      for (const each of ended.cookies) expect(each).toContain('; expires=Thu, 01 Jan 1970')
    },
  )

  it('genid is asked when a new session is looked at', async () => {
    const { browser } = await start('sojourn', {
      options: { genid: (ctx) => (ctx.state['name'] = `of ${ctx.path}`) },
      handlers: {
        '/': (ctx) => (ctx.session, (ctx as unknown as { state: { name?: string } }).state.name),
      },
    })
    expect((await browser.get('/')).text).toBe('of /')
  })

  it('session:missed says what was shown, where that is no token', async () => {
    const { browser, app } = await start('sojourn', { handlers: basic })
    const keys: unknown[] = []
    app.on('session:missed', ({ key }: { key: unknown }) => keys.push(key))
    await browser.get('/read', { cookie: 'koa.sess=nonsense' })
    await expect.poll(() => keys).toEqual(['nonsense'])
  })

  it('keys: none is an error of the request, signed: false needs none; a former one still opens', async () => {
    const app = new Koa()
    expect(() => koaSession({ engine: memoryEngine() }, app).sessions).toThrow('.keys required')
    const engine = memoryEngine()
    const tokens: string[] = []
    const found: unknown[] = []
    for (const keys of [['k1 '.repeat(12)], ['k2 '.repeat(12), 'k1 '.repeat(12)]]) {
      const next = new Koa()
      next.keys = keys
      const { sessions } = koaSession(next, { engine })
      const session = await sessions.open(tokens[0])
      found.push(session.toJSON())
      session.set('a', 1)
      await session.commit()
      tokens.push(session.token ?? '')
    }
    expect(found).toEqual([{}, { a: 1 }])
    await koaSession({ signed: false }, app).sessions.close()
  })

  it.each<[string, unknown]>([
    ['an empty key', ['']],
    ['an empty key behind others', ['a key of the application, long enough', '']],
    ['empty bytes', [new Uint8Array(0)]],
    ['a variable that is not set', [undefined]],
    ['a number', [5]],
    ['no key at all', []],
  ])('app.keys with %s: refused', (_, keys) => {
    const app = new Koa()
    app.keys = keys as string[]
    expect(() => koaSession({ engine: memoryEngine() }, app)).toThrow(
      expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option: 'app.keys' }),
    )
  })

  it('__proto__ of a body changes no prototype, by whichever way it comes', async () => {
    const evil = JSON.parse('{"__proto__":{"isAdmin":true},"a":1}') as object
    const tell = (session: Any | null) => ({
      isAdmin: session?.['isAdmin'],
      ...{ save: typeof session?.save, shared: ({} as Any)['isAdmin'] },
      ...{ all: session, own: Object.getPrototypeOf(session) === KoaSessionModel.prototype },
    })
    const { browser } = await start('sojourn', {
      handlers: {
        ...basic,
        '/assign': (ctx) => {
          ctx.session = evil as never
          return tell(ctx.session)
        },
        '/set': ({ session }) => {
          if (session !== null) session['__proto__'] = { isAdmin: true }
          Object.assign(session as object, evil)
          return tell(session)
        },
        '/merge': ({ session }) => {
          const inner = session?.['__proto__'] as Any | undefined
          if (inner !== undefined) inner['isAdmin'] = true
          return tell(session)
        },
      },
    })
    await browser.get('/count')
    const { save, own } = { save: 'function', own: true }
    for (const [path, all] of [
      ['/assign', { a: 1 }],
      ['/set', { a: 1 }],
      ['/merge', { a: 1 }],
    ] as const) {
      expect(JSON.parse((await browser.get(path)).text)).toEqual({ save, own, all })
    }
    expect((await browser.get('/read')).text).toBe('{"a":1,"isNew":false}')
  })

  it('a name that no attribute can have is refused, and nothing replaced', async () => {
    const refused = { a: 1, constructor: { prototype: { isAdmin: true } } }
    const { browser, app } = await start('sojourn', {
      handlers: {
        ...basic,
        '/assign': (ctx) => void (ctx.session = refused as never),
        '/set': ({ session }) =>
          void Reflect.set(session as object, 'constructor', refused.constructor),
        '/own': ({ session }) => {
          Object.assign(session as object, { toString: 'text', valueOf: 5 })
          return [session?.['toString'], session?.['valueOf'], typeof session?.hasOwnProperty]
        },
      },
    })
    const errors: unknown[] = []
    app.on('error', (error) => errors.push(error))
    await browser.get('/count')
    for (const path of ['/assign', '/set']) expect((await browser.get(path)).status).toBe(500)
    expect(errors).toMatchObject([{ code: 'ERR_SOJOURN_ATTRIBUTE' }, { name: 'AttributeError' }])
    expect((await browser.get('/read')).text).toBe('{"n":1,"isNew":false}')
    expect((await browser.get('/own')).text).toBe('["text",5,"function"]')
    expect((await browser.get('/read')).text).toContain('"toString":"text","valueOf":5')
  })

  it('so is a name of another framework', async () => {
    const { browser } = await start('sojourn', {
      handlers: {
        ...basic,
        // Middleware that handles the error has its changes stored.
        '/assign': (ctx) => {
          const values = { a: 1, 'django:_auth_user_id': '1', b: 2 }
          expect(() => void (ctx.session = values as never)).toThrow(/django:.*belong/)
          return 'handled'
        },
      },
    })
    await browser.get('/count')
    expect((await browser.get('/assign')).text).toBe('handled')
    expect((await browser.get('/read')).text).toBe('{"n":1,"isNew":false}')
  })

  it('what a callback throws is an uncaught exception', async () => {
    const uncaught: unknown[] = []
    const unhandled: unknown[] = []
    const former = process.listeners('uncaughtException')
    const formerRejections = process.listeners('unhandledRejection')
    process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException').removeAllListeners('unhandledRejection')
      for (const listener of former) process.on('uncaughtException', listener)
      for (const listener of formerRejections) process.on('unhandledRejection', listener)
    })
    process.on('uncaughtException', (error) => uncaught.push(error))
    process.on('unhandledRejection', (error) => unhandled.push(error))
    const engine = watchedEngine(memoryEngine())
    const fail = (): never => {
      throw new Error('of the callback')
    }
    const { browser } = await start('sojourn', {
      options: { engine },
      handlers: {
        ...basic,
        '/save': ({ session }) => void session?.save(fail),
        '/new': ({ session }) => void session?.regenerate(fail),
        '/commit': ({ session }) => void session?.commit(fail),
        '/lost': ({ session }) => {
          engine.failure = new StoreUnavailableError('gone', false)
          void session?.save(fail)
        },
      },
    })
    for (const path of ['/save', '/new', '/commit', '/lost']) await browser.get(path)
    await expect.poll(() => uncaught.length).toBe(4)
    expect(unhandled).toEqual([])
  })

  it.each([
    ['store', {}],
    ['ContextStore', Map],
    ['encode', () => ''],
    ['decode', () => ({})],
    ['cookie', {}],
    ['maxAge', 'long'],
    ['externalKey', { get: () => '' }],
    ['valid', true],
    ['genid', 'x'],
    ['autoCommit', 'yes'],
    ['key', 5],
    ['secrt', 'x'],
    ['path', '/; Domain=example.com'],
    ['path', '/\r\nX: y'],
    ['domain', 'a; Secure'],
    ['domain', 5],
    ['sameSite', 'bogus'],
    ['sameSite', 'lax; secure'],
    ['sameSite', 5],
    ['priority', 'high; httponly'],
    ['priority', 5],
    ['partitioned', 'yes'],
    ['key', 'a;b'],
    ['key', 'a=b'],
    ['key', 'a b'],
    ['key', ''],
    ['maxAge', Number.NaN],
    ['maxAge', Number.POSITIVE_INFINITY],
    ['maxage', Number.NaN],
    ['maxAge', 401 * 86_400_000],
  ])('option %s: refused at the start', (name, value) => {
    const app = new Koa()
    app.keys = ['a key of the application, long enough']
    expect(() => koaSession({ [name]: value } as never, app)).toThrow(
      expect.objectContaining({
        code: 'ERR_SOJOURN_OPTION',
        option: expect.stringMatching(new RegExp(`^${name}`)),
      }),
    )
  })

  it.each<[string, unknown]>([
    ['path', '/; Domain=example.com; SameSite=None'],
    ['path', '/\r\nX: y'],
    ['domain', 'a; Secure'],
    ['sameSite', 'bogus; secure'],
    ['priority', 'x; HttpOnly=no'],
    ['maxAge', Number.NaN],
    ['maxAge', 'long'],
  ])('%s of one request that is none is refused: %j', async (name, value) => {
    const set: Handler[] = [
      ({ sessionOptions }) => void (sessionOptions[name] = value),
      ({ sessionOptions }) => void Object.assign(sessionOptions, { [name]: value }),
      ({ sessionOptions }) => void Object.defineProperty(sessionOptions, name, { value }),
      ({ sessionOptions }) =>
        void Object.defineProperty(sessionOptions, name, { get: () => value }),
    ]
    if (name === 'maxAge') set.push(({ session }) => void ((session as Any).maxAge = value))
    for (const refused of set) {
      const handlers = {
        ...basic,
        '/set': (ctx: Parameters<Handler>[0]) => {
          count(ctx)
          refused(ctx)
        },
      }
      const { browser, app } = await start('sojourn', { handlers })
      const errors: unknown[] = []
      app.on('error', (error) => errors.push(error))
      // What was changed is stored with the error's answer, whose cookie is as the options say.
      const { status, cookies } = await browser.get('/set')
      expect(status).toBe(500)
      expect(errors.map(String)).toEqual([`TypeError: option ${name} is invalid`])
      for (const cookie of cookies)
        expect(cookie).toMatch(/^koa\.sess(?:\.sig)?=[\w-]+; path=\/; httponly$/)
    }
  })

  it('takes sessions of createSessions, and no keys then; maxAge counts, and else their own lifetime', async () => {
    const clock = manualClock()
    for (const [given, life] of [
      [{ maxAge: 7_200_000 }, 7_200_000],
      [{}, 1_800_000],
      [{ maxAge: 'session' }, 1_800_000],
    ] as const) {
      const sessions = createSessions<{ n: number }>({
        ...{ engine: memoryEngine({ clock }), clock, secrets: [SECRET] },
      })
      const app = new Koa()
      const middleware = koaSession({ sessions, ...given }, app)
      expect(middleware.sessions).toBe(sessions)
      app.use(middleware)
      app.use((ctx) => {
        const data = sessions.from(ctx)
        if (ctx.path === '/set') data.set('n', 1)
        ctx.body = JSON.stringify(ctx.session)
      })
      const server = await listen(app, [])
      const browser = new Browser(server.port)
      await browser.get('/set')
      clock.advance(life - 1_000)
      expect((await browser.get('/')).text).toBe('{"n":1}')
      clock.advance(2_000)
      expect((await browser.get('/')).text).toBe('{}')
      browser.close()
      await server.close()
      await sessions.close()
    }
  })

  it('sessions: whatever makes them is refused beside, and what is none', async () => {
    const sessions = createSessions({ secrets: [SECRET] })
    for (const [options, option] of [
      [{ sessions, secrets: ['x'] }, 'secrets'],
      [{ sessions, redis: 'redis://localhost' }, 'redis'],
      [{ sessions, adopt: [] }, 'adopt'],
      [{ sessions: {} }, 'sessions'],
      [{ sessions: null }, 'sessions'],
    ] as const) {
      expect(() => koaSession(options as never, new Koa())).toThrow(
        expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }),
      )
    }
    await sessions.close()
  })

  it('an option that is not known is refused, and those that are known are named', () => {
    const known =
      /known are (?=.*\bkey\b)(?=.*\bmaxAge\b)(?=.*\brolling\b)(?=.*\bredis\b)(?=.*\bsessions\b)/
    expect(() => koaSession({ secrt: 'x' } as never, new Koa())).toThrow(known)
    expect(() => koaSession({ secrt: 'x' } as never, new Koa())).not.toThrow(/store|encode/)
  })

  it("old: 'mirror' under the cookie's own name names the option: key", async () => {
    const client = { get: async () => null, psetex: async () => 'OK', del: async () => 1 }
    const adopt = [koaSource({ keys: ['k'], client, old: 'mirror' })]
    const message = /option `key`: .*both are named koa\.sess: give another `key`/
    const app = new Koa()
    app.keys = ['a key of the application, long enough']
    expect(() => koaSession({ adopt }, app)).toThrow(message)
    const sessions = createSessions({ adopt, secrets: [SECRET] })
    expect(() => koaSession({ sessions }, app)).toThrow(message)
    await sessions.close()
    await koaSession({ adopt, key: 'ours' }, app).sessions.close()
  })

  it('an application is required', () => {
    expect(() => koaSession({} as never, {} as never)).toThrow('app instance required')
    expect(koaSessionDefault).toBe(koaSession)
  })
})

describe('on Redis', () => {
  it('two nodes: stored on one, known on the other, ended on both', async () => {
    const server: RedisServer = await startRedis()
    const options = { redis: server.url, prefix: 'sj:app:sess:' }
    const one = await start('sojourn', {
      options,
      handlers: basic,
    })
    const two = await start('sojourn', {
      options,
      handlers: basic,
    })
    await one.browser.get('/count')
    const { cookie } = one.browser
    expect((await two.browser.get('/count', { cookie })).text).toBe('n is 2')
    expect((await one.browser.get('/count', { cookie })).text).toBe('n is 3')
    await two.browser.get('/null', { cookie })
    await expect
      .poll(async () => (await one.browser.get('/read', { cookie })).text)
      .toBe('{"isNew":true}')
    await server.stop()
  })
})
