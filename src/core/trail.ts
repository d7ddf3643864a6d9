import { gcmOpen, gcmSeal, hmacSha256, randomBytes } from './crypto.ts'
import type { SessionId } from './engine.ts'
import type { Key, Keyring } from './keyring.ts'
import { NONCE_END, NONCE_OFFSET, RECORD_VERSION, TRAIL_FLAG } from './record.ts'
import { isSessionId, type Token, tokenBytes, verifyToken } from './token.ts'

/*
 * What is left at an id that was given up. It starts as a record does, with flag bit 7 set and
 * revision 0xFFFFFFFF, so that every compare-and-set against it is a conflict.
 *
 * Forward (flags 0x80), after a rotation: key id (2), the successor's public id (25), so that a
 * revocation by the former id reaches it; until when it leads on (6, ms since the epoch) and whether the
 * successor has been used (1), which change and are not authenticated; and the successor's token, sealed
 * under a key that only the holder of the former token can make: AES-256-GCM of the 36 bytes.
 * Superseded (flags 0x81), after a login or a step-up: the id must not be used again, and a late request
 * with the former token must not overwrite the new cookie. After a step-up, which is the same session,
 * two zero bytes and the successor's public id follow.
 */
const FORWARD = TRAIL_FLAG
const SUPERSEDED = TRAIL_FLAG | 1
const KEY_ID_OFFSET = NONCE_END
const ID_OFFSET = KEY_ID_OFFSET + 2
const ID_LENGTH = 25
const SUCCESSOR_END = ID_OFFSET + ID_LENGTH
const UNTIL_OFFSET = SUCCESSOR_END
const USED_OFFSET = UNTIL_OFFSET + 6
const SEALED_OFFSET = USED_OFFSET + 1
/** Keeps these keys apart from those of records, whose first byte is the sealing mode. */
const FORWARD_PURPOSE = 3
/**
 * Of a claim: its token is derived from what another system's browsers and backups have, and must not be one that opens
 * anything when it comes in a cookie, signed by who has the secrets.
 */
const CLAIM_PURPOSE = 9

export type Trailed =
  | {
      readonly kind: 'forward'
      readonly token: Token
      /** Milliseconds since the epoch: whoever comes later with the former token is not led on. */
      readonly until: number
      /** Whether somebody has come with the successor itself. */
      readonly isUsed: boolean
    }
  | { readonly kind: 'superseded' }
  /** A forward that does not open, or a kind that this version does not know. */
  | { readonly kind: 'unreadable' }

/**
 * How long the former id remembers that a login has superseded it, milliseconds: longer than a request
 * that carries the former token can still be on its way.
 */
export const SUPERSEDED_FOR: number = 5 * 60_000

/** @param successor where the same session goes on; absent: it does not */
export function makeSuperseded(successor?: SessionId): Uint8Array {
  if (successor === undefined) return head(SUPERSEDED, NONCE_END)
  const bytes = head(SUPERSEDED, SUCCESSOR_END)
  bytes.write(successor, ID_OFFSET, ID_LENGTH, 'ascii')
  return bytes
}

/**
 * A forward at `from` that leads its holder to `to`.
 * @param until milliseconds since the epoch; earlier once `to` has been used
 */
export function makeForward(keyring: Keyring, from: Token, to: Token, until: number): Uint8Array {
  const start = head(FORWARD, SEALED_OFFSET)
  start.writeUInt16BE(keyring.primary.id, KEY_ID_OFFSET)
  start.write(to.id, ID_OFFSET, ID_LENGTH, 'ascii')
  start.writeUIntBE(until, UNTIL_OFFSET, 6)
  const sealed = gcmSeal(
    forwardKey(keyring.primary, from),
    start.subarray(NONCE_OFFSET, NONCE_END),
    additional(start, from.id),
    tokenBytes(to),
  )
  return Buffer.concat([start, sealed])
}

