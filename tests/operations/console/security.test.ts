import { request as httpRequest } from 'node:http'
import { createConnection } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { CsrfTokens } from '../../../src/operations/console/access.ts'
import type { About, ApiProblem } from '../../../src/operations/console/api.ts'
import { type ConsoleOptions, createConsole } from '../../../src/operations/console/console.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn, until } from '../../support/requests.ts'
import { type Desk, openDesk } from './set-up.ts'

let server: RedisServer
let sessions: Sessions
let desk: Desk
let token: string

beforeAll(async () => {
  server = await startRedis()
  sessions = createSessions({ redis: server.url, secrets: [SECRET] })
})
afterAll(async () => {
  await sessions.close()
  await server.stop()
})

beforeEach(async () => {
  await server.cli('FLUSHALL')
  token = await signIn(sessions, { theme: 'dark' }, 'ada')
  desk = await openDesk({ redis: server.url, secrets: SECRET, values: true })
})
afterEach(() => desk.close())

const BODY = { target: { principal: 'ada' }, reason: 'x', count: 1 }
const isLive = async (): Promise<boolean> =>
  (await sessions.open(token, { fresh: true })).id !== undefined

/** `fetch` sends what it thinks is right of Host, Origin and Sec-Fetch-Site. */
function raw(
  path: string,
  headers: Readonly<Record<string, string>>,
  { at = desk.origin, method = 'GET', body = '' } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = httpRequest(at + path, { method, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

describe('who', () => {
  it('is nobody unless the application says so: not for the page, its files or the API', async () => {
    for (const [nobody, status] of [
      [false, 403],
      [null, 401],
      [undefined, 401],
    ] as const) {
      desk.operator = nobody as undefined
      for (const path of ['/', '/api/about', '/api/live', '/assets/x.js', '/api/sessions']) {
        expect([path, (await desk.ask(path)).status]).toEqual([path, status])
      }
    }
    const problem = (await (await desk.ask('/api/about')).json()) as ApiProblem
    expect(problem.code).toBe('UNAUTHORIZED')
  })

  it('has no default', () => {
    const options = { redis: server.url } as ConsoleOptions
    expect(() => createConsole(options)).toThrow(/authorize/)
    expect(() => createConsole({ ...options, authorize: true as never })).toThrow(/authorize/)
    const authorize = () => undefined
    const secrets = [undefined]
    expect(() => createConsole({ redis: undefined, authorize })).toThrow(/redis/)
    expect(() => createConsole({ redis: server.url, secrets, authorize })).toThrow(/secrets/)
    expect(() => createConsole({ ...options, authorize, origins: ['example.org'] })).toThrow(
      /origins/,
    )
    expect(() => createConsole({ ...options, authorize, basePath: 'x' })).toThrow(/basePath/)
    expect(() => createConsole({ ...options, authorize, basePath: '/x/../y' })).toThrow(/basePath/)
    expect(() => createConsole({ ...options, authorize, value: true } as ConsoleOptions)).toThrow(
      /value/,
    )
  })

  it('is nobody where the application fails, or names somebody wrongly', async () => {
    const warned: string[] = []
    const listen = (warning: Error): void => void warned.push(warning.message)
    process.on('warning', listen)
    const wrong = [{}, { name: '', access: 'read' }, { name: 'a', access: 'all' }] as never[]
    for (const operator of wrong) {
      desk.operator = operator
      expect((await desk.ask('/api/about')).status).toBe(500)
    }
    const answer = await createConsole({
      redis: server.url,
      authorize: () => Promise.reject(new Error('the data base says: pw=1')),
    }).fetch(new Request('http://localhost/api/about'))
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toContain('pw=1')
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', listen)
    expect(warned.join()).toContain('pw=1')
  })

  it('ends nothing who may only look, and says so; the doctor they may ask', async () => {
    desk.operator = { name: 'eve', access: 'read' }
    expect((await desk.post('/api/revoke', BODY)).status).toBe(403)
    expect((await desk.post('/api/revoke', { ...BODY, dry: true })).status).toBe(403)
    expect(await isLive()).toBe(true)
  })
})

describe('other sites', () => {
  it('have no use of a token of another deployment, or of the day before yesterday', () => {
    const [grace, day] = [{ name: 'grace', access: 'write' } as const, 86_400_000]
    let now = 100 * day
    const tokens = (...deployment: string[]) => new CsrfTokens('secret', deployment, () => now)
    const production = tokens('sj', 'production')
    const asked = (token: string) =>
      new Request('http://x', { headers: { 'x-sojourn-console': token } })
    const token = production.of(grace)
    expect(tokens('sj', 'staging').of(grace)).not.toBe(token)
    expect(tokens('other', 'production').of(grace)).not.toBe(token)
    // Another process of the same deployment.
    expect(tokens('sj', 'production').of(grace)).toBe(token)
    now += 1.9 * day
    production.check(asked(token), grace)
    now += 0.1 * day
    expect(() => production.check(asked(token), grace)).toThrow('older than a day')
  })

  const csrf = async (): Promise<string> => (await desk.get<About>('/api/about')).csrf
  const json = { 'content-type': 'application/json' }

  it('end nothing: a POST takes the token that only our page can read', async () => {
    const other = await openDesk({ redis: server.url, secrets: SECRET })
    other.operator = { name: 'eve', access: 'write' }
    const { csrf: ofEve } = await other.get<About>('/api/about')
    await other.close()
    for (const given of ['', 'x', ofEve, `${await csrf()} `.repeat(2)]) {
      const headers = { ...json, 'x-sojourn-console': given }
      expect((await desk.ask('/api/revoke', { body: BODY, headers })).status).toBe(403)
    }
    expect((await desk.ask('/api/doctor', { body: {} })).status).toBe(403)
    expect(await isLive()).toBe(true)
    expect((await desk.post('/api/revoke', BODY)).status).toBe(200)
    expect(await isLive()).toBe(false)
  })

  it('are refused by Origin and by Sec-Fetch-Site, with a token too', async () => {
    const host = new URL(desk.origin).host
    const good = { ...json, 'x-sojourn-console': await csrf() }
    const post = (headers: Readonly<Record<string, string>>): Promise<number> =>
      raw(
        '/api/revoke',
        { ...good, ...headers },
        { method: 'POST', body: JSON.stringify({ ...BODY, dry: true }) },
      )
    expect(await post({ origin: 'http://evil.example' })).toBe(403)
    expect(await post({ origin: 'null' })).toBe(403)
    expect(await post({ origin: `http://${host}.evil.example` })).toBe(403)
    expect(await post({ 'sec-fetch-site': 'cross-site' })).toBe(403)
    expect(await post({ 'sec-fetch-site': 'same-site' })).toBe(403)
    expect(await post({ 'sec-fetch-site': 'none' })).toBe(403)
    expect(await post({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })).toBe(200)
    expect(await post({})).toBe(200)
  })

  it('do not even have looks at values put into the audit', async () => {
    const { id } = await sessions.open(token)
    const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
    expect(await raw(`/api/sessions/${id}?values=1`, image)).toBe(403)
    const link = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
    expect(await raw(`/api/sessions/${id}?values=1`, link)).toBe(403)
    expect(await desk.get('/api/audit')).toMatchObject({ entries: [] })
    expect(await raw('/api/live', image)).toBe(403)
  })

  it('lead nowhere by a name of theirs (DNS rebinding), where it is known where the page is', async () => {
    const { port } = new URL(desk.origin)
    const known = await openDesk({
      redis: server.url,
      origins: ['https://ops.example.com', 'http://[::1]:81'],
    })
    const ask = (host: string): Promise<number> => raw('/api/about', { host }, { at: known.origin })
    expect(await ask('ops.example.com')).toBe(200)
    expect(await ask('OPS.example.com:443')).toBe(200)
    expect(await ask('[::1]:81')).toBe(200)
    expect(await ask(`evil.example:${port}`)).toBe(403)
    expect(await ask('ops.example.com.evil.example')).toBe(403)
    expect(await ask('ops.example.com:444')).toBe(403)
    expect(await raw('/', { host: 'evil.example' }, { at: known.origin })).toBe(403)
    const post = (origin: string): Promise<number> =>
      raw(
        '/api/doctor',
        { host: 'ops.example.com', origin, ...json },
        { at: known.origin, method: 'POST' },
      )
    expect(await post('http://ops.example.com')).toBe(403)
    await known.close()
  })

  it('frame nothing, run nothing, keep nothing', async () => {
    for (const path of ['/', '/api/about', '/api/nothing', '/nothing']) {
      const { headers } = await desk.ask(path)
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).toContain("base-uri 'none'")
      expect(policy).not.toContain('unsafe')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
      expect(headers.get('access-control-allow-origin')).toBeNull()
    }
    expect((await desk.ask('/api/about')).headers.get('cache-control')).toContain('no-store')
  })
})

describe('bounds', () => {
  it('answers a bounded number of requests at a time, and the others with 503', async () => {
    server.pause()
    const statuses: number[] = []
    const asked = Array.from({ length: 80 }, async () => {
      const response = await desk.ask('/api/sessions')
      statuses.push(response.status)
    })
    await until('some are refused', () => statuses.length === 16, 1_500)
    expect(new Set(statuses)).toEqual(new Set([503]))
    server.resume()
    await Promise.all(asked)
    expect((await desk.ask('/api/sessions')).status).toBe(200)
  })

  it('reads no more of a body than it takes', async () => {
    const { csrf } = await desk.get<About>('/api/about')
    const headers = { 'x-sojourn-console': csrf }
    const post = async (body: unknown, more = {}): Promise<number> =>
      (await desk.ask('/api/revoke', { body, headers: { ...headers, ...more } })).status
    expect(await post(JSON.stringify({ ...BODY, dry: true }) + ' '.repeat(60_000))).toBe(200)
    expect(await post(JSON.stringify(BODY) + ' '.repeat(70_000))).toBe(400)
    expect(await post('not JSON')).toBe(400)
    expect(await post('[]')).toBe(400)
    expect(await post(BODY, { 'content-type': 'text/plain' })).toBe(400)
    expect(await isLive()).toBe(true)
  })

  it('answers 400 to what is no request of ours, and lives on', async () => {
    const { port } = new URL(desk.origin)
    const said = await new Promise<string>((resolve) => {
      const socket = createConnection(Number(port), '127.0.0.1')
      socket.write('GET http://[bad HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      let text = ''
      socket.on('data', (data) => (text += data.toString()))
      socket.on('close', () => resolve(text))
    })
    expect(said).toMatch(/^HTTP\/1.1 400/)
    expect((await desk.ask('/api/about')).status).toBe(200)
  })
})
