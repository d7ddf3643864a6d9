import Fastify, { type FastifyRequest } from 'fastify'
import { createSessions, type Session } from 'sojourn'
import { fastifySessions } from 'sojourn/fastify'
import { describe, expectTypeOf, it } from 'vitest'

interface Item {
  readonly sku: string
}

declare module 'sojourn/fastify' {
  interface SessionData {
    cart: Item[]
    theme: 'light' | 'dark'
  }
}

interface Own {
  visits: number
}

const sessions = createSessions<Own>()

describe('request.session', () => {
  it('has the attributes of SessionData, each of which may be absent', () => {
    expectTypeOf<FastifyRequest['session']['cart']>().toEqualTypeOf<Item[] | undefined>()
    expectTypeOf<FastifyRequest['session']['theme']>().toEqualTypeOf<'light' | 'dark' | undefined>()
  })

  it('takes and gives attributes by name, and has the members of a session', () => {
    Fastify().get('/', async (request) => {
      request.session.theme = 'dark'
      request.session.cart?.push({ sku: 'a' })
      delete request.session.cart
      expectTypeOf(request.session.get('theme')).toEqualTypeOf<'light' | 'dark' | undefined>()
      expectTypeOf(request.session.principal).toEqualTypeOf<string | undefined>()
      await request.session.login('ada', { keep: ['cart'] })
    })
  })

  it('refuses wrong names, wrong values and a session of one’s own', () => {
    expectTypeOf<FastifyRequest['session']>().not.toHaveProperty('basket')
    Fastify().get('/', (request) => {
      // @ts-expect-error no such attribute
      void request.session.basket
      // @ts-expect-error not a theme
      request.session.theme = 'blue'
      // @ts-expect-error what get gives is not to be changed
      request.session.get('cart')?.push({ sku: 'a' })
      // @ts-expect-error read-only
      request.session = {}
    })
  })
})

describe('sessions.from(request)', () => {
  it('is typed by the instance', () => {
    Fastify().get('/', (request) => {
      const session = sessions.from(request)
      expectTypeOf(session).toEqualTypeOf<Session<Own>>()
      // @ts-expect-error of request.session, not of these
      session.get('cart')
    })
  })
})

describe('fastifySessions', () => {
  it('is registered with sessions of any data', async () => {
    const app = Fastify()
    expectTypeOf(app.register(fastifySessions, { sessions })).resolves.toEqualTypeOf<undefined>()
    await app.register(fastifySessions, { sessions: createSessions(), fresh: true })
    await app.register(fastifySessions, { sessions, fresh: (request) => request.url === '/' })
    await app.register(fastifySessions, { sessions, prefix: '/shop' })
  })

  it('fits servers of HTTP/2 and TLS', () => {
    const [http2, https] = [Fastify({ http2: true }), Fastify({ https: {} })]
    expectTypeOf(http2.register(fastifySessions, { sessions })).toHaveProperty('after')
    expectTypeOf(https.register(fastifySessions, { sessions })).toHaveProperty('after')
  })

  it('takes its options only', () => {
    const app = Fastify()
    expectTypeOf(fastifySessions).parameter(1).toHaveProperty('sessions')
    // @ts-expect-error not optional
    app.register(fastifySessions, {})
    // @ts-expect-error not sessions
    app.register(fastifySessions, { sessions: { secrets: ['x'] } })
    // @ts-expect-error not a boolean
    app.register(fastifySessions, { sessions, fresh: 'yes' })
  })
})
