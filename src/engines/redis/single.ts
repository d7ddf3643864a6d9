import { partitionTag } from '../../core/partitions.ts'
import { Link } from './link.ts'
import type { NearCache } from './near-cache.ts'
import type { Route } from './route.ts'
import { ServerClock } from './server-clock.ts'
import type { ExtraOptions, Place, Topology, TopologyOptions } from './topology.ts'
import { TrackedLink } from './tracked-link.ts'

/** One server has everything: always the same, or the primary of Sentinels. */
export class Single implements Topology {
  readonly #options: TopologyOptions
  readonly #route: Route
  readonly #link: TrackedLink
  readonly #time: ServerClock
  readonly nears: readonly NearCache[]

  constructor(route: Route, options: TopologyOptions) {
    this.#options = options
    this.#route = route
    this.#time = new ServerClock(options.clock)
    this.#link = new TrackedLink({ ...options, route, time: this.#time })
    this.nears = [this.#link.near]
  }

  now(): number {
    return this.#time.now()
  }

  nearOf(): NearCache {
    return this.#link.near
  }

  at<T>(_: string, work: (place: Place) => Promise<T>): Promise<T> {
    return work(this.#link)
  }

  servers(): Promise<string[]> {
    return Promise.resolve([partitionTag(0)])
  }

  onChange(): () => void {
    return () => undefined
  }

  connect(_: string, options: ExtraOptions = {}): Link {
    const { clock, commandTimeout } = this.#options
    return new Link({ route: this.#route, clock, commandTimeout, ...options })
  }

  close(): void {
    this.#link.close()
    this.#route.close?.()
  }
}
