import type { SessionId } from '../../core/engine.ts'
import { Answer } from './answers.ts'
import { evaluate } from './evaluate.ts'
import { indexKey, partitionOf, recordKey } from './keys.ts'
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
/** What a write takes beside its record. Estimated. */
const WRITE_BYTES = 500
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
  readonly bytes: number
  isForgotten: boolean
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
  #writes: Write[] = []
  /** So many at the front are forgotten. */
  #forgotten = 0
  #bytes = 0

  /** @param now a monotonic clock, milliseconds */
  constructor(prefix: string, now: () => number) {
    this.#prefix = prefix
    this.#now = now
  }

  /** What it takes in memory, estimated. */
  get bytes(): number {
    return this.#bytes
  }

  /** @param args as they were sent */
  committed(id: SessionId, keys: readonly string[], args: readonly Argument[]): void {
    const [ttl = '', record, ...rest] = args
    // A copy: as it is, it is cut from a page of memory that it would keep.
    const own = new Uint8Array(record as Buffer)
    this.#note(id, scripts.commit, keys, [ttl, Buffer.from(own.buffer), ...rest], own.length)
  }

  /** @param left what stands at the id now, and its lifetime, as `destroy` takes it */
  ended(id: SessionId, ownerTag: string | undefined, left: readonly Argument[] = ['', '0']): void {
    const keys = [recordKey(this.#prefix, id)]
    if (ownerTag !== undefined) keys.push(indexKey(this.#prefix, partitionOf(id), ownerTag))
    // Whatever is stored there: it may be an earlier one.
    const args = [...left, 'record']
    this.#note(id, scripts.destroy, keys, args, 0)
  }

  /** There is nothing to repeat of these. */
  forget(ids: readonly SessionId[]): void {
    for (const write of this.#writes) if (ids.includes(write.id)) write.isForgotten = true
  }

  /**
   * Sends it all at once, before the place is asked anything else.
   * @param has whether a session would be there
   */
  async repeat(place: Place, has: (id: SessionId) => boolean): Promise<void> {
    const there = this.#writes
      .slice(this.#forgotten)
      .filter(({ id, isForgotten }) => !isForgotten && has(id))
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

  #note(
    id: SessionId,
    script: LuaScript,
    keys: readonly string[],
    args: readonly Argument[],
    bytes: number,
  ): void {
    const at = this.#now()
    this.#writes.push({ id, script, keys, args, at, bytes, isForgotten: false })
    this.#bytes += bytes + WRITE_BYTES
    const since = at - REMEMBERED
    for (;;) {
      const oldest = this.#writes[this.#forgotten]
      const count = this.#writes.length - this.#forgotten
      if (oldest === undefined) break
      if (oldest.at >= since && count <= MOST_WRITES && this.#bytes <= MOST_BYTES) break
      this.#bytes -= oldest.bytes + WRITE_BYTES
      this.#forgotten++
    }
    if (this.#forgotten * 2 < this.#writes.length) return
    this.#writes = this.#writes.slice(this.#forgotten)
    this.#forgotten = 0
  }
}

/** Unsigned 32 bit, big endian: the first half of a stamp. */
function revisionIn(bytes: Argument | undefined, offset: number): number {
  return bytes instanceof Buffer ? bytes.readUInt32BE(offset) : 0
}
