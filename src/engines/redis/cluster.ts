import { publishRetry } from '../../core/diagnostics.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { PARTITIONS, partitionOf, partitionTag } from '../../core/partitions.ts'
import { Watchers } from '../watchers.ts'
import { type AddressedPlace, ClusterMaster } from './cluster-master.ts'
import { type Address, mastersOf } from './cluster-slots.ts'
import { closedError } from './errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { Link } from './link.ts'
import { NearCache } from './near-cache.ts'
import type { ClusterPlan, RedisTarget } from './options.ts'
import { Redirection } from './redirection.ts'
import { directRoute, type Route } from './route.ts'
import { ServerClock } from './server-clock.ts'
import type {
  ExtraOptions,
  Place,
  ShardedTopology,
  TopologyOptions,
  WorkOptions,
} from './topology.ts'

/** Milliseconds between two looks at who has what. In between it is looked when something does not fit. */
const INTERVAL = 10_000
/** While a master is down, and its successor is to be expected. Milliseconds. */
const INTERVAL_WHILE_DOWN = 300
/** A partition can be sent from one to the next while tables are out of date. */
const MOST_HOPS = 8
/** What has to wait for its partition to arrive asks again after so long, up to twice as long. Milliseconds. */
const PAUSE = 15
/** So many nodes are asked who has what. */
const ASKED_AT_ONCE = 5
/** When one has answered the others get so long. Milliseconds. */
const REST_WITHIN = 50
/** Looks do not follow each other faster. Milliseconds. */
const SHORTEST_BETWEEN_LOOKS = 50

/** A Cluster: one tracked link for each master that has partitions, and all keys of a partition at one. */
export class Cluster implements ShardedTopology {
  readonly #plan: ClusterPlan
  readonly #options: TopologyOptions
  readonly #time: ServerClock
  readonly isSharded = true
  readonly #watchers = new Watchers()
  /** By `host port`. */
  readonly #masters = new Map<string, ClusterMaster>()
  /** Which of them has a partition. */
  readonly #table = new Array<ClusterMaster | undefined>(PARTITIONS).fill(undefined)
  /** Of partitions that nobody is known to have. */
  readonly #nowhere: NearCache
  readonly #moved = new Set<() => void>()
  readonly #refresh: Heartbeat
  #looking: Promise<void> | undefined
  #next: NodeJS.Timeout | undefined
  #problem: Error | undefined
  #closed = false

