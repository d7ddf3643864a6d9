import type { Clock } from '../../core/clock.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import type { RedisTarget, SentinelPlan } from './options.ts'
import type { Route } from './route.ts'
import { type Address, Sentinel, type View } from './sentinel.ts'
import type { Commands } from './wire.ts'

/** A failover takes no longer, or is given up: Sentinel's own default is 3 minutes. Milliseconds. */
const LONGEST_FAILOVER = 180_000
/** More than a deployment has; a Sentinel that tells nonsense must not fill this process. */
const MOST_SENTINELS = 31

export interface SentinelsOptions {
  readonly plan: SentinelPlan
  readonly clock: Clock
  /** Milliseconds. */
  readonly commandTimeout: number
}

/**
 * The way to the primary: where the Sentinel says that knows of the latest failover. One that was cut off
 * still names the former primary, and so does a former primary itself.
 */
export class Sentinels implements Route {
  readonly #options: SentinelsOptions
  readonly #configured: readonly Address[]
  readonly #sentinels = new Map<string, Sentinel>()
  readonly #listeners = new Set<() => void>()
  #primary: Address | undefined
  #coming: Coming | undefined
  #closed = false

  constructor(options: SentinelsOptions) {
    this.#options = options
    this.#configured = options.plan.sentinels
    this.#seat(this.#configured)
  }

  async find(): Promise<RedisTarget> {
    if (this.#primary === undefined) {
      await Promise.any([...this.#sentinels.values()].map((sentinel) => sentinel.ask())).catch(
        ({ errors }: AggregateError) => {
          throw problemOf(errors)
        },
      )
    }
    const { servers, mapAddress } = this.#options.plan
    return { ...servers, address: mapAddress(this.#primary as Address) }
  }

  async check(wire: Commands): Promise<boolean> {
    const [role] = (await wire.sendCommand(['ROLE'])) as [string]
    if (role !== 'master') throw coded('NOT_PRIMARY')
    return true
  }

  onMove(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#closed = true
    for (const sentinel of this.#sentinels.values()) sentinel.close()
    this.#sentinels.clear()
  }

  /** Where none answers the last word of them holds. */
  #consider(): void {
    if (this.#closed) return
    const views = [...this.#sentinels.values()].flatMap(({ view }) => view ?? [])
    if (views.length === 0) return
    this.#seat([...this.#configured, ...views.flatMap(({ others }) => others)])
    const last = latest(views, this.#primary)
    const { clock } = this.#options
    if (this.#coming !== undefined) {
      const { epoch, until } = this.#coming
      if (last.epoch > epoch || clock.monotonic() >= until) this.#coming = undefined
    }
    this.#go(this.#coming?.primary ?? last.primary)
  }

  /**
   * The former primary takes writes for seconds after its successor was promoted, and they would be lost:
   * it is left at once. The other says by its role when it can be used.
   */
  #announced(primary: Address | undefined): void {
    const views = [...this.#sentinels.values()].flatMap(({ view }) => view ?? [])
    if (this.#closed || views.length === 0) return
    const until = this.#options.clock.monotonic() + LONGEST_FAILOVER
    const { epoch } = latest(views, undefined)
    this.#coming = primary && { primary, epoch, until }
    this.#consider()
  }

  #go(primary: Address): void {
    const before = this.#primary
    this.#primary = primary
    if (before === undefined || isSame(before, primary)) return
    for (const tell of this.#listeners) tell()
  }

  /** Those that are not listed any more are not asked any more. */
  #seat(addresses: readonly Address[]): void {
    const { mapAddress } = this.#options.plan
    const wanted = new Map(
      addresses.slice(0, MOST_SENTINELS).map((address) => {
        const { host, port } = mapAddress(address)
        return [`${host} ${port}`, { host, port }]
      }),
    )
    for (const [name, sentinel] of this.#sentinels) {
      if (wanted.has(name)) continue
      sentinel.close()
      this.#sentinels.delete(name)
    }
    for (const [name, address] of wanted) {
      if (this.#sentinels.has(name)) continue
      const sentinel = new Sentinel({
        ...{ ...this.#options, address },
        changed: () => this.#consider(),
        coming: (primary) => this.#announced(primary),
      })
      this.#sentinels.set(name, sentinel)
    }
  }
}

interface Coming {
  readonly primary: Address
  /** Of the failover before. */
  readonly epoch: number
  /** By the monotonic clock. */
  readonly until: number
}

/** Of two that know of equally many failovers the one that agrees with what is known. */
function latest(views: readonly View[], known: Address | undefined): View {
  const epoch = Math.max(...views.map((view) => view.epoch))
  const best = views.filter((view) => view.epoch === epoch)
  const agrees = ({ primary }: View) => known !== undefined && isSame(primary, known)
  return best.find(agrees) ?? (best[0] as View)
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port
}

function problemOf(errors: readonly unknown[]): unknown {
  const refused = errors.find((error) => error instanceof StoreRefusedError)
  if (refused === undefined) return coded('NO_SENTINEL')
  return refused.reason === 'ERR' ? coded('NO_SUCH_MASTER') : refused
}

/** `errors.ts` says what it means. */
function coded(code: string): Error {
  return Object.assign(new Error(code), { code })
}
