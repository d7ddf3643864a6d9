import Fastify, { type FastifyRequest } from 'fastify'
import { createSessions, type Watch } from 'sojourn'
import {
  type FastifySessionObject,
  fastifySession,
  type SessionCookie,
  type SessionStore,
} from 'sojourn/fastify-session'
import { describe, expectTypeOf, it } from 'vitest'

declare module 'fastify' {
  interface Session {
    user_id: string
    visits?: number
  }
}

interface Own {
  cart: string[]
}

const secret = 'a secret with minimum length of 32 characters'

describe('request.session', () => {
  it('has what an application has declared in `interface Session` of fastify', () => {
    expectTypeOf<FastifyRequest['session']['user_id']>().toEqualTypeOf<string>()
    expectTypeOf<FastifyRequest['session']['visits']>().toEqualTypeOf<number | undefined>()
    expectTypeOf<FastifyRequest['session']['cookie']>().toEqualTypeOf<SessionCookie>()
    expectTypeOf<FastifyRequest['session']>().toEqualTypeOf<FastifySessionObject>()
    expectTypeOf<FastifyRequest['sessionStore']>().toEqualTypeOf<SessionStore>()
  })

  it('has the methods, by callback and by promise', () => {
    Fastify().get('/', async ({ session }) => {
      session.user_id = 'ada'
      session.set('visits', 5)
      expectTypeOf(session.get('user_id')).toEqualTypeOf<string | undefined>()
      expectTypeOf(session.save()).toEqualTypeOf<Promise<void>>()
      expectTypeOf(session.save(() => undefined)).toEqualTypeOf<void>()
      await session.regenerate(['user_id'])
      session.regenerate(['user_id'], (error) => void error)
      session.destroy((error) => expectTypeOf(error).toEqualTypeOf<unknown>())
      session.options({ maxAge: 60_000, sameSite: 'lax' })
      expectTypeOf(session.isModified()).toEqualTypeOf<boolean>()
      expectTypeOf(session.sessionId).toEqualTypeOf<string>()
    })
  })

  it('refuses what is not there', () => {
    expectTypeOf<FastifyRequest['session']>().not.toHaveProperty('basket')
    Fastify().get('/', ({ session }) => {
      // @ts-expect-error no such attribute
      void session.basket
      // @ts-expect-error not a number
      session.set('visits', 'five')
      // @ts-expect-error not an option of a cookie
      session.options({ color: 'red' })
      // @ts-expect-error an id is not to be set
      session.sessionId = 'mine'
    })
  })
})

describe('fastifySession', () => {
  it('takes the options of the plugin, and those of createSessions', async () => {
    const app = Fastify()
    expectTypeOf(app.register(fastifySession, { secret })).toHaveProperty('after')
    await app.register(fastifySession, {
      secret: [secret],
      redis: 'redis://127.0.0.1',
      cookieName: 'sid',
      cookie: { secure: 'auto', maxAge: 60_000 },
      idGenerator: (request) => request.id,
      principal: (session) => session.user_id,
      keyPrefix: 'shop',
      rolling: false,
      saveUninitialized: false,
      nearCache: false,
      merge: { visits: (base, mine, theirs) => (mine ?? 0) + (theirs ?? 0) - (base ?? 0) },
    })
    await app.register(fastifySession, { sessions: createSessions<Own>() })
    await app.register(fastifySession, { sessions: createSessions(), prefix: '/shop' })
    app.decryptSession('value', {}, () => undefined)
    app.decryptSession('value', {}, { maxAge: 5 }, (error) => void error)
  })

  it('hands out its sessions', () => {
    Fastify().get('/', async ({ sessionStore: { sessions }, session }) => {
      await sessions.of('ada').revokeAll()
      expectTypeOf(sessions.of('ada').count()).toEqualTypeOf<Promise<number>>()
      expectTypeOf(sessions.watch(session.sessionId)).toEqualTypeOf<Watch>()
      const off = sessions.on('error', ({ operation, error }) => {
        expectTypeOf(operation).toEqualTypeOf<string>()
        expectTypeOf(error).toEqualTypeOf<unknown>()
      })
      expectTypeOf(off).toEqualTypeOf<() => void>()
    })
  })

  it('takes nothing else', () => {
    const app = Fastify()
    expectTypeOf(fastifySession).parameter(1).not.toHaveProperty('resave')
    // @ts-expect-error not an option
    app.register(fastifySession, { secret, resave: true })
    // @ts-expect-error not a boolean
    app.register(fastifySession, { secret, rolling: 'yes' })
    // @ts-expect-error not sessions
    app.register(fastifySession, { sessions: { secret } })
    // @ts-expect-error another store
    app.register(fastifySession, { secret, store: new Map() })
  })
})
