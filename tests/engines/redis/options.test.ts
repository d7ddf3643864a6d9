import { afterAll, describe, expect, it } from 'vitest'
import { OptionError } from '../../../src/core/errors.ts'
import { type RedisOptions, redisPlan, redisTarget } from '../../../src/engines/redis/options.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { startRedis } from '../../support/redis-server.ts'

function problem(make: () => unknown): OptionError {
  try {
    make()
  } catch (error) {
    if (error instanceof OptionError) return error
    throw error
  }
  throw new Error('it was accepted')
}

describe('redisTarget', () => {
  it.each([
    ['redis://h', { host: 'h', port: 6379 }, {}],
    ['redis://h:1234/5', { host: 'h', port: 1234 }, { database: 5 }],
    ['redis://[::1]:7000/', { host: '::1', port: 7000 }, {}],
    ['rediss://h', { host: 'h', port: 6379 }, { tls: {} }],
    ['redis://:p%40s%2Fs@h', { host: 'h', port: 6379 }, { password: 'p@s/s' }],
    ['redis://u:p@h', { host: 'h', port: 6379 }, { username: 'u', password: 'p' }],
    ['unix:///run/redis.sock', { path: '/run/redis.sock' }, {}],
    ['/run/redis.sock', { path: '/run/redis.sock' }, {}],
  ])('takes %s', (url, address, rest) => {
    const plain = { tls: undefined, username: undefined, password: undefined }
    const wanted = { address, ...plain, database: 0, name: 'sojourn', ...rest }
    expect(redisTarget(url)).toEqual(wanted)
    expect(redisTarget({ url })).toEqual(wanted)
  })

  it('lets options stand above the URL', () => {
    const password = () => 'x'
    expect(
      redisTarget({ url: 'redis://u:p@h/1', username: 'v', password, database: 2, name: 'web-1' }),
    ).toMatchObject({ username: 'v', password, database: 2, name: 'web-1' })
    expect(redisTarget({ socket: '/s', password: 'p' })).toMatchObject({ address: { path: '/s' } })
    expect(redisTarget({ host: 'h', password: 'p' })).toMatchObject({
      ...{ address: { host: 'h', port: 6379 }, password: 'p' },
    })
    expect(redisTarget({ host: '::1', port: 7 }).address).toEqual({ host: '::1', port: 7 })
    expect(redisTarget({ url: 'redis://h', tls: true }).tls).toEqual({})
    expect(redisTarget({ url: 'rediss://h', tls: { servername: 'n' } }).tls).toEqual({
      servername: 'n',
    })
  })

  const canary = 'Canary77'
  it.each([
    ['redis.url', { url: `http://u:${canary}@h` }],
    ['redis.url', { url: `redis://u:${canary}%@h` }],
    ['redis.url', { url: `redis://u:${canary}@h:99999` }],
    ['redis.url', { url: `redis://u:${canary}@h/x` }],
    ['redis.url', { url: `redis://u:${canary}@h?db=1` }],
    ['redis.url', { url: `redis://u:${canary}/#?@h` }],
    ['redis.url', { url: `unix://u:${canary}@/s` }],
    ['redis.url', { url: canary }],
    ['redis.url', { url: '' }],
    ['redis', {}],
    ['redis', { url: 'redis://h', socket: '/s' }],
    ['redis.socket', { socket: 5 }],
    ['redis.username', { url: 'redis://h', username: 5 }],
    ['redis.password', { url: 'redis://h', username: 'u' }],
    ['redis.password', { url: 'redis://h', password: '' }],
    ['redis.database', { url: 'redis://h', database: 1.5 }],
    ['redis.database', { url: 'redis://h', database: -1 }],
    ['redis.tls', { url: 'rediss://h', tls: false }],
    ['redis.password', { url: 'redis://h', password: 'of a file\n' }],
    ['redis.tls', { url: 'redis://h', tls: 'yes' }],
    ['redis.tls.ca', { url: 'rediss://h', tls: { ca: '/tls/ca.pem' } }],
    ['redis.tls.ca', { url: 'rediss://h', tls: { ca: 5 } }],
    ['redis.tls.key', { url: 'rediss://h', tls: { key: [() => 'x'] } }],
    ['redis.tls.cert', { url: 'rediss://h', tls: { cert: ['/tls/cert.pem'] } }],
    ['redis.tls.serverName', { url: 'redis://h', tls: { serverName: 'h' } }],
    ['redis.tls.checkServerIdentity', { url: 'rediss://h', tls: { checkServerIdentity: () => 0 } }],
    ['redis.tls.rejectUnauthorized', { url: 'rediss://h', tls: { rejectUnauthorized: 'no' } }],
    ['redis.name', { url: 'redis://h', name: 'a b' }],
    ['redis.hosts', { hosts: 'h', password: canary }],
    ['redis', { host: 'h', port: 0, password: canary }],
    ['redis', { host: '', password: canary }],
    ['redis', { host: 5, password: canary }],
    ['redis', { port: 6379, password: canary }],
    ['redis', { host: 'h', url: 'redis://h' }],
    ['redis', { sendCommand: () => canary }],
  ])('S15 refuses %s in %#, and prints no password', (option, value) => {
    const error = problem(() => redisTarget(value as RedisOptions))
    expect(error.option).toBe(option)
    expect(`${error.stack} ${String(error.cause)} ${JSON.stringify(error)}`).not.toContain(canary)
  })

  it('refuses a URL given as a string under the name `redis`', () => {
    expect(problem(() => redisTarget('localhost:6379')).option).toBe('redis')
    expect(problem(() => redisTarget(null as unknown as string)).option).toBe('redis')
  })
})

