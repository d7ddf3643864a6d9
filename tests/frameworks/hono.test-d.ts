import { Hono } from 'hono'
import { createMiddleware } from 'hono/factory'
import { createSessions, type Session } from 'sojourn'
import { honoSessions, type SessionEnv } from 'sojourn/hono'
import { describe, expectTypeOf, it } from 'vitest'

interface Own {
  visits: number
}

const sessions = createSessions<Own>()

describe('honoSessions', () => {
  it('types the session for what is chained after it', () => {
    new Hono().use(honoSessions(sessions)).get('/', (c) => {
      expectTypeOf(c.get('session')).toEqualTypeOf<Session<Own>>()
      expectTypeOf(c.var.session).toEqualTypeOf<Session<Own>>()
      expectTypeOf(sessions.from(c.req.raw)).toEqualTypeOf<Session<Own>>()
      // @ts-expect-error no such attribute
      c.get('session').get('basket')
      // @ts-expect-error no such variable
      c.get('sessions')
      return c.text(`${c.var.session.get('visits')}`)
    })
  })

  it('fits an application, a route and a factory that name the environment', () => {
    const app = new Hono<SessionEnv<Own> & { Bindings: { NAME: string } }>()
    app.use(honoSessions(sessions))
    app.get('/here', honoSessions(sessions, { fresh: true }), (c) => {
      expectTypeOf(c.get('session')).toEqualTypeOf<Session<Own>>()
      expectTypeOf(c.env.NAME).toEqualTypeOf<string>()
      return c.json(c.var.session)
    })
    createMiddleware<SessionEnv<Own>>(async (c, next) => {
      expectTypeOf(c.var.session.principal).toEqualTypeOf<string | undefined>()
      await next()
    })
  })

  it('takes its options only', () => {
    expectTypeOf(honoSessions<Own>).toBeCallableWith(sessions, {
      trustProxy: true,
      fresh: ({ url }) => url.endsWith('/admin'),
    })
    // @ts-expect-error these are options
    honoSessions({ secrets: ['x'] })
    // @ts-expect-error Hono has its own
    honoSessions(sessions, { onError: () => new Response('sorry') })
  })
})
