/** A bounded run of each parser that reads what others may have written; `SOJOURN_FULL=1`: a million of cookies and records. */
import { expect, it } from 'vitest'
import { openEntry, sealEntry } from '../../src/core/audit-entry.ts'
import { codecs, MalformedPayloadError } from '../../src/core/codec.ts'
import { randomBytes } from '../../src/core/crypto.ts'
import { OptionError } from '../../src/core/errors.ts'
import { Exchange } from '../../src/core/exchange.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { encodeRecord, openRecord, type SealMode } from '../../src/core/record.ts'
import { createToken, parseToken } from '../../src/core/token.ts'
import { readTrail } from '../../src/core/trail.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { type Random, seeded } from '../support/random.ts'

const FULL = process.env['SOJOURN_FULL'] === '1'
const MANY = FULL ? 1_000_000 : 30_000
const SOME = FULL ? 100_000 : 4_000
const SECRETS = ['a secret for tests, of 32 bytes or more', 'a former one, of 32 bytes or more']
const keyring = createKeyring(SECRETS)

const pick = <T>({ next }: Random, items: readonly T[]): T => items[next(items.length)] as T

/** Bits flipped, pieces cut out, doubled, put in place of others, or all of it anew. */
function mutated(bytes: Uint8Array, random: Random): Buffer {
  const { next } = random
  let made: Buffer = Buffer.from(bytes)
  for (let i = 1 + next(3); i > 0; i--) {
    const [a, b] = [next(made.length + 1), next(made.length + 1)].sort((x, y) => x - y) as [
      number,
      number,
    ]
    switch (next(6)) {
      case 0:
        if (made.length > 0) {
          const at = next(made.length)
          made[at] = (made[at] as number) ^ (1 << next(8))
        }
        break
      case 1:
        made = made.subarray(0, a)
        break
      case 2:
        made = Buffer.concat([made.subarray(0, b), made.subarray(a)])
        break
      case 3:
        made = Buffer.concat([made.subarray(0, a), made.subarray(b)])
        break
      case 4:
        made = Buffer.concat([made.subarray(0, a), randomBytes(next(20)), made.subarray(b)])
        break
      default:
        made = randomBytes(next(400))
    }
    made = Buffer.from(made)
  }
  return made
}

it('S04 S05 fuzzed cookies: no crash, no command to the store, nothing is stored', async () => {
  const random = seeded('S04')
  const calls: string[] = []
  const engine = memoryEngine()
  const watched = new Proxy(engine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      const isCall = ['load', 'create', 'commit', 'rotate', 'touch', 'destroy'].includes(
        String(name),
      )
      if (typeof value !== 'function' || !isCall) return value
      return (...args: unknown[]) => {
        calls.push(String(name))
        return Reflect.apply(value, target, args) as unknown
      }
    },
  })
  const sessions = createSessions({ engine: watched, secrets: SECRETS })
  const session = await sessions.open()
  session.set('a', 1)
  await session.commit()
  calls.length = 0
  const stored = engine.stats().records
  const real = `__Host-session=${session.token}`
  const seeds = [
    ...[
      real,
      `a=b; ${real}; c=d`,
      `${real}; ${real}`,
      '__Host-session=',
      '__Host-session="x"',
      '=',
    ],
    ...[`__Host-session=${'A'.repeat(48)}`, '\0\r\n', `${'a=b; '.repeat(500)}${real}`],
  ]
  let refused = 0
  for (let i = 0; i < MANY; i++) {
    const cookie = mutated(Buffer.from(pick(random, seeds)), random).toString('latin1')
    if (cookie.includes(session.token as string)) continue
    const exchange = sessions.exchange(
      {},
      { secure: true, host: 'example.org', proxied: false, cookie },
    )
    expect(exchange).toBeInstanceOf(Exchange)
    expect((exchange as Exchange<object>).dirty).toBe(false)
    refused++
  }
  expect(refused).toBeGreaterThan(MANY / 3)
  expect(calls).toEqual([])
  expect(engine.stats().records).toBe(stored)
  await sessions.close()
}, 600_000)

