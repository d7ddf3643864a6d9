/** Each row: @fastify/session and this package give the same answers to the same requests. */
import type { FastifyInstance } from 'fastify'
import { describe } from 'vitest'
import { row } from './pair.ts'

const plain = { cookie: { secure: false } } as const
const lazy = { ...plain, saveUninitialized: false } as const
const fixed = { ...plain, rolling: false } as const
const quiet = { ...lazy, rolling: false } as const
const aged = { cookie: { secure: false, maxAge: 60_000 } } as const
const https = { 'x-forwarded-proto': 'https' }
const MINUTE = 60_000

describe('when a cookie is set', () => {
  row('a session that nobody looks at is stored, by default', plain, ['/', '/', '/id', '/id'])
  row('with saveUninitialized: false only what is set is', lazy, ['/', '/id', '/count', '/count'])
  row('a new session that is only read', lazy, ['/show', '/flags', '/all'])
  row('rolling: false sets it once', fixed, ['/', '/', '/id', '/count', '/count', '/'])
  row('neither: only what is set, and each time that it is', quiet, ['/', '/count', '/', '/count'])
  row('a value that is set to what it was', quiet, ['/save', '/save', '/'])
  row('a value that is deleted', quiet, ['/count', '/forget', '/show', '/forget'])
  row('an unknown cookie is replaced', plain, [{ path: '/id', cookie: 'sessionId=unknown' }, '/id'])
  row('an unknown cookie is cleared where nothing is to be stored', lazy, [
    { path: '/', cookie: 'sessionId=unknown' },
    '/',
  ])
  row('an empty cookie counts as none', lazy, [{ path: '/', cookie: 'sessionId=' }, '/'])
  row(
    'cleared for the domain and path that it has',
    {
      ...lazy,
      cookie: { secure: false, domain: 'example.org', path: '/all' },
    },
    [{ path: '/all', cookie: 'sessionId=unknown' }],
  )
  row('another cookie of the same name behind the first one', plain, [
    '/id',
    { path: '/', cookie: 'other=1; sessionId=x' },
  ])
  row('a name of its own', { ...plain, cookieName: 'sid' }, ['/count', '/count', '/id'])
  row('a prefix', { ...plain, cookiePrefix: 's:' }, ['/count', '/count'])
  row('a cookie without the prefix counts as none', { ...lazy, cookiePrefix: 's:' }, [
    { path: '/', cookie: 'sessionId=unknown' },
    { path: '/', cookie: 'sessionId=s%3Aunknown' },
    { path: '/', cookie: 'sessionId=s:unknown' },
  ])
  row('404 and errors have a session too', plain, ['/nowhere', '/nowhere'])
  row('HEAD', plain, [{ path: '/count', method: 'HEAD' }, '/count'])
})

describe('how it is set', () => {
  row('secure by default: nothing over plain HTTP', {}, ['/count', '/count', '/id'])
  row('secure over HTTPS, as a trusted proxy says', {}, [
    { path: '/count', headers: https },
    { path: '/count', headers: https },
  ])
  row('a secure session that comes over plain HTTP is not changed', {}, [
    { path: '/count', headers: https },
    { path: '/count' },
    { path: '/count', headers: https },
  ])
  row('an unknown cookie over plain HTTP is cleared', {}, [{ path: '/', cookie: 'sessionId=x' }])
  row('secure, and saved by the handler', {}, ['/save', '/show'])
  row("secure: 'auto'", { cookie: { secure: 'auto' } }, [
    { path: '/count', headers: https },
    { path: '/count', cookie: '' },
  ])
  row("secure: 'auto' with SameSite", { cookie: { secure: 'auto', sameSite: 'none' } }, [
    { path: '/cookie', headers: https },
    { path: '/cookie', cookie: '' },
  ])
  for (const sameSite of [true, false, 'lax', 'strict', 'none'] as const) {
    row(`sameSite: ${sameSite}`, { cookie: { secure: false, sameSite } }, ['/all'])
  }
  row('httpOnly: false', { cookie: { secure: false, httpOnly: false } }, ['/all'])
  row('partitioned', { cookie: { secure: true, partitioned: true } }, [
    { path: '/all', headers: https },
  ])
  row('domain and path', { cookie: { secure: false, domain: 'example.org', path: '/id' } }, [
    '/id',
    '/',
  ])
  row(
    'the session of a path',
    { cookie: { secure: false, path: '/a' } },
    ['/all', '/a', '/a/b', '/ab', '/a?x', '/b'],
    (app) => {
      app.get('/*', (request) => ({ ...request.session, own: 'sessionId' in request.session }))
      app.get('/a', ({ session }) => typeof session.save)
      app.get('/ab', ({ session }) => typeof session.save)
      app.get('/a/b', ({ session }) => typeof session.save)
    },
  )
  row(
    'a path that ends with a slash',
    { cookie: { secure: false, path: '/a/' } },
    ['/a', '/a/', '/a/b'],
    (app) => {
      app.get('/*', ({ session }) => typeof session.save)
    },
  )
  row('beside cookies of the handler', plain, ['/x'], (app) => {
    app.get('/x', (_, reply) => {
      void reply.setCookie('mine', '1').setCookie('yours', '2').send('ok')
    })
  })
})

