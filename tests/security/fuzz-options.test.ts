/** What an application may give by mistake: made of it, or refused by an error that names the option. */
import { createServer } from 'node:http'
import fc from 'fast-check'
import Koa from 'koa'
import { Server } from 'socket.io'
import { expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import * as adopt from '../../src/adopt/index.ts'
import { ENGINE_OPTION_NAMES } from '../../src/core/engine-option-names.ts'
import { OptionError } from '../../src/core/errors.ts'
import { SESSIONS_OPTION_NAMES } from '../../src/core/options.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { sojournStorage } from '../../src/frameworks/better-auth/index.ts'
import { createCsrf } from '../../src/frameworks/csrf/index.ts'
import { expressSessions } from '../../src/frameworks/express/index.ts'
import { compat } from '../../src/frameworks/express-compat/index.ts'
import { SojournStore } from '../../src/frameworks/express-session/index.ts'
import { fetchSessions } from '../../src/frameworks/fetch/index.ts'
import { h3Sessions } from '../../src/frameworks/h3/index.ts'
import { honoSessions } from '../../src/frameworks/hono/index.ts'
import { koaSessions } from '../../src/frameworks/koa/index.ts'
import { koaSession } from '../../src/frameworks/koa/session/index.ts'
import { RequireLogin, SojournModule } from '../../src/frameworks/nest/index.ts'
import { bindSessions } from '../../src/frameworks/next/next-sessions.ts'
import { nodeSessions } from '../../src/frameworks/node/index.ts'
import { socketIoSessions } from '../../src/frameworks/socket.io/index.ts'
import { sveltekitSessions } from '../../src/frameworks/sveltekit/index.ts'
import { wsSessions } from '../../src/frameworks/ws/index.ts'
import { FEW, foreseen, LONG, must, runs } from './support/mutations.ts'

const SECRET = 'a secret for tests, of 32 bytes or more'

/** Of all options, whatever they are of. */
const MEMBERS = [
  ...['load', 'every', 'max', 'per', 'by', 'to', 'policy', 'name', 'path', 'domain', 'secure'],
  ...['sameSite', 'partitioned', 'persistent', 'maxEntries', 'maxBytes', 'maxStaleness', 'host'],
  ...['port', 'tls', 'ca', 'cert', 'key', 'servername', 'username', 'password', 'database'],
  ...['sentinels', 'cluster', 'regions', 'home', 'number', 'redis', 'replicas', 'disk', 'timeout'],
  ...['retention', 'kinds', 'total', 'onLimit', 'url', 'nonsense', '__proto__', 'constructor'],
]
const scalar: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  ...[
    undefined,
    null,
    0,
    -1,
    1,
    3,
    0.5,
    1e300,
    Number.NaN,
    '',
    '5m',
    '0s',
    '-1m',
    '1e9d',
    true,
    false,
  ],
  ...[10n, 'x'.repeat(1e4), 'token', 'json', 'reject', 'a b', 'a;b', '\r\n', '__proto__', SECRET],
  ...[
    () => 1,
    () => [SECRET],
    Symbol('s'),
    new Date(0),
    new Map(),
    Buffer.alloc(40),
    'report',
    'end',
  ],
  ...[
    'redis://',
    'http://127.0.0.1',
    'redis://127.0.0.1:99999',
    'unix:',
    '/',
    'rediss://127.0.0.1:1',
  ],
)
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    { weight: 3, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    { weight: 2, arbitrary: members(tie('value')) },
  ),
})).value

function members(of: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return objects(MEMBERS, of)
}

function objects(names: readonly string[], of: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc.array(fc.tuple(fc.constantFrom(...names), of), { minLength: 1, maxLength: 4 }).map(
    // As properties of its own, `__proto__` too.
    (entries) =>
      Object.defineProperties(
        {},
        Object.fromEntries(
          entries.map(([name, given]) => [
            name === '__proto__' ? 'prototype' : name,
            { value: given, enumerable: true, writable: true, configurable: true },
          ]),
        ),
      ),
  )
}

/** @returns whether it was refused, by an option that was given or has to be */
function refusedByName(make: () => unknown, given: object, required: readonly string[]): boolean {
  try {
    make()
    return false
  } catch (error) {
    foreseen(error, OptionError)
    const { option, message } = error as OptionError
    const [first = ''] = option.split(/[.[]/)
    must(message.includes(`\`${option}\``), message)
    // Or by its default, with the one that does not go with it.
    const isNamed = Object.keys(given).some((name) => name === first || message.includes(name))
    must(isNamed || required.includes(first), message)
    return true
  }
}

it(
  'S15 fuzzed options of createSessions: made, or refused by name',
  async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const names = [...SESSIONS_OPTION_NAMES, ...ENGINE_OPTION_NAMES, 'nonsense', 'toString']
    const refused = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(objects(names, value), async (options) => {
        let sessions: ReturnType<typeof createSessions> | undefined
        const given = { ...options }
        const isRefused = refusedByName(
          () => {
            sessions = createSessions(given)
          },
          given,
          ['secrets'],
        )
        await sessions?.close().catch(() => undefined)
        for (const name of Object.keys(given)) {
          if (isRefused) refused.set(name, (refused.get(name) ?? 0) + 1)
        }
      }),
      runs(FEW),
    )
    // Each of them was looked at.
    expect([...refused.keys()].sort()).toEqual([...names].sort())
    vi.restoreAllMocks()
  },
  LONG,
)