it('S25 S27 fuzzed records: no crash, and none opens that is not what was sealed', () => {
  const random = seeded('S25')
  const made = [0, 1, 2].flatMap((seal) =>
    [codecs.messagepack, codecs.json].map((codec) => {
      const token = createToken(keyring)
      const context = { keyring, id: token.id, token }
      const header = {
        ...{ revision: 1, createdAt: 1e12, deadline: 2e12, idleTimeout: 1e6, schema: 1 },
        ownerTag: seal === 1 ? 'A'.repeat(22) : undefined,
      }
      const content = {
        attributes: new Map<string, unknown>([
          ['a', { b: [1, 'two', null] }],
          ['text', 'x'.repeat(300)],
        ]),
        meta: new Map(),
      }
      const settings = { codec, seal: seal as SealMode, compressAbove: 256, maxBytes: 65_536 }
      return { context, record: encodeRecord(header, content, context, settings) }
    }),
  )
  const wrong: string[] = []
  for (let i = 0; i < MANY; i++) {
    const { context, record } = pick(random, made)
    const bytes = mutated(record, random)
    const isOpen = openRecord(bytes, context).status === 'open'
    if (isOpen !== bytes.equals(record)) wrong.push(bytes.toString('hex'))
  }
  expect(wrong).toEqual([])
}, 600_000)

it('S04 S24 fuzzed tokens, trails, audit entries and payloads: a value or a foreseen refusal, nothing else', () => {
  const random = seeded('S24')
  const token = createToken(keyring)
  const entry = sealEntry(keyring, 'login', 1e12, { id: token.id, principal: 'ada' })
  const payloads = [codecs.messagepack, codecs.json].map(
    (codec) =>
      [codec, codec.encode(new Map([['a', { b: [1, new Date(0), 'x'] }]]), new Map())] as const,
  )
  const wrong: string[] = []
  for (let i = 0; i < SOME; i++) {
    const text = mutated(Buffer.from(token.text), random).toString('latin1')
    if (text !== token.text && parseToken(keyring, text) !== undefined) wrong.push(text)
    readTrail(keyring, token, mutated(Buffer.alloc(90, 1), random))
    const details = mutated(entry.details, random)
    const { unreadable } = openEntry(keyring, { ...entry, position: '1-0', details })
    if (unreadable === details.equals(entry.details)) wrong.push(details.toString('hex'))
    const [codec, payload] = pick(random, payloads)
    try {
      codec.decode(mutated(payload, random))
    } catch (error) {
      if (!(error instanceof MalformedPayloadError)) throw error
    }
  }
  expect(wrong).toEqual([])
}, 600_000)

it('S15 fuzzed options: made, or refused by name', async () => {
  const random = seeded('S15')
  const values = [
    ...[
      undefined,
      null,
      0,
      -1,
      1e300,
      Number.NaN,
      '',
      '5m',
      '0s',
      '-1m',
      '1e9d',
      'x'.repeat(1e4),
      true,
      false,
    ],
    ...[
      [],
      {},
      { max: 0 },
      { every: '1m' },
      () => 1,
      Symbol('s'),
      10n,
      new Date(0),
      new Map(),
      Buffer.alloc(40),
    ],
    ...[
      'token',
      'json',
      'reject',
      '__proto__',
      { __proto__: null },
      { name: 'a b' },
      ['x'.repeat(40)],
    ],
  ]
  const names = [
    ...[
      'secrets',
      'idleTimeout',
      'absoluteTimeout',
      'touchAfter',
      'rotateEvery',
      'rotationGrace',
      'rotationPatience',
    ],
    ...[
      'reuseWindow',
      'tokenReuse',
      'seal',
      'codec',
      'compress',
      'maxBytes',
      'merge',
      'schema',
      'version',
      'migrate',
    ],
    ...[
      'cookie',
      'pepper',
      'maxSessions',
      'audit',
      'outage',
      'outageGrace',
      'region',
      'adopt',
      'clock',
      'prefix',
    ],
    ...['nearCache', 'expiry', 'durability', 'commandTimeout', 'nonsense', '__proto__', 'toString'],
  ]
  let refused = 0
  for (let i = 0; i < SOME; i++) {
    const options: Record<string, unknown> = {}
    for (let n = 1 + random.next(4); n > 0; n--) options[pick(random, names)] = pick(random, values)
    try {
      await createSessions(options as never).close()
    } catch (error) {
      if (!(error instanceof OptionError)) throw error
      refused++
    }
  }
  expect(refused).toBeGreaterThan(SOME / 4)
}, 600_000)
