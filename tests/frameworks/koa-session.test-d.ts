import Koa from 'koa'
import { createSessions, type Session, type Sessions } from 'sojourn'
import session, { type KoaSessionOptions, koaSession } from 'sojourn/koa-session'
import { describe, expectTypeOf, it } from 'vitest'

const app = new Koa()

describe('koaSession', () => {
  it('fits app.use, whichever way round it is called', () => {
    expectTypeOf(koaSession({ key: 'sid' }, app)).toExtend<Koa.Middleware>()
    expectTypeOf(session(app)).toExtend<Koa.Middleware>()
    app.use(session(app, { maxAge: 'session' }))
  })

  it('has the sessions behind it', () => {
    const { sessions } = koaSession(app)
    expectTypeOf(sessions).toEqualTypeOf<Sessions>()
    app.use((ctx) => {
      expectTypeOf(sessions.from(ctx)).toEqualTypeOf<Session>()
    })
  })

  it('takes sessions of any data', () => {
    const made = createSessions<{ n: number }>()
    const { sessions } = koaSession({ sessions: made, key: 'sid' }, app)
    expectTypeOf(sessions).toEqualTypeOf<Sessions<{ n: number }>>()
    expectTypeOf(session(app, { sessions: made }).sessions).toEqualTypeOf(sessions)
  })

  it('takes options of koa-session and of createSessions, and no others', () => {
    expectTypeOf<KoaSessionOptions['maxAge']>().toEqualTypeOf<number | 'session' | undefined>()
    koaSession({ redis: 'redis://localhost', secrets: ['x'], rolling: true, sameSite: 'lax' }, app)
    // @ts-expect-error sessions are kept by Sojourn
    koaSession({ store: {} }, app)
    // @ts-expect-error not a SameSite
    koaSession({ sameSite: 'sometimes' }, app)
    // @ts-expect-error an application is needed
    koaSession({ key: 'sid' })
  })
})
