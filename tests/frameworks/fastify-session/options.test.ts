/** What the plugin takes, and what it refuses at the start. */
import fastifyCookie, { Signer } from '@fastify/cookie'
import Fastify from 'fastify'
import { createSessions, memoryEngine, OptionError } from 'sojourn'
import { fastifySession as fastifySource } from 'sojourn/adopt'
import { type FastifySessionOptions, fastifySession } from 'sojourn/fastify-session'
import { afterEach, describe, expect, it } from 'vitest'
import { SECRET } from '../support/world.ts'
import { makeApp, start, theirs } from './pair.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

async function refusal(options: object): Promise<OptionError> {
  const app = makeApp()
  closing.push(() => app.close())
  app.register(fastifySession, options as FastifySessionOptions)
  const error: unknown = await app.ready().then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (error instanceof OptionError) return error
  throw new Error('was not refused by an OptionError', { cause: error })
}

/** What @fastify/session itself says. */
async function theirMessage(options: object): Promise<string> {
  const app = makeApp()
  closing.push(() => app.close())
  app.register(fastifyCookie)
  app.register(theirs, options as Record<string, unknown>)
  const failure: unknown = await app.ready().then(undefined, (error: unknown) => error)
  return (failure as Error).message
}

const store = { get: () => undefined, set: () => undefined, destroy: () => undefined }
const signer = { sign: (text: string) => text, unsign: (text: string) => text }

describe('refused', () => {
  it.each<[string, object, string]>([
    ['no secret', {}, 'secret'],
    ['a secret of 31 characters', { secret: 'x'.repeat(31) }, 'secret'],
    ['no secrets', { secret: [] }, 'secret'],
    ['an empty one among secrets', { secret: [SECRET, ''] }, 'secret'],
    ['a signer that does not show its secrets', { secret: signer }, 'secret'],
    ['half a signer', { secret: { sign: signer.sign } }, 'secret'],
    ['another store', { secret: SECRET, store }, 'store'],
    ['sessions of something else', { sessions: {} }, 'sessions'],
    [
      'options of createSessions beside sessions',
      { sessions: createSessions(), redis: 'redis://x' },
      'redis',
    ],
    ['an option that is not known', { secret: SECRET, resave: true }, 'resave'],
    [
      'a cookie option that is not known',
      { secret: SECRET, cookie: { signed: true } },
      'cookie.signed',
    ],
    ['a cookie name', { secret: SECRET, cookieName: 'a b' }, 'cookieName'],
    ['a prefix', { secret: SECRET, cookiePrefix: 5 }, 'cookiePrefix'],
    ['rolling', { secret: SECRET, rolling: 'yes' }, 'rolling'],
    ['saveUninitialized', { secret: SECRET, saveUninitialized: 1 }, 'saveUninitialized'],
    ['principal', { secret: SECRET, principal: 'user' }, 'principal'],
    ['idGenerator', { secret: SECRET, idGenerator: 'id' }, 'idGenerator'],
    ['a cookie path', { secret: SECRET, cookie: { path: 'x' } }, 'cookie.path'],
    [
      'a cookie path that injects',
      { secret: SECRET, cookie: { path: '/;HttpOnly' } },
      'cookie.path',
    ],
    ['a cookie domain', { secret: SECRET, cookie: { domain: 'a;b' } }, 'cookie.domain'],
    ['a dot as cookie domain', { secret: SECRET, cookie: { domain: '.' } }, 'cookie.domain'],
    ['a domain of two dots', { secret: SECRET, cookie: { domain: 'a..b' } }, 'cookie.domain'],
    ['httpOnly', { secret: SECRET, cookie: { httpOnly: 'no' } }, 'cookie.httpOnly'],
    ['partitioned', { secret: SECRET, cookie: { partitioned: 'x' } }, 'cookie.partitioned'],
    ['less than a millisecond', { secret: SECRET, cookie: { maxAge: 0.4 } }, 'cookie.maxAge'],
    ['maxAge', { secret: SECRET, cookie: { maxAge: Number.NaN } }, 'cookie.maxAge'],
    ['maxAge of more than 400 days', { secret: SECRET, cookie: { maxAge: 1e12 } }, 'cookie.maxAge'],
    ['expires', { secret: SECRET, cookie: { expires: new Date(Number.NaN) } }, 'cookie.expires'],
    ['secure', { secret: SECRET, cookie: { secure: 'yes' } }, 'cookie.secure'],
    ['sameSite', { secret: SECRET, cookie: { sameSite: 'loose' } }, 'cookie.sameSite'],
    ['a prefix of keys', { secret: SECRET, keyPrefix: 'a b' }, 'keyPrefix'],
    [
      'a prefix of keys beside sessions',
      { sessions: createSessions(), keyPrefix: 'shop' },
      'keyPrefix',
    ],
    ['fresh', { secret: SECRET, fresh: 'yes' }, 'fresh'],
    ['outage', { secret: SECRET, outage: 'maybe' }, 'outage'],
  ])('%s', async (_, options, name) => {
    expect((await refusal(options)).option).toBe(name)
  })

  it('an option that is not known, by a message with all that are', async () => {
    const { message } = await refusal({ secret: SECRET, resave: true })
    const own = ['cookieName', 'saveUninitialized', 'rolling', 'principal', 'keyPrefix']
    for (const name of [...own, 'redis', 'adopt', 'idleTimeout', 'nearCache', 'outage']) {
      expect(message).toMatch(new RegExp(`\\b${name}\\b`))
    }
  })

  it('a cookie of HTTP beside a mirror whose cookie is taken to be of HTTPS', async () => {
    const client = { get: async () => null, del: async () => 1, pSetEx: async () => undefined }
    const plugin = { secret: SECRET, cookieName: 'other', cookie: { secure: false } }
    const source = { client, secret: SECRET, old: 'mirror' } as const
    const refused = await refusal({ ...plugin, adopt: [fastifySource(source)] })
    expect(refused.option).toBe('adopt')
    expect(refused.message).toContain('`cookie: { secure: false }`')
    for (const secure of [true, false]) {
      const said = fastifySource({ ...source, cookie: { secure } })
      const app = Fastify()
      await app.register(fastifySession, { ...plugin, adopt: [said] })
      await app.close()
    }
  })

  it('the old cookie’s name beside a mirror, by a message that names the option', async () => {
    const client = { get: async () => null, del: async () => 1, pSetEx: async () => undefined }
    const source = fastifySource({ client, secret: SECRET, old: 'mirror' })
    const refused = await refusal({ secret: SECRET, adopt: [source] })
    expect(refused.option).toBe('cookieName')
    expect(refused.message).toContain("old: 'mirror'")
  })

  it('another store, by a message that says where its sessions go', async () => {
    expect((await refusal({ secret: SECRET, store })).message).toContain('adopt')
  })

  it('a wrong secret in the words of @fastify/session', async () => {
    const told = [{}, { secret: 'x'.repeat(31) }, { secret: [] }, { secret: { unsign: true } }]
    const messages = await Promise.all(told.map(async (each) => (await refusal(each)).message))
    expect(messages).toEqual(await Promise.all(told.map(theirMessage)))
    expect(messages.join()).not.toContain('undefined')
  })

  it('never by a message that holds a secret', async () => {
    const short = 'canary of thirty characters ab'
    expect((await refusal({ secret: short })).message).not.toContain('canary')
  })
})

