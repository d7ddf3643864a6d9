import type { IncomingMessage } from 'node:http'
import express, { type Request, type RequestHandler } from 'express'
import type {
  SessionOptions,
  Store,
  Cookie as TheirCookie,
  Session as TheirSession,
  SessionData as TheirSessionData,
} from 'express-session'
import { createSessions, type Sessions } from 'sojourn'
import {
  type CompatMiddleware,
  type CompatOptions,
  type CompatSession,
  type CompatStore,
  type Cookie,
  compat,
  type MemoryStore,
  type Session,
  type SessionCookie,
  type SessionCookieOptions,
  type SessionData,
  type SessionRecord,
  type Store as SessionStore,
  compat as session,
} from 'sojourn/express-compat'
import { describe, expectTypeOf, it } from 'vitest'

declare module 'express-session' {
  interface SessionData {
    visitsDeclaredThere: number
  }
}

declare module 'sojourn/express-compat' {
  interface SessionData {
    visitsDeclaredHere?: string
  }
}

interface Data {
  views: number
  passport: { user?: number }
}

const SECRET = 'keyboard cat, and thirty-two bytes more'

describe('compat', () => {
  it('fits app.use, a router and a route', () => {
    const session = compat({ secret: SECRET, resave: false, saveUninitialized: false })
    expectTypeOf(session).toExtend<RequestHandler>()
    express().use('/path', session)
    express.Router().use(session)
    express().get('/', session, (_, res) => void res.end())
  })

  it('has the sessions behind it, typed by the data', () => {
    expectTypeOf(compat<Data>).returns.toEqualTypeOf<CompatMiddleware<Data>>()
    expectTypeOf<CompatMiddleware<Data>['sessions']>().toEqualTypeOf<Sessions<Data>>()
    const sessions = createSessions<Data>()
    expectTypeOf(compat({ sessions }).sessions).toEqualTypeOf<Sessions<Data>>()
  })

  it('takes the options of express-session and of createSessions', () => {
    expectTypeOf(compat<Data>).toBeCallableWith({
      ...{ secret: [Buffer.alloc(32), SECRET], name: 'sid', proxy: true, unset: 'destroy' },
      ...{ redis: 'redis://localhost', secrets: [SECRET], idleTimeout: '1h', outage: 'anonymous' },
      cookie: { maxAge: 60_000, secure: 'auto', sameSite: 'auto', priority: 'high' },
      merge: { views: (_, theirs) => theirs ?? 0 },
      genid: () => 'a name',
      principal: (session) => session.passport?.user,
    })
    expectTypeOf(compat).toBeCallableWith({
      secret: SECRET,
      cookie: (req: { url: string }) => ({ path: req.url, secure: true }),
    })
  })

  it('functions get the request: as node has it, or Express', () => {
    compat({
      secret: SECRET,
      cookie: (req) => {
        expectTypeOf(req).toExtend<IncomingMessage>()
        return { secure: req.headers['x-forwarded-proto'] === 'https', path: req.url }
      },
      genid: (req) => String(req.headers['x-request-id']),
    })
    compat({
      secret: SECRET,
      cookie: (req: Request) => ({ secure: req.secure }),
      genid: (req: Request) => req.hostname,
    })
    // @ts-expect-error no text
    compat({ secret: SECRET, genid: () => 1 })
  })

  it('takes what is typed as options of express-session, with its function of Express’ request', () => {
    expectTypeOf<SessionOptions>().toExtend<CompatOptions<Data>>()
    expectTypeOf<SessionOptions>().toExtend<CompatOptions<Record<string, unknown>>>()
    expectTypeOf<{ store: Store; secret: string }>().toExtend<CompatOptions<Data>>()
    const options = { secret: SECRET, cookie: { sameSite: 'lax' } } satisfies SessionOptions
    expectTypeOf(compat(options)).toExtend<RequestHandler>()
    // @ts-expect-error a store of nobody's
    compat({ secret: SECRET, store: { get: () => undefined } })
  })

  it('refuses wrong options', () => {
    // @ts-expect-error no such option
    compat({ secret: SECRET, saveUninitialised: false })
    // @ts-expect-error another unset
    compat({ secret: SECRET, unset: 'maybe' })
    // @ts-expect-error not a sameSite
    compat({ secret: SECRET, cookie: { sameSite: 'loose' } })
    // @ts-expect-error not an attribute
    compat<Data>({ secret: SECRET, principal: (session) => session.basket })
    expectTypeOf<CompatOptions<Data>>().not.toHaveProperty('basket')
  })
})

