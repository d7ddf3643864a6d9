/** F04, F10: what requests get while the store does not answer, and what a sign-out does that it does not take. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Denials } from '../../src/core/denials.ts'
import { OptionError, StoreRefusedError, StoreUnavailableError } from '../../src/core/errors.ts'
import { EventHub } from '../../src/core/events.ts'
import type { Settings } from '../../src/core/options.ts'
import type { OutagePolicy } from '../../src/core/outage.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { nodeSessions } from '../../src/frameworks/node/index.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'
import { recovered, type User } from './load.ts'
import { atEnd, node, proxyOf, server } from './setup.ts'

/** @param asked what is there at once, or a promise */
async function failure(asked: unknown): Promise<unknown> {
  try {
    await asked
    return undefined
  } catch (error) {
    return error
  }
}

/** It has been read, and is at hand for as long as the store answers. */
async function atHand(sessions: Sessions<User>, token: string): Promise<void> {
  await until('it is at hand', async () => {
    await request(sessions, token)
    return hit(sessions, token) !== undefined
  })
}

describe('while the store does not answer', () => {
  it('fail: an error with status 503, and never nobody', async () => {
    const redis = await server()
    const sessions = await node<User>(redis.url, { commandTimeout: 200 })
    const token = await signIn<User>(sessions, { owner: 'ada', n: 0 })
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    const error = await failure(request(sessions, token))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error).toMatchObject({ status: 503 })
  })

  it.each(['killed', 'hung'] as const)(
    'I4 I7 serve-cached, the server is %s: what was last known, for outageGrace, and then the error',
    async (how) => {
      const redis = await server({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
      const sessions = await node<User>(redis.url, {
        ...{ commandTimeout: 200, outage: 'serve-cached', outageGrace: '2s' },
        nearCache: { maxStaleness: '200ms' },
      })
      const [known, unknown] = [
        await signIn<User>(sessions, { owner: 'ada', n: 1 }, 'ada'),
        await signIn<User>(await node<User>(redis.url), { owner: 'bob', n: 2 }),
      ]
      await atHand(sessions, known)
      const told: string[] = []
      sessions.on('outage', ({ policy }) => told.push(policy))
      if (how === 'killed') await redis.kill()
      else redis.pause()
      const from = performance.now()
      await until('it is noticed', () => hit(sessions, known) === undefined)
      const exchange = await request(sessions, known)
      expect(exchange.session.outage).toBe('serve-cached')
      expect(exchange.session.get('owner')).toBe('ada')
      expect(exchange.session.principal).toBe('ada')
      // The cookie is left alone, nothing is renewed.
      expect(exchange.sendHeaders()).toBeUndefined()
      exchange.afterResponse((error) => expect(error).toBeUndefined())
      expect(new Set(told)).toEqual(new Set(['serve-cached']))
      expect(await failure(request(sessions, unknown))).toBeInstanceOf(StoreUnavailableError)
      // What would be stored fails, and `fresh` wants an answer of the store.
      exchange.session.set('n', 7)
      expect(await failure(exchange.session.commit())).toBeInstanceOf(StoreUnavailableError)
      const asked = { secure: true, host: 'a', proxied: false, cookie: `__Host-session=${known}` }
      const fresh = failure(sessions.exchange({}, asked, { fresh: true }))
      expect(await fresh).toBeInstanceOf(StoreUnavailableError)
      await until('the grace is over', async () => {
        return (await failure(request(sessions, known))) instanceof StoreUnavailableError
      })
      expect(performance.now() - from).toBeGreaterThan(1_500)
      expect(performance.now() - from).toBeLessThan(4_000)
      if (how === 'killed') await redis.restart()
      else redis.resume()
      await recovered(sessions)
      const { session } = await request(sessions, known)
      expect([session.outage, session.get('owner')]).toEqual([undefined, 'ada'])
    },
    30_000,
  )

  it('I4 serve-cached: what ended meanwhile ends when the store is back, and not when the grace is over', async () => {
    const redis = await server()
    const proxy = await proxyOf(redis)
    const here = await node<User>(proxy.url, {
      ...{ commandTimeout: 200, outage: 'serve-cached', outageGrace: '1h' },
      nearCache: { maxStaleness: '200ms' },
    })
    const there = await node<User>(redis.url)
    const [out, stays] = [
      await signIn<User>(there, { owner: 'ada', n: 1 }, 'ada'),
      await signIn<User>(there, { owner: 'bob', n: 1 }, 'bob'),
    ]
    for (const token of [out, stays]) await atHand(here, token)
    // Only this node is cut off.
    proxy.cut()
    await until('it is noticed', () => hit(here, out) === undefined)
    await (await there.open(out)).logout()
    await (await there.open(stays)).update('n', () => 5)
    expect((await request(here, out)).session.get('owner')).toBe('ada')
    proxy.heal()
    await recovered(here)
    expect((await request(here, out)).session.isNew).toBe(true)
    expect((await request(here, stays)).session.get('n')).toBe(5)
  }, 30_000)

  it('anonymous: nobody, whose cookie stays and whose changes are refused; the session is there afterwards', async () => {
    const redis = await server({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const sessions = await node<User>(redis.url, { commandTimeout: 200, outage: 'anonymous' })
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 }, 'ada')
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    const exchange = await request(sessions, token)
    const { session } = exchange
    expect(session.outage).toBe('anonymous')
    expect([session.get('owner'), session.principal, session.isNew]).toEqual([
      undefined,
      undefined,
      true,
    ])
    expect(await failure(session.refresh())).toBeInstanceOf(StoreUnavailableError)
    await redis.restart()
    await recovered(sessions)
    // Even now: it would take the place of the session that is there.
    session.set('n', 9)
    expect(await failure(session.commit())).toBeInstanceOf(StoreUnavailableError)
    expect(exchange.sendHeaders()).toBeUndefined()
    // Asked once more, it is what it was.
    await session.refresh()
    expect([session.outage, session.get('owner')]).toEqual([undefined, 'ada'])
    const { session: after } = await request(sessions, token)
    expect([after.outage, after.get('owner'), after.get('n')]).toEqual([undefined, 'ada', 1])
  }, 30_000)

  it('anonymous: who signs out while nobody knows who it is has signed out when the store is back', async () => {
    const redis = await server({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
    const sessions = await node<User>(redis.url, { commandTimeout: 200, outage: 'anonymous' })
    const there = await node<User>(redis.url)
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 }, 'ada')
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    const { session } = await request(sessions, token)
    expect(await failure(session.logout())).toBeInstanceOf(StoreUnavailableError)
    await redis.restart()
    for (const one of [sessions, there]) await recovered(one)
    await until('it has ended', async () => (await there.open(token, { fresh: true })).isNew)
    expect((await request(sessions, token)).session.isNew).toBe(true)
  }, 30_000)

  it('a policy that there is not is refused, and not taken for one that there is', async () => {
    const redis = await server()
    const sessions = await node<User>(redis.url, { commandTimeout: 200 })
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 })
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    const facts = { secure: true, host: 'a', proxied: false, cookie: `__Host-session=${token}` }
    const outage = 'Fail' as OutagePolicy
    expect(await failure(sessions.exchange({}, facts, { outage }))).toBeInstanceOf(OptionError)
    const middleware = nodeSessions(sessions, { outage: () => outage })
    const told = await new Promise((resolve) => {
      middleware({ headers: {} } as IncomingMessage, {} as never, resolve)
    })
    expect(told).toBeInstanceOf(OptionError)
  })

  it("one user's sign-out everywhere that fails takes nothing from the others", async () => {
    const redis = await server()
    const options = { commandTimeout: 200, outage: 'serve-cached' } as const
    const sessions = await node<User>(redis.url, options)
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 }, 'ada')
    await atHand(sessions, token)
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    expect(await failure(sessions.of('bob').revokeAll())).toBeInstanceOf(StoreUnavailableError)
    expect((await request(sessions, token)).session.get('owner')).toBe('ada')
  })

  it('anonymous: whoever signs in all the same, when the store is back, has a session', async () => {
    const redis = await server()
    const sessions = await node<User>(redis.url, { commandTimeout: 200, outage: 'anonymous' })
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 })
    await redis.kill()
    await until('it is noticed', () => hit(sessions, token) === undefined)
    const exchange = await request(sessions, token)
    await redis.restart()
    await recovered(sessions)
    await exchange.session.login('ada')
    expect(exchange.session.outage).toBeUndefined()
    expect(exchange.sendHeaders()).toMatch(/^__Host-session=/)
    expect((await request(sessions, exchange.session.token ?? '')).session.principal).toBe('ada')
  }, 30_000)

  it('by route: each request as a function of it says, and a router below asks again for its own', async () => {
    const redis = await server()
    const sessions = await node<User>(redis.url, {
      ...{ commandTimeout: 200, cookie: { secure: false } },
      nearCache: { maxStaleness: '200ms' },
    })
    const token = await signIn<User>(sessions, { owner: 'ada', n: 1 })
    await atHand(sessions, token)
    const outage = ({ url = '' }: IncomingMessage): OutagePolicy | undefined => {
      if (url.startsWith('/shop')) return 'anonymous'
      return url.startsWith('/pay') || url.startsWith('/cached') ? 'serve-cached' : undefined
    }
    const all = nodeSessions(sessions, { outage: (req) => outage(req as IncomingMessage) })
    const strict = nodeSessions(sessions, { outage: 'fail' })
    const app = createServer((req, res) => {
      const answer = (error?: unknown): void => {
        if (error instanceof StoreUnavailableError) res.statusCode = error.status
        res.end(error === undefined ? String(sessions.from(req).get('owner')) : 'no')
      }
      all(req, res, (error) => {
        if (error !== undefined || !(req.url ?? '').startsWith('/pay')) answer(error)
        else strict(req, res, answer)
      })
    }).listen(0, '127.0.0.1')
    await once(app, 'listening')
    atEnd(async () => void app.close())
    const { port } = app.address() as AddressInfo
    const get = async (path: string): Promise<string> => {
      const headers = { cookie: `session=${token}` }
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
      return `${response.status} ${await response.text()}`
    }
    expect(await get('/pay')).toBe('200 ada')
    await redis.kill()
    await until('it is noticed', () => (sessions.stats().nearCache?.state ?? '') === 'connecting')
    const answers = await Promise.all(['/shop', '/cached', '/pay', '/other'].map(get))
    expect(answers).toEqual(['200 undefined', '200 ada', '503 no', '503 no'])
  }, 30_000)
})

