/** The demonstration as `npm start` runs it: a process of its own, driven over HTTP. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort, type RedisServer, startRedis } from '../support/redis-server.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const BUILD_DEADLINE = 120_000
const START_DEADLINE = 15_000

interface Demo {
  readonly child: ChildProcess
  readonly a: string
  readonly b: string
  output(): string
}

interface Answer<T = Record<string, unknown>> {
  readonly status: number
  readonly body: T
}

interface State {
  readonly node: string
  readonly session?: { readonly id: string; readonly principal?: string }
  readonly cart: ReadonlyArray<{ readonly sku: string; readonly quantity: number }>
  readonly visits: number
}

interface Device {
  readonly id: string
  readonly device: string
  readonly current: boolean
}

beforeAll(async () => {
  await promisify(execFile)(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
}, BUILD_DEADLINE)

describe.each(['embedded', 'redis'] as const)('the demonstration, %s', (engine) => {
  let redis: RedisServer | undefined
  let demo: Demo

  beforeAll(async () => {
    redis = engine === 'redis' ? await startRedis() : undefined
    demo = await startDemo({
      PORT_A: String(await freePort()),
      PORT_B: String(await freePort()),
      ...(redis && { SOJOURN_REDIS_URL: redis.url }),
    })
  }, START_DEADLINE * 2)

  afterAll(async () => {
    demo?.child.kill('SIGKILL')
    await redis?.stop()
  })

  test('both nodes serve the page, under a strict policy, and say which they are', async () => {
    for (const [origin, name] of [
      [demo.a, 'A'],
      [demo.b, 'B'],
    ] as const) {
      const response = await fetch(`${origin}/`)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(await response.text()).toContain(`<title>Node ${name} · Sojourn demo</title>`)
      expect((await fetch(`${origin}/app.js`)).status).toBe(200)
    }
    expect(demo.output()).toContain(engine === 'redis' ? 'Redis at' : 'embedded engine')
  })

  test('signed in on A is signed in on B, and signed out on B is signed out on A', async () => {
    const browser = new Browser()
    expect((await browser.state(demo.a)).session).toBeUndefined()
    await browser.post(demo.a, 'login', { name: 'Mara' })
    const [onA, onB] = [await browser.state(demo.a), await browser.state(demo.b)]
    expect(onB.node).toBe('B')
    expect(onB.session).toMatchObject({ id: onA.session?.id, principal: 'Mara' })
    await browser.post(demo.b, 'logout', {})
    expect((await browser.state(demo.a)).session).toBeUndefined()
  })

  test('"remember me" makes a cookie that outlives the browser', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Remembered', remember: true })
    expect(browser.lastSetCookie).toMatch(/; Max-Age=518\d{4};/)
    await browser.post(demo.a, 'login', { name: 'Forgotten' })
    expect(browser.lastSetCookie).not.toContain('Max-Age')
    expect(browser.lastSetCookie).toContain('; HttpOnly; SameSite=Lax')
  })

  test('the cart goes along at the sign-in', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'cart', { sku: 'tea', by: 2 })
    await browser.post(demo.b, 'login', { name: 'Shopper' })
    expect((await browser.state(demo.a)).cart).toEqual([{ sku: 'tea', quantity: 2 }])
  })

  test.each([
    ['merge', 0],
    ['merge', 100],
    ['update', 100],
  ])('20 parallel changes on both nodes are all kept: %s, %i ms', async (how, delay) => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: `Racer ${how} ${delay}` })
    const requests = [demo.a, demo.b].flatMap((origin, node) =>
      Array.from({ length: 10 }, (_, i) => ({
        origin,
        sku: how === 'update' ? 'voucher' : `voucher-abc123-${'AB'[node]}${i + 1}`,
      })),
    )
    const answers = await Promise.all(
      requests.map(({ origin, sku }) => browser.post(origin, 'race', { sku, how, delay })),
    )
    expect(answers.map(({ status }) => status)).toEqual(requests.map(() => 200))
    for (const origin of [demo.a, demo.b]) {
      const { cart, visits } = await browser.state(origin)
      expect(visits).toBe(20)
      const kept = cart.flatMap(({ sku, quantity }) => Array.from({ length: quantity }, () => sku))
      expect(kept.sort()).toEqual(requests.map(({ sku }) => sku).sort())
    }
  })

  test('devices are listed, one is ended, all others are', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Collector' })
    for (let i = 0; i < 3; i += 1) await browser.post(demo.a, 'devices', {})
    const devices = await browser.devices(demo.b)
    expect(devices.map(({ device }) => device)).toEqual([
      'Firefox on Linux',
      'Safari on iPhone',
      'Firefox on Linux',
      'Chrome on Android',
    ])
    expect(devices.map(({ current }) => current)).toEqual([true, false, false, false])
    const ended = await browser.post(demo.b, 'devices/end', { id: devices[1]?.id })
    expect(ended.body).toEqual({ ended: 1 })
    expect(await browser.devices(demo.a)).toHaveLength(3)
    expect((await browser.post(demo.a, 'devices/end-others', {})).body).toEqual({ ended: 2 })
    expect(await browser.devices(demo.b)).toHaveLength(1)
  })

  test('at most five devices: another is refused, or the oldest makes room', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Limited' })
    const add = (policy: string) => browser.post(demo.a, 'devices', { policy })
    for (let i = 0; i < 4; i += 1) expect((await add('reject')).status).toBe(200)
    const refused = await add('reject')
    expect([refused.status, refused.body['code']]).toEqual([409, 'ERR_SOJOURN_SESSION_LIMIT'])
    // In the own browser a login replaces the own session.
    const again = await browser.post(demo.b, 'login', { name: 'Limited', policy: 'reject' })
    expect(again.status).toBe(200)
    const [oldest] = await browser.devices(demo.b)
    expect(oldest?.current).toBe(false)
    expect((await add('evict-oldest')).status).toBe(200)
    const devices = await browser.devices(demo.a)
    expect(devices).toHaveLength(5)
    expect(devices.map(({ id }) => id)).not.toContain(oldest?.id)
    expect((await browser.state(demo.b)).session?.principal).toBe('Limited')
  })

  test('a session of somebody else cannot be ended', async () => {
    const [mine, theirs] = [new Browser(), new Browser()]
    await mine.post(demo.a, 'login', { name: 'Victim' })
    await theirs.post(demo.a, 'login', { name: 'Mallory' })
    const [device] = await mine.devices(demo.a)
    const answer = await theirs.post(demo.b, 'devices/end', { id: device?.id })
    expect(answer.body).toEqual({ ended: 0 })
    expect((await mine.state(demo.b)).session?.principal).toBe('Victim')
  })

  test('sign out everywhere: B refuses, on every device, and the figure says how soon', async () => {
    const [phone, laptop] = [new Browser(), new Browser()]
    await phone.post(demo.b, 'login', { name: 'Everywhere' })
    await laptop.post(demo.a, 'login', { name: 'Everywhere' })
    const before = laptop.copy()
    const { status, body } = await laptop.post(demo.a, 'sign-out-everywhere', {})
    expect(status).toBe(200)
    expect(body).toMatchObject({ by: 'A', node: 'B', ended: 2, known: true, late: 0 })
    expect(body['refusedMs']).toBeGreaterThan(0)
    expect(body['refusedMs']).toBeLessThan(1_000)
    expect(laptop.cookie).toBe('')
    for (const origin of [demo.a, demo.b]) {
      expect((await before.state(origin)).session).toBeUndefined()
      expect((await phone.copy().state(origin)).session).toBeUndefined()
    }
  })

  test('the events of both nodes tell what happened, and hold no token', async () => {
    const browser = new Browser()
    const token = await browser.post(demo.b, 'login', { name: 'Watched' }).then(() => browser.token)
    expect(token).toHaveLength(48)
    await browser.post(demo.a, 'sign-out-everywhere', {})
    const events = (await eventsOf(demo.a)) + (await eventsOf(demo.b))
    expect(events).toMatch(/"name":"login","principal":"Watched"/)
    expect(events).toMatch(/"name":"revoked","principal":"Watched"/)
    expect(events).not.toContain(token)
    expect(events).not.toMatch(/[\w-]{20}/)
  })

  test('only pages of the two nodes may change or read anything', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Target' })
    for (const origin of [undefined, 'null', 'http://localhost:1', 'https://example.org']) {
      const response = await fetch(`${demo.a}/api/logout`, {
        method: 'POST',
        headers: {
          cookie: browser.cookie,
          'content-type': 'application/json',
          ...(origin && { origin }),
        },
        body: '{}',
      })
      expect(response.status).toBe(403)
      expect(response.headers.get('access-control-allow-origin')).toBeNull()
    }
    const friendly = await fetch(`${demo.a}/api/state`, {
      method: 'OPTIONS',
      headers: { origin: demo.b },
    })
    expect(friendly.headers.get('access-control-allow-origin')).toBe(demo.b)
    expect(friendly.headers.get('access-control-allow-credentials')).toBe('true')
    expect((await browser.state(demo.b)).session?.principal).toBe('Target')
  })

  test('an absurd body is a 400, not a crash', async () => {
    const browser = new Browser()
    for (const [path, body] of [
      ['login', { name: ' ' }],
      ['login', { name: 'x'.repeat(41) }],
      ['login', { name: { $gt: '' } }],
      ['cart', { sku: '__proto__', by: 1 }],
      ['cart', { sku: 'tea', by: 1e9 }],
    ] as const) {
      expect((await browser.post(demo.a, path, body)).status).toBe(400)
    }
    expect((await browser.post(demo.a, 'devices', {})).status).toBe(401)
    expect((await browser.post(demo.a, 'nothing', {})).status).toBe(404)
  })

  test('Ctrl-C ends it with code 0, open event streams and requests notwithstanding', async () => {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Last' })
    const stream = await fetch(`${demo.a}/api/events`)
    const slow = browser.post(demo.b, 'race', { sku: 'tea', how: 'merge', delay: 300 })
    // By now the handler has it.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const start = performance.now()
    // npm passes the signal on a second time.
    setTimeout(() => demo.child.kill('SIGINT'), 20)
    expect(await stop(demo, 'SIGINT')).toBe(0)
    expect(performance.now() - start).toBeLessThan(5_000)
    expect((await slow).status).toBe(200)
    await stream.body?.cancel().catch(() => undefined)
    await expect(fetch(`${demo.a}/`)).rejects.toThrow('fetch failed')
  })
})

test('a port that is taken is passed over', async () => {
  const first = await startDemo({ PORT_A: String(await freePort()), PORT_B: '0' })
  const { port } = new URL(first.a)
  const second = await startDemo({ PORT_A: port, PORT_B: port })
  try {
    const ports = [first.a, first.b, second.a, second.b].map((origin) => new URL(origin).port)
    expect(new Set(ports).size).toBe(4)
    expect((await fetch(`${second.b}/`)).status).toBe(200)
  } finally {
    await stop(first, 'SIGTERM')
    await stop(second, 'SIGTERM')
  }
})

test('Redis gone is a 503 with its code, not a sign-out, and over by itself', async () => {
  const redis = await startRedis()
  const demo = await startDemo({ PORT_A: '0', PORT_B: '0', SOJOURN_REDIS_URL: redis.url })
  try {
    const browser = new Browser()
    await browser.post(demo.a, 'login', { name: 'Patient' })
    await redis.kill()
    const down = await browser.get(demo.b, 'state')
    expect(down.status).toBe(503)
    expect(down.body['code']).toBe('ERR_SOJOURN_STORE_UNAVAILABLE')
    expect(browser.cookie).not.toBe('')
    const stranger = new Browser()
    const told = async () => (await stranger.get(demo.b, 'state')).body['store']
    await expect.poll(told, { timeout: 5_000 }).toMatchObject({ ok: false })
    // By node A, which asks for itself.
    const said = 'does not answer (ERR_SOJOURN_STORE_UNAVAILABLE)'
    await expect.poll(() => demo.output(), { timeout: 5_000 }).toContain(said)
    await redis.restart()
    const status = async () => (await browser.get(demo.b, 'state')).status
    await expect.poll(status, { timeout: 10_000 }).toBe(200)
    await expect.poll(told, { timeout: 10_000 }).toEqual({ ok: true })
  } finally {
    await stop(demo, 'SIGINT')
    await redis.stop()
  }
})

/** Cookies as a browser keeps them: by host, whatever the port. */
class Browser {
  cookie = ''
  lastSetCookie = ''