describe('maxAge and expires', () => {
  row('maxAge sets Expires, and moves it', aged, [
    '/count',
    { path: '/count', after: 30_000 },
    '/cookie',
  ])
  row('a session ends when its cookie does', aged, [
    '/count',
    { path: '/count', after: 30_000 },
    { path: '/count', after: 59_000 },
    { path: '/count', after: MINUTE + 1 },
  ])
  row('without rolling it is not moved by a look', { ...aged, rolling: false }, [
    '/count',
    { path: '/show', after: 40_000 },
    { path: '/show', after: 19_000 },
    { path: '/show', after: 2_000 },
  ])
  row('without rolling it is moved by a change', { ...aged, rolling: false }, [
    '/count',
    { path: '/count', after: 40_000 },
    { path: '/count', after: 40_000 },
  ])
  row('a fixed end', { cookie: { secure: false, expires: new Date(Date.UTC(2027, 0, 1, 0, 1)) } }, [
    '/cookie',
    { path: '/count', after: 30_000 },
    { path: '/cookie', after: 29_000 },
  ])
  row(
    'maxAge counts before expires',
    {
      cookie: { secure: false, maxAge: MINUTE, expires: new Date(Date.UTC(2027, 0, 2)) },
    },
    ['/cookie'],
  )
  row('maxAge 0 is none', { cookie: { secure: false, maxAge: 0 } }, ['/cookie'])
  row('the cookie as JSON, of a new session and of one that was there', aged, [
    '/all',
    { path: '/all', after: 1_000 },
  ])
  row('touch', aged, ['/touch', { path: '/touch', after: 5_000 }])
  row('touch without an age', plain, ['/touch', '/touch'])
  row(
    'of one session: its maxAge',
    plain,
    ['/set', { path: '/cookie', after: 1_000 }, '/other'],
    (app) => {
      app.get('/set', ({ session }) => {
        session.cookie.maxAge = 10_000
        return session.cookie
      })
      app.get('/cookie', ({ session }) => ({ ...session.cookie.toJSON(), originalExpires: 0 }))
      app.get('/other', ({ session }) => String(session.cookie.maxAge))
    },
  )
  row(
    'of one session: how long it then lives',
    plain,
    ['/set', { path: '/n', after: 9_000 }, { path: '/n', after: 9_000 }],
    (app) => {
      app.get('/set', ({ session }) => {
        session.n = 1
        session.cookie.maxAge = 10_000
        return 'set'
      })
      app.get('/n', ({ session }) => String(session.n))
    },
  )
  row('of one session: SameSite, path and HttpOnly', plain, ['/set', '/', '/'], (app) => {
    app.get('/set', ({ session }) => {
      Object.assign(session.cookie, { sameSite: 'strict', httpOnly: false, path: '/x' })
      return session.cookie
    })
    app.get('/', ({ session }) => session.cookie)
  })
  row('options: of one session', plain, ['/set', '/', '/none'], (app) => {
    app.get('/set', ({ session }) => {
      session.options({ maxAge: 5_000, sameSite: 'lax' })
      return session.cookie
    })
    app.get('/', ({ session }) => String(session.cookie.originalMaxAge) + session.cookie.sameSite)
    app.get('/none', ({ session }) => {
      session.options({})
      return String(session.cookie.originalMaxAge)
    })
  })
  row('options alone are no change', quiet, ['/set', '/count', '/set', '/cookie'], (app) => {
    app.get('/set', ({ session }) => {
      session.options({ maxAge: 5_000 })
      return 'set'
    })
    app.get('/count', ({ session }) => {
      session.n = (session.n ?? 0) + 1
      return String(session.n)
    })
    app.get('/cookie', ({ session }) => String(session.cookie.originalMaxAge))
  })
  row('options go along with regenerate', plain, ['/set', '/cookie'], (app) => {
    app.get('/set', async (request) => {
      request.session.options({ maxAge: 5_000 })
      await request.session.regenerate()
      return request.session.cookie
    })
    app.get('/cookie', ({ session }) => String(session.cookie.originalMaxAge))
  })
})

