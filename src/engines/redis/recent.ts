import type { SessionId } from '../../core/engine.ts'
import { Answer } from './answers.ts'
import { evaluate } from './evaluate.ts'
import { indexKey, partitionOf, recordIdOf, recordKey } from './keys.ts'
import { RecentPages } from './recent-pages.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import type { Place } from './topology.ts'
import type { Argument } from './wire.ts'

/** Longer than a failover takes. Milliseconds. */
const REMEMBERED = 60_000
/**
 * What a successor may lack was written in the last moments: replication is behind by milliseconds, `everysec`
 * by 2 seconds. Before the last write that a server has acknowledged, milliseconds.
 */
const LACKED = 2_000
/** Sessions that were ended are few, and matter more. */
const ENDED_LACKED = 10_000
const MOST_WRITES = 10_000
const MOST_BYTES = 8 * 1024 * 1024
/** A commit whose base is yet to come is another process' to repeat first. */
const ATTEMPTS = 40
/** Milliseconds between two of them. */
const PAUSE = 25

interface Write {
  readonly id: SessionId
  readonly script: LuaScript
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  readonly at: number
}

/**
 * What was acknowledged lately and can be repeated: a server that takes another's place, or comes back, may
 * lack the last of it. Sessions that were ended, which end once more; and commits, each of which is carried
 * out only where its base is stored.
 *
 * Nothing else: what creates a record could bring back a session that somebody has ended meanwhile.
 */
export class Recent {
  readonly #prefix: string
  readonly #now: () => number
  readonly #pages = new RecentPages()

  /** @param now a monotonic clock, milliseconds */
  constructor(prefix: string, now: () => number) {
    this.#prefix = prefix
    this.#now = now
  }

  /** What it takes in memory. */
  get bytes(): number {
    return this.#pages.bytes
  }

  /** @param args as they were sent */
  committed(keys: readonly string[], args: readonly Argument[]): void {
    this.#note(false, keys, args)
  }

  /** @param left what stands at the id now, and its lifetime, as `destroy` takes it */
  ended(id: SessionId, ownerTag: string | undefined, left: readonly Argument[] = ['', '0']): void {
    const keys = [recordKey(this.#prefix, id)]
    if (ownerTag !== undefined) keys.push(indexKey(this.#prefix, partitionOf(id), ownerTag))
    // Whatever is stored there: it may be an earlier one.
    this.#note(true, keys, [...left, 'record'])
  }

  /** There is nothing to repeat of these. */
  forget(ids: readonly SessionId[]): void {
    if (ids.length === 0) return
    const keys = new Set(ids.map((id) => recordKey(this.#prefix, id)))
    this.#pages.forget((write) => keys.has(write.keys[0] ?? ''))
  }

  /**
   * Sends it all at once, before the place is asked anything else.
   * @param has whether a session would be there
   */
  async repeat(place: Place, has: (id: SessionId) => boolean): Promise<void> {
    const there = [...this.#pages.entries()].flatMap(({ at, isEnd, keys, args }): Write[] => {
      const id = recordIdOf(this.#prefix, keys[0] ?? '')
      if (id === undefined || !has(id)) return []
      return [{ id, script: isEnd ? scripts.destroy : scripts.commit, keys, args, at }]
    })
    const last = there.at(-1)?.at ?? 0
    let writes = there.filter(
      ({ script, at }) => last - at <= (script === scripts.commit ? LACKED : ENDED_LACKED),
    )
    for (let attempt = 0; attempt < ATTEMPTS && writes.length > 0; attempt++) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE).unref())
      const early = await Promise.all(writes.map((write) => this.#repeatOne(place, write)))
      writes = writes.filter((_, i) => early[i])
    }
  }

  /** @returns whether it is too early for it */
  async #repeatOne(place: Place, { id, script, keys, args }: Write): Promise<boolean> {
    try {
      const answer = (await place.call('repeat', (wire, isWanted) =>
        evaluate(wire, script, keys, args, isWanted),
      )) as [number, Buffer]
      if (answer[0] !== Answer.conflict) return false
      return script === scripts.commit && revisionIn(answer[1], 2) < revisionIn(args[1], 0)
    } catch {
      // Refused, or lost: with the next connection it is repeated again.
      return false
    } finally {
      place.near.drop(id)
    }
  }

  #note(isEnd: boolean, keys: readonly string[], args: readonly Argument[]): void {
    const at = this.#now()
    this.#pages.append({ at, isEnd, keys, args })
    this.#pages.trim(at - REMEMBERED, MOST_BYTES, MOST_WRITES)
  }
}

/** Unsigned 32 bit, big endian: the first half of a stamp. */
function revisionIn(bytes: Argument | undefined, offset: number): number {
  return bytes instanceof Buffer ? bytes.readUInt32BE(offset) : 0
}
