import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import type {
  About,
  EventsAnswer,
  PrincipalAnswer,
  RevokeAnswer,
  SessionAnswer,
  SessionsAnswer,
} from '../../../src/operations/console/api.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { type Desk, openDesk } from './set-up.ts'

interface Data {
  theme: string
  cart: readonly object[]
}

let server: RedisServer
let sessions: Sessions<Data>
let desk: Desk

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

beforeEach(async () => {
  await server.cli('FLUSHALL')
  sessions = createSessions<Data>({ redis: server.url, secrets: [SECRET], audit: true })
  desk = await openDesk({
    redis: server.url,
    prefix: 'sj',
    secrets: SECRET,
    environment: 'test',
    values: true,
  })
})
afterEach(async () => {
  await desk.close()
  await sessions.close()
})

async function open(
  data: Partial<Data>,
  principal?: string,
): Promise<{ id: string; token: string }> {
  const token = await signIn(sessions, data, principal)
  const { id } = await sessions.open(token, { fresh: true })
  if (id === undefined) throw new Error('there is no session')
  return { id, token }
}

const isLive = async (token: string): Promise<boolean> =>
  (await sessions.open(token, { fresh: true })).id !== undefined

const revoke = async (body: object, status = 200): Promise<RevokeAnswer> => {
  const response = await desk.post('/api/revoke', body)
  const answer = (await response.json()) as RevokeAnswer
  expect({ status: response.status, answer }).toMatchObject({ status })
  return answer
}

/** Every key with what it holds, and when it ends if nobody comes. */
async function everything(): Promise<Map<string, string>> {
  const keys = (await server.cli('KEYS', '*')).split('\n').filter((key) => key !== '')
  const all = new Map<string, string>()
  for (const key of keys.toSorted()) {
    const ends = await server.cli('PEXPIRETIME', key)
    all.set(key, `${ends} ${await server.cli('DUMP', key)}`)
  }
  return all
}

