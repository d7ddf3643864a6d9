import { type ChildProcess, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import type { About } from '../../src/operations/console/api.ts'
import { type CliResult, runCli, startCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn, until } from '../support/requests.ts'

let server: RedisServer
let sessions: Sessions
let folder: string

beforeAll(async () => {
  server = await startRedis()
  folder = mkdtempSync(join(tmpdir(), 'sj-cli-'))
  sessions = createSessions({ redis: server.url, secrets: [SECRET], audit: true })
})
afterAll(async () => {
  await sessions.close()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => server.cli('FLUSHALL'))

const children = new Set<ChildProcess>()
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})

const env = () => ({ SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET })

interface Running {
  readonly url: string
  readonly link: string
  end(): Promise<CliResult>
}

async function start(...all: (string | Record<string, string>)[]): Promise<Running> {
  const args = all.filter((each) => typeof each === 'string')
  const more = all.filter((each) => typeof each !== 'string')
  const running = startCli(['console', '--json', ...args], {
    cwd: folder,
    env: Object.assign(env(), ...more) as Record<string, string>,
  })
  children.add(running.child)
  let text = ''
  running.child.stdout?.on('data', (data: Buffer) => (text += data.toString()))
  let isOver = false
  void running.ended.then(() => (isOver = true))
  await until('a link', () => isOver || text.includes('\n'), 10_000)
  if (isOver) throw new Error((await running.ended).stderr)
  return {
    ...(JSON.parse(text) as { url: string; link: string }),
    end: () => {
      running.child.kill('SIGINT')
      return running.ended
    },
  }
}

const ask = (url: string, cookie = '', headers = {}): Promise<Response> =>
  fetch(url, { redirect: 'manual', headers: { ...(cookie === '' ? {} : { cookie }), ...headers } })

