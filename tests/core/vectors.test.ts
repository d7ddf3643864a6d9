/**
 * The vectors, checked twice: by the library, and for what is deterministic by a second
 * implementation below that follows protocol/README.md and imports nothing of ours.
 */
import { createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { openEntry } from '../../src/core/audit-entry.ts'
import { codecs } from '../../src/core/codec.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import { partitionTag } from '../../src/core/partitions.ts'
import { namePrincipal, openDescriptor } from '../../src/core/principal.ts'
import { openRecord } from '../../src/core/record.ts'
import { parseToken, type Token } from '../../src/core/token.ts'
import { readTrail, successorOf } from '../../src/core/trail.ts'
import { indexKey, recordKey } from '../../src/engines/redis/keys.ts'

interface Keys {
  secrets: { secret: string; keyId: number; tokenKey: string; sealKey: string }[]
  partitionTags: string[]
  regionTags: { region: number; partition: number; tag: string }[]
  principals: {
    principal: string
    pepper: string
    tag: string
    partition: number
    indexKey: string
  }[]
}
interface Tokens {
  valid: {
    token: string
    version: number
    region: number
    partition: number
    random: string
    sessionId: string
    recordKey: string
  }[]
  invalid: { why: string; token: string }[]
}
interface RecordVector {
  why: string
  sessionId: string
  token: string
  record: string
}
interface Records {
  opens: (RecordVector & {
    header: { ownerTag: string | null; revision: number; deadline: number }
    codec: 'messagepack' | 'json'
    sealing: 'authenticated' | 'sealed' | 'token-sealed'
    compressed: boolean
    content: unknown
  })[]
  refused: RecordVector[]
}
interface Trails {
  forwards: {
    why: string
    from: string
    trail: string
    to: string
    sessionId: string
    until: number
    used: boolean
  }[]
  superseded: { why: string; from: string; trail: string; sessionId: string | null }[]
  refused: { why: string; from: string; trail: string }[]
}
interface AuditVector {
  why: string
  event: string
  at: number
  details: string
}
interface Audit {
  opens: (AuditVector & { content: unknown })[]
  refused: AuditVector[]
}
interface Descriptors {
  ownerTag: string
  opens: {
    sessionId: string
    descriptor: string
    pepper: string
    kindTag: string
    createdAt: number
    deadline: number
    idleTimeout: number
    principal: string
    kind: string | null
    device: string | null
    address: string | null
  }[]
}

function read(name: string): unknown {
  const file = new URL(`../../protocol/vectors/${name}.json`, import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}

const keys = read('keys') as Keys
const tokens = read('tokens') as Tokens
const records = read('records') as Records
const trails = read('trails') as Trails
const descriptors = read('descriptors') as Descriptors
const audit = read('audit') as Audit
const keyring = createKeyring(keys.secrets.map(({ secret }) => secret))
const unhex = (text: string): Buffer => Buffer.from(text, 'hex')

function tokenOf(text: string): Token {
  const token = parseToken(keyring, text)
  if (token === undefined) throw new Error('not a token')
  return token
}

const contextOf = (vector: RecordVector): Parameters<typeof openRecord>[1] => ({
  keyring,
  id: vector.sessionId,
  token: tokenOf(vector.token),
})

describe('keys', () => {
  it.each(keys.secrets)('subkeys of a secret', ({ secret, keyId, tokenKey, sealKey }) => {
    const derive = (info: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', info, 32))
    expect(derive('sojourn/1/key-id').readUInt16BE()).toBe(keyId)
    expect(derive('sojourn/1/token').toString('hex')).toBe(tokenKey)
    expect(derive('sojourn/1/seal').toString('hex')).toBe(sealKey)
    const [ours] = createKeyring([secret]).keys
    const hex = [ours?.token, ours?.seal].map((key) => key?.export().toString('hex'))
    expect([ours?.id, ...hex]).toEqual([keyId, tokenKey, sealKey])
  })

  it('tags of all partitions', () => {
    expect(keys.partitionTags).toHaveLength(1024)
    expect(keys.partitionTags.map((_, number) => partitionTag(number))).toEqual(keys.partitionTags)
  })

  it.each(keys.regionTags)('tag of partition $partition in region $region', (vector) => {
    expect(partitionTag(vector.partition, vector.region)).toBe(vector.tag)
    expect(tagsOfSlot(16 * vector.partition)[vector.region]).toBe(vector.tag)
  })

  it.each(keys.principals)('principal $principal, pepper "$pepper"', (vector) => {
    const name = createHmac('sha256', vector.pepper).update(vector.principal).digest()
    expect(name.toString('base64url', 0, 16)).toBe(vector.tag)
    expect(name.readUInt16BE() % 1024).toBe(vector.partition)
    const ours = namePrincipal(vector.principal, Buffer.from(vector.pepper))
    expect([ours.tag, ours.partition]).toEqual([vector.tag, vector.partition])
    expect(indexKey('sj', ours.partitionTag, ours.tag)).toBe(vector.indexKey)
  })
})

/** All strings of three characters with the slot, in their order. */
function tagsOfSlot(slot: number): string[] {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const found: string[] = []
  for (const a of alphabet) {
    for (const b of alphabet) {
      for (const c of alphabet) if (crc16(a + b + c) % 16_384 === slot) found.push(a + b + c)
    }
  }
  return found
}

/** CRC-16/XMODEM, bit by bit. */
function crc16(text: string): number {
  let crc = 0
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1_1021 : 0)
  }
  return crc
}

describe('tokens', () => {
  it.each(tokens.valid)('$sessionId', (vector) => {
    const bytes = Buffer.from(vector.token, 'base64url')
    const mac = keys.secrets.map(({ tokenKey }) =>
      createHmac('sha256', unhex(tokenKey))
        .update(bytes.subarray(0, 27))
        .digest('hex')
        .slice(0, 18),
    )
    expect(mac).toContain(bytes.toString('hex', 27))
    const tag = tagsOfSlot(16 * bytes.readUInt16BE(1))[bytes.readUInt8(0) & 31]
    const hash = createHash('sha256').update(bytes.subarray(3, 27)).digest()
    expect(`${tag}${hash.toString('base64url', 0, 16)}`).toBe(vector.sessionId)
    const ours = tokenOf(vector.token)
    expect(Buffer.from(ours.secret).toString('hex')).toBe(vector.random)
    expect([ours.id, ours.partition, ours.region]).toEqual([
      vector.sessionId,
      vector.partition,
      vector.region,
    ])
    expect(recordKey('sj', ours.id)).toBe(vector.recordKey)
  })

  it.each(tokens.invalid)('S04 refused: $why', ({ token }) => {
    expect(parseToken(keyring, token)).toBeUndefined()
  })
})

describe('records', () => {
  it.each(records.opens)('opens: $why', (vector) => {
    const opened = openRecord(unhex(vector.record), contextOf(vector))
    if (opened.status !== 'open') throw new Error(opened.reason)
    expect({ ...opened.header, ownerTag: opened.header.ownerTag ?? null }).toEqual(vector.header)
    const json = Buffer.from(codecs.json.encode(opened.attributes, opened.meta)).toString()
    expect(JSON.parse(json)).toEqual(vector.content)
  })

  it.each(records.opens)('opens by the written protocol alone: $why', (vector) => {
    const { attributes, meta } = codecs[vector.codec].decode(openByHand(vector))
    const content = codecs.json.decode(Buffer.from(JSON.stringify(vector.content)))
    expect([attributes, meta]).toEqual([content.attributes, content.meta])
  })

  it.each(records.refused)('refused: $why', (vector) => {
    expect(openRecord(unhex(vector.record), contextOf(vector)).status).toBe('rejected')
  })

  it.each(records.opens)('S25 damaged at any byte it does not open: $why', (vector) => {
    const context = contextOf(vector)
    const record = unhex(vector.record)
    for (let at = 0; at < record.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const damaged = Buffer.from(record)
        damaged[at] = (damaged[at] ?? 0) ^ mask
        expect(openRecord(damaged, context).status, `byte ${at} ^ ${mask}`).toBe('rejected')
      }
      expect(openRecord(record.subarray(0, at), context).status, `${at} bytes`).toBe('rejected')
    }
  })
})