describe('save, reload, regenerate, destroy', () => {
  for (const [name, options] of Object.entries({ plain, lazy, fixed, quiet })) {
    row(`save, ${name}`, options, ['/save', '/flags', '/show', '/save', '/flags'])
    row(`save of what is empty, ${name}`, options, ['/save-empty', '/flags', '/save-empty'])
    row(`regenerate, ${name}`, options, ['/count', '/regenerate', '/show', '/flags', '/id'])
    row(`regenerate of a new one, ${name}`, options, ['/regenerate', '/flags', '/show'])
    row(`regenerate and set, ${name}`, options, ['/count', '/regenerate-and-set', '/show'])
    row(`regenerate and keep, ${name}`, options, ['/count', '/regenerate-keep', '/show'])
    row(`the cookie from before regenerate, ${name}`, options, [
      '/count',
      '/regenerate-and-set',
      { path: '/show', cookie: 0 },
    ])
    row(`destroy, ${name}`, options, ['/count', '/destroy', '/show', '/count'])
    row(`the cookie of a session that was destroyed, ${name}`, options, [
      '/count',
      '/destroy',
      { path: '/show', cookie: 0 },
    ])
    row(`destroy of a new one, ${name}`, options, ['/destroy', '/flags'])
    row(`reload, ${name}`, options, ['/count', '/reload', '/show'])
    row(`reload of a new one, ${name}`, options, ['/reload', '/show'])
  }
  const callbacks = (app: FastifyInstance): void => {
    const tell = (error: unknown, count: number): string => `${error == null} ${count}`
    app.get('/count', ({ session }) => {
      session.n = (session.n ?? 0) + 1
      return String(session.n)
    })
    app.get('/save', (request, reply) => {
      request.session.n = 5
      request.session.save((...args: unknown[]) => {
        void reply.send(tell(args[0], 0))
      })
    })
    app.get('/reload', (request, reply) => {
      request.session.n = 99
      request.session.reload((...args: unknown[]) => {
        void reply.send(tell(args[0], args.length) + request.session.n)
      })
    })
    app.get('/regenerate', (request, reply) => {
      request.session.regenerate((...args: unknown[]) => {
        void reply.send(tell(args[0], args.length) + request.session.n)
      })
    })
    app.get('/keep', (request, reply) => {
      request.session.regenerate(['n'], (...args: unknown[]) => {
        void reply.send(tell(args[0], args.length) + request.session.n)
      })
    })
    app.get('/destroy', (request, reply) => {
      request.session.destroy((...args: unknown[]) => {
        void reply.send(tell(args[0], args.length) + (request.session === null))
      })
    })
  }
  row(
    'with callbacks',
    plain,
    [
      '/count',
      '/save',
      '/reload',
      '/keep',
      '/count',
      '/regenerate',
      '/count',
      '/destroy',
      '/count',
    ],
    callbacks,
  )
  row('regenerate twice', plain, ['/twice', '/n'], (app) => {
    app.get('/twice', async (request) => {
      request.session.n = 1
      await request.session.regenerate()
      const first = request.session.sessionId
      await request.session.regenerate()
      request.session.n = 2
      return `<${first}> <${request.session.sessionId}>`
    })
    app.get('/n', ({ session }) => `${session.n} <${session.sessionId}>`)
  })
  row('regenerate after save', quiet, ['/x', '/n'], (app) => {
    app.get('/x', async (request) => {
      request.session.n = 1
      await request.session.save()
      await request.session.regenerate(['n'])
      return String(request.session.n)
    })
    app.get('/n', ({ session }) => String(session.n))
  })
  row('save and change again', quiet, ['/x', '/n'], (app) => {
    app.get('/x', async ({ session }) => {
      session.n = 1
      await session.save()
      session.n = 2
      return `${session.isModified()} ${session.isSaved()}`
    })
    app.get('/n', ({ session }) => String(session.n))
  })
  row('in hooks', plain, ['/', '/', '/out', '/'], (app) => {
    app.addHook('onRequest', (request, _, done) => {
      request.session.first = (request.session.first ?? 0) + 1
      done()
    })
    app.addHook('preHandler', async ({ session }) => {
      session.second = true
    })
    app.get('/', ({ session }) => ({ ...session, cookie: 0 }))
    app.get('/out', async (request) => {
      await request.session.destroy()
      return 'out'
    })
  })
  row(
    'request.session set to null: nothing is stored, nothing is ended',
    plain,
    ['/count', '/null', '/count'],
    (app) => {
      app.get('/count', ({ session }) => {
        session.n = (session.n ?? 0) + 1
        return String(session.n)
      })
      app.get('/null', (request) => {
        request.session.n = 50
        request.session = null as never
        return `is null: ${request.session === null}`
      })
    },
  )
})

