// What docs say of a copy of Redis, and the secrets, where a session's token is kept for another system's key.
import { createHmac } from 'node:crypto'
import { createSessions, type Engine, memoryEngine } from 'sojourn'
import { connectRedis } from 'sojourn/adopt'
import { sojournStorage } from 'sojourn/better-auth'
import { expect, it, onTestFinished } from 'vitest'
import { createKeyring } from '../../src/core/keyring.ts'
import { openRecord } from '../../src/core/record.ts'
import { deriveToken, type Token } from '../../src/core/token.ts'
import { readTrail } from '../../src/core/trail.ts'
import { manualClock } from '../../src/testing/manual-clock.ts'
import { SECRET } from '../support/requests.ts'

const OTHER_SECRET = 'another secret, of 32 bytes or more'
const OLD_SECRET = 'keyboard cat'
const SID = 'oldsid0123456789'
const REUSE_WINDOW = 60 * 60_000

type Old = 'keep' | 'delete' | 'mirror'

/** A user comes with the old cookie. @returns what a thief of both stores and the secrets learns, and what the browser holds */
async function moved(old: Old, seal: true | 'token') {
  const clock = manualClock()
  const store = new Map<string, string>()
  store.set(`sess:${SID}`, JSON.stringify({ cookie: { originalMaxAge: 3_600_000 }, user: 'ada' }))
  const client = {
    get: async (key: string) => store.get(key) ?? null,
    psetex: async (key: string, _ttl: number, value: string) => store.set(key, value),
    del: async (key: string) => store.delete(key),
  }
  const engine = memoryEngine({ clock })
  const ids = new Set<string>()
  const noted = new Proxy(engine, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'create') ids.add(args[0] as string)
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
  const open = (secrets: string[]) => {
    const made = createSessions({
      ...{ engine: noted, clock, secrets, seal },
      cookie: { name: '__Host-new' },
      adopt: [connectRedis({ client, secret: OLD_SECRET, old })],
    })
    onTestFinished(() => made.close())
    return made
  }
  const sessions = open([SECRET])
  const signature = createHmac('sha256', OLD_SECRET).update(SID).digest('base64').replace(/=+$/, '')
  const oldCookie = `connect.sid=${encodeURIComponent(`s:${SID}.${signature}`)}`
  let cookie = oldCookie
  const visit = async (
    work: (session: Awaited<ReturnType<typeof sessions.open>>) => unknown,
  ): Promise<string> => {
    const facts = { secure: true, host: 'example.org', proxied: false, cookie }
    const exchange = await sessions.exchange({}, facts)
    await work(exchange.session)
    await exchange.commit()
    const headers = [exchange.sendHeaders() ?? []].flat().join('\n')
    const token = /__Host-new=([\w-]{48})/.exec(headers)?.[1] ?? ''
    cookie = `__Host-new=${token}`
    return token
  }
  /** What somebody sees who has the old cookie only. */
  const seenLater = async (secrets: string[]): Promise<unknown> => {
    const facts = { secure: true, host: 'example.org', proxied: false, cookie: oldCookie }
    return (await open(secrets).exchange({}, facts)).session.get('new')
  }
  /** What somebody sees who has made a cookie of it. */
  const seenBy = async (token: Token): Promise<unknown> => {
    const facts = { secure: true, host: 'example.org', proxied: false }
    const exchange = await sessions.exchange({}, { ...facts, cookie: `__Host-new=${token.text}` })
    return [exchange.session.id, exchange.session.get('new'), exchange.sendHeaders()]
  }
  return { engine, store, ids, clock, visit, seenLater, seenBy }
}

const keyring = createKeyring([SECRET])

