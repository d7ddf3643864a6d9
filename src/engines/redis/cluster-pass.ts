import { createHash } from 'node:crypto'
import type { ScannedRecord } from '../../core/engine-abilities.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { PARTITIONS, partitionOf, partitionTag } from '../../core/partitions.ts'
import { recordKey } from './keys.ts'
import type { Link } from './link.ts'
import { type Redirection, redirectionOf } from './redirection.ts'
import { ErrorReply } from './resp.ts'
import type { ShardedTopology } from './topology.ts'

/** A partition may be sent on while it is asked for. */
const MOST_HOPS = 8
/** Servers gone through in one pass, some again and again: then it would never end. */
const MOST_SCANS = 10_000

/** Of a partition; servers by name. */
interface Whereabouts {
  readonly owner: string
  /** Where its keys are on the way to; else the owner. They go this way only. */
  readonly target: string
}

/** Who has what in a Cluster, as its servers themselves say, and a pass over all that is not misled by slots on the move. */
export class ClusterPass {
  readonly #topology: ShardedTopology
  readonly #prefix: string
  readonly #linkTo: (server: string) => Link

  constructor(topology: ShardedTopology, prefix: string, linkTo: (server: string) => Link) {
    this.#topology = topology
    this.#prefix = prefix
    this.#linkTo = linkTo
  }

  /**
   * Server after server. A partition is done with where all its keys are still at the server when that has been gone
   * through. Else it is looked for where they went, after they began to go: what was not here any more is there.
   * @param scan all of one server
   * @throws StoreUnavailableError, StoreRefusedError
   */
  async *run(
    scan: (link: Link) => AsyncGenerator<readonly ScannedRecord[]>,
  ): AsyncGenerator<readonly ScannedRecord[]> {
    const waiting = new Map<number, string>()
    /** The server before, which has been gone through while it owned the partition. */
    const before = new Map<number, string>()
    for (const [partition, { owner }] of (await this.#look()).entries()) {
      waiting.set(partition, owner)
    }
    for (let scans = 0; ; scans++) {
      const [server] = waiting.values()
      if (server === undefined) return
      if (scans === MOST_SCANS) throw unsettled()
      const now = await this.#look()
      const here = new Set<number>()
      for (const [partition, at] of waiting) {
        if (at !== server) continue
        const { owner } = now[partition] as Whereabouts
        if (owner === server || before.get(partition) === owner) here.add(partition)
        else {
          // It has gone elsewhere since: from there on anew.
          before.delete(partition)
          waiting.set(partition, owner)
        }
      }
      if (here.size === 0) continue
      let isWhole = true
      try {
        for await (const page of scan(this.#linkTo(server))) {
          yield page.filter(({ id }) => here.has(partitionOf(id.slice(0, 3)) ?? -1))
        }
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || !(await this.#hasLeft(server, here))) {
          throw error
        }
        isWhole = false
      }
      const after = await this.#look()
      for (const partition of here) {
        const { owner, target } = after[partition] as Whereabouts
        if (!isWhole) {
          before.delete(partition)
          waiting.set(partition, owner)
        } else if (target === server) {
          waiting.delete(partition)
        } else {
          before.set(partition, server)
          waiting.set(partition, target)
        }
      }
    }
  }

  /** @returns the same as long as nothing has moved; undefined while something does */
  async fingerprint(): Promise<string | undefined> {
    const found = await this.#look()
    if (found.some(({ owner, target }) => owner !== target)) return undefined
    const text = found.map(({ owner }) => owner).join('\n')
    return createHash('sha256').update(text).digest('hex').slice(0, 16)
  }

  /** Whether another has taken the place of one that failed. */
  async #hasLeft(server: string, partitions: ReadonlySet<number>): Promise<boolean> {
    const now = await this.#look()
    return [...partitions].every((partition) => now[partition]?.owner !== server)
  }

  /**
   * By partition. Asked of each for a key that nobody has: the owner of a slot that is being moved says where its keys go,
   * and one that is not the owner who is. Tables of slots show only what has arrived as a whole.
   */
  async #look(): Promise<Whereabouts[]> {
    const found = new Array<Whereabouts>(PARTITIONS)
    let asked = new Map<string, number[]>()
    for (let partition = 0; partition < PARTITIONS; partition++) {
      addTo(asked, await this.#topology.serverOf(partitionTag(partition)), partition)
    }
    for (let hops = 0; asked.size > 0; hops++) {
      if (hops === MOST_HOPS) throw unsettled()
      const next = new Map<string, number[]>()
      const servers = [...asked].map(async ([owner, partitions]) => {
        const answers = await this.#ask(owner, partitions)
        for (const [i, partition] of partitions.entries()) {
          const answer = answers[i]
          const target = answer === undefined ? owner : nameOf(answer, owner)
          if (answer?.kind === 'MOVED') addTo(next, target, partition)
          else found[partition] = { owner, target }
        }
      })
      await Promise.all(servers)
      asked = next
    }
    return found
  }

  #ask(server: string, partitions: readonly number[]): Promise<(Redirection | undefined)[]> {
    return this.#linkTo(server).call('scan', (wire) =>
      Promise.all(
        partitions.map(async (partition) => {
          try {
            await wire.sendCommand(['EXISTS', recordKey(this.#prefix, partitionTag(partition))])
            return undefined
          } catch (error) {
            return movedIn(error)
          }
        }),
      ),
    )
  }
}

/** Where a key is to be asked for instead. @throws what is no such answer */
export function movedIn(error: unknown): Redirection {
  const redirection = error instanceof ErrorReply ? redirectionOf(error) : undefined
  if (redirection?.kind === 'MOVED' || redirection?.kind === 'ASK') return redirection
  throw error
}

/** As `ShardedTopology` names servers. */
function nameOf({ host, port }: Redirection, teller: string): string {
  return `${host === '' ? teller.slice(0, teller.lastIndexOf(' ')) : host} ${port}`
}

function addTo(map: Map<string, number[]>, name: string, partition: number): void {
  const list = map.get(name)
  if (list === undefined) map.set(name, [partition])
  else list.push(partition)
}

function unsettled(): StoreUnavailableError {
  return new StoreUnavailableError(
    'the Cluster sends its slots from one node to another all the time: see CLUSTER SHARDS',
    false,
  )
}