  get token(): string {
    return this.cookie.split('=')[1] ?? ''
  }

  copy(): Browser {
    return Object.assign(new Browser(), { cookie: this.cookie })
  }

  get(origin: string, path: string): Promise<Answer> {
    return this.#send(origin, path, { method: 'GET' })
  }

  post(origin: string, path: string, body: object): Promise<Answer> {
    return this.#send(origin, path, { method: 'POST', body: JSON.stringify(body) })
  }

  async state(origin: string): Promise<State> {
    return (await this.get(origin, 'state')).body as unknown as State
  }

  async devices(origin: string): Promise<readonly Device[]> {
    return (await this.get(origin, 'devices')).body['devices'] as readonly Device[]
  }

  async #send(origin: string, path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(`${origin}/api/${path}`, {
      ...init,
      headers: {
        origin,
        cookie: this.cookie,
        'content-type': 'application/json',
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      },
    })
    for (const line of response.headers.getSetCookie()) {
      this.lastSetCookie = line
      this.cookie = /; Max-Age=0;/.test(line) ? '' : (line.split(';')[0] ?? '')
    }
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
}

async function startDemo(env: Record<string, string>): Promise<Demo> {
  const child = spawn(process.execPath, ['examples/demo/main.mjs'], {
    cwd: root,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  const end = Date.now() + START_DEADLINE
  for (;;) {
    const [a, b] = output.match(/http:\/\/localhost:\d+/g) ?? []
    if (a !== undefined && b !== undefined) return { child, a, b, output: () => output }
    if (child.exitCode !== null || Date.now() > end) {
      child.kill('SIGKILL')
      throw new Error(`the demonstration did not start:\n${output}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function stop({ child }: Demo, signal: NodeJS.Signals): Promise<number | null> {
  const ended = once(child, 'exit')
  child.kill(signal)
  const [code] = (await ended) as [number | null]
  return code
}

/** What a node's stream says to somebody who has just come. */
async function eventsOf(origin: string): Promise<string> {
  const response = await fetch(`${origin}/api/events`, { signal: AbortSignal.timeout(500) })
  let text = ''
  try {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array)
  } catch {
    // The stream has no end of its own.
  }
  return text
}
