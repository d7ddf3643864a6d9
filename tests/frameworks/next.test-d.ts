import { createSessions, type Session, type Sessions } from 'sojourn'
import { nextSessions, type ReadonlySession } from 'sojourn/next'
import { describe, expectTypeOf, it } from 'vitest'

interface Own {
  visits: number
  cart: { sku: string }[]
}

const { readSession, withSession, sessions } = nextSessions(() => createSessions<Own>(), {
  name: 'own',
  outage: 'anonymous',
})

describe('nextSessions', () => {
  it('types what is read, which cannot be changed', async () => {
    const session = await readSession()
    expectTypeOf(session).toEqualTypeOf<ReadonlySession<Own>>()
    expectTypeOf(session.get('visits')).toEqualTypeOf<number | undefined>()
    expectTypeOf(session.principal).toEqualTypeOf<string | undefined>()
    // @ts-expect-error no such attribute
    session.get('basket')
    // @ts-expect-error not in a component
    session.set('visits', 1)
    // @ts-expect-error not in a component
    await session.login('ada')
    // @ts-expect-error what is got is not changed in place
    session.get('cart')?.push({ sku: 'x' })
  })

  it('types what is written, and gives what the work gives', async () => {
    const visits = await withSession((session) => {
      expectTypeOf(session).toEqualTypeOf<Session<Own>>()
      return session.get('visits') ?? 0
    })
    expectTypeOf(visits).toEqualTypeOf<number>()
    const response = await withSession(async () => new Response(), { fresh: true })
    expectTypeOf(response).toEqualTypeOf<Response>()
    expectTypeOf(sessions()).toEqualTypeOf<Sessions<Own>>()
    const mine = await readSession({ fresh: true })
    expectTypeOf(sessions().of(mine).count()).toEqualTypeOf<Promise<number>>()
  })

  it('takes its options only', () => {
    expectTypeOf(nextSessions<Own>).toBeCallableWith(() => createSessions<Own>())
    // @ts-expect-error a factory, not sessions
    nextSessions(createSessions<Own>())
    // @ts-expect-error Next knows
    nextSessions(() => createSessions<Own>(), { trustProxy: true })
  })
})
