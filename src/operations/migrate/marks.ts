import type { Mark } from './decide.ts'

/** Stamp (8), when it would have ended (6), state (1). */
const MARK_BYTES = 15
const STATES = ['same', 'pending', 'ended'] as const

export function encodeMark({ stamp, expiresAt, state }: Mark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.write(stamp, 0, 'latin1')
  bytes.writeUIntBE(Math.round(expiresAt), 8, 6)
  bytes[14] = STATES.indexOf(state)
  return bytes
}

/** @returns undefined for none, and for what is none */
export function decodeMark(bytes: Buffer | undefined): Mark | undefined {
  const state = STATES[bytes?.[14] ?? -1]
  if (bytes?.length !== MARK_BYTES || state === undefined) return undefined
  return { stamp: bytes.toString('latin1', 0, 8), expiresAt: bytes.readUIntBE(8, 6), state }
}