/** Section 6 of protocol/README.md. */
function openByHand(vector: Records['opens'][number]): Buffer {
  const bytes = unhex(vector.record)
  const head = bytes.subarray(0, vector.header.ownerTag === null ? 36 : 52)
  const keyId = bytes.readUInt16BE(14)
  const sealKey = keys.secrets.find((secret) => secret.keyId === keyId)?.sealKey ?? ''
  const sealing = { authenticated: 0, sealed: 1, 'token-sealed': 2 }[vector.sealing]
  const random = Buffer.from(vector.token, 'base64url').subarray(3, 27)
  const input = [Buffer.of(sealing), Buffer.from(vector.sessionId)]
  if (sealing === 2) input.push(random)
  const key = createHmac('sha256', unhex(sealKey)).update(Buffer.concat(input)).digest()
  const additional = Buffer.concat([head, Buffer.from(vector.sessionId)])
  const body = bytes.subarray(head.length, -16)
  const tag = bytes.subarray(-16)
  let payload = body
  if (sealing === 0) {
    const mac = createHmac('sha256', key).update(additional).update(body).digest()
    if (!mac.subarray(0, 16).equals(tag)) throw new Error('not authentic')
  } else {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(2, 14))
    decipher.setAAD(additional)
    decipher.setAuthTag(tag)
    payload = Buffer.concat([decipher.update(body), decipher.final()])
  }
  return vector.compressed ? inflateRawSync(payload) : payload
}

