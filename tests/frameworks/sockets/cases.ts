import { connect } from 'node:net'
import { memoryEngine, SessionElsewhereError, type Sessions, StoreUnavailableError } from 'sojourn'
import { manualClock } from 'sojourn/testing'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Engine } from '../../../src/core/engine.ts'
import type { NearReads } from '../../../src/core/engine-abilities.ts'
import type { Data } from '../support/adapter.ts'
import type { Browser } from '../support/http-client.ts'
import type { Client, Driver } from './driver.ts'
import { type SiteOptions, site } from './site.ts'

/**
 * What sockets of all kinds have to do.
 * @param store a new engine on one real store, for each node its own
 */
export function socketCases(driver: Driver, store: () => Engine): void {
  /** Two nodes on one store, and a user who has signed in on the first. */
  async function nodes(options: SiteOptions = {}, principal = `u${Math.random()}`) {
    const near = await site(driver, store(), options)
    const far = await site(driver, store(), options)
    const browser = near.browser()
    await browser.get(`/login/${principal}`)
    /** The same browser's connections to the other node. */
    const elsewhere = far.browser()
    const sync = (from: Browser, to: Browser): void => {
      to.jar.clear()
      for (const [name, value] of from.jar) to.jar.set(name, value)
    }
    sync(browser, elsewhere)
    const visit = async (path: string, by = elsewhere): Promise<string> => {
      const { text } = await by.get(path)
      sync(by, by === browser ? elsewhere : browser)
      return text
    }
    return { near, far, browser, elsewhere, visit, principal }
  }

  /** A node that embeds its sessions, on a clock that stands still. */
  async function embedded(options: SiteOptions = {}) {
    const clock = manualClock()
    const engine = memoryEngine({ clock })
    const node = await site(driver, engine, {
      ...options,
      sessions: { ...options.sessions, clock },
    })
    const browser = node.browser()
    await browser.get('/login/ada')
    return { ...node, clock, engine, browser }
  }

  describe(`sockets by ${driver.name}`, () => {
    it('lets in with the session of the cookie, and shows each event what it is now', async () => {
      const { near, browser, visit, principal } = await nodes({ require: 'login' })
      const client = await near.connect(browser)
      expect(client.greeting).toBe(principal)
      expect(await client.ask('read')).toEqual({ n: 0 })
      expect(await client.ask('add')).toBe(1)
      expect(await visit('/add')).toBe('2')
      await expect.poll(() => client.ask('read')).toEqual({ n: 2 })
    })

    it('refuses before it answers: nobody, forged and former tokens with 401', async () => {
      const { near, browser, visit } = await nodes({ require: 'login' })
      const forged = `session=${(browser.token ?? '').slice(0, -4)}AAAA`
      const former = browser.cookie
      await visit('/login/grace')
      for (const cookie of [undefined, forged, former]) {
        await expect(near.connect({ cookie })).rejects.toMatchObject({ status: 401 })
      }
      expect(near.watches()).toBe(0)
      await expect(near.connect(browser)).resolves.toMatchObject({ greeting: 'grace' })
    })

    it('lets everybody in where nothing is required', async () => {
      const { near } = await nodes()
      const client = await near.connect()
      expect(client.greeting).toBe(null)
      expect(await client.ask('read')).toEqual({})
    })

    it('a level, or a function, may be required', async () => {
      const { near, browser, visit } = await nodes({ require: 2 })
      await expect(near.connect(browser)).rejects.toMatchObject({ status: 403 })
      await expect(near.connect()).rejects.toMatchObject({ status: 401 })
      await visit('/step-up')
      await near.connect(browser)
      const require = vi.fn<() => Promise<boolean>>()
      const own = await embedded({ require })
      await expect(own.connect(own.browser)).rejects.toMatchObject({ status: 403 })
      await expect(own.connect()).rejects.toMatchObject({ status: 401 })
      require.mockRejectedValue(new Error('mine'))
      await expect(own.connect(own.browser)).rejects.toMatchObject({ status: 500 })
      require.mockResolvedValue(true)
      await own.connect(own.browser)
    })

    it('refuses pages of other origins with 403', async () => {
      const { near, browser } = await nodes()
      const { cookie } = browser
      const from = (origin: string) => near.connect({ cookie, headers: { origin } })
      const here = `127.0.0.1:${near.port}`
      await from(`http://${here}`)
      await from(`https://${here}`) // a proxy may end TLS
      for (const origin of [
        'http://evil.example',
        `http://127.0.0.1:${near.port + 1}`,
        `http://${here}.evil.example`,
        'null',
        `chrome-extension://${here}`,
      ]) {
        await expect(from(origin)).rejects.toMatchObject({ status: 403 })
      }
      expect(near.watches()).toBe(1)
    })

    it('a page is known by what a trusted proxy says of its host and scheme', async () => {
      const { near, browser } = await nodes({ trustProxy: true })
      const cookie = `${browser.cookie}; __Host-session=${browser.token}`
      const said = { 'x-forwarded-host': 'app.example', 'x-forwarded-proto': 'https' }
      const from = (origin: string) => near.connect({ cookie, headers: { ...said, origin } })
      await from('https://app.example')
      await from('https://APP.example:443')
      await expect(from('http://app.example')).rejects.toMatchObject({ status: 403 })
      await expect(from(`http://127.0.0.1:${near.port}`)).rejects.toMatchObject({ status: 403 })
    })

    it('origins of a list are let in, and no others', async () => {
      const { near } = await nodes({ origin: ['https://app.example'] })
      await near.connect()
      await near.connect({ headers: { origin: 'https://app.example' } })
      for (const origin of ['http://app.example', `http://127.0.0.1:${near.port}`]) {
        await expect(near.connect({ headers: { origin } })).rejects.toMatchObject({ status: 403 })
      }
    })

    it('changes by two sockets on two nodes and by requests all count', async () => {
      const { near, far, browser, elsewhere, visit } = await nodes()
      const one = await near.connect(browser)
      const two = await far.connect(browser)
      const all: Promise<unknown>[] = []
      for (let i = 0; i < 10; i++) {
        all.push(one.ask('add'), two.ask('add'), elsewhere.get('/add'), browser.get('/add'))
      }
      all.push(one.ask('set left'), two.ask('set right'))
      await Promise.all(all)
      expect(JSON.parse(await visit('/'))).toEqual({ n: 40, left: 1, right: 1 })
    })

    const ends: Record<string, (them: Awaited<ReturnType<typeof nodes>>) => unknown> = {
      'a logout': ({ visit }) => visit('/logout'),
      'a login': ({ visit }) => visit('/login/grace'),
      'a step-up': ({ visit }) => visit('/step-up'),
      'a revocation of all': ({ far, principal }) => far.sessions.of(principal).revokeAll(),
      'a login too many': async ({ far, principal }) => far.browser().get(`/login/${principal}`),
    }
    it.each(Object.keys(ends))('%s on another node ends the socket', async (way) => {
      const them = await nodes({ sessions: { maxSessions: { max: 1, policy: 'evict-oldest' } } })
      const client = await them.near.connect(them.browser)
      expect(them.near.watches()).toBe(1)
      await ends[way]?.(them)
      expect(await client.ended).toBe(driver.end)
      await expect.poll(them.near.watches).toBe(0)
    })

    it('a logout in one socket ends all of the session, on both nodes', async () => {
      const { near, far, browser } = await nodes()
      const clients = await Promise.all([near, near, far].map((node) => node.connect(browser)))
      void clients[0]?.ask('logout')
      for (const { ended } of clients) expect(await ended).toBe(driver.end)
    })

    it('rotations keep it, and it goes along', async () => {
      const { near, browser, visit } = await nodes({ sessions: { tokenReuse: 'end' } })
      const client = await near.connect(browser)
      for (let i = 1; i <= 5; i++) {
        await visit('/rotate', i % 2 === 0 ? browser : undefined)
        expect(await client.ask('add')).toBe(i)
      }
      expect(JSON.parse(await visit('/'))).toEqual({ n: 5 })
      await visit('/logout')
      expect(await client.ended).toBe(driver.end)
    })

    it('an event cannot sign in: no cookie can be set', async () => {
      const { browser, connect: join } = await embedded()
      const client = await join(browser)
      expect(await client.ask('login')).toBe('ERR_SOJOURN_HEADERS_SENT')
      expect(await client.ask('read')).toEqual({ n: 0 })
    })

    it('ends with the idle timeout, which events renew', async () => {
      const { browser, connect: join, clock, engine } = await embedded()
      const client = await join(browser)
      for (let i = 0; i < 4; i++) {
        clock.advance(20 * 60_000)
        expect(await client.ask('read')).toEqual({ n: 0 })
      }
      clock.advance(31 * 60_000)
      await engine.load('none') // sweeps
      expect(await client.ended).toBe(driver.end)
    })

    it('events renew nothing where they are no activity', async () => {
      const { browser, connect: join, clock, engine } = await embedded({ touch: false })
      const client = await join(browser)
      clock.advance(20 * 60_000)
      expect(await client.ask('read')).toEqual({ n: 0 })
      clock.advance(11 * 60_000)
      await engine.load('none')
      expect(await client.ended).toBe(driver.end)
    })

    it.each(['fail', 'anonymous'] as const)('503 while the store is away (%s)', async (outage) => {
      const {
        browser,
        connect: join,
        engine,
        sessions,
      } = await embedded({
        ...{ require: 'login', sessions: { outage } },
      })
      const failures = noteErrors(sessions)
      const client = await join(browser)
      vi.spyOn(engine, 'load').mockRejectedValue(new StoreUnavailableError('away', false))
      forgetful(engine)
      const retryAfter = expect.stringMatching(/^(?:1|unseen)$/)
      await expect(join(browser)).rejects.toMatchObject({ status: 503, retryAfter })
      expect(failures).toEqual(outage === 'fail' ? ['handshake'] : [])
      expect(await client.ask('read')).toBe('ERR_SOJOURN_STORE_UNAVAILABLE')
      vi.restoreAllMocks()
      expect(await client.ask('read')).toEqual({ n: 0 })
    })

    it('421 where the session is in a region that is not reached', async () => {
      const { browser, connect: join, engine } = await embedded()
      forgetful(engine)
      vi.spyOn(engine, 'load').mockRejectedValue(new SessionElsewhereError('session', 'eu'))
      onTestFinished(() => void vi.restoreAllMocks())
      await expect(join(browser)).rejects.toMatchObject({ status: 421 })
    })

    it('clients that are gone leave nothing, and what they have sent is stored', async () => {
      const { near, browser, visit } = await nodes()
      const clients = await Promise.all([1, 2, 3].map(() => near.connect(browser)))
      expect(near.watches()).toBe(1)
      await Promise.all(clients.map((client) => client.ask('add')))
      for (const client of clients) client.close()
      await expect.poll(near.watches).toBe(0)
      expect(JSON.parse(await visit('/'))).toEqual({ n: 3 })
    })

    it('clients that reset the connection during the handshake harm nobody', async () => {
      const { port, browser, engine, watches, connect: join } = await embedded()
      const load = engine.load.bind(engine)
      let isHeld = true
      const waiting: (() => void)[] = []
      forgetful(engine)
      vi.spyOn(engine, 'load').mockImplementation(async (...args) => {
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        return load(...args)
      })
      const path = `/socket.io/?EIO=4&transport=${driver.name.includes('polling') ? 'polling' : 'websocket'}`
      for (let i = 1; i <= 20; i++) {
        const socket = connect(port, '127.0.0.1')
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nCookie: ${browser.cookie}\r\n` +
            (path.includes('polling')
              ? '\r\n'
              : 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
                'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'),
        )
        await expect.poll(() => waiting.length).toBe(i)
        const closed = new Promise((resolve) => socket.on('close', resolve))
        socket.resetAndDestroy()
        await closed
      }
      isHeld = false
      for (const go of waiting) go()
      vi.restoreAllMocks()
      const client = await join(browser)
      expect(await client.ask('read')).toEqual({ n: 0 })
      await expect.poll(watches).toBe(1)
      client.close()
      await expect.poll(watches).toBe(0)
    })

    it('the server closes with sockets open, and in the middle of a handshake', async () => {
      const { browser, connect: join, close, engine, watches } = await embedded()
      const client = await join(browser)
      let release = (): void => undefined
      const load = engine.load.bind(engine)
      const held = new Promise<void>((reached) => {
        vi.spyOn(engine, 'load').mockImplementation(async (...args) => {
          await new Promise<void>((resolve) => {
            release = resolve
            reached()
          })
          return load(...args)
        })
      })
      onTestFinished(() => void vi.restoreAllMocks())
      forgetful(engine)
      const late = join(browser).catch(() => 'refused')
      await held
      const closing = close()
      release()
      vi.restoreAllMocks()
      await closing
      expect(await late).toBe('refused')
      expect(await client.ended).not.toBe(driver.end)
      expect(watches()).toBe(0)
    })

    // By Socket.IO's client in this process, which is slow, some fewer.
    const crowd = driver.name === 'ws' ? 500 : 100
    it(`${crowd} sockets of one session are watched once, and all ended`, async () => {
      const { near, browser, visit } = await nodes()
      const clients: Client[] = []
      while (clients.length < crowd) {
        const some = Array.from({ length: 50 }, () => near.connect({ cookie: browser.cookie }))
        clients.push(...(await Promise.all(some)))
      }
      expect(near.watches()).toBe(1)
      await visit('/rotate')
      await Promise.all(clients.map((client) => client.ask('add')))
      await visit('/logout')
      expect(new Set(await Promise.all(clients.map(({ ended }) => ended)))).toEqual(
        new Set([driver.end]),
      )
      expect(near.watches()).toBe(0)
    })
  })
}

/** Nothing is at hand. */
function forgetful(engine: NearReads): void {
  vi.spyOn(engine, 'peek').mockReturnValue(undefined)
  vi.spyOn(engine, 'holds').mockReturnValue(false)
}

function noteErrors(sessions: Sessions<Data>): string[] {
  const operations: string[] = []
  sessions.on('error', ({ operation }) => operations.push(operation))
  return operations
}
