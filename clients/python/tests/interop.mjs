// The Node implementation, for the tests of the Python one: a process that is asked line by line, in JSON, and answers
// so. Values are in the notation of the JSON codec. Usage: node interop.mjs <folder of the built library>
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const dist = (path) => import(`${pathToFileURL(process.argv[2])}/${path}`)
const { counter, createSessions } = await dist('index.js')
const { codecs } = await dist('core/codec.js')
const { createKeyring } = await dist('core/keyring.js')
const { createToken, parseToken } = await dist('core/token.js')
const { namePrincipal } = await dist('core/principal.js')
const { encodeRecord, openRecord } = await dist('core/record.js')

let keyring
let sessions
const expired = []

const textOf = (attributes, meta = new Map()) =>
  Buffer.from(codecs.json.encode(attributes, meta)).toString()
const valuesOf = (text) => codecs.json.decode(Buffer.from(text)).attributes
const hex = (bytes) => Buffer.from(bytes).toString('hex')

/** xorshift32: the same values for the same seed. */
function randomFrom(seed) {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const TEXTS = ['', 'a', 'Zoë 🙂', '\u2028\u0000"\\', '__proto__', '$date', '1', 'x'.repeat(300), '\u{10ffff}']
const NUMBERS = [0, -0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, 2 ** 32, -(2 ** 31), 2 ** 53 - 1]
const MORE_NUMBERS = [-(2 ** 53 - 1), 2 ** 53, 1e20, 1.5, -0.1, 5e-324, 1.7e308, Number.NaN, 1 / 0, -1 / 0]
const DATES = [0, -1, 1732440000123, 2 ** 32 * 1000, 2 ** 34 * 1000, -8.64e15, 8.64e15, 253402300799999]
const BIGINTS = [0n, 3n, -3n, 127n, 128n, -128n, -129n, 2n ** 53n, 2n ** 64n, -(2n ** 64n), 10n ** 100n]

function randomValue(random, depth = 0) {
  const pick = (list) => list[random(list.length)]
  const many = (make) => Array.from({ length: random(4) }, make)
  const inner = () => randomValue(random, depth + 1)
  const key = () => (random(3) === 0 ? inner() : pick([...TEXTS, ...NUMBERS, true, null]))
  switch (random(depth > 3 ? 8 : 13)) {
    case 0:
      return pick([null, true, false])
    case 1:
      return pick(TEXTS)
    case 2:
      return pick(NUMBERS)
    case 3:
      return pick(MORE_NUMBERS)
    case 4:
      return new Date(pick(DATES))
    case 5:
      return pick(BIGINTS)
    case 6:
      return Uint8Array.from(many(() => random(256)))
    case 7:
      return random(1000) / 8
    case 8:
      return many(inner)
    case 9:
      return Object.fromEntries(many(() => [pick(TEXTS), inner()]))
    case 10:
      return new Map(many(() => [key(), inner()]))
    case 11:
      return new Set(many(key))
    default:
      return new Map(many(() => [pick(TEXTS), inner()]))
  }
}

function randomAttributes(random) {
  const attributes = new Map()
  for (let i = random(5); i >= 0; i--) attributes.set(`name${i}`, randomValue(random))
  return attributes
}

async function open(token) {
  const session = await sessions.open(token ?? undefined)
  return { session, about: () => aboutOf(session) }
}

function aboutOf(session) {
  const attributes = new Map(session.names().map((name) => [name, session.get(name)]))
  const { id = null, token = null, principal = null, level = null, isNew } = session
  return { id, token, principal, level, isNew, content: textOf(attributes) }
}

const operations = {
  start({ url, prefix, secrets, expiry }) {
    keyring = createKeyring(secrets)
    sessions = createSessions({ redis: url, prefix, secrets, expiry, nearCache: false, merge: { n: counter } })
    return {}
  },
  listen() {
    sessions.on('expired', (event) => void expired.push(event))
    return {}
  },
  /** What was heard so far. */
  expired() {
    return expired
  },
  /** Random records of all codecs and sealings. */
  make({ count, seed }) {
    const random = randomFrom(seed)
    return Array.from({ length: count }, () => {
      const attributes = randomAttributes(random)
      const owner = random(2) === 0 ? undefined : namePrincipal('ada', Buffer.alloc(0))
      const meta = owner === undefined ? new Map() : new Map([['p', 'ada'], ['zz', randomValue(random)]])
      const header = { createdAt: 1732440000000, deadline: 1732483200000, idleTimeout: 1800000 }
      const token = createToken(keyring)
      const record = encodeRecord(
        { ...header, revision: 1 + random(2 ** 31), schema: 1 + random(65535), ownerTag: owner?.tag },
        { attributes, meta },
        { keyring, id: token.id, token },
        {
          codec: random(2) === 0 ? codecs.json : codecs.messagepack,
          seal: random(3),
          compressAbove: random(2) === 0 ? 0 : Number.POSITIVE_INFINITY,
          maxBytes: 1 << 20,
        },
      )
      return { token: token.text, record: hex(record), content: textOf(attributes, meta) }
    })
  },
  /** What records of others hold. */
  read({ records }) {
    return records.map(({ token, record }) => {
      const parsed = parseToken(keyring, token)
      const context = { keyring, id: parsed.id, token: parsed }
      const opened = openRecord(Buffer.from(record, 'hex'), context)
      if (opened.status !== 'open') return { reason: opened.reason }
      const { revision, schema, ownerTag = null } = opened.header
      return { content: textOf(opened.attributes, opened.meta), revision, schema, ownerTag }
    })
  },
  /** What payloads say that may be damaged; null where they are malformed. */
  decode({ codec, payloads }) {
    return payloads.map((payload) => {
      try {
        const { attributes, meta } = codecs[codec].decode(Buffer.from(payload, 'hex'))
        return textOf(attributes, meta)
      } catch {
        return null
      }
    })
  },
  async get({ token }) {
    return (await open(token)).about()
  },
  async set({ token, content, login }) {
    const { session, about } = await open(token)
    for (const [name, value] of valuesOf(content)) session.set(name, value)
    if (login === undefined) await session.commit()
    else await session.login(login, { keep: session.names(), device: 'Node', kind: 'web', level: 1 })
    return about()
  },
  async random({ token, seed }) {
    const { session, about } = await open(token)
    for (const [name, value] of randomAttributes(randomFrom(seed))) session.set(name, value)
    await session.commit()
    return about()
  },
  async rotate({ token }) {
    const { session, about } = await open(token)
    await session.rotate()
    return about()
  },
  async stepUp({ token, level }) {
    const { session, about } = await open(token)
    await session.stepUp(level)
    return about()
  },
  async logout({ token }) {
    const { session } = await open(token)
    await session.logout()
    return {}
  },
  async list({ principal }) {
    const listed = await sessions.of(principal).list()
    return listed.map(({ id, device = null, kind = null, deadline }) => ({ id, device, kind, deadline }))
  },
  async revoke({ id }) {
    return { revoked: (await sessions.revoke(id)) !== false }
  },
  async stop() {
    await sessions?.close()
    process.exit(0)
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...options } = JSON.parse(line)
  let answer
  try {
    answer = { answer: await operations[operation](options) }
  } catch (error) {
    answer = { error: `${error.stack}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
