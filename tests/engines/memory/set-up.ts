import { afterEach, vi } from 'vitest'
import type { SessionId } from '../../../src/core/engine.ts'
import {
  type MemoryEngine,
  type MemoryEngineOptions,
  memoryEngine,
} from '../../../src/engines/memory/memory-engine.ts'
import { type ManualClock, manualClock, testId, testRecord } from '../../../src/testing/index.ts'

export const MINUTE = 60_000
/** Closed after each test. */
export const open: MemoryEngine[] = []

afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(open.splice(0).map((engine) => engine.close()))
})

export function setUp(options: MemoryEngineOptions = {}): {
  clock: ManualClock
  engine: MemoryEngine
  expired: SessionId[]
} {
  const clock = manualClock()
  const engine = memoryEngine({ clock, ...options })
  const expired: SessionId[] = []
  engine.onExpired(({ id }) => expired.push(id))
  open.push(engine)
  return { clock, engine, expired }
}

/** Stores a session for each lifetime, in minutes. */
export async function fill(
  engine: MemoryEngine,
  lifetimes: readonly number[],
): Promise<SessionId[]> {
  const ids = lifetimes.map(() => testId())
  for (const [i, id] of ids.entries()) {
    await engine.create(id, testRecord(1), lifetimes[i]! * MINUTE)
  }
  return ids
}

export async function alive(engine: MemoryEngine, ids: readonly SessionId[]): Promise<boolean[]> {
  return Promise.all(ids.map(async (id) => (await engine.load(id)) !== undefined))
}