describe('redisPlan with Sentinels', () => {
  const sentinels = ['s1', 's2:7', '[::1]:8', { host: 's4' }, { host: '::1', port: 9 }]

  it('takes addresses in each form, and all defaults', () => {
    const { kind, plan } = redisPlan({ sentinels }) as Extract<
      ReturnType<typeof redisPlan>,
      { kind: 'sentinel' }
    >
    expect(kind).toBe('sentinel')
    expect(plan.sentinels).toEqual([
      { host: 's1', port: 26_379 },
      { host: 's2', port: 7 },
      { host: '::1', port: 8 },
      { host: 's4', port: 26_379 },
      { host: '::1', port: 9 },
    ])
    expect(plan).toMatchObject({ masterName: 'mymaster', servers: { database: 0 } })
    expect(plan.mapAddress({ host: 'h', port: 1 })).toEqual({ host: 'h', port: 1 })
  })

  it('has the TLS of the servers at the Sentinels too, but not their password', () => {
    const tls = { ca: '-----BEGIN CERTIFICATE-----' }
    const plan = (more: object) => redisPlan({ sentinels, tls, password: 'p', ...more })
    expect(plan({})).toMatchObject({
      plan: { servers: { tls, password: 'p' }, atSentinels: { tls, password: undefined } },
    })
    expect(plan({ sentinelAccess: { tls: false, password: 'q' } })).toMatchObject({
      plan: { servers: { tls, password: 'p' }, atSentinels: { tls: undefined, password: 'q' } },
    })
  })

  it.each([
    ['redis.sentinels', { sentinels: [] }],
    ['redis.sentinels', { sentinels: 's1' }],
    ['redis.sentinels[1]', { sentinels: ['s1', 's2:x'] }],
    ['redis.sentinels[0]', { sentinels: ['redis://:Canary77@s1'] }],
    ['redis.sentinels[0]', { sentinels: [{ host: 's1', port: 70_000 }] }],
    ['redis.sentinels[0]', { sentinels: [null] }],
    ['redis.url', { sentinels, url: 'redis://h' }],
    ['redis.masterName', { sentinels, masterName: '' }],
    ['redis.mapAddress', { sentinels, mapAddress: {} }],
    ['redis.sentinelAccess', { sentinels, sentinelAccess: null }],
    ['redis.sentinelAccess.name', { sentinels, sentinelAccess: { name: 'x' } }],
    ['redis.sentinelAccess.password', { sentinels, sentinelAccess: { username: 'x' } }],
  ])('S15 refuses %s in %#', (option, value) => {
    const error = problem(() => redisPlan(value as unknown as RedisOptions))
    expect(error.option).toBe(option)
    expect(error.message).not.toContain('Canary77')
  })
})

describe('redisEngine', () => {
  it.each([
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'a{b}' }],
    ['prefix', { prefix: 'a b' }],
    ['prefix', { prefix: 'x'.repeat(65) }],
    ['commandTimeout', { commandTimeout: 0 }],
    ['commandTimeout', { commandTimeout: Number.NaN }],
    ['commandTimeout', { commandTimeout: Number.POSITIVE_INFINITY }],
  ])('S15 refuses %s in %#', (option, rest) => {
    expect(problem(() => redisEngine({ redis: '/none', ...rest })).option).toBe(option)
  })

  describe('with a real server', async () => {
    const server = await startRedis({ tcp: true, password: 'p@ss/word' })
    afterAll(() => server.stop())

    it.each([
      `redis://:p%40ss%2Fword@127.0.0.1:${server.port}/3`,
      { url: server.url, password: 'p@ss/word', database: 3, name: 'web-7' },
      { host: '127.0.0.1', port: server.port ?? 0, password: 'p@ss/word' },
      { socket: server.socketPath, username: 'default', password: 'p@ss/word' },
      { url: `unix://${server.socketPath}`, password: async () => 'p@ss/word' },
    ])('connects by form %#', async (redis) => {
      const engine = redisEngine({ redis })
      await engine.ready()
      const { name = 'sojourn', database = 3 } =
        typeof redis === 'string' ? {} : { database: 0, ...redis }
      const clients = await server.cli('CLIENT', 'LIST')
      expect(clients).toMatch(new RegExp(`name=${name} .* db=${database} .*resp=3`))
      await engine.close()
    })
  })
})
