import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
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
    args: ['--tls-port', `${port}`].concat([
      ...['--tls-cert-file', seenByServer(cert), '--tls-key-file', seenByServer(key)],
      ...['--tls-ca-cert-file', seenByServer(cert), '--tls-auth-clients', 'optional'],
    ]),
  })
  const ca = readFileSync(cert)
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

  it.each([
    ['not trusted', `rediss://localhost:${port}`, {}, /redis\.tls\.ca \(DEPTH_ZERO/],
    ['of another host', `rediss://127.0.0.1:${port}`, { ca }, /redis\.tls\.servername/],
  ])('refuses a certificate that is %s, and says what to do', async (_, url, tls, message) => {
    const engine = redisEngine({ redis: { url, tls } })
    expect((await failure(engine.ready())).message).toMatch(message)
    await engine.close()
  })
})
