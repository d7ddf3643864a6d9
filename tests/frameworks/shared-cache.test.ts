/** A caching proxy as many have it in front: nginx. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { expressSessions } from '../../src/frameworks/express/index.ts'
import { freePort } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'
import { until } from '../support/until.ts'

interface Data {
  cart: readonly { readonly sku: string }[]
}

// Debian has it where not everybody's PATH looks.
const nginxes = ['nginx', '/usr/sbin/nginx']
const program = nginxes.find((name) => spawnSync(name, ['-v']).status === 0)

/** Caches whatever it may, and says whether it has. */
const configuration = (folder: string, port: number, site: number): string => `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/errors;
events { worker_connections 64; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((of) => `${of}_temp_path ${folder}/${of};`).join('\n  ')}
  proxy_cache_path ${folder}/cache keys_zone=site:1m;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${site};
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-Proto https;
      proxy_cache site;
      # By itself it keeps nothing that sets a cookie; others do.
      proxy_ignore_headers Set-Cookie;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`

describe.skipIf(program === undefined)('S12 behind nginx as a shared cache', () => {
  let folder: string
  let site: Server
  let nginx: ChildProcess
  let sessions: Sessions<Data>
  let port: number

  beforeAll(async () => {
    sessions = createSessions<Data>({ secrets: [SECRET] })
    const app = express()
    app.set('trust proxy', 1)
    app.use(expressSessions(sessions))
    // All of them would like to be kept by everybody.
    app.use((_request, response, next) => {
      response.set('Cache-Control', 'public, max-age=600, s-maxage=600')
      next()
    })
    app.get('/static', (_request, response) => response.send('for all'))
    app.get('/login/:as', (request, response, next) => {
      const { session, params } = request
      session.login(params.as).then(() => response.send(`welcome ${session.principal}`), next)
    })
    app.get('/me', (request, response) =>
      response.send(`you are ${request.session.principal ?? 'nobody'}`),
    )
    app.get('/cart', (request, response) => {
      request.session.set('cart', [...(request.session.get('cart') ?? []), { sku: 'book' }])
      response.send(`${request.session.get('cart')?.length} in the cart`)
    })
    site = createServer(app).listen(0, '127.0.0.1')
    await once(site, 'listening')
    folder = mkdtempSync(join(tmpdir(), 'sj-nginx-'))
    mkdirSync(join(folder, 'cache'))
    // Where we are root its user is another.
    chmodSync(folder, 0o777)
    port = await freePort()
    const file = join(folder, 'nginx.conf')
    writeFileSync(file, configuration(folder, port, (site.address() as AddressInfo).port))
    nginx = spawn(program as string, ['-c', file, '-p', folder], { stdio: 'ignore' })
    await until(async () => (await ask('/static').catch(() => undefined))?.status === 200)
  }, 30_000)

  afterAll(async () => {
    if (nginx.exitCode === null) {
      nginx.kill('SIGKILL')
      await once(nginx, 'exit')
    }
    site.close()
    await sessions.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function ask(path: string, cookie?: string) {
    const headers = cookie === undefined ? {} : { cookie }
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers })
    return {
      status: response.status,
      text: await response.text(),
      cookies: response.headers.getSetCookie().map((line) => line.split(';', 1)[0] as string),
      cache: response.headers.get('x-cache'),
    }
  }

  it('S12 it keeps what is for all, for those with a cookie too', async () => {
    await ask('/static?1')
    expect(await ask('/static?1')).toMatchObject({ text: 'for all', cache: 'HIT', cookies: [] })
    expect(await ask('/static?1', 'a=b')).toMatchObject({ text: 'for all', cache: 'HIT' })
  })

  it("S12 nobody gets another's cookie: the same page sets one of its own for each", async () => {
    const all = [await ask('/cart'), await ask('/cart'), await ask('/cart')]
    expect(all.map(({ text, cache }) => [text, cache])).toEqual(
      all.map(() => ['1 in the cart', 'MISS']),
    )
    expect(new Set(all.flatMap(({ cookies }) => cookies)).size).toBe(3)
    const [ada, ada2, eve] = [
      await ask('/login/ada'),
      await ask('/login/ada'),
      await ask('/login/eve'),
    ]
    expect(new Set([ada, ada2, eve].flatMap(({ cookies }) => cookies)).size).toBe(3)
  })

  it("S12 nobody gets another's page, whoever comes first", async () => {
    const [ada] = (await ask('/login/ada')).cookies
    const [eve] = (await ask('/login/eve')).cookies
    for (const first of [ada, eve, undefined]) {
      const path = `/me?first=${first?.slice(-8)}`
      for (let round = 0; round < 2; round++) {
        for (const each of [first, ada, eve, undefined]) {
          const name = each === undefined ? 'nobody' : each === ada ? 'ada' : 'eve'
          expect((await ask(path, each)).text).toBe(`you are ${name}`)
        }
      }
    }
    // It was kept, for each apart.
    expect(await ask(`/me?first=${ada?.slice(-8)}`, ada)).toMatchObject({ cache: 'HIT' })
  })
})