/** The live tokens that come out. */
async function stolen(engine: Engine, store: ReadonlyMap<string, string>, ids: Iterable<string>) {
  const keys = [...store.keys()].map((key) => key.slice('sess:'.length))
  for (const id of ids) {
    const stored = await engine.load(id)
    if (stored === undefined) continue
    const opened = openRecord(stored.record, { keyring, id, token: undefined })
    const key = opened.status === 'open' ? (opened.meta.get('O') as string | undefined) : undefined
    if (key !== undefined) keys.push(key)
  }
  const found: string[] = []
  for (const key of keys) {
    let token: Token | undefined = deriveToken(keyring, 'connect-redis:sess:', key)
    for (;;) {
      const stored = await engine.load(token.id)
      if (stored === undefined) break
      const trail = readTrail(keyring, token, stored.record)
      if (trail.kind !== 'forward') {
        // Else it is a record.
        if (trail.kind !== 'superseded') found.push(token.text)
        break
      }
      token = trail.token
    }
  }
  return found
}

it.each<[Old, true | 'token', boolean]>([
  ['keep', true, true],
  ['keep', 'token', true],
  ['delete', true, true],
  ['delete', 'token', false],
  ['mirror', 'token', true],
])(
  'old: %s, seal: %s: a dump of both stores and the secrets give the token: %s',
  async (old, seal, isGiven) => {
    const { engine, store, ids, visit } = await moved(old, seal)
    const token = await visit((session) => session.set('new', 'canary'))
    expect(token).toHaveLength(48)
    const found = await stolen(engine, store, ids)
    expect(found.includes(token)).toBe(isGiven)
  },
)

it.each<Old>(['keep', 'delete', 'mirror'])(
  'old: %s: the secrets and the old key, without Redis, open nothing by a cookie',
  async (old) => {
    const { visit, seenBy } = await moved(old, 'token')
    await visit((session) => session.set('new', 'canary'))
    const token = deriveToken(keyring, 'connect-redis:sess:', SID)
    expect(await seenBy(token)).toEqual([undefined, undefined, undefined])
  },
)

it('a rotation ends that, when its reuse is not looked out for any more', async () => {
  const { engine, store, ids, visit, clock } = await moved('keep', 'token')
  await visit((session) => session.set('new', 'canary'))
  const token = await visit((session) => session.rotate())
  expect(await stolen(engine, store, ids)).toEqual([token])
  clock.advance(REUSE_WINDOW)
  expect(await stolen(engine, store, ids)).toEqual([])
})

it('a login ends that at once', async () => {
  const { engine, store, ids, visit } = await moved('keep', 'token')
  const backup = new Map(store)
  await visit((session) => session.set('new', 'canary'))
  const token = await visit((session) => session.login('ada'))
  expect(token).toHaveLength(48)
  expect(await stolen(engine, backup, ids)).toEqual([])
})

it('what leads from the old cookie needs the secret of the takeover, which `sojourn keys` does not count', async () => {
  const { visit, seenLater } = await moved('keep', true)
  await visit((session) => session.set('new', 'canary'))
  expect(await seenLater([OTHER_SECRET, SECRET])).toBe('canary')
  expect(await seenLater([OTHER_SECRET])).toBeUndefined()
})

it('better-auth: with a user’s id and the secrets the list opens, and its tokens open the sessions', async () => {
  const engine = memoryEngine()
  const sessions = createSessions({ engine, secrets: [SECRET], seal: 'token' })
  onTestFinished(() => sessions.close())
  const storage = sojournStorage(sessions)
  const expiresAt = Date.now() + 3_600_000
  const session = { token: 'a-token-of-better-auth', userId: 'user-1', expiresAt }
  await storage.set(session.token, JSON.stringify({ session, user: { id: 'user-1' } }), 3_600)
  await storage.set('active-sessions-user-1', JSON.stringify([session]), 3_600)
  const opened = async (token: Token) => {
    const stored = await engine.load(token.id)
    if (stored === undefined) throw new Error('not there')
    return openRecord(stored.record, { keyring, id: token.id, token })
  }
  const list = await opened(deriveToken(keyring, 'better-auth/user', 'user-1'))
  expect(list).toMatchObject({ status: 'open' })
  const held = list.status === 'open' ? JSON.stringify([...list.attributes]) : ''
  expect(held).toContain(session.token)
  const its = await opened(deriveToken(keyring, 'better-auth', session.token))
  expect(its).toMatchObject({ status: 'open' })
})
