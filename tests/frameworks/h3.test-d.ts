import { H3 } from 'h3'
import { createApp } from 'h3v1'
import { createSessions, type Session } from 'sojourn'
import { h3Sessions, nitroSessions, type SessionData } from 'sojourn/h3'
import { describe, expectTypeOf, it } from 'vitest'

declare module 'sojourn/h3' {
  interface SessionData {
    visits: number
  }
}

const sessions = createSessions<SessionData>()

describe('h3Sessions', () => {
  it('types the session of the event', () => {
    new H3().use(h3Sessions(sessions)).get('/', (event) => {
      expectTypeOf(event.context.session).toEqualTypeOf<Session<SessionData>>()
      expectTypeOf(event.context.session.get('visits')).toEqualTypeOf<number | undefined>()
      expectTypeOf(sessions.from(event)).toEqualTypeOf<Session<SessionData>>()
      // @ts-expect-error no such attribute
      event.context.session.get('basket')
      // @ts-expect-error it is the request's for good
      event.context.session = undefined
    })
    new H3().use('/api/**', h3Sessions(sessions, { fresh: true }))
  })

  it('takes its options only', () => {
    expectTypeOf(h3Sessions<SessionData>).toBeCallableWith(sessions, {
      trustProxy: true,
      fresh: ({ req }) => req.url.endsWith('/admin'),
      onError: (error) => String(error),
    })
    // @ts-expect-error not of h3 2, where the middleware is mounted at a path
    h3Sessions(sessions, { only: () => true })
  })
})

describe('nitroSessions', () => {
  it('is a plugin of Nitro 2, and for an application of h3 1', () => {
    expectTypeOf(nitroSessions(sessions)).toBeCallableWith({ h3App: createApp() })
    nitroSessions(sessions, { only: ({ path }) => path.startsWith('/api/'), outage: 'anonymous' })
    // @ts-expect-error h3 2 has middleware
    nitroSessions(sessions)(new H3())
  })
})
