/** What users of @fastify/session have beside what they had, and what is another behaviour on purpose. */
import { PassThrough } from 'node:stream'
import { inspect } from 'node:util'
import fastifyCookie from '@fastify/cookie'
import { createClient } from '@redis/client'
import type { FastifyInstance } from 'fastify'
import {
  AttributeError,
  createSessions,
  memoryEngine,
  type Session,
  type Sessions,
  StoreUnavailableError,
} from 'sojourn'
import {
  type FastifySessionObject,
  type FastifySessionOptions,
  fastifySession,
} from 'sojourn/fastify-session'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import type { Browser } from '../support/http-client.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { type Build, makeApp, start } from './pair.ts'

interface Site {
  readonly browser: Browser
  readonly sessions: Sessions
  readonly engine: WatchedEngine
  readonly app: FastifyInstance
  readonly dropped: string[]
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function site(build: Build, options: FastifySessionOptions = {}): Promise<Site> {
  const memory = memoryEngine()
  const engine = watchedEngine(memory)
  const sessions = createSessions({ engine, secrets: [SECRET] })
  const dropped: string[] = []
  sessions.on('dropped', ({ reason }) => dropped.push(reason))
  closing.push(() => memory.close())
  const app = makeApp()
  await app.register(fastifyCookie)
  await app.register(fastifySession, { cookie: { secure: false }, ...options, sessions })
  await build(app)
  return { browser: await start(app), sessions, engine, app, dropped }
}

const counting: Build = (app) => {
  app.get('/', () => 'hello')
  app.get('/look', ({ session }) => String(session.n))
  app.get('/count', ({ session }) => {
    session.n = (session.n ?? 0) + 1
    return { n: session.n, id: session.sessionId, token: session.encryptedSessionId }
  })
}

const BODY = '{"__proto__": {"extra": true}}'

const tokenOf = (browser: Browser): string => browser.jar.get('sessionId') ?? ''

describe('ids and tokens', () => {
  it('sessionId is the public id, encryptedSessionId is what the cookie holds', async () => {
    const { browser, sessions } = await site(counting)
    const first = JSON.parse((await browser.get('/count')).text) as { id: string; token: string }
    expect(first.token).toBe(tokenOf(browser))
    expect(first.token).toMatch(/^[\w-]{48}$/)
    expect((await sessions.open(first.token)).id).toBe(first.id)
    expect(JSON.parse((await browser.get('/count')).text)).toMatchObject({ n: 2, id: first.id })
    const stolen = await browser.get('/look', { cookie: `sessionId=${first.id}` })
    expect(stolen.text).toBe('undefined')
  })

  it('a session is ended everywhere by its sessionId', async () => {
    const { browser, sessions } = await site(counting)
    const { id } = JSON.parse((await browser.get('/count')).text) as { id: string }
    expect(await sessions.revoke(id)).not.toBe(false)
    expect((await browser.get('/look')).text).toBe('undefined')
  })

  it('neither a printed session nor what hangs on the request shows the token', async () => {
    let printed = ''
    const { browser } = await site((app) => {
      counting(app)
      app.get('/print', (request) => {
        const { session } = request
        const own = Object.getOwnPropertySymbols(request)
          .filter((symbol) => String(symbol.description).startsWith('sojourn'))
          .map((symbol) => (request as unknown as Record<symbol, unknown>)[symbol])
        expect(own.length).toBeGreaterThan(1)
        const how = { depth: 12, showHidden: true }
        printed = [session, request.sessionStore, ...own].map((each) => inspect(each, how)).join()
        printed += JSON.stringify([session, request.sessionStore, ...own])
        return session.sessionId
      })
    })
    await browser.get('/count')
    expect((await browser.get('/print')).status).toBe(200)
    expect(printed).toContain('"n":1')
    expect(printed).not.toContain(tokenOf(browser))
    expect(printed).not.toContain(SECRET)
  })

  it('regenerate refuses the former token', async () => {
    const { browser, sessions } = await site((app) => {
      counting(app)
      app.get('/new', (request) => request.session.regenerate(['n']).then(() => 'new'))
    })
    await browser.get('/count')
    const before = tokenOf(browser)
    await browser.get('/new')
    expect(tokenOf(browser)).not.toBe(before)
    expect((await sessions.open(before)).isNew).toBe(true)
    expect((await sessions.open(tokenOf(browser))).get('n')).toBe(1)
  })

  it('rotation brings a new token with the answer, in any mode', async () => {
    const { browser, sessions } = await site(
      (app) => {
        counting(app)
        app.get('/rotate', (request) =>
          sessions
            .from(request)
            .rotate()
            .then(() => 'rotated'),
        )
      },
      { saveUninitialized: false, rolling: false },
    )
    await browser.get('/count')
    const before = tokenOf(browser)
    expect((await browser.get('/rotate')).cookies).toHaveLength(1)
    expect(tokenOf(browser)).toHaveLength(48)
    expect(tokenOf(browser)).not.toBe(before)
    // The former one leads there, and its answer tells the new one instead of clearing it.
    const late = await browser.get('/look', { cookie: `sessionId=${before}` })
    expect(late).toMatchObject({ text: '1' })
    expect(late.cookies[0]).toContain(tokenOf(browser))
  })

  it('login gives the session a principal; nobody is signed in otherwise', async () => {
    const { browser, sessions } = await site((app) => {
      counting(app)
      app.get('/login', async (request) => {
        await sessions.from(request).login('ada', { keep: ['n'] })
        return 'in'
      })
      app.get('/who', (request) => sessions.from(request).principal ?? 'nobody')
    })
    await browser.get('/count')
    await browser.get('/login')
    expect((await browser.get('/who')).text).toBe('ada')
    expect((await browser.get('/look')).text).toBe('1')
    await sessions.of('ada').revokeAll()
    expect((await browser.get('/who')).text).toBe('nobody')
  })
})

describe('principal', () => {
  const principal = (session: { user?: string | undefined }): string | undefined => session.user
  const build: Build = (app) => {
    app.get('/in/:name', (request) => {
      request.session.n = 1
      request.session.user = (request.params as { name: string }).name
      return 'in'
    })
    app.get('/save/:name', async (request) => {
      request.session.user = (request.params as { name: string }).name
      await request.session.save()
      return 'in'
    })
    app.get('/out', ({ session }) => {
      delete session.user
      return 'out'
    })
    app.get('/show', ({ session }) => ({ ...session, cookie: undefined }))
  }

  it('signs the session in: a new token, all of its data, and the limits of the principal', async () => {
    for (const maxAge of [undefined, 1_000, 86_400_000 * 30]) {
      const { browser, sessions } = await site(build, {
        principal,
        cookie: { secure: false, maxAge },
      })
      await browser.get('/show')
      const before = tokenOf(browser)
      expect((await browser.get('/in/ada')).cookies).toHaveLength(1)
      expect(tokenOf(browser)).not.toBe(before)
      expect((await sessions.open(before)).isNew).toBe(true)
      expect(JSON.parse((await browser.get('/show')).text)).toEqual({ n: 1, user: 'ada' })
      expect(await sessions.of('ada').count()).toBe(1)
      await browser.get('/save/bob')
      expect(await sessions.of('ada').count()).toBe(0)
      expect(await sessions.of('bob').count()).toBe(1)
      expect(JSON.parse((await browser.get('/show')).text)).toEqual({ n: 1, user: 'bob' })
      const signedIn = tokenOf(browser)
      expect((await browser.get('/out')).cookies).toHaveLength(1)
      expect(await sessions.of('bob').count()).toBe(0)
      expect((await sessions.open(signedIn)).isNew).toBe(true)
      expect((await sessions.open(tokenOf(browser))).principal).toBeUndefined()
      expect(JSON.parse((await browser.get('/show')).text)).toEqual({ n: 1 })
    }
  })

  it('with `rolling` no reply brings the token of before a parallel sign-in back', async () => {
    const sessions = createSessions({ secrets: [SECRET] })
    closing.push(() => sessions.close())
    const app = makeApp()
    await app.register(fastifyCookie)
    await app.register(fastifySession, { sessions, principal, cookie: { secure: false } })
    await build(app)
    let next = ''
    app.get('/slow', async ({ session, headers }) => {
      expect(session.n).toBe(1)
      if (next === '') return ''
      const reply = await app.inject({ url: next, headers: { cookie: headers.cookie ?? '' } })
      return reply.cookies[0]?.value
    })
    const browser = await start(app)
    await browser.get('/in/ada')
    for (next of ['', '/in/bob', '/out', '/in/carl']) {
      const { cookies, text } = await browser.get('/slow')
      expect(cookies).toHaveLength(next === '' ? 1 : 0)
      if (next !== '') browser.jar.set('sessionId', text)
    }
  })

  it('takes a number, and null and text without characters as nobody', async () => {
    let named: unknown = 7
    const naming = (app: FastifyInstance): void => {
      app.get('/name', async ({ session }) => {
        session.user = named as string
        return 'named'
      })
    }
    const { browser, sessions } = await site(naming, { principal: ({ user }) => user })
    expect((await browser.get('/name')).status).toBe(200)
    expect(await sessions.of('7').count()).toBe(1)
    for (const nobody of [null, '', undefined]) {
      named = nobody
      expect((await browser.get('/name')).status).toBe(200)
      expect(await sessions.of('7').count()).toBe(0)
    }
    for (const wrong of [{}, Number.NaN, true]) {
      named = wrong
      const refused = await browser.get('/name')
      expect(refused).toMatchObject({ status: 500, text: expect.stringContaining('`principal`') })
    }
  })

  describe.each(['', 'show', 'in/ada'])('a sign-in by `login` decides: after /%s', (before) => {
    type Use = (session: Session, properties: FastifySessionObject) => unknown
    const carl = { user: 'carl', who: 'carl' }
    const cases: readonly [string, Use, object][] = [
      ['login', (session) => session.login('carl'), { who: 'carl' }],
      ['then set', async (s) => (await s.login('carl'), s.set('user', 'carl')), carl],
      ['set and kept', (s) => (s.set('user', 'carl'), s.login('carl', { keep: ['user'] })), carl],
      ['then changed', async (s, own) => (await s.login('carl'), (own.user = 'carl')), carl],
      ['another', async (s, own) => (await s.login('carl'), (own.n = 7)), { who: 'carl' }],
      ['a level', async (s) => (await s.login('carl'), s.stepUp(2)), { who: 'carl' }],
      [
        'shown',
        async (s, own) => (await s.login('carl'), expect(own.user).toBeUndefined()),
        { who: 'carl' },
      ],
      ['changed to the same', async (s, own) => ((own.user = 'carl'), await s.login('carl')), carl],
      [
        'changed before',
        async (s, own) => ((own.user = 'dora'), await s.login('carl')),
        { who: 'carl' },
      ],
      [
        'deleted and kept',
        async (s, own) => (
          s.set('user', 'carl'), delete own.user, await s.login('carl', { keep: ['user'] })
        ),
        carl,
      ],
      ['changed before logout', async (s, own) => ((own.user = 'dora'), await s.logout()), {}],
      ['logout', (session) => session.logout(), {}],
      ['logout and a change', async (s, own) => (await s.logout(), (own.n = 7)), {}],
    ]
    it.each(cases)('%s', async (_, use, expected) => {
      const { browser, sessions } = await site(
        (app) => {
          build(app)
          app.get('/use', async (request) => {
            expect(request.session.user).toBe(before === 'in/ada' ? 'ada' : undefined)
            await use(sessions.from(request), request.session)
            return 'used'
          })
          app.get('/who', (request) => {
            return { who: sessions.from(request).principal, user: request.session.user }
          })
        },
        { principal },
      )
      if (before !== '') await browser.get(`/${before}`)
      const told: string[] = []
      sessions.on('login', (event) => told.push(event.principal))
      expect((await browser.get('/use')).status).toBe(200)
      for (let turn = 0; turn < 2; turn++) {
        expect(JSON.parse((await browser.get('/who')).text)).toEqual(expected)
      }
      expect(told).toEqual('who' in expected ? ['carl'] : [])
      expect(await sessions.of('ada').count()).toBe(0)
    })

    it('what is set after it counts, also what was there before', async () => {
      const { browser, sessions } = await site(
        (app) => {
          build(app)
          app.get('/use/:who', async (request) => {
            expect(request.session.user).toBe(before === 'in/ada' ? 'ada' : undefined)
            await sessions.from(request).login((request.params as { who: string }).who)
            request.session.user = 'ada'
            return 'used'
          })
          app.get('/who', (request) => {
            return { who: sessions.from(request).principal, user: request.session.user }
          })
        },
        { principal },
      )
      for (const who of ['ada', 'carl']) {
        browser.jar.clear()
        if (before !== '') await browser.get(`/${before}`)
        expect((await browser.get(`/use/${who}`)).status).toBe(200)
        const now = JSON.parse((await browser.get('/who')).text) as object
        expect(now).toEqual({ who: 'ada', user: 'ada' })
      }
    })
  })

  describe('never signs in again who was signed out everywhere while a request was under way', () => {
    const cases: readonly [string, (session: FastifySessionObject) => unknown][] = [
      ['by the reply', (session) => (session.n = 2)],
      ['by save', async (session) => (await session.save(), (session.n = 2))],
      [
        'by save of a change',
        async (session) => ((session.n = 2), await session.save(), (session.n = 3)),
      ],
      ['by reload', async (session) => (await session.reload(), (session.n = 2))],
      ['by regenerate', async (session) => session.regenerate(['user'])],
      ['by leaving', async (session) => (delete session.user, await session.save())],
      ['as another', async (session) => ((session.user = 'bob'), await session.save())],
    ]
    it.each(cases)('%s', async (_, use) => {
      let during = async (): Promise<unknown> => undefined
      const { browser, sessions, engine } = await site(
        (app) => {
          build(app)
          app.get('/slow', async (request) => {
            expect(request.session.user).toBe('ada')
            await during()
            await use(request.session)
            return 'slow'
          })
        },
        { principal, rolling: false },
      )
      const other = createSessions({ engine, secrets: [SECRET] })
      closing.push(() => other.close())
      const all = async (): Promise<number> =>
        (await sessions.of('ada').count()) + (await sessions.of('bob').count())
      for (const nodes of [[sessions], [other]]) {
        await browser.get('/in/ada')
        during = () => Promise.all(nodes.map((each) => each.of('ada').revokeAll()))
        await browser.get('/slow')
        expect(await all()).toBe(0)
        expect((await browser.get('/show')).text).not.toMatch(/ada|bob/)
      }
    })

    it('nor by the object of a session that the request itself has ended', async () => {
      const { browser, sessions } = await site(
        (app) => {
          build(app)
          app.get('/back', async (request) => {
            const { session } = request
            await session.destroy()
            request.session = session
            session.n = 3
            return 'back'
          })
        },
        { principal },
      )
      await browser.get('/in/ada')
      await browser.get('/back')
      expect(await sessions.of('ada').count()).toBe(0)
    })

    it('nor one whose session is from before the option', async () => {
      const plain = await site(build, { rolling: false })
      const { engine } = plain
      await plain.browser.get('/in/ada')
      const { cookie } = plain.browser
      const { id } = await plain.sessions.open(tokenOf(plain.browser))
      const later = makeApp()
      const sessions = createSessions({ engine, secrets: [SECRET] })
      closing.push(() => sessions.close())
      const options = { sessions, principal, cookie: { secure: false } }
      await later.register(fastifySession, options)
      build(later)
      later.get('/slow', async ({ session }) => {
        expect(session.user).toBe('ada')
        await plain.sessions.revoke(id ?? '')
        session.n = 2
        return 'slow'
      })
      const browser = await start(later)
      expect((await browser.get('/slow', { cookie })).cookies).toEqual([])
      expect(await sessions.of('ada').count()).toBe(0)
    })
  })
})

describe('two requests at once', () => {
  const shop: Build = (app) => {
    app.get('/begin', ({ session }) => {
      session.a = 0
      return 'begun'
    })
    for (const name of ['a', 'v', 'body', 'id', 'n'] as const) {
      app.get(`/set/${name}`, ({ session }) => {
        session.set(name, 1)
        return 'set'
      })
    }
    app.get('/show', ({ session }) => ({ ...session, cookie: undefined }))
  }

  it('that change different attributes lose none', async () => {
    const { browser } = await site(shop)
    await browser.get('/begin')
    const names = ['a', 'v', 'body', 'id', 'n']
    await Promise.all(names.map((name) => browser.get(`/set/${name}`)))
    expect(JSON.parse((await browser.get('/show')).text)).toEqual(
      Object.fromEntries(names.map((name) => [name, 1])),
    )
  })

  it('regenerate makes a new session also where another has just ended this one', async () => {
    const { browser, dropped } = await site((app) => {
      shop(app)
      app.get('/both', async (request) => {
        await browser.get('/end')
        request.session.n = 1
        await request.session.save()
        await request.session.regenerate()
        request.session.n = 2
        return 'new'
      })
      app.get('/end', (request) => request.session.destroy().then(() => 'ended'))
    })
    await browser.get('/begin')
    expect((await browser.get('/both')).cookies).toHaveLength(1)
    expect(dropped).toEqual(['ended'])
    expect(JSON.parse((await browser.get('/show')).text)).toEqual({ n: 2 })
  })

  it('regenerate carries nothing over from a session that another node ends meanwhile', async () => {
    const { browser, sessions, engine } = await site((app) => {
      app.get('/begin', ({ session }) => {
        session.user = 'ada'
        return 'begun'
      })
      app.get('/saved', async (request) => {
        await elsewhere()
        request.session.n = 1
        await request.session.save()
        await request.session.regenerate(['user', 'n'])
        return request.session.user ?? 'nobody'
      })
      app.get('/at-once', async (request) => {
        expect(request.session.user).toBe('ada')
        const gate = engine.gate()
        const renewing = request.session.regenerate(['user'])
        await gate.reached
        await elsewhere()
        gate.open()
        await renewing
        return request.session.user ?? 'nobody'
      })
      app.get('/who', ({ session }) => session.user ?? 'nobody')
    })
    const other = createSessions({ engine, secrets: [SECRET] })
    closing.push(() => other.close())
    const elsewhere = async (): Promise<void> => {
      await (await other.open(tokenOf(browser))).logout()
    }
    for (const path of ['/at-once', '/saved']) {
      await browser.get('/begin')
      expect((await sessions.open(tokenOf(browser))).get('user')).toBe('ada')
      expect((await browser.get(path)).text).toBe('nobody')
      expect((await browser.get('/who')).text).toBe('nobody')
    }
  })

  it('of two that regenerate one session the browser keeps the cookie of the one that comes first', async () => {
    for (const saveUninitialized of [true, false]) {
      const { browser, engine } = await site(
        (app) => {
          counting(app)
          app.get('/renew', (request) => request.session.regenerate(['n']).then(() => 'renewed'))
        },
        { saveUninitialized },
      )
      await browser.get('/count')
      const { cookie } = browser
      const gate = engine.gate()
      const late = browser.get('/renew', { cookie })
      await gate.reached
      expect((await browser.get('/renew', { cookie })).cookies).toHaveLength(1)
      gate.open()
      expect(await late).toMatchObject({ status: 200, cookies: [] })
      expect((await browser.get('/look')).text).toBe('1')
    }
  })

  it('a reply does not bring back a session that was destroyed meanwhile', async () => {
    let release: (() => void) | undefined
    const { browser, sessions, dropped } = await site((app) => {
      shop(app)
      app.get('/slow', async ({ session }) => {
        session.n = 5
        await new Promise<void>((resolve) => {
          release = resolve
          void browser.get('/end')
        })
        return 'slow'
      })
      app.get('/end', async (request) => {
        await request.session.destroy()
        release?.()
        return 'ended'
      })
    })
    await browser.get('/begin')
    const token = tokenOf(browser)
    const slow = await browser.get('/slow')
    expect(slow).toMatchObject({ status: 200, cookies: [] })
    expect(dropped).toEqual(['ended'])
    expect((await sessions.open(token)).isNew).toBe(true)
  })
})

describe('how long a session lives', () => {
  const lives = async (browser: Browser, path: string, ms: number): Promise<boolean> => {
    await browser.get(path)
    const token = tokenOf(browser)
    vi.setSystemTime(Date.now() + ms)
    await browser.get('/id')
    return tokenOf(browser) === token
  }
  const build: Build = (app) => {
    app.get('/id', ({ session }) => ({ id: session.sessionId }))
    app.get('/empty', () => 'empty')
    app.get('/own', ({ session }) => {
      session.cookie.maxAge = 10_000
      return 'own'
    })
    app.get('/fixed', ({ session }) => {
      session.cookie.expires = new Date(Date.now() + 10_000)
      return 'fixed'
    })
  }

  it('is its cookie’s age, whatever sessions it was given', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const clock = { now: () => Date.now(), monotonic: () => Date.now() }
    const engine = memoryEngine({ clock })
    const sessions = createSessions({ engine, clock, secrets: [SECRET], idleTimeout: '1h' })
    closing.push(
      () => engine.close(),
      () => vi.useRealTimers(),
    )
    for (const [path, maxAge] of [
      ['/empty', 10_000],
      ['/own', 60_000],
      ['/own', undefined],
      ['/fixed', undefined],
    ] as const) {
      for (const [ms, isThere] of [
        [9_000, true],
        [11_000, false],
      ] as const) {
        const app = makeApp()
        await app.register(fastifySession, { sessions, cookie: { secure: false, maxAge } })
        await build(app)
        const browser = await start(app)
        expect([path, ms, await lives(browser, path, ms)]).toEqual([path, ms, isThere])
      }
    }
  })
})

