import { isTrail, type Listing, type SessionId } from '../../core/engine.ts'
import { closedError } from './errors.ts'
import { recordIdOf, recordKey } from './keys.ts'
import type { Link } from './link.ts'
import type { Topology } from './topology.ts'
import { BYTES } from './wire.ts'

/** Keys that one step looks at: about a millisecond of the server's time. */
const PAGE = 500
const ANY = '???*'

/**
 * Ids of all sessions, page by page, of each master. On a connection of its own, as samples are taken: on the
 * other the server would track for the near cache whatever is looked at.
 */
export class RedisListing implements Listing {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #open = new Set<Link>()
  #closed = false

  constructor(topology: Topology, prefix: string) {
    this.#topology = topology
    this.#prefix = prefix
  }

  async *ids(): AsyncGenerator<SessionId> {
    if (this.#closed) throw closedError('listing', false)
    for (const at of await this.#topology.servers()) {
      const link = this.#topology.connect(at)
      this.#open.add(link)
      try {
        for (let cursor = '0', isFirst = true; isFirst || cursor !== '0'; isFirst = false) {
          const [next, keys] = await this.#page(link, cursor)
          yield* await this.#sessionsAt(link, keys)
          cursor = next
        }
      } finally {
        this.#open.delete(link)
        link.close()
      }
    }
  }

  close(): void {
    this.#closed = true
    for (const link of this.#open) link.close()
  }

  #page(link: Link, cursor: string): Promise<[next: string, keys: string[]]> {
    const page = ['SCAN', cursor, 'MATCH', recordKey(this.#prefix, ANY), 'COUNT', String(PAGE)]
    return link.call('listing', (wire) => wire.sendCommand(page)) as Promise<[string, string[]]>
  }

  /** Of those that hold a session, and no trail. */
  async #sessionsAt(link: Link, keys: readonly string[]): Promise<SessionId[]> {
    if (keys.length === 0) return []
    const heads = (await link.call('listing', (wire) =>
      Promise.all(keys.map((key) => wire.sendCommand(['GETRANGE', key, '0', '1'], BYTES))),
    )) as Buffer[]
    return keys.flatMap((key, i) => {
      const head = heads[i]
      const id = recordIdOf(this.#prefix, key)
      // An empty answer: it has ended meanwhile.
      const isSession = head !== undefined && head.length > 0 && !isTrail(head)
      return isSession && id !== undefined ? [id] : []
    })
  }
}
