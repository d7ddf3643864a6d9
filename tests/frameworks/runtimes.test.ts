/** The built package on other runtimes than Node, each with a server of its own on one Redis. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createSessions, type Sessions } from 'sojourn'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { type RunningServer, runtimes, startServer } from './runtimes/runtimes.ts'
import { Browser } from './support/http-client.ts'
import { SECRET } from './support/world.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const BUILD_DEADLINE = 120_000
const COOKIE = /^session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax$/

let redis: RedisServer
/** Another node, which is Node. */
let elsewhere: Sessions<{ n: number }>
beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
  redis = await startRedis()
  elsewhere = createSessions({ redis: redis.url, secrets: [SECRET] })
}, BUILD_DEADLINE)
afterAll(async () => {
  await elsewhere.close()
  await redis.stop()
})

for (const { name, command } of runtimes) {
  const isFound = command !== undefined
  const where = isFound ? name : `${name}, not found: SOJOURN_${name.toUpperCase()} may name it`
  describe.runIf(isFound)(`on ${where}`, () => {
    let server: RunningServer
    beforeAll(async () => {
      server = await startServer(command ?? [], redis.url)
    })
    afterAll(() => server.stop())

    function browse(): Browser {
      const browser = new Browser(server.port)
      onTestFinished(() => browser.close())
      return browser
    }
    async function signIn(): Promise<Browser> {
      const browser = browse()
      await browser.get('/login')
      return browser
    }

    it('signs in, reads, changes and signs out', async () => {
      const browser = browse()
      const anonymous = await browser.get('/who')
      expect(anonymous).toMatchObject({ text: 'undefined undefined', cookies: [] })
      expect(anonymous.headers).toMatchObject({ vary: 'Cookie' })
      const login = await browser.get('/login')
      expect(login).toMatchObject({ status: 200, text: 'signed in' })
      expect(login.headers).toMatchObject({ vary: 'Cookie', 'cache-control': 'private' })
      expect(login.headers['content-type']).toMatch(/^text\/plain; ?charset=utf-8$/i)
      expect(login.cookies).toEqual([expect.stringMatching(COOKIE)])
      expect(await browser.get('/who')).toMatchObject({ text: 'ada 1', cookies: [] })
      const { token } = browser
      const changed = await browser.get('/change')
      expect(changed).toMatchObject({ status: 303, cookies: [] })
      expect(changed.headers).toMatchObject({ location: 'http://localhost/who', vary: 'Cookie' })
      expect((await elsewhere.open(token, { fresh: true })).get('n')).toBe(2)
      const logout = await browser.get('/logout')
      expect(logout).toMatchObject({ status: 204 })
      expect(logout.cookies).toEqual(['theme=dark', expect.stringMatching(/^session=; Max-Age=0;/)])
      expect((await elsewhere.open(token, { fresh: true })).isNew).toBe(true)
    })

    it('a session that another node has ended is nobody’s', async () => {
      const browser = await signIn()
      expect((await browser.get('/who')).text).toBe('ada 1')
      await elsewhere.revoke((await elsewhere.open(browser.token)).id ?? '')
      await expect.poll(async () => (await browser.get('/who')).text).toBe('undefined undefined')
    })

    it('a text stays a text where the body is followed to its end', async () => {
      const browser = await signIn()
      for (const text of ['1 in the cart', '2 in the cart']) {
        const answer = await browser.get('/lent')
        expect(answer).toMatchObject({ status: 200, text })
        expect(answer.headers['content-type']).toMatch(/^text\/plain; ?charset=utf-8$/i)
      }
    })

    it('an event stream ends when the session is ended elsewhere', async () => {
      const browser = await signIn()
      const { id = '' } = await elsewhere.open(browser.token)
      const headers = { cookie: browser.cookie }
      const { body } = await fetch(`http://127.0.0.1:${server.port}/events`, { headers })
      const events = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())
      let text = ''
      for await (const chunk of events) {
        if (text === '') await elsewhere.revoke(id)
        text += chunk
      }
      expect(text).toBe('data: hello\n\ndata: signed out\n\n')
    })

    it('what is thrown is answered by `onError`', async () => {
      expect(await browse().get('/throw')).toMatchObject({ status: 500, text: 'boom' })
    })

    it('Hono: the same session, and changes of a stream', async () => {
      const browser = await signIn()
      expect((await browser.get('/hono/who')).text).toBe('ada 1')
      const changed = await browser.get('/hono/change')
      expect(changed).toMatchObject({ text: '{"changed":true}', cookies: ['theme=dark'] })
      expect((await browser.get('/who')).text).toBe('ada 10')
      expect((await browser.get('/hono/late')).text).toBe('data: early\n\ndata: late\n\n')
      await expect
        .poll(async () => (await elsewhere.open(browser.token, { fresh: true })).get('n'))
        .toBe(11)
    })

    it.skipIf(name === 'Node')(
      'a socket’s handshake passes through, with its session',
      async () => {
        const browser = await signIn()
        const socket = new WebSocket(`ws://127.0.0.1:${server.port}/socket`, {
          headers: { cookie: browser.cookie },
        })
        onTestFinished(() => socket.terminate())
        const [message] = (await once(socket, 'message')) as [Buffer]
        expect(message.toString()).toBe('ada')
      },
    )

    it('a store that is away is a 503, and all goes on afterwards', async () => {
      const browser = await signIn()
      await redis.kill()
      expect((await browser.get('/change')).status).toBe(503)
      await redis.restart()
      await expect
        .poll(async () => (await browse().get('/login')).status, { timeout: 10_000 })
        .toBe(200)
    })
  })
}