async function signInBy(link: string): Promise<string> {
  const response = await ask(link)
  expect(response.status).toBe(200)
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

describe('sojourn console', () => {
  it('lets in who has the link, once, and nobody else; read-only', async () => {
    const token = await signIn(sessions, { theme: 'very-dark' }, 'ada')
    const { id } = await sessions.open(token)
    const console = await start('--environment', 'test')
    try {
      expect(new URL(console.url).hostname).toBe('127.0.0.1')
      expect((await ask(console.url)).status).toBe(401)
      expect((await ask(`${console.url}api/about`)).status).toBe(401)
      expect(new URL(console.link).searchParams.get('code')).toMatch(/^[\w-]{43}$/)
      // What is fetched in case it is clicked does not use it up.
      expect((await ask(console.link, '', { 'sec-purpose': 'prefetch' })).status).toBe(503)
      const first = await ask(console.link)
      const [cookie = ''] = first.headers.getSetCookie()
      expect(cookie).toMatch(/^sojourn-console-\d+=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict/)
      expect(cookie).not.toContain('Secure')
      expect(first.headers.get('content-security-policy')).toContain("default-src 'none'")
      const [pair = ''] = cookie.split(';')
      expect((await ask(console.link)).status).toBe(401)
      expect((await ask(`${console.url}api/about`, `${pair}x`)).status).toBe(401)
      const response = await ask(`${console.url}api/about`, `other=1; ${pair}`)
      const about = (await response.json()) as About
      expect(about).toMatchObject({
        ...{ operator: userInfo().username, access: 'read', values: false, secrets: true },
        ...{ environment: 'test', prefix: 'sj' },
      })
      expect((await ask(`${console.url}api/sessions/${id}?values=1`, pair)).status).toBe(403)
      const revoked = await fetch(`${console.url}api/revoke`, {
        method: 'POST',
        headers: {
          ...{ cookie: pair, 'content-type': 'application/json' },
          'x-sojourn-console': about.csrf,
        },
        body: JSON.stringify({ target: { principal: 'ada' }, reason: 'x', count: 1 }),
      })
      expect(revoked.status).toBe(403)
      // By a name that leads here by somebody's trick.
      const { port } = new URL(console.url)
      for (const path of ['/', '/login?code=x', '/api/about']) {
        expect(await statusOf(httpRequest, console.url, path, `evil.example:${port}`)).toBe(403)
      }
      expect(await statusOf(httpRequest, console.url, '/api/about', `localhost:${port}`)).toBe(401)
    } finally {
      const { code, stderr, stdout } = await console.end()
      expect(code).toBe(0)
      expect(stdout + stderr).not.toContain(SECRET)
    }
  })

  it('ends sessions with --write, by the name of who runs it, and at once with Ctrl-C', async () => {
    await signIn(sessions, { theme: 'x' }, 'ada')
    const console = await start('--write', '--values')
    const cookie = await signInBy(console.link)
    const about = (await (await ask(`${console.url}api/about`, cookie)).json()) as About
    expect(about).toMatchObject({ access: 'write', values: true })
    const revoked = await fetch(`${console.url}api/revoke`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json', 'x-sojourn-console': about.csrf },
      body: JSON.stringify({ target: { principal: 'ada' }, reason: 'lost phone', count: 1 }),
    })
    expect(await revoked.json()).toMatchObject({ revoked: 1, verified: true })
    const shown = await runCli(['tail', '--once', '--event', 'operator'], {
      env: env(),
      cwd: folder,
    })
    expect(shown.stdout).toContain(`operator=${userInfo().username}`)
    expect(shown.stdout).toContain('reason=lost phone')
    const live = await ask(`${console.url}api/live`, cookie)
    const reader = live.body?.getReader()
    await reader?.read()
    const started = performance.now()
    const { code } = await console.end()
    expect(code).toBe(0)
    expect(performance.now() - started).toBeLessThan(2_000)
    await reader?.cancel().catch(() => undefined)
  })

  it('is on this machine alone unless there is TLS', async () => {
    const plain = await runCli(['console', '--host', '0.0.0.0'], { env: env(), cwd: folder })
    expect(plain).toMatchObject({ code: 2, stderr: expect.stringContaining('--without-tls') })
    const wrong = [
      ['--tls-cert', 'x.pem'],
      ['--tls-cert', 'x.pem', '--tls-key', 'y.pem'],
      ['--origin', 'ops.example.com'],
      ['--port', '99999'],
    ]
    for (const args of wrong) {
      expect(await runCli(['console', ...args], { env: env(), cwd: folder })).toMatchObject({
        code: 2,
      })
    }
    const origin = 'https://ops.example.com'
    const console = await start('--host', '0.0.0.0', '--without-tls', '--origin', origin)
    expect(console.link).toMatch(/^https:\/\/ops\.example\.com\/login\?code=/)
    await console.end()
  })

  it.skipIf(process.platform !== 'linux')('opens the browser by a page of its own', async () => {
    const bin = mkdtempSync(join(folder, 'bin-'))
    const opened = join(bin, 'opened')
    writeFileSync(
      join(bin, 'xdg-open'),
      `#!/bin/sh\necho "$@" > ${opened}.new\nmv ${opened}.new ${opened}\n`,
    )
    chmodSync(join(bin, 'xdg-open'), 0o700)
    const path = `${bin}:${process.env['PATH']}`
    const running = await start({ PATH: path, TMPDIR: bin }, '--open')
    await until('it opens', () => existsSync(opened), 5_000)
    const given = readFileSync(opened, 'utf8').trim()
    expect(given).not.toContain(new URL(running.link).searchParams.get('code'))
    const page = fileURLToPath(given)
    expect(readFileSync(page, 'utf8')).toContain(`url=${running.link}"`)
    expect(statSync(page).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(page)).mode & 0o777).toBe(0o700)
    await running.end()
    expect(existsSync(dirname(page))).toBe(false)
  })

  it.skipIf(spawnSync('openssl', ['version']).status !== 0)('speaks TLS', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    spawnSync('openssl', ['req', ...kind, '-keyout', key, '-out', cert, '-subj', '/CN=localhost'])
    const console = await start('--tls-cert', cert, '--tls-key', key)
    expect(console.url).toMatch(/^https:/)
    const { host } = new URL(console.url)
    expect(await statusOf(httpsRequest, console.url, '/api/about', host)).toBe(401)
    const cookie = await new Promise<string>((resolve, reject) => {
      const asked = httpsRequest(console.link, { rejectUnauthorized: false }, (response) => {
        response.resume()
        resolve(response.headers['set-cookie']?.[0] ?? '')
      })
      asked.on('error', reject)
      asked.end()
    })
    expect(cookie).toMatch(/^__Host-sojourn-console-.*; Secure$/)
    await console.end()
  })

  it('says why it cannot begin', async () => {
    const away = { SOJOURN_REDIS: 'redis://127.0.0.1:1' }
    expect(await runCli(['console'], { env: away, cwd: folder })).toMatchObject({ code: 3 })
    expect(await runCli(['console'], { cwd: folder })).toMatchObject({ code: 2 })
  })
})

function statusOf(
  request: typeof httpRequest | typeof httpsRequest,
  url: string,
  path: string,
  host: string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { headers: { host }, rejectUnauthorized: false }
    const asked = request(new URL(path, url), options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end()
  })
}
