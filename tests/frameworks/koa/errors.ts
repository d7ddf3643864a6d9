import { PassThrough, Readable } from 'node:stream'
import type { Context } from 'koa'
import { StoreUnavailableError } from 'sojourn'
import { koaSessions } from 'sojourn/koa'
import { describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { count, type KoaVersion, koaSite } from './koa-site.ts'

/** Koa's own error handling, which takes all headers back, and middleware above. */
export function koaErrors(version: KoaVersion): void {
  describe('errors of the application', () => {
    it.each([
      ['ctx.throw', 418, 'I am'],
      ['a plain error', 500, 'Internal Server Error'],
    ])(
      '%s: what was changed is stored, its cookie and Vary go along',
      async (kind, status, text) => {
        const { browser, app } = await koaSite(version, (app, sessions) => {
          app.use(koaSessions(sessions))
          app.use((ctx) => {
            ctx.set('X-Gone', 'yes')
            count(ctx)
            if (kind === 'ctx.throw') ctx.throw(418, 'I am')
            throw new Error('boom')
          })
        })
        const first = await browser.get('/')
        expect(first).toMatchObject({ status, text, seen: { n: 1 } })
        expect(first.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'private' })
        expect(first.headers['x-gone']).toBeUndefined()
        expect(first.cookies).toHaveLength(1)
        expect(await browser.get('/')).toMatchObject({ status, seen: { n: 2 }, cookies: [] })
        expect(app.errors).toHaveLength(2)
      },
    )

    it('a login and then an error: the new token is not lost', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use(async (ctx) => {
          if (ctx.path === '/who') return void (ctx.body = ctx.session.principal ?? 'nobody')
          await ctx.session.login('ada')
          ctx.throw(500)
        })
      })
      await browser.get('/login')
      expect((await browser.get('/who')).text).toBe('ada')
    })

    it('caught by middleware above: stored with its answer', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(async (ctx, next) => {
          await next().catch((error: Error) => (ctx.body = error.message))
        })
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          count(ctx)
          throw new Error('caught')
        })
      })
      expect(await browser.get('/')).toMatchObject({ status: 200, text: 'caught', seen: { n: 1 } })
    })

    it('404 of Koa itself: the session is stored with it', async () => {
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => void count(ctx))
      })
      expect(await browser.get('/')).toMatchObject({ status: 404, seen: { n: 1 } })
    })
  })

  describe('a session that cannot be stored', () => {
    it('is answered by Koa with the status of the error, and told to app.on("error")', async () => {
      const { browser, engine, app } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          ctx.body = { refused: count(ctx) }
        })
      })
      engine.failure = new StoreUnavailableError('gone', false)
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ status: 503, text: 'Service Unavailable', cookies: [] })
      expect(app.errors).toEqual([engine.failure])
    })

    it('is an error for middleware above, which may leave the answer to Koa', async () => {
      const seen: unknown[] = []
      const { browser, engine, app } = await koaSite(version, (app, sessions) => {
        app.use(async (_, next) => {
          await next().catch((error: unknown) => seen.push(error))
        })
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          ctx.attachment('refused.json')
          ctx.body = { refused: count(ctx) }
        })
      })
      engine.failure = new StoreUnavailableError('gone', false)
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ status: 503, text: 'Service Unavailable', cookies: [] })
      expect(answer.headers['content-disposition']).toBeUndefined()
      expect(seen).toEqual([engine.failure])
      expect(app.errors).toEqual([])
    })

    it('what middleware above has changed since: Koa answers for it', async () => {
      const { browser, app } = await koaSite(version, (app, sessions) => {
        app.use(async (ctx, next) => {
          await next()
          ;(ctx.session as unknown as Data).name = 'x'.repeat(5_000)
        })
        app.use(koaSessions(sessions))
        app.use((ctx) => void (ctx.body = 'refused'))
      })
      expect(await browser.get('/')).toMatchObject({ status: 500, text: 'Internal Server Error' })
      expect(app.errors).toMatchObject([{ code: 'ERR_SOJOURN_TOO_LARGE' }])
    })

    it('an answer by Node’s response: the same', async () => {
      const { browser, engine, app } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          ctx.respond = false
          ctx.res.statusCode = 200
          ctx.res.end(`refused ${count(ctx)}`)
        })
      })
      engine.failure = new StoreUnavailableError('gone', false)
      const answer = await browser.get('/')
      expect(answer).toMatchObject({ status: 503, text: 'Service Unavailable', cookies: [] })
      expect(app.errors).toEqual([engine.failure])
    })

    it('one that cannot be ended, by ctx.session = null: the answer is refused, and it stays', async () => {
      const { browser, engine, app } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          ctx.body = { n: ctx.path === '/null' ? 0 : count(ctx) }
          if (ctx.path !== '/null') return
          engine.failure = new StoreUnavailableError('gone', false)
          ctx.session = null
        })
      })
      await browser.get('/')
      expect(await browser.get('/null')).toMatchObject({ status: 503, cookies: [] })
      expect(app.errors).toEqual([engine.failure])
      engine.failure = undefined
    })

    it('one that cannot be loaded: no middleware below runs, and there is no ctx.session', async () => {
      const sessionsSeen: unknown[] = []
      let ran = 0
      const { browser, engine } = await koaSite(version, (app, sessions) => {
        app.use(async (ctx, next) => {
          await next().finally(() => sessionsSeen.push(ctx.session === undefined))
        })
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          ran++
          ctx.body = { n: count(ctx) }
        })
      })
      await browser.get('/')
      engine.failure = new StoreUnavailableError('gone', false)
      expect((await browser.get('/')).status).toBe(503)
      expect({ ran, sessionsSeen }).toEqual({ ran: 1, sessionsSeen: [false, true] })
    })
  })

  describe('streams', () => {
    it('what is changed while it flows is stored before its end', async () => {
      const { browser, sessions } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          count(ctx)
          if (ctx.path === '/') return void (ctx.body = 'counted')
          const body = new PassThrough()
          body.write('one ')
          setImmediate(() => {
            count(ctx)
            body.end('two')
          })
          ctx.body = body
        })
      })
      await browser.get('/')
      const { token } = browser
      expect((await browser.get('/stream')).text).toBe('one two')
      expect((await sessions.open(token ?? '', { fresh: true })).toJSON()).toEqual({ n: 3 })
    })

    it('a web stream and a Response as body', async () => {
      if (version.name === 'Koa 2') return
      const { browser } = await koaSite(version, (app, sessions) => {
        app.use(koaSessions(sessions))
        app.use((ctx) => {
          const response = Response.json({ n: count(ctx) })
          ctx.body = ctx.path === '/response' ? response : response.body
        })
      })
      expect(await browser.get('/response')).toMatchObject({ text: '{"n":1}', seen: { n: 1 } })
      expect(await browser.get('/stream')).toMatchObject({ text: '{"n":2}', seen: { n: 2 } })
    })

    it('one that fails in the middle: the connection ends, as without sessions', async () => {
      // Koa 2 leaves such a connection open, and its client waiting.
      if (version.name === 'Koa 2') return
      const failing = (ctx: Context): void => {
        ctx.body = Readable.from(
          (function* () {
            yield Buffer.from('half')
            throw new Error('boom')
          })(),
        )
      }
      const told: number[] = []
      for (const isPlain of [true, false]) {
        const { browser, app } = await koaSite(version, (app, sessions) => {
          if (!isPlain) app.use(koaSessions(sessions)).use((ctx, next) => (count(ctx), next()))
          app.use(failing)
        })
        await expect(browser.get('/')).rejects.toThrow(/aborted|hang up/)
        told.push(app.errors.length)
      }
      expect(told[1]).toBe(told[0])
    })
  })
}
