import { createSessions, type Session } from 'sojourn'
import { type SessionData, type SvelteKitEvent, sveltekitSessions } from 'sojourn/sveltekit'
import { describe, expectTypeOf, it } from 'vitest'

declare module 'sojourn/sveltekit' {
  interface SessionData {
    visits: number
  }
}

/** As SvelteKit declares them. */
interface RequestEvent extends SvelteKitEvent {
  readonly locals: App.Locals
  readonly url: URL
}
interface ResolveOptions {
  readonly filterSerializedResponseHeaders?: (name: string, value: string) => boolean
}
type Handle = (input: {
  event: RequestEvent
  resolve: (event: RequestEvent, options?: ResolveOptions) => Promise<Response>
}) => Response | Promise<Response>

const sessions = createSessions<SessionData>()

describe('sveltekitSessions', () => {
  it('is a handle of SvelteKit', () => {
    expectTypeOf(sveltekitSessions(sessions)).toExtend<Handle>()
  })

  it('types `locals`', () => {
    const locals = {} as App.Locals
    expectTypeOf(locals.session).toEqualTypeOf<Session<SessionData>>()
    // @ts-expect-error no such attribute
    locals.session.get('basket')
    // @ts-expect-error it is the request's for good
    locals.session = undefined
  })

  it('takes its options only', () => {
    expectTypeOf(sveltekitSessions<SessionData>).toBeCallableWith(sessions, {
      fresh: ({ request }) => request.url.endsWith('/admin'),
      // As SvelteKit's `error`, which throws.
      onError: (): never => {
        throw new Error('503')
      },
    })
    // @ts-expect-error SvelteKit's adapter knows
    sveltekitSessions(sessions, { trustProxy: true })
  })
})
