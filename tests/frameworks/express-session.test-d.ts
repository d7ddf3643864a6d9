import session, { type SessionData } from 'express-session'
import { counter, createSessions, type Sessions, union } from 'sojourn'
import { SojournStore } from 'sojourn/express-session'
import { describe, expectTypeOf, it } from 'vitest'

declare module 'express-session' {
  interface SessionData {
    visits: number
    basket: { readonly sku: string }[]
  }
}

describe('SojournStore', () => {
  it('is a store of express-session', () => {
    const store = new SojournStore({ redis: 'redis://127.0.0.1', secrets: ['…'] })
    expectTypeOf(session).toBeCallableWith({ store, secret: '…' })
    expectTypeOf(store.sessions).toEqualTypeOf<Sessions<SessionData>>()
  })

  it('takes merges of what the sessions hold', () => {
    new SojournStore({ merge: { visits: counter, basket: union('sku') } })
    // @ts-expect-error a list is no counter
    new SojournStore({ merge: { basket: counter } })
    // @ts-expect-error no such attribute
    new SojournStore({ merge: { visit: counter } })
  })

  it('takes the options of createSessions, but those that express-session has itself', () => {
    new SojournStore({ sessions: createSessions<SessionData>() })
    // @ts-expect-error the cookie is that of express-session
    new SojournStore({ cookie: { name: 'x' } })
    // @ts-expect-error one or the other
    new SojournStore({ sessions: createSessions<SessionData>(), prefix: 'x' })
  })

  it('gives promises without a callback, and nothing with one', () => {
    const store = new SojournStore({})
    expectTypeOf(store.get('sid')).resolves.toEqualTypeOf<SessionData | undefined>()
    expectTypeOf(store.get('sid', () => undefined)).toBeVoid()
    expectTypeOf(store.destroy('sid')).resolves.toBeVoid()
    expectTypeOf(store.length()).resolves.toBeNumber()
    expectTypeOf(store.ids()).resolves.toEqualTypeOf<string[]>()
    store.get('sid', (error, found) => {
      expectTypeOf(error).toBeUnknown()
      expectTypeOf(found).toEqualTypeOf<SessionData | null | undefined>()
      expectTypeOf(found?.visits).toEqualTypeOf<number | undefined>()
    })
  })
})