  constructor(plan: ClusterPlan, options: TopologyOptions) {
    this.#plan = plan
    this.#options = options
    this.#time = new ServerClock(options.clock)
    // What was to end by the former time would end later than it was meant to.
    this.#time.onStepBack(() => {
      for (const near of this.nears) near.doubt()
    })
    this.#nowhere = new NearCache(
      { maxStaleness: 1_000, maxEntries: 2, maxBytes: 1 },
      () => this.now(),
      this.#watchers,
    )
    this.#refresh = new Heartbeat(INTERVAL, () => this.#look())
    this.#refresh.start()
  }

  now(): number {
    return this.#time.now()
  }

  nearOf(at: string): NearCache {
    return this.#masterOf(at)?.near ?? this.#nowhere
  }

  get nears(): Iterable<NearCache> {
    const nears = [...this.#masters.values()].map(({ near }) => near)
    return nears.length > 0 ? nears : [this.#nowhere]
  }

  get links(): Iterable<ClusterMaster> {
    return this.#masters.values()
  }

  async servers(): Promise<string[]> {
    if (this.#masters.size === 0) await this.#discover(partitionTag(0))
    return [...this.#masters.values()].flatMap(({ partitions: [first] }) =>
      first === undefined ? [] : partitionTag(first),
    )
  }

  async at<T>(
    at: string,
    work: (place: Place) => Promise<T>,
    options: WorkOptions = {},
  ): Promise<T> {
    const { clock, commandTimeout } = this.#options
    const until = clock.monotonic() + commandTimeout
    let asked: AddressedPlace | undefined
    for (let hops = 0; ; hops++) {
      const place: AddressedPlace = asked ?? (await this.#placeOf(at, options))
      asked = undefined
      try {
        return await work(place)
      } catch (error) {
        const redirection = (error as { cause?: unknown } | undefined)?.cause
        if (!(redirection instanceof Redirection)) {
          // It may be down, and another may have taken its place.
          if (error instanceof StoreUnavailableError) void this.#look()
          throw error
        }
        if (this.#closed || hops === MOST_HOPS || clock.monotonic() >= until) {
          throw redirection.kind === 'MOVED' ? unsettled(error) : error
        }
        publishRetry('moved')
        if (redirection.kind === 'MOVED') this.#move(at, redirection, place)
        else if (redirection.kind === 'ASK' && options.allKeys !== true) {
          // What is written to a slot that is on the way is not waited for.
          options.confirming?.confirmed(false)
          asked = this.#guest(addressOf(redirection, place)).asking()
        } else if (redirection.kind !== 'LEFT') {
          hops--
          await pause(PAUSE * (1 + Math.random()))
        }
      }
    }
  }

  connect(at: string, options: ExtraOptions = {}): Link {
    const { clock, commandTimeout } = this.#options
    return new Link({ route: this.#routeTo(at), clock, commandTimeout, ...options })
  }

  async serverOf(at: string): Promise<string> {
    return nameOf((this.#masterOf(at) ?? (await this.#discover(at))).address)
  }

  connectTo(server: string): Link {
    const { clock, commandTimeout } = this.#options
    const end = server.lastIndexOf(' ')
    const address = { host: server.slice(0, end), port: Number(server.slice(end + 1)) }
    const target = { ...this.#plan.servers, address: this.#plan.mapAddress(address) }
    return new Link({ route: directRoute(target), clock, commandTimeout })
  }

  onChange(listener: () => void): () => void {
    this.#moved.add(listener)
    return () => this.#moved.delete(listener)
  }

  close(): void {
    this.#closed = true
    this.#refresh.stop()
    clearTimeout(this.#next)
    for (const master of this.#masters.values()) master.close()
    this.#nowhere.turnOff('the engine is closed')
  }

  async #placeOf(at: string, { beside, confirming }: WorkOptions): Promise<AddressedPlace> {
    const master = this.#masterOf(at) ?? (await this.#discover(at))
    if (confirming !== undefined) return master.confirmed(confirming)
    return beside === true ? master.beside() : master
  }

  #masterOf(at: string): ClusterMaster | undefined {
    return this.#table[numberOf(at)]
  }

  /** A further connection goes where its partition goes. */
  #routeTo(at: string): Route {
    const find = async (): Promise<RedisTarget> => {
      const { address } = this.#masterOf(at) ?? (await this.#discover(at))
      return { ...this.#plan.servers, address: this.#plan.mapAddress(address) }
    }
    return {
      find,
      onMove: (listener) => {
        let master = this.#masterOf(at)
        return this.onChange(() => {
          const before = master
          master = this.#masterOf(at)
          if (before !== undefined && before !== master) listener()
        })
      },
    }
  }

  async #discover(at: string): Promise<ClusterMaster> {
    const { clock, commandTimeout } = this.#options
    const until = clock.monotonic() + commandTimeout
    do {
      await this.#look()
      const master = this.#masterOf(at)
      if (master !== undefined) return master
    } while (!this.#closed && clock.monotonic() < until)
    if (this.#closed) throw closedError('cluster', false)
    if (this.#problem !== undefined) throw this.#problem
    throw new StoreUnavailableError(
      'no master of the Cluster has this slot: see CLUSTER SHARDS, restore the failed node',
      false,
    )
  }

  /** Asks who has what. Never rejects. @param first who knows best */
  #look(first?: ClusterMaster): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#looking ??= this.#lookOnce(first)
    return this.#looking
  }

  async #lookOnce(first: ClusterMaster | undefined): Promise<void> {
    await this.#askAround(first)
    await pause(SHORTEST_BETWEEN_LOOKS)
    this.#looking = undefined
    clearTimeout(this.#next)
    const isDown = [...this.#masters.values()].some(({ isConnected }) => !isConnected)
    if (isDown) this.#next = setTimeout(() => void this.#look(), INTERVAL_WHILE_DOWN).unref()
  }

  async #askAround(first: ClusterMaster | undefined): Promise<void> {
    const known = shuffled([...this.#masters.values()]).slice(0, ASKED_AT_ONCE)
    if (first !== undefined && !known.includes(first)) known.push(first)
    const view = await bestView(known.map((master) => askOne(master, master.address)))
    if (view !== undefined) return this.#apply(view.masters)
    const { clock, commandTimeout } = this.#options
    const links: Link[] = []
    const asked = shuffled([...this.#plan.nodes])
      .slice(0, ASKED_AT_ONCE)
      .map((node) => {
        const target: RedisTarget = { ...this.#plan.servers, address: node }
        const link = new Link({ route: directRoute(target), clock, commandTimeout })
        links.push(link)
        return askOne(link, node)
      })
    const found = await bestView(asked)
    for (const link of links) link.close()
    if (found !== undefined) return this.#apply(found.masters)
    await asked[0]?.catch((error: unknown) => {
      this.#problem = error as Error
    })
  }

  #apply(addresses: readonly (Address | undefined)[]): void {
    if (this.#closed) return
    this.#problem = undefined
    const had = new Set<ClusterMaster>()
    const partitions = new Map<ClusterMaster, Set<number>>()
    const changed = new Set<number>()
    addresses.forEach((address, partition) => {
      const before = this.#table[partition]
      const master = address === undefined ? undefined : this.#guest(address)
      if (master !== undefined) {
        const own = partitions.get(master) ?? new Set()
        partitions.set(master, own.add(partition))
      }
      if (before === master) return
      this.#table[partition] = master
      changed.add(partition)
      if (before !== undefined) had.add(before)
    })
    for (const [name, master] of this.#masters) {
      master.partitions = partitions.get(master) ?? new Set()
      if (master.partitions.size > 0) continue
      this.#masters.delete(name)
      master.leave()
    }
    for (const { near } of this.#masters.values()) near.resize(1 / this.#masters.size)
    // What one had may come back to it, and until then it is told nothing of that.
    for (const { near } of had) near.clear()
    if (changed.size === 0) return
    for (const master of partitions.keys()) {
      // One that is not connected yet says so by itself.
      if (!master.isConnected) continue
      this.#options.connected?.(master, (id) => {
        return changed.has(numberOf(id)) && this.#masterOf(id) === master
      })
    }
    this.#watchers.notifyAll((id) => changed.has(numberOf(id)))
    for (const tell of [...this.#moved]) tell()
  }

  /** What one server says of one partition, before the others are known. */
  #move(at: string, redirection: Redirection, place: AddressedPlace): void {
    const address = addressOf(redirection, place)
    const partition = numberOf(at)
    const before = this.#table[partition]
    const master = this.#guest(address)
    if (before !== master) {
      this.#table[partition] = master
      before?.near.clear()
    }
    void this.#look(master)
  }

  /** That of the address, known or not. */
  #guest(address: Address): ClusterMaster {
    const name = nameOf(address)
    const known = this.#masters.get(name)
    if (known !== undefined) return known
    const master: ClusterMaster = new ClusterMaster({
      ...{ settings: this.#options, plan: this.#plan, address },
      ...{ time: this.#time, watchers: this.#watchers },
      has: (id: SessionId) => this.#masterOf(id) === master,
      doubted: () => void this.#look(),
    })
    this.#masters.set(name, master)
    return master
  }
}

interface View {
  readonly masters: readonly (Address | undefined)[]
  /** Whether the node takes part, and of how many changes it knows. */
  readonly isPart: boolean
  readonly epoch: number
}

async function askOne(node: Pick<Link, 'call'>, asked: Address): Promise<View> {
  const [slots, info] = await node.call('cluster', (wire) =>
    Promise.all([
      wire.sendCommand(['CLUSTER', 'SLOTS']),
      wire.sendCommand(['CLUSTER', 'INFO']) as Promise<string>,
    ]),
  )
  const epoch = Number(/cluster_current_epoch:(\d+)/.exec(info)?.[1] ?? 0)
  return { masters: mastersOf(slots, asked), isPart: info.includes('cluster_state:ok'), epoch }
}

/**
 * Of those that answer at about the time of the first: one that was cut off still answers, with what it
 * knew. @returns nothing if none answers
 */
async function bestView(asked: readonly Promise<View>[]): Promise<View | undefined> {
  const views: View[] = []
  const all = Promise.allSettled(asked.map(async (one) => views.push(await one)))
  try {
    await Promise.any(asked)
  } catch {
    return undefined
  }
  await Promise.race([all, pause(REST_WITHIN)])
  const [best] = views.sort(
    (one, other) => Number(other.isPart) - Number(one.isPart) || other.epoch - one.epoch,
  )
  return best
}

const nameOf = ({ host, port }: Address): string => `${host} ${port}`

function numberOf(at: string): number {
  const number = partitionOf(at.slice(0, 3))
  if (number === undefined) throw new RangeError('no such partition')
  return number
}

function addressOf({ host, port }: Redirection, place: AddressedPlace): Address {
  const { address } = place
  return { host: host === '' ? address.host : host, port }
}

function unsettled(cause: unknown): StoreUnavailableError {
  return new StoreUnavailableError(
    'the Cluster sends this slot from one node to another: see CLUSTER SHARDS',
    false,
    { cause },
  )
}

function shuffled<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const [one, other] = [list[i] as T, list[j] as T]
    list[i] = other
    list[j] = one
  }
  return list
}

/** Keeps the process alive: somebody may be waiting, and there may be no connection that does. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