/**
 * The forward that stands for another system's session, at an id that is derived from that: from where it
 * leads on for as long as it lives. While nobody has made sure of it, it is unused.
 * @param isSettled whether the session at `to` has been stored, and is the one
 */
export function makeClaim(
  keyring: Keyring,
  from: Token,
  to: Token,
  until: number,
  isSettled: boolean,
): Uint8Array {
  const claim = makeForward(keyring, from, to, until)
  if (isSettled) claim[USED_OFFSET] = 1
  return claim
}

/** Reads the trail found at the id of `from`. */
export function readTrail(keyring: Keyring, from: Token, trail: Uint8Array): Trailed {
  const bytes = Buffer.from(trail)
  if (isSuperseded(bytes)) return { kind: 'superseded' }
  if (bytes[1] !== FORWARD || bytes.length <= SEALED_OFFSET) return { kind: 'unreadable' }
  const start = bytes.subarray(0, SEALED_OFFSET)
  const nonce = start.subarray(NONCE_OFFSET, NONCE_END)
  const keyId = start.readUInt16BE(KEY_ID_OFFSET)
  for (const key of keyring.keys) {
    if (key.id !== keyId) continue
    const sealed = bytes.subarray(SEALED_OFFSET)
    const plain = gcmOpen(forwardKey(key, from), nonce, additional(start, from.id), sealed)
    const token = plain && verifyToken(keyring, plain)
    if (token === undefined) continue
    const until = start.readUIntBE(UNTIL_OFFSET, 6)
    return { kind: 'forward', token, until, isUsed: start[USED_OFFSET] === 1 }
  }
  return { kind: 'unreadable' }
}

/** Whether a login or a step-up has taken the place of the session; readable without the token. */
export function isSuperseded({ 1: kind, length }: Uint8Array): boolean {
  return kind === SUPERSEDED && (length === NONCE_END || length === SUCCESSOR_END)
}

/** The public id under which the session goes on; readable without the token, and not authenticated then. */
export function successorOf(trail: Uint8Array): SessionId | undefined {
  const isForward = trail[1] === FORWARD && trail.length > SEALED_OFFSET
  const isMarker = trail[1] === SUPERSEDED && trail.length === SUCCESSOR_END
  if (trail[0] !== RECORD_VERSION || !(isForward || isMarker)) return undefined
  const id = Buffer.from(trail.subarray(ID_OFFSET, SUCCESSOR_END)).toString('latin1')
  return isSessionId(id) ? id : undefined
}

/**
 * The forward once its successor has been used: it leads on until then at the latest.
 * @returns nothing for what is no forward, or one that was settled before
 */
export function settledForward(trail: Uint8Array, until: number): Uint8Array | undefined {
  const isForward = trail[0] === RECORD_VERSION && trail[1] === FORWARD
  if (!isForward || trail.length <= SEALED_OFFSET || trail[USED_OFFSET] !== 0) return undefined
  const settled = Buffer.from(trail)
  const before = settled.readUIntBE(UNTIL_OFFSET, 6)
  settled.writeUIntBE(Math.min(before, until), UNTIL_OFFSET, 6)
  settled[USED_OFFSET] = 1
  return settled
}

function head(flags: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  bytes[0] = RECORD_VERSION
  bytes[1] = flags
  bytes.writeUInt32BE(0xffff_ffff, NONCE_OFFSET)
  bytes.set(randomBytes(8), NONCE_OFFSET + 4)
  return bytes
}

function forwardKey(key: Key, from: Token): Buffer {
  return hmacSha256(
    key.seal,
    Uint8Array.of(from.isDerived ? CLAIM_PURPOSE : FORWARD_PURPOSE),
    Buffer.from(from.id, 'ascii'),
    from.secret,
  )
}

function additional(start: Uint8Array, id: SessionId): Buffer {
  return Buffer.concat([start.subarray(0, SUCCESSOR_END), Buffer.from(id, 'ascii')])
}