describe('taken', () => {
  it('a Signer of @fastify/cookie: the sessions of its secrets', async () => {
    const engine = memoryEngine()
    closing.push(() => engine.close())
    const node = async (secret: FastifySessionOptions['secret']) => {
      const app = makeApp()
      await app.register(fastifySession, { engine, secret, cookie: { secure: false } })
      app.get('/', ({ session }) => {
        session.n = (session.n ?? 0) + 1
        return String(session.n)
      })
      return start(app)
    }
    const first = await node(SECRET)
    const second = await node(new Signer(['x'.repeat(32), SECRET]))
    const third = await node('x'.repeat(32))
    expect((await first.get('/')).text).toBe('1')
    const cookie = `sessionId=${first.jar.get('sessionId')}`
    expect((await second.get('/', { cookie })).text).toBe('2')
    expect((await third.get('/', { cookie })).text).toBe('1')
  })

  it('a list of secrets: sessions of a former one still open', async () => {
    const engine = memoryEngine()
    closing.push(() => engine.close())
    const node = async (secret: FastifySessionOptions['secret']) => {
      const app = makeApp()
      await app.register(fastifySession, { secret, engine, cookie: { secure: false } })
      app.get('/', ({ session }) => {
        session.n = (session.n ?? 0) + 1
        return String(session.n)
      })
      return start(app)
    }
    const first = await node('a'.repeat(32))
    await first.get('/')
    const second = await node(['b'.repeat(32), 'a'.repeat(32)])
    const other = await node('c'.repeat(32))
    const { cookie } = first
    expect((await second.get('/', { cookie })).text).toBe('2')
    expect((await other.get('/', { cookie })).text).toBe('1')
  })

  it('a short secret in a list, with a warning that says what to do', async () => {
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on('warning', note)
    const app = makeApp()
    await app.register(fastifySession, { secret: ['cat'], cookie: { secure: false } })
    app.get('/', ({ session }) => {
      session.n = (session.n ?? 0) + 1
      return String(session.n)
    })
    const browser = await start(app)
    await browser.get('/')
    expect((await browser.get('/')).text).toBe('2')
    process.off('warning', note)
    const warning = warnings.find((each) => Reflect.get(each, 'code') === 'SOJOURN_SHORT_SECRET')
    expect(warning?.message).toContain('openssl rand')
    expect(warning?.message).not.toContain('cat')
  })

  it('the secret is that of createSessions: workers open the same sessions', async () => {
    const engine = memoryEngine()
    const workers = createSessions({ engine, secrets: [SECRET] })
    closing.push(() => workers.close())
    const app = makeApp()
    await app.register(fastifySession, { secret: SECRET, engine, cookie: { secure: false } })
    app.get('/', ({ session }) => {
      session.n = 4
      return 'set'
    })
    const browser = await start(app)
    await browser.get('/')
    const session = await workers.open(browser.jar.get('sessionId'))
    expect(session.toJSON()).toEqual({ n: 4 })
  })

  it('a store that is Sojourn’s, and algorithm, which has no effect', async () => {
    const sessions = createSessions()
    closing.push(() => sessions.close())
    const app = makeApp()
    await app.register(fastifySession, {
      store: { sessions },
      algorithm: 'sha512',
      cookie: { secure: false },
    })
    app.get('/', (request) => String(request.sessionStore.sessions === sessions))
    expect((await (await start(app)).get('/')).text).toBe('true')
  })
})