describe('looking', () => {
  it('says who looks, and at what', async () => {
    expect(await desk.get<About>('/api/about')).toMatchObject({
      ...{ operator: 'grace', access: 'write', values: true, secrets: true },
      ...{ prefix: 'sj', environment: 'test', version: '0.1.0' },
      csrf: expect.stringMatching(/^[\w-]{43}$/),
    })
    desk.operator = { name: 'ada', access: 'read' }
    expect(await desk.get<About>('/api/about')).toMatchObject({ access: 'read', values: false })
  })

  it('reads a bounded part of a principal who has very many, and counts the rest', async () => {
    const some = Array.from({ length: 50 }, () => 'robot')
    for (let i = 0; i < 26; i++) {
      await Promise.all(some.map((name) => signIn(sessions, { theme: 'x' }, name)))
    }
    await server.cli('CONFIG', 'RESETSTAT')
    const found = await desk.get<PrincipalAnswer>('/api/principals?name=robot')
    expect(found.total).toBe(1_300)
    expect(found.sessions).toHaveLength(500)
    const calls = /cmdstat_hscan:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats'))?.[1]
    expect(Number(calls)).toBeLessThanOrEqual(2)
  })

  it('finds a principal, with devices, and nobody by a part of the name', async () => {
    const session = await sessions.open()
    await session.login('ada', { device: 'Firefox', address: '10.0.0.7', kind: 'web', level: 2 })
    const found = await desk.get<PrincipalAnswer>('/api/principals?name=ada')
    expect(found).toMatchObject({ name: 'ada', total: 1 })
    expect(found.sessions).toMatchObject([
      { id: session.id, device: 'Firefox', address: '10.0.0.7', kind: 'web', level: 2 },
    ])
    expect(found.sessions[0]?.createdAt).toBeGreaterThan(Date.now() - 10_000)
    expect(await desk.get('/api/principals?name=ad')).toMatchObject({ sessions: [], total: 0 })
    expect((await desk.ask('/api/principals')).status).toBe(400)
  })

  it('goes through all sessions in bounded pieces', async () => {
    const ids = new Set<string>()
    for (let i = 0; i < 450; i++) {
      const session = await sessions.open()
      session.data.theme = 'dark'
      await session.commit()
      ids.add(String(session.id))
    }
    const ada = await open({ theme: 'x' }, 'ada')
    const seen = new Set<string>()
    let cursor = ''
    let answers = 0
    do {
      const answer = await desk.get<SessionsAnswer>(`/api/sessions?cursor=${cursor}`)
      expect(answer.sessions.length).toBeLessThan(250)
      expect(answer.looked).toBeLessThanOrEqual(answer.total)
      for (const { id } of answer.sessions) seen.add(id)
      cursor = answer.cursor ?? ''
      answers++
    } while (cursor !== '')
    expect(answers).toBeGreaterThan(2)
    expect(seen).toEqual(new Set([...ids, ada.id]))
    const signedIn: string[] = []
    do {
      const answer = await desk.get<SessionsAnswer>(`/api/sessions?signedIn=1&cursor=${cursor}`)
      signedIn.push(...answer.sessions.map(({ id }) => id))
      cursor = answer.cursor ?? ''
    } while (cursor !== '')
    expect(signedIn).toEqual([ada.id])
    expect(await desk.get('/api/sessions?idleFor=1h')).toMatchObject({ sessions: [] })
  })

  it('refuses what it cannot make sense of, with a reason', async () => {
    const paths = [
      'sessions?cursor=AAAA',
      `sessions?cursor=${Buffer.from('0.000.99999999999999999999').toString('base64url')}`,
      `sessions?cursor=${Buffer.from('0.{}*.0').toString('base64url')}`,
      'sessions?idleFor=soon',
      'sessions?largerThan=-1',
      'sessions?signedIn=perhaps',
      'sessions/short',
      'events?from=yesterday',
      'events?after=1',
      'principals?name=a&name=b',
    ]
    for (const path of paths) {
      const response = await desk.ask(`/api/${path}`)
      expect([path, response.status]).toEqual([path, 400])
      expect(((await response.json()) as { message: string }).message).not.toBe('')
    }
    expect((await desk.ask('/api/nothing')).status).toBe(404)
    expect((await desk.ask('/api/about', { method: 'DELETE' })).status).toBe(404)
  })

  it('shows a session, and what it holds only where that is asked for, and audited', async () => {
    const { id, token } = await open({ theme: 'very-dark', cart: [{ sku: 'A-1' }] }, 'ada')
    const masked = await desk.get<SessionAnswer>(`/api/sessions/${id}`)
    expect(masked).toMatchObject({ id, principal: 'ada', signedIn: true })
    expect(masked.attributes).toHaveLength(2)
    expect(JSON.stringify(masked)).not.toMatch(/very-dark|A-1/)
    const open1 = await (await desk.ask(`/api/sessions/${id}?values=1`)).text()
    expect(open1).toContain('very-dark')
    expect(open1 + JSON.stringify(masked)).not.toContain(token)
    const { entries } = await desk.get<EventsAnswer>('/api/audit')
    expect(entries).toMatchObject([
      { event: 'operator', details: { operator: 'grace', action: 'values', id, principal: 'ada' } },
    ])
    expect(JSON.stringify(entries)).not.toContain('very-dark')
    desk.operator = { name: 'grace', access: 'write' }
    expect((await desk.ask(`/api/sessions/${id}?values=1`)).status).toBe(403)
    expect((await desk.ask(`/api/sessions/${id.slice(0, 3)}${'0'.repeat(22)}`)).status).toBe(404)
  })

  it('tells of events and of what operators did, page after page', async () => {
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'x' }, `user-${i}`)
    const all = await desk.get<EventsAnswer>('/api/events')
    expect(all.entries.map(({ event }) => event)).toEqual(['login', 'login', 'login'])
    expect(all.more).toBe(false)
    const later = await desk.get<EventsAnswer>(`/api/events?after=${all.position}`)
    expect(later).toMatchObject({ entries: [], position: all.position, more: false })
    expect(await desk.get(`/api/events?from=${Date.now() + 60_000}`)).toMatchObject({ entries: [] })
    expect(await desk.get('/api/audit')).toMatchObject({ entries: [], more: false })
  })

  it('writes nothing', async () => {
    const { id } = await open({ theme: 'dark' }, 'ada')
    const before = await everything()
    expect(before.size).toBeGreaterThan(2)
    const paths = ['about', 'history', 'principals?name=ada', 'sessions', `sessions/${id}`]
    for (const path of [...paths, 'events', 'audit']) await desk.get(`/api/${path}`)
    const looking = new AbortController()
    const live = await desk.ask('/api/live?events=1', { signal: looking.signal })
    let text = ''
    for await (const chunk of live.body ?? []) {
      text += Buffer.from(chunk).toString()
      if (text.includes('event: snapshot')) break
    }
    looking.abort()
    expect(await desk.get('/api/doctor')).toBeNull()
    const asked = await Promise.all([1, 2, 3].map(() => desk.post('/api/doctor', {})))
    const told = await Promise.all(asked.map((each) => each.json()))
    // One examination for all who ask meanwhile, and for who comes within a minute.
    for (const answer of told) expect(answer).toEqual(told[0])
    expect(await desk.get('/api/doctor')).toEqual(told[0])
    await revoke({ target: { principal: 'ada' }, dry: true })
    expect(await everything()).toEqual(before)
  })
})