describe('F10 I1 a sign-out that the store does not take', () => {
  it.each(['refused', 'unreachable'] as const)(
    '%s: the session is denied on this node, and ends when the store takes it',
    async (how) => {
      const redis = await server({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })
      const here = await node<User>(redis.url, {
        ...{ commandTimeout: 200, outage: 'serve-cached', outageGrace: '1h' },
      })
      const there = await node<User>(redis.url)
      const tokens: string[] = []
      for (const name of ['ada', 'bob', 'eve']) {
        tokens.push(await signIn<User>(here, { owner: name, n: 0 }, name))
      }
      const [ada, bob, eve] = tokens as [string, string, string]
      for (const token of tokens) await atHand(here, token)
      const session = await here.open(ada)
      const revoked = (await here.open(bob)).id as string
      const foreign = (await there.open(eve)).id as string
      if (how === 'refused') {
        // As with stop-writes-on-bgsave-error: no writes are taken, reads go on.
        await redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
      } else {
        await redis.kill()
        await until('it is noticed', () => hit(here, ada) === undefined)
      }
      const expected = how === 'refused' ? StoreRefusedError : StoreUnavailableError
      expect(await failure(session.logout())).toBeInstanceOf(expected)
      expect(await failure(here.revoke(revoked))).toBeInstanceOf(expected)
      // Somebody else's, by malice or mistake: not theirs to end.
      expect(await failure(here.of('bob').revoke(foreign))).toSatisfy(
        (error) => error === undefined || error instanceof expected,
      )
      for (const token of [ada, bob]) {
        const served = await failure(
          Promise.resolve(request(here, token)).then(({ session: late }) => {
            if (late.get('owner') !== undefined) throw new Error('served')
          }),
        )
        expect(served === undefined || served instanceof StoreUnavailableError).toBe(true)
      }
      expect((await request(here, eve)).session.get('owner')).toBe('eve')
      if (how === 'refused') await redis.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
      else await redis.restart()
      await recovered(there)
      await until('they have ended everywhere', async () => {
        const left = await Promise.all(tokens.map((token) => there.open(token, { fresh: true })))
        return left.map(({ isNew }) => isNew).join() === 'true,true,false'
      })
      await sleep(50)
      expect((await request(here, eve)).session.get('owner')).toBe('eve')
    },
    30_000,
  )
})

