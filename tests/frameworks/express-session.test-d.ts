import session, { type SessionData } from 'express-session'
import { counter, createSessions, type Sessions, union } from 'sojourn'
import { type OwnSessionsOptions, SojournStore } from 'sojourn/express-session'
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
    type Merge = NonNullable<OwnSessionsOptions<SessionData>['merge']>
    expectTypeOf({ visits: counter, basket: union<{ sku: string }>('sku') }).toExtend<Merge>()
    expectTypeOf({ basket: counter }).not.toExtend<Merge>()
    // @ts-expect-error no such attribute
    expectTypeOf(new SojournStore({ merge: { visit: counter } })).toEqualTypeOf<SojournStore>()
  })

  it('takes the options of createSessions, but those that express-session has itself', () => {
    const sessions = createSessions<SessionData>()
    expectTypeOf(new SojournStore({ sessions })).toEqualTypeOf<SojournStore>()
    // @ts-expect-error the cookie is that of express-session
    expectTypeOf(new SojournStore({ cookie: { name: 'x' } })).toEqualTypeOf<SojournStore>()
    // @ts-expect-error one or the other
    expectTypeOf(new SojournStore({ sessions, prefix: 'x' })).toEqualTypeOf<SojournStore>()
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