describe('revoke', () => {
  it('counts, ends, asks the primary again, and has it in the audit before and after', async () => {
    const tokens = [
      (await open({ theme: 'a' }, 'ada')).token,
      (await open({ theme: 'b' }, 'ada')).token,
    ]
    const other = await open({ theme: 'c' }, 'bob')
    const target = { principal: 'ada' }
    expect(await revoke({ target, dry: true })).toMatchObject({ found: 2, revoked: 0 })
    expect(await isLive(tokens[0] as string)).toBe(true)
    const answer = await revoke({ target, reason: 'lost phone', count: 2 })
    expect(answer).toMatchObject({ found: 2, revoked: 2, verified: true })
    expect(answer.took).toBeGreaterThan(0)
    for (const token of tokens) expect(await isLive(token)).toBe(false)
    expect(await isLive(other.token)).toBe(true)
    const { entries } = await desk.get<EventsAnswer>('/api/audit')
    const about = { operator: 'grace', reason: 'lost phone', principal: 'ada', found: 2 }
    expect(entries.map((entry) => !entry.unreadable && entry.details)).toEqual([
      { ...about, action: 'revoke' },
      { ...about, action: 'revoked', revoked: 2, verified: true },
    ])
    const events = (await sessions.audit.list()).map(({ event }) => event)
    expect(events.slice(-4)).toEqual(['operator', 'revoked', 'revoked', 'operator'])
  })

  it('spares one, also by its id of before a rotation', async () => {
    const { id, token } = await open({ theme: 'a' }, 'ada')
    await open({ theme: 'b' }, 'ada')
    const session = await sessions.open(token)
    await session.rotate()
    const target = { principal: 'ada', except: id }
    expect(await revoke({ target, dry: true })).toMatchObject({ found: 1 })
    expect(await revoke({ target, reason: 'x', count: 1 })).toMatchObject({
      revoked: 1,
      verified: true,
    })
    expect(await isLive(session.token as string)).toBe(true)
  })

  it('ends many ids, each once, by whatever id they had', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => open({ theme: 'x' })))
    const ids = all.map(({ id }) => id)
    const rotated = await sessions.open(all[0]?.token)
    await rotated.rotate()
    const target = { ids: [...ids, rotated.id as string] }
    expect(await revoke({ target, dry: true })).toMatchObject({ found: 100 })
    expect(await revoke({ target, reason: 'x', count: 100 })).toMatchObject({
      ...{ found: 100, revoked: 100, verified: true },
    })
    expect(await desk.get('/api/sessions')).toMatchObject({
      sessions: [],
      total: expect.any(Number),
    })
  })

  it('ends very many of one user no faster than the command line does', async () => {
    const count = 1_200
    for (let i = 0; i < count; i += 100) {
      await Promise.all(Array.from({ length: 100 }, () => signIn(sessions, { theme: 'x' }, 'ada')))
    }
    const spared = await open({ theme: 'mine' }, 'ada')
    const target = { principal: 'ada', except: spared.id }
    const { revoked, verified, took } = await revoke({ target, reason: 'x', count })
    expect({ revoked, verified }).toEqual({ revoked: count, verified: true })
    // 2,000 a second.
    expect(took).toBeGreaterThan(580)
    expect(await isLive(spared.token)).toBe(true)
  })

  it('ends nothing where there are others by now, and asks for the count and why', async () => {
    const { id, token } = await open({ theme: 'a' }, 'ada')
    const target = { principal: 'ada' }
    await open({ theme: 'b' }, 'ada')
    expect(await revoke({ target, reason: 'x', count: 1 }, 409)).toMatchObject({
      code: 'COUNT_CHANGED',
    })
    const wrong: object[] = [
      { target, reason: 'x' },
      { target, count: 2 },
      { target, reason: ' ', count: 2 },
      { target, reason: 'x'.repeat(201), count: 2 },
      { target, reason: '\ud800', count: 2 },
      { target: {}, reason: 'x', count: 0 },
      { target: { ids: [] }, reason: 'x', count: 0 },
      { target: { ids: ['x'] }, reason: 'x', count: 0 },
      { target: { ids: Array.from({ length: 1_001 }, () => id) }, reason: 'x', count: 1 },
      { target: { ...target, except: 'x' }, reason: 'x', count: 1 },
      { target: { ...target, ids: [id] }, reason: 'x', count: 1 },
      { target, reason: 'x', count: 2, force: true },
    ]
    for (const body of wrong) await revoke(body, 400)
    expect(await isLive(token)).toBe(true)
    expect((await desk.get<EventsAnswer>('/api/audit')).entries).toEqual([])
  })

  it('ends nothing, and shows no values, where the audit cannot be told', async () => {
    const { id, token } = await open({ theme: 'very-dark' }, 'ada')
    // A key of another type is in the audit's place.
    const { entries } = await desk.get<EventsAnswer>('/api/events')
    expect(entries).toHaveLength(1)
    const [key = ''] = (await server.cli('KEYS', 'sj:*:a')).split('\n')
    await server.cli('DEL', key)
    await server.cli('SET', key, 'x')
    await revoke({ target: { principal: 'ada' }, reason: 'x', count: 1 }, 503)
    expect(await isLive(token)).toBe(true)
    const looked = await desk.ask(`/api/sessions/${id}?values=1`)
    expect(looked.status).toBe(503)
    expect(await looked.text()).not.toContain('very-dark')
  })
})

describe('without secrets', () => {
  it('ends by id, and says what it cannot do', async () => {
    const { id, token } = await open({ theme: 'a' }, 'ada')
    const plain = await openDesk({ redis: server.url })
    try {
      expect(await plain.get<About>('/api/about')).toMatchObject({ secrets: false, values: false })
      expect((await plain.ask('/api/principals?name=ada')).status).toBe(400)
      expect(await plain.get(`/api/sessions/${id}`)).toMatchObject({ closed: 'no secrets' })
      const body = { target: { ids: [id] }, reason: 'x', count: 1 }
      expect((await plain.post('/api/revoke', body)).status).toBe(200)
      expect(await isLive(token)).toBe(false)
      // Whoever has the secrets sees that and when something was done; this process what.
      expect((await plain.get<EventsAnswer>('/api/audit')).entries).toMatchObject([
        { details: { action: 'revoke', id } },
        { details: { action: 'revoked', id } },
      ])
      const [seen] = (await sessions.audit.list()).filter(({ event }) => event === 'operator')
      expect(seen).toMatchObject({ unreadable: true })
    } finally {
      await plain.close()
    }
  })
})
