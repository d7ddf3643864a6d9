/** A web node that is measured from inside: its heap, and how many requests wait at a time. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { stampOf } from '../../../src/core/engine.ts'
import { StoreUnavailableError } from '../../../src/core/errors.ts'
import { type CreateSessionsOptions, createSessions } from '../../../src/create-sessions.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { answer, argument } from '../../support/answer.ts'
import { request, SECRET, signIn } from '../../support/requests.ts'

export interface MemoryNode {
  readonly redis: string
  /** Milliseconds. */
  readonly commandTimeout: number
  readonly nearCache?: CreateSessionsOptions<object>['nearCache']
}

export interface Growth {
  readonly asked: number
  readonly served: number
  readonly failed: number
  readonly strange: readonly string[]
  readonly mostWaiting: number
  readonly heapBefore: number
  readonly heapAfter: number
}

export interface Crowd {
  readonly heap: readonly number[]
  readonly entries: readonly number[]
  readonly bytes: readonly number[]
  readonly evictions: number
}

const { redis, commandTimeout, nearCache } = argument() as MemoryNode
const sessions = createSessions<{ n: number; text: string }>({
  redis,
  secrets: [SECRET],
  commandTimeout,
  ...(nearCache === undefined ? {} : { nearCache }),
})
await sessions.ready()
const engine = sessions.engine as RedisEngine
// By others, so that a deadline that is meant for later ends nothing here.
const calm = createSessions<{ n: number }>({ redis, secrets: [SECRET], commandTimeout: '30s' })
const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => signIn(calm, { n })))
await calm.close()

function heap(): number {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc')
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage().heapUsed
}

/** Requests that come whether or not those before them have been answered. */
async function knock({ lasts }: { lasts: number }): Promise<Growth> {
  const heapBefore = heap()
  const strange: string[] = []
  let [asked, served, failed, waiting, mostWaiting] = [0, 0, 0, 0, 0]
  const end = performance.now() + lasts
  const pending = new Set<Promise<void>>()
  const knockOnce = async (token: string): Promise<void> => {
    mostWaiting = Math.max(mostWaiting, ++waiting)
    try {
      const { session } = await request(sessions, token)
      if (asked % 5 === 0) await session.update('n', (n = 0) => n + 1)
      served++
    } catch (error) {
      failed++
      if (!(error instanceof StoreUnavailableError)) strange.push(String(error))
    }
    waiting--
  }
  while (performance.now() < end) {
    for (let i = 0; i < 20; i++) {
      const one = knockOnce(tokens[asked++ % tokens.length] as string)
      pending.add(one)
      void one.then(() => pending.delete(one))
    }
    await sleep(5)
  }
  await Promise.all(pending)
  return { asked, served, failed, strange, mostWaiting, heapBefore, heapAfter: heap() }
}

/** Milliseconds until a session can be read again. */
async function recover(): Promise<number> {
  const from = performance.now()
  for (;;) {
    try {
      await sessions.open(tokens[0], { fresh: true })
      return performance.now() - from
    } catch (error) {
      if (performance.now() - from > 5_000) throw error
    }
  }
}

/** As many records as named, each made, read and left; measured ten times on the way. */
async function records({ count }: { count: number }): Promise<Crowd> {
  return crowd(count, async (number) => {
    const id = `AAA${randomBytes(16).toString('base64url')}`
    const [record, next] = [randomBytes(300), randomBytes(300)]
    await engine.create(id, record, 60_000)
    if (number % 4 === 0) await engine.commit(id, stampOf(record), next, 60_000)
    await engine.load(id)
    if (number % 4 === 1) await engine.load(`AAA${randomBytes(16).toString('base64url')}`)
  })
}

/** The same with sessions: opened, and their tokens known. */
async function visitors({ count }: { count: number }): Promise<Crowd> {
  return crowd(count, async (n) => {
    const token = await signIn(sessions, { n, text: 'x'.repeat(300) })
    await request(sessions, token)
  })
}

async function crowd(count: number, visit: (number: number) => Promise<void>): Promise<Crowd> {
  const measured = { heap: [] as number[], entries: [] as number[], bytes: [] as number[] }
  const at = 250
  for (let done = 0; done < count; done += at) {
    await Promise.all(Array.from({ length: at }, (_, i) => visit(done + i)))
    measured.entries.push(engine.nearCache.entries)
    measured.bytes.push(engine.nearCache.bytes)
    if (done % (count / 10) === 0) measured.heap.push(heap())
  }
  return { ...measured, evictions: engine.nearCache.evictions }
}

answer({ knock, recover, records, visitors })
