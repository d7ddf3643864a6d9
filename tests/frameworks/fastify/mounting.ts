import Fastify, { type FastifyRequest } from 'fastify'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { fastifySessions } from 'sojourn/fastify'
import { describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { SECRET } from '../support/world.ts'
import { count, fastifySite } from './fastify-site.ts'

/** Where the plugin stands in an application, and what stands around it. */
export function fastifyMounting(): void {
  describe('registered', () => {
    it('reaches the routes of its instance and of those below, whatever came first', async () => {
      const { app, browser } = await fastifySite((app, sessions) => {
        app.register(async (other) => {
          other.get('/other', (request) => ({ n: count(request) }))
        })
        app.register(fastifySessions, { sessions })
        app.get('/', (request) => ({ n: count(request) }))
      })
      expect(app.hasPlugin('sojourn')).toBe(true)
      expect(await browser.get('/')).toMatchObject({ text: '{"n":1}', seen: { n: 1 } })
      expect(await browser.get('/other')).toMatchObject({ text: '{"n":2}', seen: { n: 2 } })
    })

    it('in a plugin: routes elsewhere have no session and cost nothing', async () => {
      const { browser, engine } = await fastifySite((app, sessions) => {
        app.register(async (shop) => {
          await shop.register(fastifySessions, { sessions })
          shop.get('/shop', (request) => ({ n: count(request) }))
        })
        app.get('/', (request) => ({ session: request.session ?? null }))
      })
      expect(await browser.get('/shop')).toMatchObject({ seen: { n: 1 } })
      engine.calls.length = 0
      expect((await browser.get('/')).text).toBe('{"session":null}')
      expect(engine.calls).toEqual([])
    })

    it('twice: the session is opened once, and there is one cookie', async () => {
      const { browser, engine } = await fastifySite(async (app, sessions) => {
        await app.register(fastifySessions, { sessions })
        await app.register(fastifySessions, { sessions })
        app.get('/', (request) => ({ n: count(request) }))
      })
      expect((await browser.get('/')).cookies).toHaveLength(1)
      engine.calls.length = 0
      expect(await browser.get('/')).toMatchObject({ seen: { n: 2 }, cookies: [] })
      expect(engine.calls).toEqual(['load', 'commit'])
    })

    it('hooks that run before see no session, those after it do', async () => {
      const seen: unknown[] = []
      const { browser } = await fastifySite(async (app, sessions) => {
        app.addHook('onRequest', async (request) => void seen.push(typeof request.session))
        await app.register(fastifySessions, { sessions })
        app.addHook('onRequest', async (request) => void seen.push(count(request)))
        app.addHook('onSend', async (request) => void seen.push(count(request)))
        app.get('/', () => 'text')
      })
      expect(await browser.get('/')).toMatchObject({ text: 'text', seen: { n: 2 } })
      expect(seen).toEqual(['undefined', 1, 2])
    })

    it.each([
      ['without sessions', { sessions: undefined }, 'sessions'],
      ['with other things', { sessions: { secrets: [] } }, 'sessions'],
      ['with a wrong fresh', { fresh: 'yes' }, 'fresh'],
      ['with an option that it does not know', { secret: 'x' }, 'secret'],
    ])('%s: is refused at the start', async (_, options, name) => {
      const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
      const app = Fastify()
      app.register(fastifySessions, { sessions, ...options } as never)
      await expect(async () => app.ready()).rejects.toMatchObject({
        code: 'ERR_SOJOURN_OPTION',
        option: name,
      })
      await sessions.close()
    })
  })

  describe('requests for what is not there', () => {
    it('404 of Fastify itself: the session is stored with it', async () => {
      const { browser } = await fastifySite(async (app, sessions) => {
        await app.register(fastifySessions, { sessions })
        app.addHook('preHandler', async (request) => void count(request))
      })
      expect(await browser.get('/nowhere')).toMatchObject({ status: 404, seen: { n: 1 } })
    })

    it('a handler of its own has the session', async () => {
      const { browser } = await fastifySite(async (app, sessions) => {
        await app.register(fastifySessions, { sessions })
        app.setNotFoundHandler((request, reply) => reply.code(404).send({ n: count(request) }))
      })
      await browser.get('/nowhere')
      expect(await browser.get('/nowhere')).toMatchObject({ status: 404, text: '{"n":2}' })
    })
  })

  it('without an error handler: Fastify answers with the status of the error', async () => {
    const { browser, engine } = await fastifySite(async (app, sessions) => {
      await app.register(fastifySessions, { sessions })
      app.get('/', (request) => ({ n: count(request) }))
    })
    engine.failure = new StoreUnavailableError('gone', false)
    const answer = await browser.get('/')
    expect(answer).toMatchObject({ status: 503, message: 'Service Unavailable', cookies: [] })
    expect(JSON.parse(answer.text)).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE' })
  })

  it('an error handler asks for the session that could not be loaded: there is none', async () => {
    const { browser, engine } = await fastifySite(async (app, sessions) => {
      await app.register(fastifySessions, { sessions })
      app.setErrorHandler((error: Error & { status: number }, request, reply) =>
        reply.code(error.status).send({ known: request.session !== undefined }),
      )
      app.get('/', (request) => ({ n: count(request) }))
    })
    await browser.get('/')
    engine.failure = new StoreUnavailableError('gone', false)
    expect(await browser.get('/')).toMatchObject({ status: 503, text: '{"known":false}' })
  })

  it('sessions under two cookies: each has its own; request.session is that of the first', async () => {
    const admin = createSessions<Data>({
      engine: memoryEngine(),
      secrets: [SECRET],
      cookie: { name: '__Host-admin' },
    })
    const { browser } = await fastifySite(async (app, sessions) => {
      await app.register(fastifySessions, { sessions })
      await app.register(fastifySessions, { sessions: admin })
      app.get('/', (request) => {
        const n = (admin.from(request).get('n') ?? 10) + 1
        admin.from(request).set('n', n)
        return { own: count(request), admin: n }
      })
    })
    const first = await browser.get('/')
    expect(first.text).toBe('{"own":1,"admin":11}')
    expect(first.cookies.map((cookie) => cookie.split('=')[0])).toEqual(['session', 'admin'])
    expect(first.headers['vary']).toBe('Cookie')
    expect((await browser.get('/')).text).toBe('{"own":2,"admin":12}')
    await admin.close()
  })

  it('inject: as over the network', async () => {
    const { app } = await fastifySite(async (app, sessions) => {
      await app.register(fastifySessions, { sessions })
      app.get('/', (request: FastifyRequest) => ({ n: count(request) }))
    })
    const first = await app.inject('/')
    const [cookie] = [first.headers['set-cookie']].flat()
    expect(first.json()).toEqual({ n: 1 })
    const second = await app.inject({ url: '/', headers: { cookie: cookie?.split(';')[0] ?? '' } })
    expect(second.json()).toEqual({ n: 2 })
    expect(second.headers['set-cookie']).toBeUndefined()
  })
}
