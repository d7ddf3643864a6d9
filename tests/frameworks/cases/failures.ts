import { Readable } from 'node:stream'
import { StoreUnavailableError } from 'sojourn'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Adapter, type AppOptions, type Behaviour, unstorable } from '../support/adapter.ts'
import type { Answer } from '../support/http-client.ts'
import { open, type World } from '../support/world.ts'

type OnError = NonNullable<AppOptions['onError']>

/** Values that cannot be stored, and what the error handler is told. */
const refused: readonly {
  readonly name: string
  readonly value: unknown
  readonly code: string
}[] = [
  { name: 'too large', value: 'x'.repeat(5_000), code: 'ERR_SOJOURN_TOO_LARGE' },
  { name: 'not storable', value: unstorable(), code: 'ERR_SOJOURN_ATTRIBUTE' },
  { name: 'not of the schema', value: 42, code: 'ERR_SOJOURN_SCHEMA' },
]
const options = {
  sessions: {
    maxBytes: 2_000,
    schema: z.object({ any: z.any().refine((v) => v !== 42) }) as never,
  },
}

const body = 'the answer that is refused'
const answers: Readonly<Record<string, Behaviour>> = {
  '/text': ({ reply }) => reply.text(body),
  '/described': ({ reply }) => {
    reply.header('ETag', '"refused"')
    reply.header('Last-Modified', 'Wed, 01 Jan 2025 00:00:00 GMT')
    reply.header('Content-Language', 'nl')
    reply.header('Content-Disposition', 'attachment')
    reply.header('Cache-Control', 'public, max-age=31536000')
    reply.header('Expires', 'Thu, 01 Jan 2099 00:00:00 GMT')
    reply.header('X-Of-The-App', 'stays')
    return reply.text(body)
  },
  '/redirect': ({ reply }) => reply.redirect('/elsewhere'),
  '/empty': ({ reply }) => reply.empty(204),
  '/stream': ({ reply }) =>
    reply.stream(Readable.from(Array.from({ length: 50 }, () => Buffer.from(body)))),
}
function changing(value: unknown): Record<string, Behaviour> {
  const changed = Object.entries(answers).map(([path, answer]): [string, Behaviour] => [
    path,
    (call) => {
      call.session.any = value
      return answer(call)
    },
  ])
  return Object.fromEntries(changed)
}

