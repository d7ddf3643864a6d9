import Koa from 'koa'
import { createSessions, type Session } from 'sojourn'
import { koaSessions } from 'sojourn/koa'
import { describe, expectTypeOf, it } from 'vitest'

interface Item {
  readonly sku: string
}

declare module 'sojourn/koa' {
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
const app = new Koa()

describe('ctx.session', () => {
  it('has the attributes of SessionData, each of which may be absent', () => {
    expectTypeOf<Koa.Context['session']['cart']>().toEqualTypeOf<Item[] | undefined>()
    app.use((ctx) => {
      expectTypeOf(ctx.session.cart).toEqualTypeOf<Item[] | undefined>()
      expectTypeOf(ctx.session.theme).toEqualTypeOf<'light' | 'dark' | undefined>()
    })
  })

  it('has the members of a session', () => {
    expectTypeOf<Koa.Context['session']['principal']>().toEqualTypeOf<string | undefined>()
    expectTypeOf<Koa.Context['session']['login']>().returns.resolves.toBeVoid()
    app.use(async (ctx) => {
      await sessions.of(ctx.session).revokeOthers()
    })
  })

  it('takes and gives attributes', () => {
    app.use((ctx) => {
      ctx.session.theme = 'dark'
      ctx.session.cart?.push({ sku: 'a' })
      delete ctx.session.cart
      ctx.session.set('theme', 'light')
      expectTypeOf(ctx.session.get('theme')).toEqualTypeOf<'light' | 'dark' | undefined>()
      ctx.session = null
      ctx.session = { theme: 'dark' }
    })
  })

  it('refuses wrong names, wrong values and other things', () => {
    expectTypeOf<Koa.Context['session']>().not.toHaveProperty('basket')
    app.use(async (ctx) => {
      // @ts-expect-error no such attribute
      void ctx.session.basket
      // @ts-expect-error not a theme
      ctx.session.theme = 'blue'
      // @ts-expect-error not an item
      ctx.session.cart?.push('a')
      // @ts-expect-error not a theme
      ctx.session.set('theme', 'blue')
      // @ts-expect-error no such attribute
      await ctx.session.login('ada', { keep: ['basket'] })
      // @ts-expect-error not a theme
      ctx.session = { theme: 'blue' }
      // @ts-expect-error neither null nor an object
      ctx.session = 5
    })
  })
})

describe('sessions.from(ctx)', () => {
  it('is typed by the instance', () => {
    app.use((ctx) => {
      const session = sessions.from(ctx)
      expectTypeOf(session).toEqualTypeOf<Session<Own>>()
      expectTypeOf(session.data.visits).toEqualTypeOf<number | undefined>()
      expectTypeOf(sessions.from(ctx.req)).toEqualTypeOf<Session<Own>>()
      // @ts-expect-error not a number
      session.set('visits', 'two')
    })
  })
})

describe('koaSessions', () => {
  it('fits app.use, also with a state and a context of one’s own', () => {
    expectTypeOf(koaSessions<Own>).returns.toExtend<Koa.Middleware>()
    app.use(koaSessions(sessions, { fresh: (ctx) => ctx.path.startsWith('/admin') }))
    new Koa<{ user: string }, { log: (line: string) => void }>().use(koaSessions(sessions))
  })

  it('takes sessions only', () => {
    expectTypeOf(koaSessions<Own>).toBeCallableWith(sessions)
    // @ts-expect-error these are options
    koaSessions({ secrets: ['x'] })
  })
})