describe('what express-session exports beside its function', () => {
  it('is there as values', () => {
    expectTypeOf(new session.MemoryStore()).toExtend<CompatStore>()
    expectTypeOf(new session.Cookie({ maxAge: 60_000 })).toEqualTypeOf<SessionCookie>()
    const take = (value: unknown): void => {
      if (value instanceof session.Session) expectTypeOf(value).toEqualTypeOf<CompatSession>()
      if (value instanceof session.Store) expectTypeOf(value).toEqualTypeOf<CompatStore>()
    }
    expectTypeOf(take).toBeFunction()
    expectTypeOf(session.Session.prototype).toEqualTypeOf<CompatSession>()
    expectTypeOf(
      session({ secret: SECRET, store: new session.MemoryStore() }),
    ).toExtend<RequestHandler>()
  })

  it('of which requests make one, and compat the other', () => {
    // @ts-expect-error not by the application
    expectTypeOf(() => new session.Session({}, {})).toBeFunction()
    // @ts-expect-error not by the application
    expectTypeOf(() => new session.Store()).toBeFunction()
    // @ts-expect-error milliseconds
    expectTypeOf(() => new session.Cookie({ maxAge: '1h' })).toBeFunction()
  })

  it('is there as types', () => {
    expectTypeOf<session.MemoryStore>().toEqualTypeOf<MemoryStore>()
    expectTypeOf<session.Store>().toEqualTypeOf<SessionStore>()
    expectTypeOf<session.Session>().toEqualTypeOf<Session>()
    expectTypeOf<session.SessionData>().toEqualTypeOf<SessionData>()
    expectTypeOf<session.Cookie>().toEqualTypeOf<Cookie>()
    expectTypeOf<session.CookieOptions>().toEqualTypeOf<SessionCookieOptions>()
    expectTypeOf<session.SessionOptions>().toEqualTypeOf<CompatOptions<Record<string, unknown>>>()
    expectTypeOf<session.SessionOptions<Data>>().toEqualTypeOf<CompatOptions<Data>>()
  })
})

describe('code that is typed by express-session', () => {
  // What `req.session` is by @types/express-session, beside which `sojourn/express` says otherwise in this program.
  type Theirs = TheirSession & Partial<TheirSessionData>
  type Ours = session.Session & Partial<session.SessionData>

  it('passes what a request has to what names the types of here, and the other way', () => {
    expectTypeOf<Theirs>().toExtend<Ours>()
    expectTypeOf<Ours>().toExtend<Theirs>()
    expectTypeOf<TheirSessionData>().toExtend<session.SessionData>()
    expectTypeOf<session.SessionData>().toExtend<TheirSessionData>()
    expectTypeOf<TheirCookie>().toExtend<session.Cookie>()
    expectTypeOf<session.Cookie>().toExtend<TheirCookie>()
    expectTypeOf<Request['sessionStore']>().toExtend<session.Store>()
    expectTypeOf<session.Store>().toExtend<Store>()
  })

  it('finds the attributes that the application has declared, there or here', () => {
    const take = ({ visitsDeclaredHere, visitsDeclaredThere, ...others }: Ours): void => {
      expectTypeOf(visitsDeclaredThere).toEqualTypeOf<number | undefined>()
      expectTypeOf(visitsDeclaredHere).toEqualTypeOf<string | undefined>()
      // @ts-expect-error declared nowhere
      expectTypeOf(others.declaredNowhere).toBeNever()
    }
    expectTypeOf(take).toBeFunction()
    expectTypeOf<session.SessionData['visitsDeclaredThere']>().toBeNumber()
    // @ts-expect-error another type
    expectTypeOf<{ visitsDeclaredThere: string }>().toExtend<Partial<session.SessionData>>()
  })

  it('may give what a session holds, and a store gives it', () => {
    const take = (store: session.Store): void => {
      store.get('id', (error: Error | null, data) => {
        expectTypeOf(error).toEqualTypeOf<Error | null>()
        expectTypeOf(data).toEqualTypeOf<session.SessionData | null | undefined>()
      })
      store.all?.((_, all) => void Object.values(all ?? {}))
    }
    expectTypeOf(take).toBeFunction()
  })

  it('has callbacks with an error, of any kind', () => {
    const take = (session: session.Session): void => {
      expectTypeOf(session.save()).toEqualTypeOf<session.Session>()
      session.save((error: Error | null) => void error?.message)
      session.destroy((error) => expectTypeOf(error).toBeUnknown())
      session.cookie.maxAge = 60_000
    }
    expectTypeOf(take).toBeFunction()
  })

  it('takes what is made here', () => {
    expectTypeOf<CompatSession>().toExtend<session.Session>()
    expectTypeOf<SessionCookie>().toExtend<session.Cookie>()
    expectTypeOf<CompatStore>().toExtend<session.Store>()
    expectTypeOf<MemoryStore>().toExtend<session.Store>()
    expectTypeOf<MemoryStore>().toExtend<Store>()
    expectTypeOf<{ secret: string; store: session.Store }>().toExtend<CompatOptions<Data>>()
  })
})

describe('what a request has', () => {
  it('methods with callbacks give the session, without give promises', () => {
    expectTypeOf<CompatSession['save']>().toBeCallableWith(() => undefined)
    const take = (session: CompatSession): void => {
      expectTypeOf(session.save()).resolves.toBeVoid()
      expectTypeOf(session.regenerate((error) => void error)).toEqualTypeOf<CompatSession>()
      expectTypeOf(session.destroy()).resolves.toBeVoid()
      expectTypeOf(session.touch()).toEqualTypeOf<CompatSession>()
      expectTypeOf(session.id).toBeString()
      expectTypeOf(session.cookie).toEqualTypeOf<SessionCookie>()
      // @ts-expect-error read-only
      session.id = 'x'
    }
    expectTypeOf(take).toBeFunction()
  })

  it('the store’s too', () => {
    const { store } = compat({ secret: SECRET })
    expectTypeOf(store.get('id')).resolves.toEqualTypeOf<SessionRecord | undefined>()
    expectTypeOf(store.get('id', () => undefined)).toBeVoid()
    expectTypeOf(store.destroy('id')).resolves.toBeVoid()
  })
})
