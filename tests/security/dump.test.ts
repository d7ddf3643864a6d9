/** What an attacker gets who has all of Redis, the application's secrets, and this library; but no cookie. */
import { inflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createKeyring } from '../../src/core/keyring.ts'
import { openRecord } from '../../src/core/record.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { recordIdOf } from '../../src/engines/redis/keys.ts'
import { redisTarget } from '../../src/engines/redis/options.ts'
import { BYTES, Wire } from '../../src/engines/redis/wire.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

const SECRET = 'a secret for tests, of 32 bytes or more'
const CANARY = 'canary-of-an-attribute'

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

async function stored(seal: boolean | 'token'): Promise<string[]> {
  await server.cli('FLUSHALL')
  const sessions = createSessions({ redis: server.url, secrets: [SECRET], seal, audit: true })
  const tokens: string[] = []
  for (let i = 0; i < 20; i++) {
    const session = await sessions.open()
    session.set('a', `${CANARY}-${i}`)
    session.set('long', `${CANARY} `.repeat(40))
    await session.commit()
    if (i % 2 === 0) await session.login(`user ${i}`, { keep: ['a', 'long'], device: 'a phone' })
    if (i % 4 === 0) await session.rotate()
    tokens.push(session.token as string)
  }
  await sessions.close()
  return tokens
}

/** Opens what can be opened. @returns the attributes that it got */
function attack(all: ReadonlyMap<string, readonly Buffer[]>): string[] {
  const keyring = createKeyring([SECRET])
  const got: string[] = []
  for (const [key, parts] of all) {
    const id = recordIdOf('sj', key)
    for (const part of parts) {
      const texts = [part]
      for (let from = 0; from < Math.min(part.length, 80); from++) {
        try {
          texts.push(inflateRawSync(part.subarray(from), { maxOutputLength: 100_000 }))
        } catch {
          // Not from here on.
        }
      }
      for (const text of texts) if (text.includes(CANARY)) got.push('in clear')
      if (id === undefined) continue
      const opened = openRecord(part, { keyring, id, token: undefined })
      if (opened.status === 'open') got.push(...[...opened.attributes.values()].map(String))
    }
  }
  return got
}

it('S06 S25 a dump and the secrets: with token-bound sealing no attribute can be read', async () => {
  const tokens = await stored('token')
  const all = await dump()
  expect(
    [...all.keys()].filter((key) => recordIdOf('sj', key) !== undefined).length,
  ).toBeGreaterThanOrEqual(20)
  expect(attack(all)).toEqual([])
  // And nobody is signed in by it: the tokens are not there.
  for (const token of tokens) {
    const bytes = Buffer.from(token, 'base64url')
    for (const part of [...all].flatMap(([key, parts]) => [Buffer.from(key), ...parts])) {
      expect(part.includes(token)).toBe(false)
      expect(part.includes(bytes.subarray(3, 27))).toBe(false)
    }
  }
})

it('S25 the same attack reads what is sealed with the secrets alone, and only that needs them', async () => {
  await stored(true)
  const all = await dump()
  expect(attack(all).filter((value) => value.startsWith(`${CANARY}-`))).toHaveLength(20)
  expect(attack(all)).not.toContain('in clear')
  await stored(false)
  expect(attack(await dump())).toContain('in clear')
})
