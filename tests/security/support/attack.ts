/**
 * What can be opened by who has all of Redis and the secrets. It makes keys by itself, out of all that is there, and asks none of our
 * readers, which look for a token before they make a key: a record that needed none would stay closed to them just the same.
 * Formats: protocol/README.md.
 */
import { createDecipheriv, createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { partitionTag } from '../../../src/core/partitions.ts'

/** Each key with its bytes, one after the other: of a hash fields and values, of a stream positions, names and values. */
export type Dump = ReadonlyMap<string, readonly Buffer[]>

export interface Opened {
  readonly kind: Blob['kind']
  readonly key: string
  readonly plain: Buffer
}

export interface Loot {
  readonly opened: readonly Opened[]
  /** Tokens that are good, as they stand in cookies. */
  readonly tokens: readonly string[]
}

interface Blob {
  readonly kind: 'record' | 'forward' | 'descriptor' | 'audit'
  readonly key: string
  /** Of a session. */
  readonly id: string
  readonly nonce: Buffer
  readonly additional: Buffer
  readonly body: Buffer
  /** What stands beside it, as a key may be made of it. */
  readonly beside: readonly Buffer[]
}

const NONE = Buffer.alloc(0)
const ID = /([A-Za-z0-9]{3})\}:s:([\w-]{22})$/
const INDEX = /([A-Za-z0-9]{3})\}:p:([\w-]{22})$/
/** Names under which tokens are derived from what others call their keys. */
const ORIGINS = ['connect-redis:sess:', 'better-auth', 'better-auth/user', 'signed out everywhere']

export function attack(
  dump: Dump,
  secrets: readonly string[],
  /** Random parts of tokens that have been got otherwise. */
  stolen: readonly Buffer[] = [],
): Loot {
  const roots = secrets.flatMap((secret) => [
    hkdf(secret, 'sojourn/1/seal'),
    ...[hkdf(secret, 'sojourn/1/token'), Buffer.from(secret)],
  ])
  const texts = textsOf(dump)
  const randoms = new Map<string, Buffer>()
  for (const random of stolen) randoms.set(random.toString('hex'), random)
  const tokens = new Set<string>()
  const opened: Opened[] = []
  let closed = [...dump].flatMap(([key, parts]) => blobsOf(key, parts))
  const tried = new Set<Blob>()
  // What has been opened may open more.
  for (let isNew = true; isNew; ) {
    isNew = false
    for (const random of texts.flatMap(derivedFrom)) randoms.set(random.toString('hex'), random)
    const byId = new Map([...randoms.values()].map((random) => [hashOf(random), random]))
    for (const blob of closed) {
      const random = byId.get(blob.id.slice(3))
      if (tried.has(blob) && random === undefined) continue
      tried.add(blob)
      const plain = open(blob, roots, random)
      if (plain === undefined) continue
      isNew = true
      opened.push({ kind: blob.kind, key: blob.key, plain })
      closed = closed.filter((each) => each !== blob)
      texts.push(...wordsOf(plain))
      if (blob.kind !== 'forward') continue
      tokens.add(plain.toString('base64url'))
      const next = plain.subarray(3, 27)
      randoms.set(next.toString('hex'), next)
    }
  }
  return { opened, tokens: [...tokens] }
}

function blobsOf(key: string, parts: readonly Buffer[]): Blob[] {
  const [, tag = '', hash = ''] = ID.exec(key) ?? []
  if (hash !== '') return parts.flatMap((bytes) => sessionBlob(key, tag + hash, bytes))
  const [, indexTag = '', owner = ''] = INDEX.exec(key) ?? []
  const pairs = parts.flatMap((part, i) => (i % 2 === 0 ? [[part, parts[i + 1] ?? NONE]] : []))
  if (owner !== '') {
    return pairs.map(([field = NONE, bytes = NONE]) => ({
      ...{ kind: 'descriptor', key, id: indexTag + field, nonce: bytes.subarray(19, 31) },
      additional: Buffer.concat([bytes.subarray(0, 31), Buffer.from(indexTag + field)]),
      ...{ body: bytes.subarray(31), beside: [Buffer.from(owner)] },
    }))
  }
  if (!key.endsWith(':a')) return []
  // The audit: e, its event, t, its time, d, its details.
  return parts.flatMap((bytes, i): Blob[] => {
    if (parts[i - 1]?.toString() !== 'd' || bytes.length < 31) return []
    const at = Buffer.alloc(6)
    at.writeUIntBE(Number(parts[i - 2]), 0, 6)
    return [
      {
        ...{ kind: 'audit', key, id: '', nonce: bytes.subarray(3, 15) },
        additional: Buffer.concat([bytes.subarray(0, 15), parts[i - 4] ?? NONE]),
        ...{ body: bytes.subarray(15), beside: [at] },
      },
    ]
  })
}

