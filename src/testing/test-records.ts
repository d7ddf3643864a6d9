import { randomBytes } from 'node:crypto'
import type { Owner, SessionId, Trail } from '../core/engine.ts'

/** The partition that test ids and principals are in unless told otherwise: partition 0. */
const TEST_PARTITION = '06S'

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

/**
 * What a rotation leaves at an id: leads to the successor.
 * @param until milliseconds since the epoch
 */
export function testForward(ttl: number, successor: SessionId, until = 0): Trail {
  const clear = Buffer.alloc(7)
  clear.writeUIntBE(until, 0, 6)
  const start = Buffer.from(`kk${successor}`)
  return testTrail(ttl, Buffer.concat([start, clear, Buffer.from('sealed'.repeat(9))]))
}

export interface TestDescriptorOptions {
  /** Milliseconds; an hour unless given. */
  readonly idleTimeout?: number
  /** Sessions of one kind have the same number; 0, as unless given: of no kind. */
  readonly kind?: number
  readonly label?: string | Uint8Array
}

/**
 * An index entry's bytes: version, creation time (ms since the epoch, 48 bit), idle timeout (48 bit),
 * kind (32 bit), label.
 */
export function testDescriptor(created: number, options: TestDescriptorOptions = {}): Uint8Array {
  const { idleTimeout = 3_600_000, kind = 0, label = '' } = options
  const head = Buffer.alloc(17)
  head.writeUInt8(1, 0)
  head.writeUIntBE(created, 1, 6)
  head.writeUIntBE(idleTimeout, 7, 6)
  head.writeUInt32BE(kind, 13)
  return Uint8Array.from([...head, ...Buffer.from(label)])
}

/** Somebody who has sessions. */
export interface TestPrincipal {
  readonly partition: string
  readonly tag: string
  /** A new session id in the principal's partition. */
  id(): SessionId
  /** What `create` and `rotate` take. `ttl`: milliseconds to the absolute deadline, a day unless given. */
  owner(created: number, ttl?: number, options?: TestDescriptorOptions): Owner
}

export function testPrincipal(partition: string = TEST_PARTITION): TestPrincipal {
  const tag = randomBytes(16).toString('base64url')
  return {
    partition,
    tag,
    id: () => testId(partition),
    owner: (created, ttl = 86_400_000, options = {}) => {
      return { tag, descriptor: testDescriptor(created, options), ttl }
    },
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