describe('an age that is none', () => {
  const ages: Readonly<Record<string, (cookie: FastifySessionObject['cookie']) => void>> = {
    undefined: (cookie) => {
      cookie.maxAge = undefined
    },
    null: (cookie) => {
      cookie.maxAge = null
    },
    nan: (cookie) => {
      cookie.maxAge = Number.NaN
    },
    text: (cookie) => {
      cookie.maxAge = 'soon' as never
    },
    infinite: (cookie) => {
      cookie.maxAge = Number.POSITIVE_INFINITY
    },
    original: (cookie) => {
      cookie.originalMaxAge = 'soon' as never
    },
    date: (cookie) => {
      cookie.expires = new Date(Number.NaN)
    },
  }
  const build: Build = (app) => {
    counting(app)
    app.get('/age', ({ session }) => ({ age: session.cookie.originalMaxAge }))
    for (const [name, assign] of Object.entries(ages)) {
      app.get(`/${name}`, ({ session }) => {
        assign(session.cookie)
        session.n = 100
        return 'assigned'
      })
    }
  }

  for (const maxAge of [undefined, 3_600_000]) {
    it.each(['undefined', 'null'])(
      `%s: until the browser ends, instead of ${maxAge}`,
      async (name) => {
        const { browser } = await site(build, { cookie: { secure: false, maxAge } })
        await browser.get('/count')
        const answer = await browser.get(`/${name}`)
        expect(answer).toMatchObject({ status: 200, text: 'assigned' })
        expect(answer.cookies).toHaveLength(1)
        expect(answer.cookies.join()).not.toMatch(/Expires|Max-Age/)
        expect((await browser.get('/age')).text).toBe('{"age":null}')
        expect((await browser.get('/look')).text).toBe('100')
      },
    )

    it.each(['nan', 'text', 'infinite', 'original', 'date'])(
      `%s is refused, and nothing is stored, where the usual one is ${maxAge}`,
      async (name) => {
        const { browser } = await site(build, { cookie: { secure: false, maxAge }, rolling: false })
        await browser.get('/count')
        const answer = await browser.get(`/${name}`)
        expect(answer).toMatchObject({ status: 500, cookies: [] })
        expect(answer.text).toMatch(/ERR_SOJOURN_OPTION.*session\.cookie\.(maxAge|expires)/)
        expect((await browser.get('/look')).text).toBe('1')
      },
    )
  }
})

