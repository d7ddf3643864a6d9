import { createClient } from '@redis/client'
import { RedisStore } from 'connect-redis'
import type { Express } from 'express'
import type { SessionData, Store } from 'express-session'
import { describe, expect, it } from 'vitest'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { codeOf } from '../support/adapter.ts'
import { logoutMeanwhile, survivors } from './racing.ts'
import {
  afterwards,
  browse,
  COOKIE_SECRET,
  openStore,
  PATIENCE,
  type Route,
  sidOf,
  site,
} from './site.ts'

const routes: Record<string, Route> = {
  '/set': (request, response) => {
    Object.assign(request.session, request.query)
    response.send('set')
  },
  '/get': (request, response) => response.json(request.session),
  '/destroy': (request, response) => {
    request.session.destroy((failed: unknown) => response.send(failed ? codeOf(failed) : 'bye'))
  },
  '/forget': (request, response) => {
    // Waits for nothing, and knows nothing of errors.
    ;(request.session.destroy as () => unknown)()
    response.send('bye')
  },
}

async function start(): Promise<RedisServer> {
  const server = await startRedis()
  afterwards(() => server.stop())
  return server
}

/** Every key and every value, byte for byte. */
async function contents(server: RedisServer): Promise<Map<string, Buffer>> {
  const client = createClient({
    ...server.admin,
    url: server.url,
    socket: { path: server.socketPath } as never,
  })
  await client.connect()
  const found = new Map<string, Buffer>()
  for (const key of await client.keys('*')) {
    const answer: unknown = await client.sendCommand(['DUMP', key], { typeMapping: { 36: Buffer } })
    found.set(key, answer as Buffer)
  }
  client.destroy()
  return found
}

