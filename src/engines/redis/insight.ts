import { isTrail } from '../../core/engine.ts'
import type { InsightSample, Insights } from '../../core/engine-abilities.ts'
import { partitionTag } from '../../core/partitions.ts'
import { closedError } from './errors.ts'
import { evaluate } from './evaluate.ts'
import { gapsKey, recordKey } from './keys.ts'
import type { Link } from './link.ts'
import { scripts } from './scripts.generated.ts'
import type { Topology } from './topology.ts'
import { BYTES } from './wire.ts'

const DAY = 86_400_000
/** A day's counters are read for 14 days. */
const KEPT = 15 * DAY
/** Keys that one step of a sample looks at: about a millisecond of the server's time. */
const PAGE = 500
/** Milliseconds between two steps, so that a sample takes a few hundredths of the server's time. */
const PAUSE = 20
/** Where others' keys are many a sample gives up after so many times as many keys as it is to find. */
const MOST_PER_SESSION = 10

/** That of the counters. */
const PARTITION = partitionTag(0)
const ANY = '???*'

/**
 * Counters of one day a key, and samples. Those are taken on a connection of their own: on the other the
 * server would track for the near cache whatever is looked at, and requests would wait behind it.
 */
export class RedisInsight implements Insights {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #open = new Set<Link>()
  #closed = false

  constructor(topology: Topology, prefix: string) {
    this.#topology = topology
    this.#prefix = prefix
  }

  async addGaps(counts: ReadonlyMap<number, number>): Promise<void> {
    const args = [String(KEPT), ...[...counts].flat().map(String)]
    await this.#topology.at(PARTITION, (place) =>
      place.call('insight', (wire, isWanted) =>
        evaluate(wire, scripts.gaps, [this.#keyOf(0)], args, isWanted),
      ),
    )
  }

  async gaps(days: number): Promise<ReadonlyMap<number, number>> {
    const answers = await this.#topology.at(PARTITION, (place) =>
      place.call('insight', (wire) => {
        const keys = Array.from({ length: days }, (_, ago) => this.#keyOf(ago))
        return Promise.all(keys.map((key) => wire.sendCommand(['HGETALL', key])))
      }),
    )
    const sums = new Map<number, number>()
    for (const answer of answers as string[][]) {
      for (let i = 0; i + 1 < answer.length; i += 2) {
        const bucket = Number(answer[i])
        sums.set(bucket, (sums.get(bucket) ?? 0) + Number(answer[i + 1]))
      }
    }
    return sums
  }

  /** To be asked on a connection: before, the server's date is not known. */
  #keyOf(daysAgo: number): string {
    return gapsKey(this.#prefix, this.#topology.now() - daysAgo * DAY)
  }

  /** In the order of the servers' hash tables, which know nothing of lifetimes; of each server alike. */
  async sampleTtls(most: number): Promise<InsightSample> {
    const links = (await this.#topology.servers()).map((at) => this.#openTo(at))
    const ttls: number[] = []
    const cursors = new Map(links.map((link) => [link, '0']))
    try {
      for (let seen = 0; seen < most * MOST_PER_SESSION && ttls.length < most; ) {
        for (const [link, cursor] of [...cursors]) {
          if (seen > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE))
          const [next, keys] = await this.#page(link, cursor)
          ttls.push(...(await this.#ttlsOf(link, keys)))
          if (next === '0') cursors.delete(link)
          else cursors.set(link, next)
          seen += PAGE
        }
        if (cursors.size === 0) break
      }
      const isWhole = cursors.size === 0 && most > 0 && ttls.length <= most
      return { ttls: ttls.slice(0, most), complete: isWhole }
    } finally {
      for (const link of links) {
        this.#open.delete(link)
        link.close()
      }
    }
  }

  #page(link: Link, cursor: string): Promise<[next: string, keys: string[]]> {
    const page = ['SCAN', cursor, 'MATCH', recordKey(this.#prefix, ANY), 'COUNT', String(PAGE)]
    return link.call('insight', (wire) => wire.sendCommand(page)) as Promise<[string, string[]]>
  }

  close(): void {
    this.#closed = true
    for (const link of this.#open) link.close()
  }

  /** Of those that hold a session, and no trail. */
  async #ttlsOf(link: Link, keys: readonly string[]): Promise<number[]> {
    if (keys.length === 0) return []
    const answers = (await link.call('insight', (wire) =>
      Promise.all(
        keys.flatMap((key) => [
          wire.sendCommand(['GETRANGE', key, '0', '1'], BYTES),
          wire.sendCommand(['PTTL', key]),
        ]),
      ),
    )) as (Buffer & number)[]
    const ttls: number[] = []
    for (let i = 0; i + 1 < answers.length; i += 2) {
      const [head, ttl] = [answers[i] as Buffer, answers[i + 1] as number]
      if (ttl > 0 && !isTrail(head)) ttls.push(ttl)
    }
    return ttls
  }

  #openTo(at: string): Link {
    if (this.#closed) throw closedError('insight', false)
    const link = this.#topology.connect(at)
    this.#open.add(link)
    return link
  }
}