describe('cost', () => {
  it('a session that is looked at and not changed is not written, in any mode', async () => {
    for (const rolling of [true, false]) {
      const { browser, engine } = await site(counting, { rolling })
      await browser.get('/count')
      engine.calls.length = 0
      const answer = await browser.get('/look')
      expect(answer.cookies).toHaveLength(rolling ? 1 : 0)
      expect(engine.calls).toEqual(['load'])
    }
  })

  it('what is read and not changed is neither written as JSON nor parsed', async () => {
    const { browser } = await site(
      (app) => {
        app.get('/begin', ({ session }) => {
          session.n = 1
          session.user = 'ada'
          session.list = [{ id: 1, tags: ['a', 'b'], nested: { x: null, y: 'text' } }]
          session.a = { deep: { deeper: [1, [2, { three: 3 }]] } }
          return 'begun'
        })
        app.get('/read', ({ session }) => `${session.user} ${session.list?.length}`)
        app.get('/nothing', () => 'nothing')
        app.get('/in-place', ({ session }) => {
          Object.assign((session.a as { deep: object }).deep, { more: true })
          return 'changed'
        })
        app.get('/a', ({ session }) => JSON.stringify(session.a))
      },
      { saveUninitialized: false, rolling: false },
    )
    await browser.get('/begin')
    const [written, parsed] = [vi.spyOn(JSON, 'stringify'), vi.spyOn(JSON, 'parse')]
    closing.push(
      () => written.mockRestore(),
      () => parsed.mockRestore(),
    )
    for (const path of ['/read', '/nothing']) {
      expect((await browser.get(path)).status).toBe(200)
      expect([path, written.mock.calls, parsed.mock.calls]).toEqual([path, [], []])
    }
    await browser.get('/in-place')
    expect(written).toHaveBeenCalled()
    expect((await browser.get('/a')).text).toBe(
      '{"deep":{"deeper":[1,[2,{"three":3}]],"more":true}}',
    )
  })

  it('without saveUninitialized a request that sets nothing does not ask the store', async () => {
    const { browser, engine } = await site(counting, { saveUninitialized: false })
    await browser.get('/')
    await browser.get('/look')
    expect(engine.calls).toEqual([])
  })

  it('a cookie that is not ours costs no call', async () => {
    const { browser, engine } = await site(counting, { saveUninitialized: false })
    const strange = ['made-up', 'A'.repeat(48), 's%3Aid.signature', '%', '"quoted"', '__proto__']
    for (const value of strange) {
      const answer = await browser.get('/look', { cookie: `sessionId=${value}` })
      expect(answer).toMatchObject({ status: 200, text: 'undefined' })
      expect(answer.cookies).toEqual([expect.stringContaining('Max-Age=0')])
    }
    expect(engine.calls).toEqual([])
  })
})

