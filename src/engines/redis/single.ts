import { partitionTag } from '../../core/partitions.ts'
import { Confirmer } from './confirmer.ts'
import { Link } from './link.ts'
import { keepingNothing } from './near.ts'
import type { NearCache } from './near-cache.ts'
import type { Route } from './route.ts'
import { ServerClock } from './server-clock.ts'
import type { ExtraOptions, Place, Topology, TopologyOptions, WorkOptions } from './topology.ts'
import { TrackedLink } from './tracked-link.ts'

/** One server has everything: always the same, or the primary of Sentinels. */
export class Single implements Topology {
  readonly #options: TopologyOptions
  readonly #route: Route
  readonly #link: TrackedLink
  readonly #time: ServerClock
  readonly #confirmer: Confirmer
  #beside: Link | undefined
  readonly isSharded = false
  readonly nears: readonly NearCache[]

  constructor(route: Route, options: TopologyOptions) {
    this.#options = options
    this.#route = route
    this.#time = new ServerClock(options.clock)
    this.#link = new TrackedLink({
      ...options,
      route,
      time: this.#time,
      onUp: () => options.connected?.(this.#link, () => true),
    })
    this.nears = [this.#link.near]
    this.#confirmer = new Confirmer({
      ...options,
      connect: (patience) => this.connect('', { commandTimeout: patience }),
    })
  }

  get links(): Iterable<TrackedLink> {
    return [this.#link]
  }

  now(): number {
    return this.#time.now()
  }

  nearOf(): NearCache {
    return this.#link.near
  }

  at<T>(
    at: string,
    work: (place: Place) => Promise<T>,
    { beside, confirming }: WorkOptions = {},
  ): Promise<T> {
    if (confirming !== undefined) {
      return work({
        near: keepingNothing(this.#link.near),
        call: (operation, issue) => this.#confirmer.call(operation, issue, confirming),
      })
    }
    if (beside !== true) return work(this.#link)
    const link = (this.#beside ??= this.connect(at))
    return work({ near: this.#link.near, call: (operation, issue) => link.call(operation, issue) })
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
    this.#beside?.close()
    this.#confirmer.close()
    this.#route.close?.()
  }
}
