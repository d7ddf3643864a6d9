import { Readable } from 'node:stream'
import { StoreUnavailableError } from 'sojourn'
import { fastifySessions } from 'sojourn/fastify'
import { describe, expect, it } from 'vitest'
import { count, type FastifySite, fastifySite } from './fastify-site.ts'

type Build = Parameters<typeof fastifySite>[0]

async function site(build: Build): Promise<FastifySite> {
  const made = await fastifySite(async (app, sessions) => {
    await app.register(fastifySessions, { sessions })
    await build(app, sessions)
  })
  made.engine.delay = 15
  return made
}

/** By each of Fastify's own ways to answer. */
export function fastifyReplies(): void {
  describe('the session is stored before the reply', () => {
    it.each<[string, Build]>([
      ['a returned object', (app) => app.get('/', async (request) => ({ n: count(request) }))],
      [
        'send without return, in an async handler',
        (app) =>
          app.get('/', async (request, reply) => {
            reply.send({ n: count(request) })
          }),
      ],
      [
        'send and return reply',
        (app) => app.get('/', async (request, reply) => reply.send({ n: count(request) })),
      ],
      [
        'a web stream',
        (app) =>
          app.get('/', (request, reply) =>
            reply.send(new Blob([JSON.stringify({ n: count(request) })]).stream()),
          ),
      ],
      [
        'a Response',
        (app) => app.get('/', (request, reply) => reply.send(Response.json({ n: count(request) }))),
      ],
      [
        'hijack and Node’s own response',
        (app) =>
          app.get('/', (request, reply) => {
            const n = count(request)
            reply.hijack()
            reply.raw.end(JSON.stringify({ n }))
          }),
      ],
    ])('%s', async (_, build) => {
      const { browser, logged } = await site(build)
      const first = await browser.get('/')
      expect(first).toMatchObject({ status: 200, text: '{"n":1}', seen: { n: 1 } })
      expect(first.cookies).toHaveLength(1)
      expect(await browser.get('/')).toMatchObject({ text: '{"n":2}', seen: { n: 2 }, cookies: [] })
      expect(logged).toEqual([])
    })

    it('what a stream changes while it flows is stored before its end', async () => {
      const { browser } = await site((app) => {
        app.get('/begin', (request) => ({ n: count(request) }))
        app.get('/stream', (request, reply) =>
          reply.send(
            Readable.from(
              (function* () {
                yield 'early '
                count(request)
                yield 'late'
              })(),
            ),
          ),
        )
      })
      await browser.get('/begin')
      expect(await browser.get('/stream')).toMatchObject({ status: 200, text: 'early late' })
      expect((await browser.get('/begin')).seen).toEqual({ n: 3 })
    })

    it('reply.sent is true from the send on, though the commit is under way', async () => {
      const sent: boolean[] = []
      const { browser } = await site((app) => {
        app.get('/', (request, reply) => {
          count(request)
          reply.send('text')
          sent.push(reply.sent)
        })
      })
      await browser.get('/')
      expect(sent).toEqual([true])
    })

    it('the hook onResponse finds it stored', async () => {
      const dirty: boolean[] = []
      const { browser } = await site((app) => {
        app.addHook('onResponse', async (request) => void dirty.push(request.session.dirty))
        app.get('/', (request) => ({ n: count(request) }))
      })
      await browser.get('/')
      await expect.poll(() => dirty).toEqual([false])
    })
  })

  describe('a session that cannot be stored', () => {
    it('after hijack: no error handler is there, the reply is a bare 503, and an event tells', async () => {
      const handled: unknown[] = []
      const { browser, engine, failures } = await site((app) => {
        app.setErrorHandler((error, _, reply) => {
          handled.push(error)
          return reply.code(500).send('handled')
        })
        app.get('/', (request, reply) => {
          count(request)
          reply.hijack()
          reply.raw.end('refused')
        })
      })
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await browser.get('/')).toMatchObject({ status: 503, text: '', cookies: [] })
      expect(failures).toEqual(['commit'])
      expect(handled).toEqual([])
    })

    it('goes by the hook onError to the error handler, once', async () => {
      const codes: unknown[] = []
      const { browser, engine } = await site((app) => {
        app.addHook('onError', async (_request, _reply, error) => void codes.push(error.code))
        app.get('/', (request) => ({ n: count(request) }))
      })
      engine.failure = new StoreUnavailableError('gone', false)
      expect((await browser.get('/')).status).toBe(503)
      expect(codes).toEqual(['ERR_SOJOURN_STORE_UNAVAILABLE'])
    })
  })
}