describe('where it is registered', () => {
  it('in a child context: others have no session', async () => {
    const sessions = createSessions()
    const app = makeApp()
    closing.push(() => sessions.close())
    await app.register(async (child) => {
      await child.register(fastifySession, { sessions, cookie: { secure: false } })
      child.get('/in', ({ session }) => typeof session.save)
    })
    app.get('/out', (request) => typeof request.session)
    const browser = await start(app)
    expect((await browser.get('/in')).text).toBe('function')
    expect(await browser.get('/out')).toMatchObject({ text: 'undefined', cookies: [] })
  })

  it('with two cookies, each in its own context', async () => {
    const app = makeApp()
    for (const name of ['shop', 'admin']) {
      await app.register(
        async (child) => {
          const options = { secret: SECRET, cookieName: name, cookie: { secure: false } }
          await child.register(fastifySession, options)
          child.get('/count', ({ session }) => {
            session.n = (session.n ?? 0) + 1
            return String(session.n)
          })
        },
        { prefix: `/${name}` },
      )
    }
    const browser = await start(app)
    for (const path of ['/shop/count', '/shop/count', '/admin/count']) await browser.get(path)
    expect((await browser.get('/shop/count')).text).toBe('3')
    expect((await browser.get('/admin/count')).text).toBe('2')
    expect([...browser.jar.keys()]).toEqual(['shop', 'admin'])
  })

  it('twice with the same sessions: the first one counts, there is one cookie', async () => {
    const { browser, app } = await site(counting)
    expect(app.hasPlugin('@fastify/session')).toBe(true)
    const sessions = createSessions()
    closing.push(() => sessions.close())
    const twice = makeApp()
    for (const _ of [1, 2])
      await twice.register(fastifySession, { sessions, cookie: { secure: false } })
    twice.get('/count', ({ session }) => {
      session.n = (session.n ?? 0) + 1
      return String(session.n)
    })
    const other = await start(twice)
    expect((await other.get('/count')).cookies).toHaveLength(1)
    expect((await other.get('/count')).text).toBe('2')
    expect((await browser.get('/count')).status).toBe(200)
  })

  it('sessions that the plugin has made are closed with the application, others are not', async () => {
    const engine = watchedEngine(memoryEngine())
    const own = makeApp()
    await own.register(fastifySession, { secret: SECRET, engine })
    await own.ready()
    const sessions = createSessions()
    const given = makeApp()
    await given.register(fastifySession, { sessions, cookie: { secure: false } })
    await given.ready()
    await own.close()
    await given.close()
    expect((await sessions.open()).isNew).toBe(true)
    await sessions.close()
  })
})

