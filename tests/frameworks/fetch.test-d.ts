import { createSessions, type Session } from 'sojourn'
import { fetchSessions } from 'sojourn/fetch'
import { describe, expectTypeOf, it } from 'vitest'

interface Own {
  visits: number
}

const sessions = createSessions<Own>()
const withSessions = fetchSessions(sessions)

describe('fetchSessions', () => {
  it('gives the handler a session that is typed by the instance', () => {
    withSessions((request, session) => {
      expectTypeOf(request).toEqualTypeOf<Request>()
      expectTypeOf(session).toEqualTypeOf<Session<Own>>()
      expectTypeOf(sessions.from(request)).toEqualTypeOf<Session<Own>>()
      // @ts-expect-error no such attribute
      session.get('basket')
      return new Response(`${session.get('visits')}`)
    })
  })

  it('is what servers take, with or without what else they give', () => {
    const handler = withSessions(async () => new Response('ok'))
    expectTypeOf(handler).toEqualTypeOf<(request: Request) => Response | Promise<Response>>()
    interface Server {
      upgrade(request: Request): boolean
    }
    const bun = withSessions((request, _session, server: Server) => {
      expectTypeOf(server.upgrade(request)).toEqualTypeOf<boolean>()
      return new Response('ok')
    })
    expectTypeOf(bun).parameters.toEqualTypeOf<[request: Request, server: Server]>()
    // @ts-expect-error the server is missing
    void bun(new Request('http://localhost/'))
  })

  it('takes its options only, and handlers that answer', () => {
    expectTypeOf(fetchSessions<Own>).toBeCallableWith(sessions, {
      trustProxy: true,
      fresh: ({ url }) => url.endsWith('/admin'),
      outage: 'anonymous',
      onError: (error, { url }) => new Response(`${url}: ${String(error)}`, { status: 500 }),
    })
    // @ts-expect-error these are options
    fetchSessions({ secrets: ['x'] })
    // @ts-expect-error no such option
    fetchSessions(sessions, { proxy: true })
    // @ts-expect-error no answer
    withSessions(() => 'text')
  })
})
