/** What an attacker gets who has all of Redis, the application's secrets, and this library; but no cookie. */
import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectRedis } from '../../src/adopt/index.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { redisTarget } from '../../src/engines/redis/options.ts'
import { BYTES, Wire } from '../../src/engines/redis/wire.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { attack, idOf, inflated, type Loot, randomOf } from './support/attack.ts'

const SECRET = 'a secret for tests, of 32 bytes or more'
const CANARY = 'canary-of-an-attribute'
const COUNT = 4
const OLD_SECRET = 'keyboard cat'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/** Every key with its bytes, as a backup has them. */
async function dump(): Promise<Map<string, Buffer[]>> {
  const wire = new Wire(redisTarget({ ...server.admin, url: server.url }))
  await wire.connect()
  const ask = (...command: string[]): Promise<unknown> => wire.sendCommand(command, BYTES)
  const all = new Map<string, Buffer[]>()
  for (const key of (await ask('KEYS', '*')) as Buffer[]) {
    const name = key.toString('latin1')
    const read: Readonly<Record<string, string[]>> = {
      string: ['GET', name],
      hash: ['HGETALL', name],
      stream: ['XRANGE', name, '-', '+'],
      zset: ['ZRANGE', name, '0', '-1'],
    }
    const answer = await ask(...(read[String(await ask('TYPE', name))] ?? []))
    all.set(
      name,
      [answer].flat(9).map((part) => Buffer.from(part as Buffer)),
    )
  }
  wire.destroy()
  return all
}

interface Tokens {
  /** Of each session, as its client has it now. */
  readonly live: string[]
  /** From before a rotation. */
  readonly former: string[]
}

async function stored(seal: boolean | 'token'): Promise<Tokens> {
  await server.cli('FLUSHALL')
  const sessions = createSessions({
    ...{ redis: server.url, secrets: [SECRET], seal, audit: true, rotationGrace: '5m' },
  })
  const tokens: Tokens = { live: [], former: [] }
  for (let i = 0; i < COUNT; i++) {
    const session = await sessions.open()
    session.set('a', `${CANARY}-${i}.`)
    session.set('long', `${CANARY} `.repeat(40))
    await session.commit()
    if (i % 2 === 0) await session.login(`user ${i}`, { keep: ['a', 'long'], device: 'a phone' })
    if (i % 4 === 0) {
      tokens.former.push(session.token as string)
      await session.rotate()
    }
    tokens.live.push(session.token as string)
  }
  await sessions.close()
  return tokens
}

/** A session of express-session comes over. @returns its token here */
async function takenOver(old: 'keep' | 'delete'): Promise<string> {
  await server.cli('FLUSHALL')
  const key = 'an-old-session-of-32-characters-'
  await server.cli('SET', `sess:${key}`, JSON.stringify({ cookie: {}, cart: `${CANARY}-old.` }))
  const client = {
    get: async (name: string) => (await server.cli('GET', name)) || null,
    del: (name: string) => server.cli('DEL', name),
  }
  const sessions = createSessions({
    ...{ redis: server.url, secrets: [SECRET], seal: 'token' },
    adopt: [connectRedis({ client, secret: OLD_SECRET, old })],
  })
  const signature = createHmac('sha256', OLD_SECRET).update(key).digest('base64').replace(/=+$/, '')
  const cookie = `connect.sid=${encodeURIComponent(`s:${key}.${signature}`)}`
  const at = { secure: true, host: 'example.org', proxied: false }
  const exchange = await sessions.exchange({}, { ...at, cookie })
  exchange.session.set('new', `${CANARY}-new.`)
  await exchange.commit()
  const { token } = exchange.session
  await sessions.close()
  return token as string
}

/** Attributes that came out. */
function canaries({ opened }: Loot): string[] {
  return opened.flatMap(({ plain }) => plain.toString('latin1').match(/canary[\w-]+(?=\.)/g) ?? [])
}

function kinds({ opened }: Loot): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { kind } of opened) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

it('S06 S25 a dump and the secrets: with token-bound sealing no attribute can be read, and no token be had', async () => {
  const { live, former } = await stored('token')
  const all = await dump()
  const keys = [...all.keys()].join('\n')
  for (const token of live) expect(keys).toContain(idOf(token).slice(3))
  const loot = attack(all, [SECRET])
  expect(loot.tokens).toEqual([])
  expect(canaries(loot)).toEqual([])
  // What is told at once: that is why we know that it would have found more.
  expect(kinds(loot)).toEqual({ descriptor: COUNT / 2, audit: expect.any(Number) })
  expect(String(loot.opened.map(({ plain }) => plain))).toContain('a phone')
  // And nobody is signed in by it: the tokens are not there.
  for (const token of [...live, ...former]) {
    for (const part of [...all].flatMap(([key, parts]) => [Buffer.from(key), ...parts])) {
      expect(part.includes(token)).toBe(false)
      expect(part.includes(randomOf(token))).toBe(false)
    }
  }
}, 60_000)

it('S25 the same attack opens what one stolen token is for, and nothing beside it', async () => {
  const { live, former } = await stored('token')
  const all = await dump()
  // A forward leads from the former token to the present one, and that opens the record.
  const loot = attack(all, [SECRET], [randomOf(former[0] as string)])
  expect(loot.tokens).toEqual([live[0]])
  expect(canaries(loot)).toEqual([`${CANARY}-0`])
  const other = attack(all, [SECRET], [randomOf(live[1] as string)])
  expect(other.tokens).toEqual([])
  expect(canaries(other)).toEqual([`${CANARY}-1`])
  // The secrets are needed as well.
  const without = attack(all, ['another secret, of 32 bytes or more'], live.map(randomOf))
  expect([without.opened.length, without.tokens]).toEqual([0, []])
}, 60_000)

it('S25 the same attack reads what is sealed with the secrets alone, and gets no token there either', async () => {
  await stored(true)
  const all = await dump()
  const loot = attack(all, [SECRET])
  expect(canaries(loot).sort()).toEqual(Array.from({ length: COUNT }, (_, i) => `${CANARY}-${i}`))
  expect(loot.tokens).toEqual([])
  expect(kinds(loot)).toMatchObject({ record: COUNT, descriptor: COUNT / 2 })
  expect(attack(all, ['another secret, of 32 bytes or more']).opened).toEqual([])
  const clear = (parts: Iterable<readonly Buffer[]>): boolean =>
    [...parts].flat().some((part) => {
      const starts = Array.from({ length: Math.min(part.length, 80) }, (_, from) => from)
      return starts.some((from) => inflated(part.subarray(from)).includes(CANARY))
    })
  expect(clear(all.values())).toBe(false)
  await stored(false)
  expect(clear((await dump()).values())).toBe(true)
}, 60_000)

it('S25 what was taken over from another system stays closed as soon as that system has forgotten it', async () => {
  await takenOver('delete')
  const { opened, tokens } = attack(await dump(), [SECRET])
  expect([opened.length, tokens]).toEqual([0, []])
}, 60_000)

it('S25 but the key that the old store keeps leads to the session', async () => {
  const token = await takenOver('keep')
  const loot = attack(await dump(), [SECRET])
  expect(loot.tokens).toEqual([token])
  expect(canaries(loot).sort()).toEqual([`${CANARY}-new`, `${CANARY}-old`])
}, 60_000)