describe('replies', () => {
  it('changes of onSend hooks are stored too, and those of a stream until it ends', async () => {
    const { browser } = await site((app) => {
      counting(app)
      app.addHook('onSend', async ({ session }, _, payload) => {
        session.third = 3
        return payload
      })
      app.get('/stream', ({ session }, reply) => {
        const stream = new PassThrough()
        stream.write('one')
        setImmediate(() => {
          session.n = 9
          stream.end('two')
        })
        return reply.send(stream)
      })
      app.get('/third', ({ session }) => `${session.third} ${session.n}`)
    })
    await browser.get('/count')
    expect((await browser.get('/stream')).text).toBe('onetwo')
    expect((await browser.get('/third')).text).toBe('3 9')
  })

  it('regenerate is refused once the headers are out, and the session stays', async () => {
    let refused: unknown
    const { browser } = await site((app) => {
      counting(app)
      app.get('/late', async (request, reply) => {
        const stream = new PassThrough()
        void reply.send(stream)
        stream.write('one')
        await expect.poll(() => reply.raw.headersSent).toBe(true)
        refused = await request.session.regenerate().catch((error: Error) => error.name)
        stream.end('two')
        return reply
      })
    })
    await browser.get('/count')
    expect((await browser.get('/late')).text).toBe('onetwo')
    expect(refused).toBe('HeadersSentError')
    expect((await browser.get('/look')).text).toBe('1')
  })

  it('a hijacked reply stores its session', async () => {
    const { browser } = await site((app) => {
      counting(app)
      app.get('/hijack', (request, reply) => {
        request.session.n = 5
        reply.hijack()
        reply.raw.end('hijacked')
      })
    })
    expect(await browser.get('/hijack')).toMatchObject({ text: 'hijacked', status: 200 })
    expect((await browser.get('/look')).text).toBe('5')
  })

  it('what JSON cannot write is an error, and nothing is stored', async () => {
    const { browser } = await site((app) => {
      counting(app)
      app.get('/circle', ({ session }) => {
        const circle: Record<string, unknown> = {}
        circle['self'] = circle
        session.n = 50
        session.a = circle
        return 'circle'
      })
      app.get('/big', ({ session }) => {
        session.a = 1n
        return 'big'
      })
      app.get('/half', ({ session }) => {
        session.a = '😀'.slice(0, 1)
        return 'half'
      })
      app.get('/deep', ({ session }) => {
        session.a = JSON.parse('['.repeat(65) + ']'.repeat(65))
        return 'deep'
      })
      app.get('/save', ({ session }, reply) => {
        session.a = 1n
        session.save((error) => void reply.send({ failed: error instanceof Error }))
      })
      app.get('/inject', ({ session }) => {
        session.n = 50
        session.cookie.domain = 'a.example; HttpOnly'
        return 'inject'
      })
    })
    await browser.get('/count')
    for (const path of ['/circle', '/big', '/inject'])
      expect((await browser.get(path)).status).toBe(500)
    for (const path of ['/half', '/deep'])
      expect((await browser.get(path)).text).toContain('ERR_SOJOURN_ATTRIBUTE')
    expect((await browser.get('/save')).status).toBe(500)
    expect((await browser.get('/look')).text).toBe('1')
  })
})