it(
  'S15 fuzzed options of adapters, of csrf and of what sessions are taken over from: made, or refused by name',
  async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const sessions = createSessions({ secrets: [SECRET] })
    const makers: Readonly<Record<string, (options: never) => unknown>> = {
      csrf: (options) => createCsrf(sessions, options),
      express: (options) => expressSessions(sessions, options),
      fetch: (options) => fetchSessions(sessions, options),
      h3: (options) => h3Sessions(sessions, options),
      hono: (options) => honoSessions(sessions, options),
      koa: (options) => koaSessions(sessions, options),
      node: (options) => nodeSessions(sessions, options),
      sveltekit: (options) => sveltekitSessions(sessions, options),
      connectRedis: adopt.connectRedis,
      djangoCache: adopt.djangoCache,
      djangoCookie: adopt.djangoCookie,
      fastifySession: adopt.fastifySession,
      ironSession: adopt.ironSession,
      koaSession: adopt.koaSession,
      springSession: adopt.springSession,
    }
    const names = [
      ...[
        'fresh',
        'outage',
        'trustProxy',
        'onError',
        'origins',
        'token',
        'header',
        'field',
        'ignore',
      ],
      ...['client', 'timeout', 'secret', 'secrets', 'prefix', 'cookieName', 'cookie', 'ttl', 'old'],
      ...['convert', 'principal', 'keys', 'key', 'password', 'algorithm', 'signed', 'zone', 'name'],
      ...['nonsense', 'cookiePrefix', 'salt', 'serializer'],
    ]
    const refused = new Set<string>()
    const made = new Set<string>()
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(makers)),
        objects(names, value),
        (maker, options) => {
          const make = makers[maker] as (given: object) => unknown
          const isRefused = refusedByName(() => make(options), options, [
            ...['client', 'secret', 'secrets', 'password', 'key', 'keys', 'cookieName'],
          ])
          ;(isRefused ? refused : made).add(maker)
        },
      ),
      // Found by it once.
      { ...runs(FEW * 6), examples: [['connectRedis', { prefix: Symbol('s') }]] },
    )
    expect([...refused].sort()).toEqual(Object.keys(makers).sort())
    expect(made.size).toBeGreaterThan(3)
    await sessions.close()
    vi.restoreAllMocks()
  },
  LONG,
)

it(
  'S15 fuzzed options of what makes its own sessions, or has them elsewhere than in requests: made, or refused by name',
  async () => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const sessions = createSessions({ secrets: [SECRET] })
    const server = new WebSocketServer({ noServer: true })
    const io = new Server(createServer())
    interface Made {
      readonly sessions?: { close(): Promise<void> }
    }
    const makers: Readonly<Record<string, (options: never) => Made | undefined | void>> = {
      'better-auth': (options) => sojournStorage(options),
      compat: (options) => compat(options),
      'express-session': (options) => new SojournStore(options),
      koaSession: (options) => koaSession(options, new Koa({ keys: [SECRET] })),
      nest: (options) => {
        const [provider] = SojournModule.forRoot(options).providers as { useValue: Made }[]
        return provider?.useValue
      },
      requireLogin: (options) => void RequireLogin(options),
      next: (options) => void bindSessions({} as never, () => sessions, options),
      'socket.io': (options) => void socketIoSessions(io as never, sessions, options),
      ws: (options) => void wsSessions(server, sessions, options),
    }
    const names = [
      ...['require', 'origin', 'touch', 'closeCode', 'onEnd', 'trustProxy', 'level', 'within'],
      ...['fresh', 'outage', 'name', 'key', 'former', 'sessions', 'principal', 'secret', 'secrets'],
      ...['maxAge', 'rolling', 'renew', 'resave', 'saveUninitialized', 'cookie', 'genid', 'proxy'],
      ...['unset', 'store', 'signed', 'httpOnly', 'externalKey', 'encode', 'decode', 'nonsense'],
      ...['redis', 'seal', 'prefix', 'engine', 'idleTimeout', 'absoluteTimeout', 'commandTimeout'],
    ]
    const refused = new Set<string>()
    const made = new Set<string>()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(makers)),
        objects(names, value),
        async (maker, options) => {
          let result: Made | undefined | void
          const isRefused = refusedByName(
            () => {
              result = (makers[maker] as (given: object) => Made)(options)
            },
            options,
            ['secret', 'secrets', 'sessions'],
          )
          await (result as Made | undefined)?.sessions?.close()
          ;(isRefused ? refused : made).add(maker)
        },
      ),
      runs(FEW * 4),
    )
    expect([...refused].sort()).toEqual(Object.keys(makers).sort())
    expect(made.size).toBeGreaterThan(3)
    await io.close()
    await sessions.close()
    vi.restoreAllMocks()
  },
  LONG,
)
