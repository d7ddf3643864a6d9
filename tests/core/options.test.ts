import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { OptionError } from '../../src/core/errors.ts'
import { counter } from '../../src/core/merge.ts'
import {
  checkOptions,
  SESSIONS_OPTION_NAMES,
  type SessionsOptions,
} from '../../src/core/options.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'

const SECRET = 's'.repeat(32)
const DAY = 86_400_000

/** The option that is named by the refusal. */
function refused(options: object): string {
  try {
    void createSessions({ secrets: SECRET, ...options }).close()
  } catch (error) {
    if (!(error instanceof OptionError) || error.code !== 'ERR_SOJOURN_OPTION') throw error
    return error.message.startsWith(`option \`${error.option}\``) ? error.option : error.message
  }
  return 'accepted'
}

const check = (options: SessionsOptions<object>): ReturnType<typeof checkOptions> =>
  checkOptions(options, true)

describe('defaults', () => {
  it('are those that are documented', () => {
    const settings = check({})
    expect(settings).toMatchObject({
      idleTimeout: 30 * 60_000,
      absoluteTimeout: 12 * 3_600_000,
      touchAfter: 0.1,
      rotationGrace: 10_000,
      record: { seal: 1, compressAbove: 256, maxBytes: 65_536 },
      schema: { validate: undefined, version: 1 },
    })
    expect(settings.record.codec.name).toBe('messagepack')
    expect(settings.clock).toBe(systemClock)
    expect(settings.merges.size).toBe(0)
    expect(settings.schema.migrate.size).toBe(0)
    expect(settings.pepper.export()).toHaveLength(0)
  })

  it('S01 has another random secret for each embedded instance without one', () => {
    const [a, b] = [check({}), check({})]
    expect(a.keyring.keys).toHaveLength(1)
    expect(a.keyring.primary.token.equals(b.keyring.primary.token)).toBe(false)
  })

  it('are replaced by what is given', () => {
    const settings = check({
      idleTimeout: '1m',
      absoluteTimeout: 90_000,
      touchAfter: 0,
      rotationGrace: '1s',
      seal: 'token',
      codec: 'json',
      compress: false,
      maxBytes: 64,
      merge: { visits: counter },
      version: 65_535,
      migrate: {},
      pepper: 'p',
      secrets: [SECRET, 't'.repeat(32)],
    })
    expect(settings).toMatchObject({
      idleTimeout: 60_000,
      absoluteTimeout: 90_000,
      touchAfter: 0,
      rotationGrace: 1_000,
      record: { seal: 2, compressAbove: Number.POSITIVE_INFINITY, maxBytes: 64 },
      schema: { version: 65_535 },
    })
    expect(settings.pepper.export()).toEqual(Buffer.from('p'))
    expect(settings.record.codec.name).toBe('json')
    expect(settings.merges.get('visits')).toBe(counter)
    expect(settings.keyring.keys).toHaveLength(2)
    expect(check({ seal: false }).record.seal).toBe(0)
    expect(check({ pepper: new Uint8Array([1]) }).pepper.export()).toEqual(Buffer.of(1))
  })
})

