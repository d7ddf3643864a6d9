import { isTrail, type Listing, type ScannedRecord } from '../../core/engine.ts'
import { closedError } from './errors.ts'
import { recordIdOf, recordKey } from './keys.ts'
import type { Link } from './link.ts'
import type { Topology } from './topology.ts'
import { BYTES } from './wire.ts'

/**
 * Keys that one step looks at, and their records: some 0.2 ms of the server's time. With 500 others waited 5.7 ms (p99) while 200,000 sessions
 * were listed, 20,000 a second; with 100 they wait 1.5 to 2.2, and 1.2 to 3.4 when nothing is listed.
 */
const PAGE = 100
const ANY = '???*'

/**
 * All records, server after server. On connections of their own: on the other the server would track for the
 * near cache whatever is looked at, and requests would wait behind it.
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

  async *scan(): AsyncGenerator<readonly ScannedRecord[]> {
    if (this.#closed) throw closedError('scan', false)
    for (const at of await this.#topology.servers()) {
      if (this.#closed) throw closedError('scan', false)
      const link = this.#topology.connect(at)
      this.#open.add(link)
      try {
        yield* this.#scan(link)
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

  async *#scan(link: Link): AsyncGenerator<readonly ScannedRecord[]> {
    let cursor = '0'
    do {
      const page = ['SCAN', cursor, 'MATCH', recordKey(this.#prefix, ANY), 'COUNT', String(PAGE)]
      const [next, keys] = (await link.call('scan', (wire) => wire.sendCommand(page))) as [
        string,
        string[],
      ]
      cursor = next
      const records = await this.#read(link, keys)
      if (records.length > 0) yield records
    } while (cursor !== '0')
  }

  async #read(link: Link, keys: readonly string[]): Promise<ScannedRecord[]> {
    if (keys.length === 0) return []
    const answers = (await link.call('scan', (wire) =>
      Promise.all(
        keys.flatMap((key) => [
          wire.sendCommand(['GET', key], BYTES),
          wire.sendCommand(['PTTL', key]),
        ]),
      ),
    )) as (Buffer | number | null)[]
    const records: ScannedRecord[] = []
    for (const [i, key] of keys.entries()) {
      const id = recordIdOf(this.#prefix, key)
      const record = answers[2 * i] as Buffer | null
      const ttl = answers[2 * i + 1] as number
      // Gone since the key was found: PTTL says -2.
      if (id === undefined || record === null || ttl < 1 || isTrail(record)) continue
      records.push({ id, record, ttl })
    }
    return records
  }
}