describe('a name that would be the prototype', () => {
  it.each<[string, (session: FastifySessionObject, value: object) => unknown]>([
    ['set', (session, value) => session.set('__proto__' as 'n', value as never)],
    ['a plain assignment', (session, value) => Reflect.set(session, '__proto__', value)],
    ['the body of a request', (session) => Object.assign(session, JSON.parse(BODY) as object)],
  ])('is refused: %s', async (_, use) => {
    const { browser } = await site((app) => {
      counting(app)
      app.get('/refused', ({ session }) => {
        let refused: unknown
        try {
          use(session, { extra: true })
        } catch (error) {
          refused = error
        }
        expect(refused).toBeInstanceOf(AttributeError)
        expect((refused as Error).message).toContain('__proto__')
        return `${typeof session.save} ${session.extra}`
      })
    })
    await browser.get('/count')
    expect(await browser.get('/refused')).toMatchObject({ status: 200, text: 'function undefined' })
    expect((await browser.get('/look')).text).toBe('1')
  })
})

describe('while the store does not answer', () => {
  const failure = (): Error => new StoreUnavailableError('away', false)

  it('requests are answered with 503, and callbacks get the error', async () => {
    const { browser, engine } = await site((app) => {
      counting(app)
      app.get('/save', ({ session }, reply) => {
        engine.failure = failure()
        session.n = 2
        session.save((error) => {
          engine.failure = undefined
          void reply.send((error as Error).name)
        })
      })
      app.get('/regenerate', async (request) => {
        const before = request.session
        engine.failure = failure()
        const refused = await request.session.regenerate().catch((error: Error) => error.name)
        engine.failure = undefined
        return `${String(refused)} ${request.session === before} ${request.session.n}`
      })
      app.get('/destroy', async (request) => {
        engine.failure = failure()
        const refused = await request.session.destroy().catch((error: Error) => error.name)
        engine.failure = undefined
        return `${String(refused)} ${request.session === null}`
      })
    })
    await browser.get('/count')
    expect((await browser.get('/save')).text).toBe('StoreUnavailableError')
    expect((await browser.get('/regenerate')).text).toBe('StoreUnavailableError true 2')
    expect((await browser.get('/destroy')).text).toBe('StoreUnavailableError true')
    engine.failure = failure()
    expect(await browser.get('/look')).toMatchObject({ status: 503, cookies: [] })
  })

  it('a promise that nobody awaits does not end the process, and is an error event', async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    closing.push(() => process.off('unhandledRejection', note))
    const names = ['save', 'reload', 'destroy', 'regenerate'] as const
    for (const name of names) {
      const { browser, sessions, engine } = await site((app) => {
        counting(app)
        app.get('/go', ({ session }) => {
          session.n = 2
          engine.failure = failure()
          void session[name]()
          return 'gone'
        })
      })
      const reported: string[] = []
      sessions.on('error', ({ operation, error }) => {
        if (error === engine.failure) reported.push(operation)
      })
      await browser.get('/count')
      await browser.get('/go')
      expect(reported).toContain(name)
    }
    expect(unhandled).toEqual([])
  })

  it("with outage: 'anonymous' nobody loses a cookie by it", async () => {
    for (const saveUninitialized of [true, false]) {
      const { browser, engine } = await site(counting, { outage: 'anonymous', saveUninitialized })
      await browser.get('/count')
      engine.failure = failure()
      expect(await browser.get('/look')).toMatchObject({ text: 'undefined', cookies: [] })
      engine.failure = undefined
      expect((await browser.get('/look')).text).toBe('1')
    }
  })
})