describe('wrong options', () => {
  const badDurations = [
    0,
    -1,
    Number.NaN,
    Infinity,
    '',
    '5',
    '5x',
    '-1s',
    '0s',
    '401d',
    true,
    {},
    [],
  ]
  for (const option of ['idleTimeout', 'absoluteTimeout', 'rotationGrace', 'commandTimeout']) {
    it.each(badDurations)(`S15 ${option}: %j is refused at start`, (value) => {
      expect(refused({ [option]: value })).toBe(option)
    })
  }

  it('S15 an idle timeout beyond the absolute one is refused, also against a default', () => {
    expect(refused({ idleTimeout: '2h', absoluteTimeout: '1h' })).toBe('idleTimeout')
    expect(refused({ idleTimeout: '13h' })).toBe('idleTimeout')
    expect(refused({ absoluteTimeout: '29m' })).toBe('idleTimeout')
    expect(refused({ idleTimeout: '1h', absoluteTimeout: '1h' })).toBe('accepted')
    expect(refused({ idleTimeout: 400 * DAY, absoluteTimeout: '400d' })).toBe('accepted')
  })

  it('null is not the default in silence', () => {
    const names = [
      ...SESSIONS_OPTION_NAMES,
      'engine',
      'redis',
      'prefix',
      'commandTimeout',
      'nearCache',
      'expiry',
    ]
    const accepted = names.filter((name) => refused({ [name]: null }) !== name)
    expect(accepted).toEqual([])
    expect(refused({ cookie: { name: null } })).toBe('cookie.name')
    expect(refused({ nearCache: { maxStaleness: null } })).toBe('nearCache.maxStaleness')
    expect(() => createSessions(null as never)).toThrow(OptionError)
  })

  it('commandTimeout beyond a minute is refused', () => {
    expect(refused({ commandTimeout: 60_001 })).toBe('commandTimeout')
    expect(refused({ commandTimeout: 60_000 })).toBe('accepted')
  })

  it.each<[string, unknown[]]>([
    ['touchAfter', [-0.1, 0.91, 1, Number.NaN, '0.1', null, {}]],
    ['compress', [-1, 0.5, Number.NaN, Infinity, true, '256', null]],
    ['maxBytes', [0, 63, 64.5, 8 * 1024 * 1024 + 1, Number.NaN, Infinity, '1000', null]],
    ['seal', ['tokens', 0, 1, '', {}]],
    ['codec', ['msgpack', 'JSON', '', 0, {}, 'toString']],
    ['pepper', [5, true, {}, []]],
    ['maxSessions', [0, -1, 1.5, 1_001, Number.NaN, Infinity, '5', true, null]],
    ['maxSessions.max', [{}, { max: 0 }, { max: '5' }, { max: 1_001 }, []]],
    [
      'maxSessions.policy',
      [
        { max: 1, policy: 'evict' },
        { max: 1, policy: null },
      ],
    ],
    ['maxSessions.kinds', [5, null, [], 'web'].map((kinds) => ({ max: 1, kinds }))],
    ['maxSessions.kinds.web', [2, 0, '1', null, 1_001].map((web) => ({ max: 1, kinds: { web } }))],
    ['version', [0, -1, 1.5, 65_536, Number.NaN, '1', null]],
    ['schema', [{}, 5, 'zod', () => true, { '~standard': {} }, null]],
    ['migrate', [null, 5, 'x', () => ({})]],
    ['merge', [null, 5, 'counter', counter, [counter]]],
    ['cookie', [null, 5, 'sid', true, ['sid']]],
    ['clock', [{}, 5, Date, { now: () => 0 }]],
    ['secrets', [null, 5, {}, [], true]],
    ['secrets[0]', ['', 'short', [''], new Uint8Array(31), [null]]],
    [
      'secrets[1]',
      [
        [SECRET, 'short'],
        [SECRET, SECRET],
        [SECRET, null],
      ],
    ],
    ['merge.cart', [{ cart: 'union' }, { visits: counter, cart: null }].map((m) => m)],
  ])('%s is refused when it is wrong', (option, values) => {
    const given = option.replace(/[.[].*$/, '')
    for (const value of values) {
      expect([value, refused({ [given]: value })]).toEqual([value, option])
    }
  })

  it.each([
    ['ttl', { ttl: 5 }],
    ['Secrets', { Secrets: 's' }],
    ['idletimeout', { idletimeout: '5m' }],
    ['__proto__', JSON.parse('{"__proto__":1}')],
    ['maxSessions.limit', { maxSessions: { max: 5, limit: 5 } }],
    ['cookie.httpOnly', { cookie: { httpOnly: false } }],
    ['cookie.maxAge', { cookie: { maxAge: 5 } }],
    ['cookie.samesite', { cookie: { samesite: 'lax' } }],
    ['idleTimeuot', { idleTimeuot: '5m' }, 'idleTimeout'],
    ['max_bytes', { max_bytes: 5 }, 'maxBytes'],
    ['cookie.nmae', { cookie: { nmae: 'a' } }, 'cookie.name'],
  ])('%s is not known', (option, options: object, meant?: string) => {
    const all = Object.defineProperties(
      { secrets: SECRET },
      Object.getOwnPropertyDescriptors(options),
    )
    let error: unknown
    try {
      createSessions(all)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(OptionError)
    expect((error as OptionError).option).toBe(option)
    expect((error as OptionError).message).toContain('known are')
    const hint = meant === undefined ? '' : `did you mean \`${meant}\`?`
    expect((error as OptionError).message).toContain(hint)
  })

  it('migrations have to lead to the version without a gap', () => {
    const step = (data: object): object => data
    expect(refused({ version: 4, migrate: { 1: step, 3: step } })).toBe('migrate[2]')
    expect(refused({ version: 4, migrate: { 1: step, 2: step } })).toBe('migrate[3]')
    expect(refused({ version: 3, migrate: { 3: step } })).toBe('migrate[3]')
    expect(refused({ migrate: { 1: step } })).toBe('migrate[1]')
    expect(refused({ version: 3, migrate: { 0: step } })).toBe('migrate[0]')
    expect(refused({ version: 3, migrate: { one: step } })).toBe('migrate[one]')
    expect(refused({ version: 3, migrate: { 1: step, 2: 'x' } })).toBe('migrate[2]')
    expect(refused({ version: 4, migrate: { 2: step, 3: step } })).toBe('accepted')
    expect(refused({ version: 4 })).toBe('migrate')
    expect(refused({ version: 4, migrate: {} })).toBe('accepted')
  })
})

describe('the engine', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it('needs secrets unless it is the embedded one', () => {
    expect(refused({ secrets: undefined })).toBe('accepted')
    expect(refused({ secrets: [undefined] })).toBe('accepted')
    expect(refused({ secrets: [undefined], redis: 'redis://localhost' })).toBe('secrets[0]')
    expect(refused({ secrets: undefined, engine: memoryEngine() })).toBe('secrets')
    expect(refused({ secrets: undefined, redis: 'redis://localhost' })).toBe('secrets')
  })

  it('is given once', () => {
    expect(refused({ engine: memoryEngine(), redis: 'redis://localhost' })).toBe('engine')
  })

  it('in production is not the embedded one because an environment variable is missing', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(refused({ redis: undefined })).toBe('redis')
    expect(refused({})).toBe('accepted')
    vi.stubEnv('NODE_ENV', 'test')
    expect(refused({ redis: undefined })).toBe('accepted')
  })

  it('does not connect, and leaves nothing behind, when any option is wrong', async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections++
      socket.destroy()
    })
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const { port } = server.address() as AddressInfo
    const redis = `redis://127.0.0.1:${port}`
    const before = process.getActiveResourcesInfo().sort()
    const wrong: object[] = [
      { idleTimeout: 0 },
      { secrets: 'short' },
      { cookie: { sameSite: 'none', secure: false } },
      { merge: { cart: 5 } },
      { migrate: { 1: 5 } },
      { commandTimeout: -1 },
      { prefix: '' },
      { unknown: true },
    ]
    for (const options of wrong) expect(refused({ redis, ...options })).not.toBe('accepted')
    expect(process.getActiveResourcesInfo().sort()).toEqual(before)
    // A connection of our own comes after any that had been started.
    await once(connect(port, '127.0.0.1'), 'close')
    expect(connections).toBe(1)

    const sessions = createSessions({ redis, secrets: SECRET })
    await once(server, 'connection')
    await sessions.close()
    server.close()
  })
})