describe('F10 what is denied', () => {
  /** Writes are refused, reads go on. */
  async function refusing() {
    const redis = await server()
    const [here, there] = [await node<User>(redis.url), await node<User>(redis.url)]
    const refuse = (isTo: boolean) =>
      redis.cli('CONFIG', 'SET', 'min-replicas-to-write', isTo ? '1' : '0')
    const ended = (token: string) =>
      until('it has ended', async () => (await there.open(token, { fresh: true })).isNew)
    return { here, there, refuse, ended }
  }

  it('is not let go by whoever asks for the same id, or for ten thousand others', async () => {
    const { here, refuse, ended } = await refusing()
    const token = await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    const session = await here.open(token)
    const id = session.id ?? ''
    await refuse(true)
    expect(await failure(session.logout())).toBeInstanceOf(StoreRefusedError)
    await failure(here.of('bob').revoke(id))
    const denials = new Denials(
      { engine: here.engine } as Settings,
      new EventHub(),
      () => undefined,
    )
    atEnd(async () => denials.close())
    const of = { deadline: Number.POSITIVE_INFINITY, event: 'revoked', principal: 'x' } as const
    denials.add({ id, ownerTag: 'ada', ...of }, true)
    denials.add({ id, ownerTag: 'bob', ...of }, false)
    for (let n = 0; n < 20_000; n++) denials.add({ id: `${n}`, ownerTag: 'bob', ...of }, false)
    expect(denials.has(id, 'ada')).toBe(true)
    expect(denials.has(id, 'eve')).toBe(false)
    expect((await request(here, token)).session.isNew).toBe(true)
    await refuse(false)
    await ended(token)
  }, 30_000)

  it('is so wherever a rotation has moved it', async () => {
    const { here, refuse, ended } = await refusing()
    const token = await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    const before = await here.open(token)
    const { signal } = before
    const other = await here.open(token)
    await other.rotate()
    const moved = other.token ?? ''
    await refuse(true)
    expect(await failure(before.logout())).toBeInstanceOf(StoreRefusedError)
    for (const each of [token, moved]) {
      expect((await request(here, each)).session.isNew).toBe(true)
    }
    expect(signal.aborted).toBe(true)
    await before.refresh()
    expect(before.get('owner')).toBeUndefined()
    await refuse(false)
    await ended(moved)
  }, 30_000)

  it('waits for nobody whose server is away', async () => {
    const [eu, us] = [await server(), await server()]
    const regions = { eu: { number: 0, redis: eu.url }, us: { number: 1, redis: us.url } }
    const region = ({ principal }: { principal: string | undefined }) => principal ?? 'eu'
    const options = { redis: { regions, home: 'eu' }, region, commandTimeout: 200 }
    const here = await node<User>('', options)
    const away = await here.open(await signIn<User>(here, { owner: 'us', n: 0 }, 'us'))
    const token = await signIn<User>(here, { owner: 'eu', n: 0 }, 'eu')
    const session = await here.open(token)
    await us.kill()
    await eu.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
    expect(await failure(away.logout())).toBeInstanceOf(StoreUnavailableError)
    expect(await failure(session.logout())).toBeInstanceOf(StoreRefusedError)
    await eu.cli('CONFIG', 'SET', 'min-replicas-to-write', '0')
    const there = await node<User>(eu.url)
    await until('it has ended', async () => (await there.open(token, { fresh: true })).isNew)
  }, 30_000)
})