describe('trails', () => {
  it.each(trails.forwards)('forward $why', ({ from, trail, to, sessionId, until, used }) => {
    const found = readTrail(keyring, tokenOf(from), unhex(trail))
    expect(found).toMatchObject({ kind: 'forward', token: { text: to }, until, isUsed: used })
    expect(successorOf(unhex(trail))).toBe(sessionId)
  })

  it.each(trails.superseded)('superseded $why', ({ from, trail, sessionId }) => {
    expect(readTrail(keyring, tokenOf(from), unhex(trail))).toEqual({ kind: 'superseded' })
    expect(successorOf(unhex(trail)) ?? null).toBe(sessionId)
  })

  it.each(trails.refused)('refused: $why', ({ from, trail }) => {
    expect(readTrail(keyring, tokenOf(from), unhex(trail))).toEqual({ kind: 'unreadable' })
  })
})

describe('descriptors', () => {
  it.each(descriptors.opens)('kind $kind, device $device', (vector) => {
    const { sessionId, descriptor, pepper, kindTag, ...expected } = vector
    const opened = openDescriptor(keyring, descriptors.ownerTag, sessionId, unhex(descriptor))
    const { kind = null, device = null, address = null } = opened ?? {}
    expect({ ...opened, kind, device, address }).toEqual(expected)
    const mac = createHmac('sha256', pepper).update(`kind\0${kind}`).digest()
    expect(kindTag).toBe(kind === null ? '00000000' : mac.subarray(0, 4).toString('hex'))
    expect(unhex(descriptor).subarray(13, 17).toString('hex')).toBe(kindTag)
  })
})

describe('audit', () => {
  const stored = ({ event, at, details }: AuditVector): Parameters<typeof openEntry>[1] => ({
    ...{ position: '1-0', event, at },
    details: unhex(details),
  })

  it.each(audit.opens)('opens: $why', (vector) => {
    expect(openEntry(keyring, stored(vector))).toMatchObject({
      unreadable: false,
      details: vector.content,
    })
  })

  it.each(audit.opens)('opens by the written protocol alone: $why', (vector) => {
    const bytes = unhex(vector.details)
    const { sealKey } = keys.secrets.find(({ keyId }) => keyId === bytes.readUInt16BE(1)) ?? {}
    const at = Buffer.alloc(6)
    at.writeUIntBE(vector.at, 0, 6)
    const purpose = Buffer.concat([Buffer.of(5), at])
    const key = createHmac('sha256', unhex(sealKey ?? ''))
      .update(purpose)
      .digest()
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(3, 15))
    decipher.setAAD(Buffer.concat([bytes.subarray(0, 15), Buffer.from(vector.event)]))
    decipher.setAuthTag(bytes.subarray(-16))
    const plain = Buffer.concat([decipher.update(bytes.subarray(15, -16)), decipher.final()])
    const { attributes } = codecs.messagepack.decode(plain)
    expect(Object.fromEntries(attributes)).toEqual(vector.content)
  })

  it.each(audit.refused)('refused: $why', (vector) => {
    expect(openEntry(keyring, stored(vector)).unreadable).toBe(true)
  })
})
