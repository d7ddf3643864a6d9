import type { Request } from 'express'
import express from 'express'
import type { Request as Request4 } from 'express4'
import { createSessions, type Session } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { describe, expectTypeOf, it } from 'vitest'

interface Item {
  readonly sku: string
}

declare module 'sojourn/express' {
  interface SessionData {
    cart: Item[]
    theme: 'light' | 'dark'
  }
}

interface Own {
  visits: number
  tags: string[]
}

const sessions = createSessions<Own>()

describe('req.session', () => {
  it('has the attributes of SessionData, each of which may be absent', () => {
    expectTypeOf<Request['session']['cart']>().toEqualTypeOf<Item[] | undefined>()
    expectTypeOf<Request['session']['theme']>().toEqualTypeOf<'light' | 'dark' | undefined>()
    expectTypeOf<Request4['session']['cart']>().toEqualTypeOf<Item[] | undefined>()
  })

  it('has the members of a session', () => {
    expectTypeOf<Request['session']['principal']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<Request['session']['login']>().returns.resolves.toBeVoid()
    express().get('/', (req) => sessions.of(req.session).revokeOthers())
  })

  it('takes and gives attributes by name', () => {
    express().get('/', (req) => {
      req.session.theme = 'dark'
      req.session.cart?.push({ sku: 'a' })
      delete req.session.cart
      req.session.set('theme', 'light')
      expectTypeOf(req.session.get('theme')).toEqualTypeOf<'light' | 'dark' | undefined>()
      expectTypeOf(req.session.get('cart')?.[0]).toEqualTypeOf<
        { readonly sku: string } | undefined
      >()
    })
  })

  it('refuses wrong names, wrong values and a session of one’s own', () => {
    expectTypeOf<Request['session']>().not.toHaveProperty('basket')
    express().get('/', (req) => {
      // @ts-expect-error no such attribute
      void req.session.basket
      // @ts-expect-error no such attribute
      req.session.set('basket', [])
      // @ts-expect-error not a theme
      req.session.theme = 'blue'
      // @ts-expect-error not an item
      req.session.cart?.push('a')
      // @ts-expect-error not a theme
      req.session.set('theme', 'blue')
      // @ts-expect-error no such attribute
      void req.session.login('ada', { keep: ['basket'] })
      // @ts-expect-error what get gives is not to be changed
      req.session.get('cart')?.push({ sku: 'a' })
      // @ts-expect-error read-only
      req.session = {}
    })
  })
})

describe('sessions.from(req)', () => {
  it('is typed by the instance', () => {
    express().get('/', (req) => {
      const session = sessions.from(req)
      expectTypeOf(session).toEqualTypeOf<Session<Own>>()
      expectTypeOf(session.get('visits')).toEqualTypeOf<number | undefined>()
      expectTypeOf(session.data.visits).toEqualTypeOf<number | undefined>()
      expectTypeOf(session.update('visits', (n) => (n ?? 0) + 1)).resolves.toEqualTypeOf<number>()
      // @ts-expect-error of req.session, not of these
      session.get('cart')
      // @ts-expect-error not a number
      session.set('visits', 'two')
    })
  })
})

describe('expressSessions', () => {
  it('fits app.use, a router and a route', () => {
    const app = express()
    expectTypeOf(app.use).toBeCallableWith(expressSessions(sessions))
    app.use(expressSessions(sessions))
    app.use('/path', expressSessions(sessions))
    express.Router().use(expressSessions(sessions))
    app.get('/', expressSessions(sessions), (_, res) => void res.end())
  })

  it('takes sessions only', () => {
    expectTypeOf(expressSessions<Own>).toBeCallableWith(sessions)
    // @ts-expect-error these are options
    expressSessions({ secrets: ['x'] })
  })
})
