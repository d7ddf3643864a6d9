import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterAll, describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { freePort, seenByServer, serverFolder, startRedis } from '../../support/redis-server.ts'
import { failure, newId } from './fixtures.ts'

const usable = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!usable)('S29 TLS', async () => {
  if (!usable) return
  const folder = serverFolder()
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  // A certificate of its own making, valid for `localhost` only.
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  spawnSync('openssl', ['req', ...kind, '-days', '2', '-keyout', key, '-out', cert, ...subject])
  const port = await freePort()
  const server = await startRedis({
    tcp: true,
    args: ['--tls-port', `${port}`].concat([
      ...['--tls-cert-file', seenByServer(cert), '--tls-key-file', seenByServer(key)],
      ...['--tls-ca-cert-file', seenByServer(cert), '--tls-auth-clients', 'optional'],
    ]),
  })
  const ca = readFileSync(cert)
  const plainPort = server.port
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('connects to a server whose certificate is trusted, with a client certificate too', async () => {
    for (const own of [{}, { cert: ca, key: readFileSync(key) }]) {
      const tls = { ca, ...own }
      const engine = redisEngine({ redis: { url: `rediss://localhost:${port}`, tls } })
      expect(await engine.load(newId())).toBeUndefined()
      await engine.close()
    }
  })

  // As an operator sees it: by the second look a first attempt to connect may be over, or not.
  it.each([
    ['by TLS a port without', `rediss://localhost:${plainPort}`, /NO_TLS/, /use redis:\/\/ /],
    [
      'without TLS a port with',
      `redis://localhost:${port}`,
      /ECONNRESET|EPIPE/,
      /rediss:\/\/ with/,
    ],
  ])('says what is wrong of who asks %s', async (_, url, code, advice) => {
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
    const secure = createTlsServer({ key: readFileSync(key), cert: ca }, nothing).listen(
      0,
      '127.0.0.1',
    )
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
    ['not trusted', `rediss://localhost:${port}`, {}, /redis\.tls\.ca \(DEPTH_ZERO/],
    ['of another host', `rediss://127.0.0.1:${port}`, { ca }, /redis\.tls\.servername/],
  ])('refuses a certificate that is %s, and says what to do', async (_, url, tls, message) => {
    const engine = redisEngine({ redis: { url, tls } })
    expect((await failure(engine.ready())).message).toMatch(message)
    await engine.close()
  })
})
