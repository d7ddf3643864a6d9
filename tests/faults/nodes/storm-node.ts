/** A web node of the write storm: actors that read and increment counters in shared sessions. */
import { createSessions } from '../../../src/create-sessions.ts'
import { NearCache } from '../../../src/engines/redis/near-cache.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { answer, argument } from '../../support/answer.ts'
import { History, type Increments } from '../../support/history.ts'
import { random } from '../../support/random.ts'
import { hit, request, SECRET } from '../../support/requests.ts'

export interface StormNode {
  readonly redis: string
  /** Plants the error that the storm is to find: an answer is kept whatever has come since. */
  readonly naive: boolean
}

export interface Storm {
  readonly tokens: readonly string[]
  readonly actors: number
  readonly seed: number
  /** Milliseconds. */
  readonly lasts: number
}

export interface StormReport {
  readonly increments: Increments
  readonly strange: readonly string[]
  readonly reads: number
  readonly hits: number
  /** Reads that gave less than this node had been acknowledged before. */
  readonly regressions: number
}

export interface EntriesReport {
  readonly held: number
  readonly stale: number
}

const { redis, naive } = argument() as StormNode
if (naive) {
  const keep = Reflect.get(NearCache.prototype, 'keep')
  NearCache.prototype.keep = function (id, _hold, record, ttl) {
    keep.call(this, id, this.hold(id), record, ttl)
  }
}

const sessions = createSessions<{ n: number }>({
  redis,
  secrets: [SECRET],
  // No deadline is tested here: whatever a busy machine takes long over is waited for.
  commandTimeout: '20s',
  nearCache: { maxStaleness: '30s' },
})
await sessions.ready()
const engine = sessions.engine as RedisEngine

async function storm({ tokens, actors, seed, lasts }: Storm): Promise<StormReport> {
  const history = new History()
  const acknowledged = new Map<string, number>()
  const hitsBefore = engine.nearCache.hits
  let [reads, regressions] = [0, 0]
  const end = performance.now() + lasts
  const actor = async (number: number): Promise<void> => {
    const { next } = random(seed + number)
    while (performance.now() < end) {
      const token = tokens[next(tokens.length)] as string
      const least = acknowledged.get(token) ?? 0
      const opened = request(sessions, token)
      const { session } = opened instanceof Promise ? await opened : opened
      reads++
      if ((session.get('n') ?? 0) < least) regressions++
      if (next(3) === 0) {
        const value = await history.increment(token, () => session.update('n', (n = 0) => n + 1))
        acknowledged.set(token, Math.max(value ?? 0, acknowledged.get(token) ?? 0))
      }
      if (next(50) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  await Promise.all(Array.from({ length: actors }, (_, number) => actor(number)))
  const { increments, strange } = history
  return { increments, strange, reads, hits: engine.nearCache.hits - hitsBefore, regressions }
}

/** Holds what would be served against what is stored. Nobody writes meanwhile. */
async function entries(tokens: readonly string[]): Promise<EntriesReport> {
  await sessions.open(tokens[0], { fresh: true }) // all news of before has come when this has
  let [held, stale] = [0, 0]
  for (const token of tokens) {
    const session = hit(sessions, token)
    if (session?.id === undefined) continue
    held++
    const kept = engine.peek(session.id, engine.now())?.record
    const stored = await engine.load(session.id, { fresh: true })
    const opened = await sessions.open(token, { fresh: true })
    const isSame =
      kept !== undefined &&
      stored !== undefined &&
      Buffer.compare(kept, stored.record) === 0 &&
      session.get('n') === opened.get('n')
    if (!isSame) stale++
  }
  return { held, stale }
}

answer({ storm, entries })