describe('the data', () => {
  const values: Record<string, unknown> = {
    text: 'ä €',
    zero: 0,
    nan: Number.NaN,
    yes: true,
    nothing: null,
    missing: undefined,
    fn: () => 1,
    date: new Date(0),
    list: [1, undefined, () => 1, { a: undefined, b: 1 }],
    map: new Map([[1, 2]]),
    buffer: Buffer.from('ab'),
    own: { toJSON: () => 'by toJSON' },
    nested: { a: { b: { c: [1, 2, { d: null }] } } },
    symbol: Symbol('s'),
  }
  for (const [name, value] of Object.entries(values)) {
    row(
      `${name}: what comes back, and whether it is a change`,
      quiet,
      ['/set', '/get', '/again', '/get'],
      (app) => {
        app.get('/set', ({ session }) => {
          session.v = value
          return String(session.isModified())
        })
        app.get('/again', ({ session }) => {
          const before = session.v
          session.v = before
          return String(session.isModified())
        })
        app.get('/get', ({ session }) => ({
          has: 'v' in session,
          v: session.v,
          keys: Object.keys(session),
        }))
      },
    )
  }
  row('a change inside an object', quiet, ['/set', '/push', '/get', '/push', '/get'], (app) => {
    app.get('/set', ({ session }) => {
      session.list = [{ a: 1 }]
      return 'set'
    })
    app.get('/push', ({ session }) => {
      session.list?.push({ b: 2 })
      return String(session.isModified())
    })
    app.get('/get', ({ session }) => session.list)
  })
  row('get and set', quiet, ['/set', '/get', '/gone', '/get'], (app) => {
    app.get('/set', ({ session }) => {
      session.set('a', { b: 1 })
      return [session.get('a'), session.a, session.get('extra') === undefined]
    })
    app.get('/gone', ({ session }) => {
      session.set('a', undefined)
      return String(session.isModified())
    })
    app.get('/get', ({ session }) => ({ a: session.get('a') }))
  })
  row('enumeration, spreading, JSON', plain, ['/set', '/look'], (app) => {
    app.get('/set', ({ session }) => {
      Object.assign(session, { a: 1, b: { c: 2 } })
      return 'set'
    })
    app.get('/look', ({ session }) => {
      const names: string[] = []
      for (const name in session) names.push(name)
      const { cookie: _, ...spread } = session
      const json = JSON.parse(JSON.stringify(session)) as Record<string, unknown>
      return { names, keys: Object.keys(session), spread, json: Object.keys(json) }
    })
  })
  row('names that are members', quiet, ['/set', '/look'], (app) => {
    app.get('/set', ({ session }) => {
      Object.defineProperty(session, 'touch', {
        value: 'mine',
        enumerable: true,
        writable: true,
        configurable: true,
      })
      return typeof session.touch
    })
    app.get('/look', ({ session }) => [typeof session.touch, typeof session.save])
  })
  row('an attribute named id', quiet, ['/set', '/get'], (app) => {
    app.get('/set', ({ session }) => {
      session.id = 5
      return 'set'
    })
    app.get('/get', ({ session }) => [session.id, typeof session.sessionId])
  })
})

describe('idGenerator', () => {
  let next = 0
  const idGenerator = (): string => `made-${next++ % 1_000}`
  row('names the session, for good', { ...plain, idGenerator: () => 'mine' }, [
    '/id',
    '/count',
    '/id',
  ])
  row('is asked anew by regenerate', { ...quiet, idGenerator }, [
    '/count',
    '/id',
    '/regenerate-and-set',
    '/id',
    '/show',
  ])
  row(
    'sees the request and the session before',
    {
      ...plain,
      idGenerator: (request) =>
        request.session?.n === undefined ? 'new' : `after-${request.session.n}`,
    },
    ['/raw', '/count', '/regenerate', '/raw'],
    (app) => {
      app.get('/raw', ({ session }) => session.sessionId)
      app.get('/count', ({ session }) => {
        session.n = 4
        return session.sessionId
      })
      app.get('/regenerate', async (request) => {
        await request.session.regenerate()
        return request.session.sessionId
      })
    },
  )
})