function sessionBlob(key: string, id: string, bytes: Buffer): Blob[] {
  const isTrail = ((bytes[1] ?? 0) & 0x80) !== 0
  if (isTrail && bytes.length <= 48) return []
  const head = isTrail ? 41 : ((bytes[1] ?? 0) & 0x20) === 0 ? 36 : 52
  return [
    {
      ...{ kind: isTrail ? 'forward' : 'record', key, id, nonce: bytes.subarray(2, 14) },
      additional: Buffer.concat([bytes.subarray(0, head), Buffer.from(id)]),
      body: bytes.subarray(isTrail ? 48 : head),
      beside: [
        ...[bytes.subarray(0, head), bytes.subarray(2, 14), bytes.subarray(16, 41)],
        ...(isTrail ? [] : [bytes.subarray(36, 52)]),
      ],
    },
  ]
}

/** By every purpose that a key can have, with whatever may come behind it. */
function open(blob: Blob, roots: readonly Buffer[], random?: Buffer): Buffer | undefined {
  const id = Buffer.from(blob.id)
  const behind = [
    ...(random === undefined ? [] : [Buffer.concat([id, random]), random]),
    ...[NONE, id, ...blob.beside, ...blob.beside.map((part) => Buffer.concat([id, part]))],
    ...[Buffer.alloc(24), createHash('sha256').update(id).digest().subarray(0, 24)].map((part) =>
      Buffer.concat([id, part]),
    ),
  ]
  for (const [i, root] of roots.entries()) {
    for (let purpose = 0; purpose < (i % 3 === 0 ? 256 : 8); purpose++) {
      for (const part of behind) {
        const key = createHmac('sha256', root).update(Uint8Array.of(purpose)).update(part).digest()
        const plain = decrypted(blob, key) ?? authenticated(blob, key)
        if (plain !== undefined) return inflated(plain)
      }
    }
  }
  return undefined
}

function decrypted({ nonce, additional, body }: Blob, key: Buffer): Buffer | undefined {
  if (body.length < 16) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAAD(additional).setAuthTag(body.subarray(-16))
  const plain = decipher.update(body.subarray(0, -16))
  try {
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}

/** What `seal: false` writes. */
function authenticated({ kind, additional, body }: Blob, key: Buffer): Buffer | undefined {
  if (kind !== 'record' || ((additional[1] ?? 0) & 0x18) !== 0) return undefined
  const payload = body.subarray(0, -16)
  const tag = createHmac('sha256', key).update(additional).update(payload).digest().subarray(0, 16)
  return timingSafeEqual(tag, body.subarray(-16)) ? payload : undefined
}

export function inflated(bytes: Buffer): Buffer {
  try {
    return Buffer.concat([bytes, inflateRawSync(bytes, { maxOutputLength: 1_000_000 })])
  } catch {
    return bytes
  }
}

function derivedFrom(text: string): Buffer[] {
  return ORIGINS.map((origin) =>
    createHash('sha256').update(`sojourn\0${origin}\0${text}`).digest().subarray(2, 26),
  )
}

/** Names of keys and fields, whole and in parts. */
function textsOf(dump: Dump): string[] {
  const found = new Set<string>()
  for (const [key, parts] of dump) {
    for (const text of [key, ...key.split(/[:{}]+/)]) found.add(text)
    for (const part of parts) for (const word of wordsOf(part)) found.add(word)
  }
  return [...found]
}

function wordsOf(bytes: Buffer): string[] {
  return (bytes.toString('latin1').match(/[\w .@-]{3,80}/g) ?? []).flatMap((word) => [
    word,
    // A byte of the format before it may look like a letter.
    word.slice(1),
  ])
}

function hashOf(random: Buffer): string {
  return createHash('sha256').update(random).digest().toString('base64url', 0, 16)
}

function hkdf(secret: string, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, NONE, info, 32))
}

/** The random part of a token as it stands in a cookie. */
export function randomOf(token: string): Buffer {
  return Buffer.from(token, 'base64url').subarray(3, 27)
}

/** The partition is in the clear; so an id needs no more than the random part. */
export function idOf(token: string): string {
  const bytes = Buffer.from(token, 'base64url')
  return partitionTag(bytes.readUInt16BE(1)) + hashOf(bytes.subarray(3, 27))
}