/** What only a real Redis shows. */
export function redisCases(express: () => Express): void {
  it('no sid, no secret and nothing of a session’s data is in Redis', async () => {
    const server = await start()
    const { store } = openStore({ redis: server.url, compress: false })
    const app = await site(express, store, routes)
    const browser = browse(app)
    await browser.get('/set?name=ada-lovelace-of-london')
    const sid = sidOf(browser)
    expect(sid).toHaveLength(32)
    const all = await contents(server)
    expect(all.size).toBe(1)
    const secrets = [sid, sid.slice(0, 12), browser.cookie, COOKIE_SECRET, 'ada-lovelace']
    for (const [key, value] of all) {
      for (const secret of secrets) {
        for (const form of [secret, Buffer.from(secret).toString('base64url').slice(0, -2)]) {
          expect([form, key.includes(form), value.includes(form)]).toEqual([form, false, false])
        }
        expect(value.includes(Buffer.from(sid, 'base64url'))).toBe(false)
      }
    }
    // Nor what the store shows: an id opens nothing.
    const [id = ''] = await store.ids()
    expect(await store.get(id)).toBeUndefined()
    // And the search finds what is there.
    const [key = ''] = all.keys()
    expect(key).toContain(id.slice(3))
  })

  it('a session is gone from Redis by itself, within its milliseconds', async () => {
    const server = await start()
    const { store } = openStore({ redis: server.url })
    const other = openStore({ redis: server.url, nearCache: false }).store
    await store.set('sid', { cookie: { maxAge: 400 }, n: 1 } as never)
    const [id = ''] = await store.ids()
    const key = `sj:{${id.slice(0, 3)}}:s:${id.slice(3)}`
    const left = Number(await server.cli('PTTL', key))
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(400)
    await expect.poll(() => store.get('sid'), PATIENCE).toBeUndefined()
    expect(await other.get('sid')).toBeUndefined()
    expect(await server.cli('EXISTS', key)).toBe('0')
  })

  it('what is at hand is read without Redis, in its turn, and follows other nodes', async () => {
    const server = await start()
    const one = openStore({ redis: server.url }).store
    const two = openStore({ redis: server.url }).store
    await one.set('sid', { cookie: {}, n: 1 } as never)
    await two.get('sid')
    await server.cli('CONFIG', 'RESETSTAT')
    const order: unknown[] = []
    await new Promise<void>((resolve) => {
      setImmediate(() => {
        order.push('later')
        resolve()
      })
      two.get('sid', (_, found) => order.push(found?.n))
      order.push('first')
    })
    expect(order).toEqual(['first', 1, 'later'])
    const held = (await two.get('sid')) as SessionData
    expect(await server.cli('INFO', 'commandstats')).not.toMatch(/cmdstat_get:/)
    await two.set('sid', Object.assign(held, { n: 2 }))
    await expect.poll(async () => (await one.get('sid'))?.n, PATIENCE).toBe(2)
    await one.destroy('sid')
    await expect.poll(() => two.get('sid'), PATIENCE).toBeUndefined()
  })

  it('many requests of a session at hand ask Redis nothing', async () => {
    const server = await start()
    const app = await site(express, openStore({ redis: server.url }).store, routes)
    const browser = browse(app)
    await browser.get('/set?name=ada')
    await browser.get('/get')
    await server.cli('CONFIG', 'RESETSTAT')
    for (let i = 0; i < 20; i++) {
      expect(JSON.parse((await browser.get('/get')).text)).toMatchObject({ name: 'ada' })
    }
    const stats = await server.cli('INFO', 'commandstats')
    expect(stats).not.toMatch(/cmdstat_(set|pexpire|expire|eval|evalsha|del):/)
  })

  describe('while Redis is away', () => {
    it('requests fail with 503, and go on when it is back', async () => {
      const server = await start()
      const { store } = openStore({ redis: server.url, commandTimeout: 1_500 })
      const app = await site(express, store, routes)
      const browser = browse(app)
      await browser.get('/set?name=ada')
      await server.kill()
      const sid = browser.cookie
      await expect.poll(async () => (await browser.get('/get')).status, PATIENCE).toBe(503)
      const answer = await browser.get('/get')
      expect([answer.status, answer.text]).toEqual([503, 'ERR_SOJOURN_STORE_UNAVAILABLE'])
      expect(browser.cookie).toBe(sid)
      await server.restart()
      await expect.poll(async () => (await browser.get('/set?name=eve')).status, PATIENCE).toBe(200)
    })

    it('to store and to destroy fails, also where nobody asks whether it has', async () => {
      const server = await start()
      const { store, failures } = openStore({
        ...{ redis: server.url, commandTimeout: 1_500 },
        ...{ outage: 'serve-cached', outageGrace: '1h' },
      })
      const app = await site(express, store, routes)
      const browser = browse(app)
      await browser.get('/set?name=ada')
      await browser.get('/get')
      await server.kill()
      await expect.poll(() => store.sessions.stats().nearCache.state, PATIENCE).toBe('connecting')
      expect(JSON.parse((await browser.get('/get')).text)).toMatchObject({ name: 'ada' })
      await browser.get('/set?name=eve')
      await expect
        .poll(() => app.errors.map(codeOf), PATIENCE)
        .toContain('ERR_SOJOURN_STORE_UNAVAILABLE')
      expect((await browser.get('/forget')).status).toBe(200)
      await expect
        .poll(() => failures.map(({ operation }) => operation), PATIENCE)
        .toContain('destroy')
      // Ended for this node all the same.
      expect((await browser.get('/get')).text).not.toContain('ada')
      expect(await server.restart().then(() => 'back')).toBe('back')
    })
  })

  describe('beside connect-redis', () => {
    const connectRedis = async (server: RedisServer): Promise<Store> => {
      const client = createClient({ ...server.admin, socket: { path: server.socketPath } as never })
      client.on('error', () => undefined)
      await client.connect()
      afterwards(() => client.destroy())
      return new RedisStore({ client })
    }
    const read = (store: Store) => (sid: string) =>
      new Promise<object | null | undefined>((resolve, reject) => {
        store.get(sid, (failed: Error | null, found) => (failed ? reject(failed) : resolve(found)))
      })

    it('which keeps the changes of one of 100 parallel requests', async () => {
      const server = await start()
      const stores = [await connectRedis(server), await connectRedis(server)]
      expect(await survivors(express, stores, read(stores[0]!))).toBe(1)
      const ours = [0, 1].map(() => openStore({ redis: server.url }).store)
      expect(await survivors(express, ours, read(ours[0]!))).toBe(100)
    })

    it('which brings a session back that was destroyed meanwhile', async () => {
      const server = await start()
      const stores = [await connectRedis(server), await connectRedis(server)]
      const back = await logoutMeanwhile(express, stores, read(stores[0]!))
      expect(back).toMatchObject({ name: 'ada', n: 1 })
      const ours = [0, 1].map(() => openStore({ redis: server.url }).store)
      expect(await logoutMeanwhile(express, ours, read(ours[0]!))).toBeUndefined()
    })

    it('in whose keys the sids stand', async () => {
      const server = await start()
      const app = await site(express, await connectRedis(server), routes)
      const browser = browse(app)
      await browser.get('/set?name=ada')
      expect([...(await contents(server)).keys()]).toEqual([`sess:${sidOf(browser)}`])
    })
  })
}
