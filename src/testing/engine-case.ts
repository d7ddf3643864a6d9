import assert from 'node:assert/strict'
import type { Engine, SessionId, Stamp, Stored, WriteResult } from '../core/engine.ts'

/** What a case needs of the engine under test. */
export interface EngineHarness {
  readonly engine: Engine
  /**
   * Another instance on the same storage, as a second web node has; the same object for engines
   * whose storage is the process.
   */
  readonly second: Engine
  /** `ms` milliseconds pass. Cases let minutes pass: move a clock, do not sleep. */
  readonly advance: (ms: number) => Promise<void>
}

export interface EngineCase {
  readonly title: string
  readonly run: (harness: EngineHarness) => Promise<void>
}

export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 3_600_000

/** Time that may really pass while a case runs: lifetimes are reported short by at most this. */
const TOLERANCE = 5 * SECOND

/** Prints sizes and the first difference instead of two megabytes. */
export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.ok(actual instanceof Uint8Array, `${what}: not a Uint8Array`)
  if (Buffer.compare(actual, expected) === 0) return
  const at = expected.findIndex((byte, i) => actual[i] !== byte)
  assert.fail(
    `${what}: ${actual.length} bytes for ${expected.length}, ` +
      `first difference at ${at < 0 ? expected.length : at}`,
  )
}

export function assertLifetime(actual: number, expected: number, what: string = 'lifetime'): void {
  assert.ok(Number.isInteger(actual), `${what}: ${actual} is not a whole number`)
  assert.ok(
    actual <= expected && actual >= expected - TOLERANCE,
    `${what}: ${actual} ms, expected ${expected} ms or a little less`,
  )
}

/** The id must hold exactly this; answers with what was found. */
export async function assertStored(
  engine: Engine,
  id: SessionId,
  record: Uint8Array,
  ttl?: number,
): Promise<Stored> {
  const stored = await engine.load(id)
  assert.ok(stored !== undefined, 'the record is not there')
  assertBytes(stored.record, record, 'stored record')
  if (ttl !== undefined) assertLifetime(stored.ttl, ttl)
  return stored
}

export async function assertAbsent(engine: Engine, id: SessionId): Promise<void> {
  assert.equal(await engine.load(id), undefined, 'there must be no record')
}

export function assertDone(result: WriteResult): void {
  assert.deepEqual(result, { status: 'done' })
}

export function assertGone(result: WriteResult): void {
  assert.deepEqual(result, { status: 'gone' })
}

/** A conflict that carries `winner`. */
export function assertConflict(result: WriteResult, winner: Uint8Array, ttl?: number): void {
  assert.equal(result.status, 'conflict')
  assert.ok(result.status === 'conflict')
  assertBytes(result.stored.record, winner, 'record in the conflict')
  if (ttl !== undefined) assertLifetime(result.stored.ttl, ttl, 'lifetime in the conflict')
}

/** Whatever is tried with the stamp it once had: the session stays gone, and nothing is written. */
export async function assertStaysGone(
  engine: Engine,
  id: SessionId,
  base: Stamp,
  fresh: { readonly id: SessionId; readonly record: Uint8Array },
): Promise<void> {
  assertGone(await engine.commit(id, base, fresh.record, HOUR))
  assertGone(await engine.touch(id, base, HOUR))
  assertGone(await engine.rotate(id, base, fresh.id, fresh.record, HOUR))
  assertGone(await engine.destroy(id, { base }))
  await assertAbsent(engine, id)
  await assertAbsent(engine, fresh.id)
}
