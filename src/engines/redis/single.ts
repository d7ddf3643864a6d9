import { Link } from './link.ts'
import type { NearCache } from './near-cache.ts'
import { ServerClock } from './server-clock.ts'
import type { ExtraOptions, Place, Topology } from './topology.ts'
import { TrackedLink, type TrackedLinkOptions } from './tracked-link.ts'

/** One server has everything. */
export class Single implements Topology {
  readonly #options: TrackedLinkOptions
  readonly #link: TrackedLink
  readonly #time: ServerClock
  readonly nears: readonly NearCache[]

  constructor(options: TrackedLinkOptions) {
    this.#options = options
    this.#time = new ServerClock(options.clock)
    this.#link = new TrackedLink({ ...options, time: this.#time })
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

  connect(_: string, options: ExtraOptions = {}): Link {
    const { target, clock, commandTimeout } = this.#options
    return new Link({ target, clock, commandTimeout, ...options })
  }

  close(): void {
    this.#link.close()
  }
}
