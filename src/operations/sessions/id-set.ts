import type { SessionId } from '../../core/engine.ts'

/** Characters of an id, all of ASCII. */
const ID = 25
/** Places to begin with; always a power of two. */
const FIRST = 1_024
/** Part of the places that may be taken. */
const FULL = 0.75
/** Of FNV-1a. */
const [BASIS, PRIME] = [0x811c9dc5, 0x01000193]

/**
 * Ids, each once, in no order: a table of places in one piece of memory. Of a million it takes 50 MB; as strings in a set
 * they take 250.
 */
export class IdSet {
  #places = Buffer.alloc(FIRST * ID)
  /** The id that is looked for. */
  readonly #sought = Buffer.alloc(ID)
  #size = 0

  get size(): number {
    return this.#size
  }

  add(id: SessionId): void {
    if (this.#size >= (this.#places.length / ID) * FULL) this.#grow()
    this.#sought.write(id, 'latin1')
    if (this.#put(this.#sought)) this.#size++
  }

  *[Symbol.iterator](): Generator<SessionId> {
    for (let at = 0; at < this.#places.length; at += ID) {
      if (this.#places[at] !== 0) yield this.#places.toString('latin1', at, at + ID)
    }
  }

  /** @returns false where it was there */
  #put(id: Buffer): boolean {
    const places = this.#places
    const last = places.length / ID - 1
    for (let place = hashOf(id) & last; ; place = (place + 1) & last) {
      const at = place * ID
      if (places[at] === 0) {
        places.set(id, at)
        return true
      }
      if (id.compare(places, at, at + ID) === 0) return false
    }
  }

  #grow(): void {
    const former = this.#places
    this.#places = Buffer.alloc(former.length * 2)
    for (let at = 0; at < former.length; at += ID) {
      if (former[at] !== 0) this.#put(former.subarray(at, at + ID))
    }
  }
}

function hashOf(id: Buffer): number {
  let hash = BASIS
  for (const byte of id) hash = Math.imul(hash ^ byte, PRIME)
  return hash >>> 0
}