export function failureCases(adapter: Adapter): void {
  describe('a session that cannot be stored goes to the error handler', () => {
    describe.each(refused)('$name', ({ value, code }) => {
      it.each(Object.keys(answers))('%s', async (path) => {
        const world = await open(adapter, changing(value), options)
        const browser = world.browser()
        const answer = await browser.get(path)
        expect(answer).toMatchObject({ status: 500, text: JSON.stringify({ error: code }) })
        expect(answer.cookies).toEqual([])
        const length = String(answer.bytes.length)
        expect(answer.headers['content-length'] ?? length).toBe(length)
        expect(world.records()).toBe(0)
        expect(world.app.errors).toHaveLength(1)
        // The connection goes on.
        expect((await browser.get(path)).status).toBe(500)
      })
    })

    it('without what described the refused body', async () => {
      const world = await open(adapter, changing('x'.repeat(5_000)), options)
      const { headers } = await world.browser().get('/described')
      const gone = ['last-modified', 'content-language', 'content-disposition', 'expires']
      expect(Object.keys(headers).filter((name) => gone.includes(name))).toEqual([])
      expect(headers['etag']).not.toBe('"refused"')
      const kept = { 'cache-control': 'no-store', 'x-of-the-app': 'stays' }
      expect(headers).toMatchObject(adapter.answersErrorsAnew === true ? {} : kept)
      const redirected = await world.browser().get('/redirect')
      expect(redirected.headers['location']).toBeUndefined()
    })

    it('with 503 when the store is away, and stores when it is back', async () => {
      const world = await open(adapter, changing('fits'))
      const browser = world.browser()
      await browser.get('/text')
      const { token } = browser
      world.engine.failure = new StoreUnavailableError('gone', true)
      for (const path of Object.keys(answers)) {
        const answer = await world.browser().get(path)
        expect(answer).toMatchObject({
          status: 503,
          text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
          headers: { 'retry-after': '1' },
          cookies: [],
        })
      }
      world.engine.failure = undefined
      expect(browser.token).toBe(token)
      expect(await browser.get('/text')).toMatchObject({ status: 200, seen: { any: 'fits' } })
    })

    it.skipIf(adapter.plain)(
      'as the application answers that was told by a commit of its own',
      async () => {
        const world = await open(adapter, {
          '/own': async ({ session, reply }) => {
            session.set('any', 'fits')
            await session
              .commit()
              .catch((error: { code: string }) => reply.text(`own: ${error.code}`))
          },
          '/status': async ({ session, reply }) => {
            session.set('any', 'fits')
            await session.commit().catch(() => reply.text('shortly', 503))
          },
          '/thrown': async ({ session }) => {
            session.set('any', 'fits')
            await session.commit()
          },
        })
        const browser = world.browser()
        world.engine.failure = new StoreUnavailableError('gone', true)
        const own = await browser.get('/own')
        expect(own).toMatchObject({ status: 200, text: 'own: ERR_SOJOURN_STORE_UNAVAILABLE' })
        expect(own.headers['retry-after']).toBeUndefined()
        const shortly = await browser.get('/status')
        expect(shortly).toMatchObject({
          status: 503,
          text: 'shortly',
          headers: { 'retry-after': '1' },
        })
        const thrown = await browser.get('/thrown')
        expect(thrown).toMatchObject({
          status: 503,
          headers: { 'retry-after': '1' },
          text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
        })
      },
    )

    it('with 503 when the store goes away during the commit, whatever has been written till then', async () => {
      const world = await open(adapter, changing('fits'))
      for (const path of Object.keys(answers)) {
        const gate = world.engine.gate()
        const answering = world.browser().get(path)
        await gate.reached
        world.engine.failure = new StoreUnavailableError('gone', true)
        gate.open()
        const answer = await answering
        expect({ path, ...answer }).toMatchObject({
          path,
          status: 503,
          text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
          headers: { 'retry-after': '1' },
          cookies: [],
        })
        world.engine.failure = undefined
      }
    })

    it.skipIf(adapter.plain)(
      'and a new token that is valid by then is sent all the same',
      async () => {
        const world = await open(adapter, {
          '/login': async ({ session, reply }) => {
            await session.login('ada')
            session.any = () => 'cannot be stored'
            return reply.text(body)
          },
          '/who': ({ session, reply }) => reply.text(session.principal ?? 'nobody'),
        })
        const browser = world.browser()
        const answer = await browser.get('/login')
        expect(answer.status).toBe(500)
        expect(answer.cookies).toHaveLength(1)
        expect((await browser.get('/who')).text).toBe('ada')
      },
    )

    it('for values that throw when they are read', async () => {
      const world = await open(adapter, {
        '/box': ({ session, reply }) => {
          session.any = { a: 1 }
          return reply.text(body)
        },
        '/trap': ({ session, reply }) => {
          session.any = {
            get a(): never {
              throw new Error('trap')
            },
          }
          return reply.text(body)
        },
      })
      const browser = world.browser()
      await browser.get('/box')
      expect(await browser.get('/trap')).toMatchObject({ status: 500, seen: { any: { a: 1 } } })
      expect(world.app.errors).toHaveLength(1)
      expect((await browser.get('/box')).status).toBe(200)
    })

    it('not for ever for values that are stored as something else', async () => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          session.box = { a: undefined, b: 1 }
          return reply.text('stored')
        },
      })
      const answer = await world.browser().get('/')
      expect(answer).toMatchObject({ status: 200, seen: { box: { b: 1 } } })
    })
  })

  describe('a store that is away when the request comes', () => {
    it('I7 is a 503 for those with a cookie of ours, and nothing for the others', async () => {
      const world = await open(adapter, {
        '/read': ({ session, reply }) => reply.text(`n is ${session.n}`),
        ...changing('fits'),
      })
      const browser = world.browser()
      await browser.get('/text')
      world.engine.failure = new StoreUnavailableError('gone', false)
      const answer = await browser.get('/read')
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': '1' },
        text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
        cookies: [],
      })
      const other = await world.browser().get('/read')
      expect(other.status).toBe(200)
      expect(other.headers['retry-after']).toBeUndefined()
      world.engine.failure = undefined
      expect((await browser.get('/read')).text).toBe('n is undefined')
    })
  })

  describe('Retry-After is for a 503 of a store that is away', () => {
    const failing: Record<string, (world: World) => Promise<Answer>> = {
      'when the request comes': async (world) => {
        const browser = world.browser()
        await browser.get('/text')
        world.engine.failure = new StoreUnavailableError('gone', false)
        return browser.get('/text')
      },
      'when it is to be stored': (world) => {
        world.engine.failure = new StoreUnavailableError('gone', true)
        return world.browser().get('/text')
      },
    }
    describe.each(Object.entries(failing))('%s', (_, fail) => {
      it('and leaves the time that the application says', async () => {
        const onError: OnError = (_error, { reply }) => {
          reply.header('Retry-After', '30')
          return reply.text('sorry', 503)
        }
        const world = await open(adapter, changing('fits'), { onError })
        const answer = await fail(world)
        expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '30' } })
      })

      it('and not for another answer', async () => {
        const onError: OnError = (_error, { reply }) => reply.redirect('/maintenance')
        const world = await open(adapter, changing('fits'), { onError })
        const answer = await fail(world)
        expect(answer).toMatchObject({ status: 302, headers: { location: '/maintenance' } })
        expect(answer.headers['retry-after']).toBeUndefined()
      })
    })

    it.each(refused)('and not for what is $name', async ({ value }) => {
      const onError: OnError = (_error, { reply }) => reply.text('sorry', 503)
      const world = await open(adapter, changing(value), { ...options, onError })
      const answer = await world.browser().get('/text')
      expect(answer).toMatchObject({ status: 503, text: 'sorry' })
      expect(answer.headers['retry-after']).toBeUndefined()
    })

    it.skipIf(adapter.plain)('and not for that where the handler answers by itself', async () => {
      const world = await open(
        adapter,
        {
          '/own': async ({ session, reply }) => {
            session.set('any', 'x'.repeat(5_000))
            await session.commit().catch(() => reply.text('too much', 503))
          },
        },
        options,
      )
      const answer = await world.browser().get('/own')
      expect(answer).toMatchObject({ status: 503, text: 'too much' })
      expect(answer.headers['retry-after']).toBeUndefined()
    })
  })

  describe('errors of the application', () => {
    const throwing: Record<string, Behaviour> = {
      '/sync': ({ session }) => {
        session.n = (session.n ?? 0) + 1
        throw Object.assign(new Error('boom'), { status: 418 })
      },
      '/async': async ({ session }) => {
        session.n = (session.n ?? 0) + 1
        await Promise.resolve()
        throw Object.assign(new Error('boom'), { status: 418 })
      },
    }

    it.each(Object.keys(throwing))('%s: what was changed before is stored', async (path) => {
      const world = await open(adapter, throwing)
      world.engine.delay = 15
      const browser = world.browser()
      const first = await browser.get(path)
      expect(first).toMatchObject({ status: 418, text: '{"error":"boom"}', seen: { n: 1 } })
      expect(first.cookies).toHaveLength(1)
      const second = await browser.get(path)
      expect(second).toMatchObject({ status: 418, seen: { n: 2 } })
      expect(second.cookies).toHaveLength(adapter.repeatsCookie === true ? 1 : 0)
      expect(world.app.errors).toHaveLength(2)
    })

    it('an error handler may change the session', async () => {
      const world = await open(adapter, throwing, {
        onError: (_, { session, reply }) => {
          session.name = 'from the error handler'
          return reply.text('sorry', 500)
        },
      })
      world.engine.delay = 15
      const answer = await world.browser().get('/sync')
      expect(answer).toMatchObject({
        status: 500,
        text: 'sorry',
        seen: { n: 1, name: 'from the error handler' },
      })
    })

    it('what an error handler changes after a failed commit is not tried again', async () => {
      const world = await open(adapter, changing('x'.repeat(5_000)), {
        ...options,
        onError: (_, { session, reply }) => {
          session.name = 'from the error handler'
          return reply.text('sorry', 500)
        },
      })
      expect(await world.browser().get('/text')).toMatchObject({ status: 500, text: 'sorry' })
      expect(world.app.errors).toHaveLength(1)
      expect(world.records()).toBe(0)
    })
  })
}