describe('the store, and the rest of the surface', () => {
  row('sessionStore: get, set, destroy', plain, ['/get', '/put', '/get', '/end', '/get'], (app) => {
    app.get('/get', (request, reply) => {
      request.sessionStore.get(request.session.sessionId, (error, session) => {
        void reply.send({
          error,
          found: Boolean(session),
          n: session?.n,
          json: typeof session?.cookie,
        })
      })
    })
    app.get('/put', (request, reply) => {
      request.session.n = 3
      request.sessionStore.set(request.session.sessionId, request.session, (error) => {
        void reply.send(error == null ? 'stored' : 'failed')
      })
    })
    app.get('/end', (request, reply) => {
      request.sessionStore.destroy(request.session.sessionId, (error) => {
        request.session = null as never
        void reply.send(error == null ? 'ended' : 'failed')
      })
    })
  })
  row('sessionStore: an id that nobody has', plain, ['/'], (app) => {
    app.get('/', (request, reply) => {
      request.sessionStore.get('nobody', (error, session) => {
        request.sessionStore.destroy('nobody', (failure) => {
          void reply.send(`${String(error)} ${typeof session} ${String(failure)}`)
        })
      })
    })
  })
  row('decryptSession', plain, ['/count', '/decrypt', '/made-up'], (app) => {
    app.get('/count', ({ session }) => {
      session.n = 8
      return 'set'
    })
    app.get('/decrypt', (request, reply) => {
      const other: { session?: { n?: number; sessionId: string } } = {}
      app.decryptSession(request.cookies['sessionId'] ?? '', other, (error) => {
        const same = other.session?.sessionId === request.session.sessionId
        void reply.send(`${String(error)} ${other.session?.n} ${same}`)
      })
    })
    app.get('/made-up', (_, reply) => {
      const other: { session?: { n?: number; cookie: { maxAge: number } } } = {}
      app.decryptSession('made up', other, { maxAge: 86_400 }, (error) => {
        void reply.send(`${String(error)} ${other.session?.n} ${other.session?.cookie.maxAge}`)
      })
    })
  })
  row('before its hook there is none', plain, ['/'], (app) => {
    app.get('/', ({ session }) => typeof session)
    app.get('/has', () => [app.hasDecorator('decryptSession'), app.hasRequestDecorator('session')])
  })
  row('is found under its name', plain, ['/has'], (app) => {
    app.get('/has', () => [
      app.hasPlugin('@fastify/session'),
      app.hasDecorator('decryptSession'),
      app.hasRequestDecorator('sessionStore'),
    ])
  })
})

describe('replies', () => {
  row('errors that handlers throw', plain, ['/throw', '/n', '/reject', '/n'], (app) => {
    app.get('/throw', ({ session }) => {
      session.n = 1
      throw new Error('thrown')
    })
    app.get('/reject', async ({ session }) => {
      session.n = 2
      throw new Error('rejected')
    })
    app.get('/n', ({ session }) => String(session.n))
  })
  row('redirects, empty replies, statuses', plain, ['/redirect', '/empty', '/404', '/n'], (app) => {
    const set =
      (value: number) =>
      ({ session }: { session: { n?: number } }) =>
        void (session.n = value)
    app.get('/redirect', { preHandler: async (request) => set(1)(request) }, (_, reply) =>
      reply.redirect('/x'),
    )
    app.get('/empty', { preHandler: async (request) => set(2)(request) }, (_, reply) =>
      reply.code(204).send(),
    )
    app.get('/404', { preHandler: async (request) => set(3)(request) }, (_, reply) =>
      reply.callNotFound(),
    )
    app.get('/n', ({ session }) => String(session.n))
  })
  row('streams and buffers', plain, ['/stream', '/buffer', '/n'], (app) => {
    app.get('/stream', ({ session }, reply) => {
      session.n = 1
      return reply.send(new Blob(['streamed']).stream())
    })
    app.get('/buffer', ({ session }, reply) => {
      session.n = (session.n ?? 0) + 1
      return reply.send(Buffer.from('bytes'))
    })
    app.get('/n', ({ session }) => String(session.n))
  })
  row(
    'POST with a body',
    plain,
    [
      {
        path: '/',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      },
      '/show',
    ],
    (app) => {
      app.post('/', (request) => {
        request.session.body = request.body
        return request.session.body
      })
      app.get('/show', ({ session }) => session.body)
    },
  )
  row('in a child context only', plain, ['/in/count', '/in/count', '/out'], async (app) => {
    await app.register(
      async (child) => {
        child.get('/count', ({ session }) => {
          session.n = (session.n ?? 0) + 1
          return String(session.n)
        })
      },
      { prefix: '/in' },
    )
    app.get('/out', ({ session }) => String(session.n))
  })
})
