import { randomBytes } from 'node:crypto'
import type { Owner, SessionId, Trail } from '../core/engine.ts'

/** The partition that test ids and principals are in unless told otherwise. */
const TEST_PARTITION = 'AAA'

/** A session id that nobody had before: partition tag and 16 random bytes. */
export function testId(partition: string = TEST_PARTITION): SessionId {
  return partition + randomBytes(16).toString('base64url')
}

/**
 * Bytes with a well-formed stamp area: version, flags, revision (unsigned 32 bit), 8 random bytes of
 * nonce, then the payload. Two records of one revision have different stamps.
 */
export function testRecord(revision: number, payload: string | Uint8Array = ''): Uint8Array {
  return recordBytes(0, revision, payload)
}

/** What a rotation or a logout leaves at an id: the high bit of byte 1 set, the highest revision. */
export function testTrail(ttl: number, payload: string | Uint8Array = ''): Trail {
  return { record: recordBytes(0x80, 0xffff_ffff, payload), ttl }
}

/** An index entry's bytes: version, creation time (ms since the epoch, 48 bit), label. */
export function testDescriptor(created: number, label: string | Uint8Array = ''): Uint8Array {
  const head = Buffer.alloc(7)
  head.writeUInt8(1, 0)
  head.writeUIntBE(created, 1, 6)
  return Uint8Array.from([...head, ...Buffer.from(label)])
}

/** Somebody who has sessions. */
export interface TestPrincipal {
  readonly partition: string
  readonly tag: string
  /** A new session id in the principal's partition. */
  id(): SessionId
  /** What `create` and `rotate` take. `ttl`: milliseconds to the absolute deadline, a day unless given. */
  owner(created: number, ttl?: number): Owner
}

export function testPrincipal(partition: string = TEST_PARTITION): TestPrincipal {
  const tag = randomBytes(16).toString('base64url')
  return {
    partition,
    tag,
    id: () => testId(partition),
    owner: (created, ttl = 86_400_000) => ({ tag, descriptor: testDescriptor(created), ttl }),
  }
}

function recordBytes(flags: number, revision: number, payload: string | Uint8Array): Uint8Array {
  const body = Buffer.from(payload)
  const record = new Uint8Array(14 + body.length)
  record.set([1, flags])
  new DataView(record.buffer).setUint32(2, revision)
  record.set(randomBytes(8), 6)
  record.set(body, 14)
  return record
}
