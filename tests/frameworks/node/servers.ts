import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createSessions, memoryEngine, StoreUnavailableError } from 'sojourn'
import { nodeSessions } from 'sojourn/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Data, NodeBehaviour } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { application, nodeAdapter } from './node-adapter.ts'

const change: NodeBehaviour = ({ session, reply }) => {
  session.n = (session.n ?? 0) + 1
  return reply.text(`n is ${session.n}`)
}

/** Where a server is a little different from the others. */
export function serverCases(): void {
  describe('X-Forwarded-Proto', () => {
    it.each([
      ['https', true, true],
      ['HTTPS', true, true],
      // The first is the browser's; each proxy adds its own.
      ['https, http', true, true],
      ['http, https', true, false],
      ['http', true, false],
      ['https', false, false],
    ])('%s, trusted: %s', async (proto, trustProxy, secure) => {
      const sessions = createSessions<Data>({ engine: memoryEngine(), secrets: [SECRET] })
      const asked: boolean[] = []
      const exchange = sessions.exchange.bind(sessions)
      sessions.exchange = (key, request, options) => {
        asked.push(request.secure)
        return exchange(key, request, options)
      }
      const app = await nodeAdapter.start(sessions, { '/': change }, { trustProxy })
      const browser = new Browser(app.port)
      onTestFinished(async () => {
        browser.close()
        await app.close()
        await sessions.close()
      })
      const answer = await browser.get('/', { headers: { 'X-Forwarded-Proto': proto } })
      expect(answer.status).toBe(200)
      expect(asked).toEqual([secure])
    })
  })

  describe('options', () => {
    const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
    it.each([
      ['sessions', () => nodeSessions({} as never)],
      ['fresh', () => nodeSessions(sessions, { fresh: 1 as never })],
      ['trustProxy', () => nodeSessions(sessions, { trustProxy: 1 as never })],
      ['secret', () => nodeSessions(sessions, { secret: 'x' } as never)],
    ])('a wrong one is refused at once: %s', (option, make) => {
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SOJOURN_OPTION', option }))
    })
  })

  describe('HTTP/2', () => {
    async function start() {
      const store = memoryEngine()
      const engine = watchedEngine(store)
      const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
      const behaviours: Record<string, NodeBehaviour> = {
        '/change': change,
        '/stream': (call) => {
          call.session.n = (call.session.n ?? 0) + 1
          call.response.write('one ')
          call.response.end('two')
        },
        '/head': (call) => {
          void call.session.n
          call.response.writeHead(201, { 'x-app': 'yes' }).end('head')
        },
        '/read': ({ session, reply }) => reply.text(`n is ${session.n}`),
      }
      const errors: unknown[] = []
      const server = createServer(application(sessions, behaviours, {}, errors))
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect(`http://127.0.0.1:${port}`)
      onTestFinished(async () => {
        client.close()
        await new Promise((resolve) => server.close(resolve))
        await store.close()
      })
      let cookie = ''
      const get = async (path: string) => {
        const stream = client.request({ ':path': path, cookie })
        const [headers] = await once(stream, 'response')
        const set: string | undefined = headers['set-cookie']?.[0]
        if (set !== undefined) cookie = `theme=dark; ${set.split(';')[0]}`
        let text = ''
        for await (const chunk of stream.setEncoding('utf8')) text += chunk
        return { status: headers[':status'] as number, headers, set, text }
      }
      return { get, engine, errors }
    }

    it('by the compatibility API: stored before the answer, with the same headers', async () => {
      const { get, engine } = await start()
      engine.delay = 10
      const first = await get('/change')
      expect(first).toMatchObject({ status: 200, text: 'n is 1', headers: { vary: 'Cookie' } })
      expect(first.set).toMatch(/^session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax$/)
      expect(await get('/stream')).toMatchObject({ status: 200, text: 'one two', set: undefined })
      expect(await get('/read')).toMatchObject({ text: 'n is 2', set: undefined })
      expect(await get('/head')).toMatchObject({
        status: 201,
        text: 'head',
        headers: { vary: 'Cookie', 'x-app': 'yes' },
      })
    })

    it('what cannot be stored goes to the error handler', async () => {
      const { get, engine, errors } = await start()
      engine.failure = new StoreUnavailableError('gone', false)
      expect(await get('/change')).toMatchObject({
        status: 503,
        text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
        set: undefined,
      })
      expect(errors).toHaveLength(1)
      engine.failure = undefined
      expect(await get('/change')).toMatchObject({ status: 200, text: 'n is 1' })
    })
  })
}