describe('on Redis, two nodes', () => {
  let server: RedisServer
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const node = async (): Promise<Browser> => {
    const app = makeApp()
    await app.register(fastifyCookie)
    const options = { secret: SECRET, redis: server.url, cookie: { secure: false, maxAge: 60_000 } }
    await app.register(fastifySession, options)
    counting(app)
    app.get('/set/:name', (request) => {
      const { name } = request.params as { name: 'a' | 'v' | 'body' | 'id' }
      request.session.set(name, 1)
      return 'set'
    })
    app.get('/show', ({ session }) => ({ ...session, cookie: undefined }))
    app.get('/end', (request) => request.session.destroy().then(() => 'ended'))
    return start(app)
  }

  it('keyPrefix is in front of every key', async () => {
    const app = makeApp()
    const options = { secret: SECRET, redis: server.url, keyPrefix: 'sj:shop', prefix: '/shop' }
    await app.register(fastifySession, { ...options, cookie: { secure: false } })
    counting(app)
    const client = await createClient({ ...server.admin, url: server.url }).connect()
    closing.push(() => client.destroy())
    await client.flushAll()
    await (await start(app)).get('/count')
    const keys = await client.keys('*')
    expect(keys.length).toBeGreaterThan(0)
    expect(keys.filter((key) => !key.startsWith('sj:shop:'))).toEqual([])
  })

  it('one session: changes of both are kept, and what one ends the other does not know', async () => {
    const [one, two] = [await node(), await node()]
    await one.get('/count')
    const cookie = `sessionId=${tokenOf(one)}`
    expect((await two.get('/look', { cookie })).text).toBe('1')
    const names = ['a', 'v', 'body', 'id']
    const asked = names.map((name, at) =>
      (at % 2 === 0 ? one : two).get(`/set/${name}`, { cookie }),
    )
    await Promise.all(asked)
    const shown = JSON.parse((await one.get('/show', { cookie })).text) as object
    expect(shown).toEqual({ n: 1, a: 1, v: 1, body: 1, id: 1 })
    await two.get('/end', { cookie })
    await expect.poll(async () => (await one.get('/look', { cookie })).text).toBe('undefined')
  })
})
