import type { Clock } from '../../core/clock.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import type { RedisTarget, SentinelPlan } from './options.ts'
import type { Route } from './route.ts'
import { type Address, Sentinel, type View } from './sentinel.ts'
import type { Commands } from './wire.ts'

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
    const before = this.#primary
    this.#primary = latest(views, before)
    if (before === undefined || isSame(before, this.#primary)) return
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
      const changed = () => this.#consider()
      this.#sentinels.set(name, new Sentinel({ ...this.#options, address, changed }))
    }
  }
}

/** Of two that know of equally many failovers the one that agrees with what is known. */
function latest(views: readonly View[], known: Address | undefined): Address {
  const epoch = Math.max(...views.map((view) => view.epoch))
  const best = views.filter((view) => view.epoch === epoch).map(({ primary }) => primary)
  return best.find((one) => known !== undefined && isSame(one, known)) ?? (best[0] as Address)
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
