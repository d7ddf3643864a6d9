import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { aclRules } from '../../../src/operations/acl/acl.ts'
import { startCluster } from '../../support/cluster.ts'
import {
  freePort,
  type RedisServer,
  seenByServer,
  serverFolder,
  startRedis,
} from '../../support/redis-server.ts'
import { SECRET, signIn, until } from '../../support/requests.ts'
import { MASTER_NAME, startSentinels } from '../../support/sentinels.ts'
import { failure, newId } from './fixtures.ts'

// Which makes certificates for another's CA in one command.
const usable = /^OpenSSL [3-9]/.test(
  spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '',
)

describe.skipIf(!usable)('S29 TLS', () => {
  let folder: string
  const file = (name: string): string => join(folder, name)
  const pem = (name: string): Buffer => readFileSync(file(name))
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  }
  /** `name.key` and `name.pem`, which says who it is; by itself, or by `issuer`. */
  const certify = (name: string, subject: string[], issuer?: string): void => {
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const by = issuer ? ['-CA', file(`${issuer}.pem`), '-CAkey', file(`${issuer}.key`)] : []
    const into = ['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)]
    openssl('req', ...kind, '-days', '2', ...into, ...subject, ...by)
  }

  const files = (): string[] => [
    ...['--tls-cert-file', seenByServer(file('server.pem'))],
    ...['--tls-key-file', seenByServer(file('server.key'))],
    ...['--tls-ca-cert-file', seenByServer(file('ca.pem'))],
  ]
  const onTls = async (clients: 'yes' | 'optional') => {
    const port = await freePort()
    const args = ['--tls-port', `${port}`, '--tls-auth-clients', clients, ...files()]
    const server = await startRedis({ tcp: true, args })
    stops.push(() => server.stop())
    return { server, port }
  }
  const stops: (() => unknown)[] = []
  let port: number
  let plainPort: number
  let selfSigned: number
  let strict: { server: RedisServer; port: number }
  let ca: Buffer
  // Not while the tests are collected: without openssl they are there too, and skipped.
  beforeAll(async () => {
    folder = serverFolder()
    for (const name of ['ca', 'other-ca']) certify(name, ['-subj', `/CN=${name}`])
    const basic = ['-addext', 'basicConstraints=CA:FALSE']
    const host = ['-subj', '/CN=redis', '-addext', 'subjectAltName=DNS:localhost', ...basic]
    certify('server', host, 'ca')
    certify('client', ['-subj', '/CN=app', ...basic], 'ca')
    certify('stranger', ['-subj', '/CN=app', ...basic], 'other-ca')
    const optional = await onTls('optional')
    port = optional.port
    plainPort = Number(optional.server.port)
    strict = await onTls('yes')
    const alone = createTlsServer({ key: pem('other-ca.key'), cert: pem('other-ca.pem') }).listen(0)
    await once(alone, 'listening')
    stops.push(() => alone.close())
    selfSigned = (alone.address() as AddressInfo).port
    ca = pem('ca.pem')
  })
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()))
    rmSync(folder, { recursive: true, force: true })
  })

  it('connects to a server whose certificate is trusted, with a client certificate too', async () => {
    const own = { cert: pem('client.pem'), key: pem('client.key') }
    for (const [host, to, tls] of [
      ['localhost', port, { ca }],
      ['localhost', port, { ca, ...own }],
      ['localhost', strict.port, { ca, ...own }],
      ['127.0.0.1', strict.port, { ca, ...own, servername: 'localhost' }],
    ] as const) {
      const engine = redisEngine({ redis: { url: `rediss://${host}:${to}`, tls } })
      expect(await engine.load(newId())).toBeUndefined()
      await engine.close()
    }
  })

  it('S29 follows Sentinels, and their primary, by TLS alone', async () => {
    const deployment = await startSentinels({ replicas: 1, tls: files() })
    onTestFinished(() => deployment.stop())
    const redis = { sentinels: deployment.addresses, masterName: MASTER_NAME }
    const tls = { ca, servername: 'localhost' }
    const engine = redisEngine({ redis: { ...redis, tls } })
    expect(await engine.load(newId())).toBeUndefined()
    await deployment.failover()
    await until('the new one is asked', () =>
      engine.load(newId()).then(
        () => true,
        () => false,
      ),
    )
    await engine.close()
    for (const wrong of [{}, { ...tls, ca: pem('other-ca.pem') }, { ca }]) {
      const nobody = redisEngine({ redis: { ...redis, tls: wrong } })
      expect(await failure(nobody.ready())).toBeInstanceOf(StoreUnavailableError)
      await nobody.close()
      // Sentinels that are trusted, and name a primary that is not.
      const half = redisEngine({ redis: { ...redis, tls: wrong, sentinelAccess: { tls } } })
      await until('it is said what is wrong', async () =>
        (await failure(half.ready())).message.includes('redis.tls.'),
      )
      await half.close()
    }
  }, 60_000)

  it('S29 finds the nodes of a Cluster by TLS alone', async () => {
    const cluster = await startCluster({ tls: files() })
    onTestFinished(() => cluster.stop())
    const redis = { cluster: cluster.addresses.slice(0, 1) }
    const tls = { ca, servername: 'localhost' }
    const sessions = createSessions({ redis: { ...redis, tls }, secrets: [SECRET] })
    // On each node there are some.
    for (let i = 0; i < 60; i++) {
      const token = await signIn(sessions, {}, `user ${i}`)
      expect((await sessions.open(token, { fresh: true })).principal).toBe(`user ${i}`)
    }
    for (const node of cluster.nodes) {
      expect(Number(await node.cli('DBSIZE'))).toBeGreaterThan(5)
    }
    await sessions.close()
    for (const wrong of [{}, { ...tls, ca: pem('other-ca.pem') }, { ca }]) {
      const engine = redisEngine({ redis: { ...redis, tls: wrong } })
      await until('it is said what is wrong', async () =>
        (await failure(engine.ready())).message.includes('redis.tls.'),
      )
      await engine.close()
    }
  }, 60_000)

  it('takes another client certificate and another CA with the next connection', async () => {
    let [authority, own] = ['other-ca', 'stranger']
    const tls = {
      ca: () => pem(`${authority}.pem`),
      cert: async () => pem(`${own}.pem`),
      key: async () => pem(`${own}.key`),
    }
    const engine = redisEngine({ redis: { url: `rediss://localhost:${strict.port}`, tls } })
    expect((await failure(engine.ready())).message).toMatch(/redis\.tls\.ca /)
    authority = 'ca'
    await until('the CA is taken', async () =>
      (await failure(engine.ready())).message.includes('redis.tls.cert and'),
    )
    own = 'client'
    await until('the certificate is taken', () =>
      engine.ready().then(
        () => true,
        () => false,
      ),
    )
    own = 'stranger' // Not looked at while the connection is there.
    expect(await engine.load(newId())).toBeUndefined()
    await engine.close()
  })

  it('says what is wrong with a certificate of ours', async () => {
    const own = { ca, cert: pem('client.pem') }
    for (const [tls, advice] of [
      [{ ...own, key: pem('stranger.key') }, /is not the key of redis\.tls\.cert/],
      [{ ...own, key: Buffer.from('of no form') }, /the text of PEM files/],
      [{ ...own, key: () => file('client.key') }, /NO_PEM/],
      // Else it would be looked at by the roots of the system.
      [{ ...own, ca: () => undefined }, /NO_PEM/],
    ] as const) {
      const engine = redisEngine({ redis: { url: `rediss://localhost:${strict.port}`, tls } })
      expect((await failure(engine.ready())).message).toMatch(advice)
      await engine.close()
    }
  })

  it('a function for a certificate that fails or hangs is told as that', async () => {
    const failed = new Error('the file is not there')
    for (const ask of [() => Promise.reject(failed), () => new Promise<never>(() => undefined)]) {
      const redis = {
        url: `rediss://localhost:${port}`,
        tls: { ca, cert: ask, key: () => pem('client.key') },
      }
      const engine = redisEngine({ redis })
      const error = await failure(engine.ready())
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error.message).toMatch(/function of redis\.tls .*\(NO_CERTIFICATE\)/)
      await engine.close()
    }
  })

  it.each([
    ['none', () => ({})],
    ['one of another CA', () => ({ cert: pem('stranger.pem'), key: pem('stranger.key') })],
  ])(
    'where the server wants a client certificate, %s is refused, and it is said',
    async (_, own) => {
      const redis = { url: `rediss://localhost:${strict.port}`, tls: { ca, ...own() } }
      const engine = redisEngine({ redis })
      for (let i = 0; i < 2; i++) {
        const error = await failure(engine.ready())
        expect(error).toBeInstanceOf(StoreUnavailableError)
        expect(error.message).toMatch(/redis\.tls\.cert and redis\.tls\.key/)
      }
      await engine.close()
    },
  )

  it('takes any certificate where it is told to, and a warning says so once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    onTestFinished(() => warn.mockRestore())
    const url = `rediss://localhost:${port}`
    const plain = redisEngine({ redis: { url } })
    expect((await failure(plain.ready())).message).toMatch(/certificate/)
    await plain.close()
    expect(warn).not.toHaveBeenCalled()
    for (let i = 0; i < 2; i++) {
      const engine = redisEngine({ redis: { url, tls: { rejectUnauthorized: false } } })
      await engine.ready()
      await engine.close()
    }
    expect(warn.mock.calls.map(([, options]) => options)).toEqual([
      { code: 'SOJOURN_UNVERIFIED_TLS' },
    ])
  })

  // As an operator sees it: by the second look a first attempt to connect may be over, or not.
  it.each([
    ['by TLS a port without', () => `rediss://localhost:${plainPort}`, /NO_TLS/, /use redis:\/\/ /],
    [
      'without TLS a port with',
      () => `redis://localhost:${port}`,
      /ECONNRESET|EPIPE/,
      /rediss:\/\/ with/,
    ],
  ])('says what is wrong of who asks %s', async (_, at, code, advice) => {
    const url = at()
    const engine = redisEngine({ redis: url.startsWith('rediss') ? { url, tls: { ca } } : url })
    for (let i = 0; i < 2; i++) {
      const error = await failure(engine.ready())
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error.message).toMatch(code)
      expect(error.message).toMatch(advice)
    }
    await engine.close()
  })

  it('says which it may be where the port takes connections and says nothing at all', async () => {
    const nothing = (): void => undefined
    const plain = createServer(nothing).listen(0, '127.0.0.1')
    const secure = createTlsServer(
      { key: pem('server.key'), cert: pem('server.pem') },
      nothing,
    ).listen(0, '127.0.0.1')
    for (const [server, scheme, advice] of [
      [secure, 'rediss', /does not answer: look whether the server hangs \(SILENT\)$/],
      [
        plain,
        'rediss',
        /does not answer TLS: use redis:\/\/.*; else look whether the server hangs \(NO_TLS\)$/,
      ],
      [
        plain,
        'redis',
        /does not answer: use rediss:\/\/.*; else look whether the server hangs \(NO_HELLO\)$/,
      ],
    ] as const) {
      if (!server.listening) await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const url = `${scheme}://localhost:${port}`
      const engine = redisEngine({ redis: scheme === 'rediss' ? { url, tls: { ca } } : url })
      expect((await failure(engine.ready())).message).toMatch(advice)
      await engine.close()
    }
    plain.close()
    secure.close()
  })

  it('speaks of no TLS where a socket file takes connections and says nothing', async () => {
    const path = join(folder, 'silent.sock')
    const silent = createServer(() => undefined).listen(path)
    await once(silent, 'listening')
    const engine = redisEngine({ redis: path })
    expect((await failure(engine.ready())).message).toMatch(
      /does not answer: look whether the server hangs \(SILENT\)$/,
    )
    await engine.close()
    silent.close()
  })

  it.each([
    [
      'of no CA',
      () => `rediss://localhost:${port}`,
      () => ({}),
      /redis\.tls\.ca \(SELF_SIGNED_CERT_IN_CHAIN/,
    ],
    [
      'of another CA',
      () => `rediss://localhost:${port}`,
      () => ({ ca: pem('other-ca.pem') }),
      /redis\.tls\.ca \(SELF_SIGNED_CERT_IN_CHAIN/,
    ],
    [
      'self-signed',
      () => `rediss://localhost:${selfSigned}`,
      () => ({}),
      /redis\.tls\.ca \(DEPTH_ZERO/,
    ],
    [
      'of another host',
      () => `rediss://127.0.0.1:${port}`,
      () => ({ ca }),
      /redis\.tls\.servername/,
    ],
  ])('refuses a certificate that is %s, and says what to do', async (_, url, tls, message) => {
    const engine = redisEngine({ redis: { url: url(), tls: tls() } })
    expect((await failure(engine.ready())).message).toMatch(message)
    await engine.close()
  })

  it('another password, while requests go on: connections that are made anew take it, and no request fails', async () => {
    const { server, port } = strict
    const change = (...rules: string[]) => server.cli('ACL', 'SETUSER', ...rules)
    await change(...aclRules({ user: 'app', role: 'app', prefix: 'sj', database: 0, features: [] }))
    let password = 'password'
    const tls = { ca, cert: pem('client.pem'), key: pem('client.key') }
    const redis = { url: `rediss://localhost:${port}`, tls, username: 'app' }
    const open = () =>
      createSessions<{ n: number }>({
        redis: { ...redis, password: async () => password },
        secrets: [SECRET],
      })
    const nodes = [open(), open()]
    await Promise.all(nodes.map((node) => node.ready()))
    const token = await signIn(nodes[0] as Sessions<{ n: number }>, { n: 0 }, 'ada')
    const over = new AbortController()
    let reads = 0
    let writes = 0
    // Of a write whose connection is cut nobody knows whether it was done: none is under way then.
    let gate = Promise.resolve()
    const writing: Promise<unknown>[] = []
    const users = nodes.flatMap((node, i) => [
      (async () => {
        for (; !over.signal.aborted; reads++) await node.open(token, { fresh: true })
      })(),
      (async () => {
        for (; !over.signal.aborted; writes++) {
          await gate
          const write = node.open(token).then((session) => session.update('n', (n = 0) => n + 1))
          writing[i] = write
          await write
        }
      })(),
    ])
    const more = async (): Promise<void> => {
      const [enoughReads, enoughWrites] = [reads + 20, writes + 20]
      await until('requests go on', () => reads > enoughReads && writes > enoughWrites)
    }
    const reconnected = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        let open = (): void => undefined
        gate = new Promise((resolve) => {
          open = resolve
        })
        await Promise.all(writing)
        await server.cli('CLIENT', 'KILL', 'USER', 'app')
        await until('all are back', async () => {
          const clients = (await server.cli('CLIENT', 'LIST')).split('\n')
          return clients.filter((line) => line.includes(' user=app ')).length === nodes.length
        })
        open()
        await more()
      }
    }
    const work = async (): Promise<void> => {
      await more()
      await change('app', '>other')
      await reconnected() // The application does not know it yet.
      password = 'other'
      await reconnected()
      await change('app', '<password')
      await reconnected()
      over.abort()
    }
    await Promise.all([work(), ...users])
    expect((await nodes[1]?.open(token, { fresh: true }))?.data.n).toBe(writes)
    const late = redisEngine({ redis: { ...redis, password: 'password' } })
    expect(await failure(late.ready())).toMatchObject({ reason: 'WRONGPASS' })
    await Promise.all([late, ...nodes].map((each) => each.close()))
  })
})
