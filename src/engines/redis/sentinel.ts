import type { Clock } from '../../core/clock.ts'
import { fieldsOf } from './fields.ts'
import { Heartbeat } from './heartbeat.ts'
import { Link } from './link.ts'
import type { HostAddress, RedisTarget, SentinelPlan } from './options.ts'
import { directRoute } from './route.ts'
import type { Wire } from './wire.ts'

/** Milliseconds between two questions. In between a Sentinel tells by itself; it may be cut off. */
const INTERVAL = 1_000

export type Address = Required<HostAddress>

/** What one Sentinel says. */
export interface View {
  /** As it says it, before any mapping. */
  readonly primary: Address
  /** By `MASTER`: the same, or while it leads a failover the one of before. */
  readonly listed: Address
  /** Grows with each failover. */
  readonly epoch: number
  readonly others: readonly Address[]
}

export interface SentinelOptions {
  readonly plan: SentinelPlan
  readonly address: Address
  readonly clock: Clock
  /** Milliseconds. */
  readonly commandTimeout: number
  /** Told of each answer, and of each failure to get one. */
  readonly changed: () => void
  /** Told that a replica is about to be made the primary; of nothing: that this has been given up. */
  readonly coming: (successor: Address | undefined) => void
}

/** Said before the replica is promoted. `+switch-master` comes seconds later, when the others follow it. */
const COMING = '+failover-state-send-slaveof-noone'
const GIVEN_UP = ['-failover-abort-slave-timeout', '-failover-abort-no-good-slave']

/** One Sentinel, asked again and again what it takes for the primary. */
export class Sentinel {
  readonly #options: SentinelOptions
  readonly #link: Link
  readonly #heartbeat: Heartbeat
  #asking: Promise<View> | undefined
  /** Its last answer, unless it has failed to give another. */
  view: View | undefined

  constructor(options: SentinelOptions) {
    this.#options = options
    const { plan, address, clock, commandTimeout } = options
    const target: RedisTarget = { ...plan.atSentinels, address }
    this.#link = new Link({
      ...{ route: directRoute(target), clock, commandTimeout },
      prepare: (wire) => this.#listen(wire),
    })
    this.#heartbeat = new Heartbeat(INTERVAL, async () => void (await this.ask()))
    this.#heartbeat.start()
  }

  /** Rejects with a SojournError if it does not answer, or with NO_SUCH_MASTER. */
  async ask(): Promise<View> {
    // A question that is under way may have been answered before what is asked about now.
    await this.#asking?.catch(() => undefined)
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  close(): void {
    this.#heartbeat.stop()
    this.#link.close()
  }

  async #listen(wire: Wire): Promise<void> {
    const { plan, coming } = this.#options
    const heard = [
      wire.subscribe('+switch-master', () => void this.ask().catch(() => undefined)),
      wire.subscribe(COMING, (message) => {
        const [, , host, port, , masterName] = message.split(' ')
        if (host !== undefined && masterName === plan.masterName) {
          coming({ host, port: Number(port) })
        }
      }),
      ...GIVEN_UP.map((channel) =>
        wire.subscribe(channel, (message) => {
          if (message.split(' ').includes(plan.masterName)) coming(undefined)
        }),
      ),
    ]
    await Promise.all(heard)
  }

  async #ask(): Promise<View> {
    try {
      this.view = await this.#link.call('sentinel', (wire) =>
        askSentinel((command) => wire.sendCommand(command), this.#options.plan.masterName),
      )
      return this.view
    } catch (error) {
      this.view = undefined
      throw error
    } finally {
      this.#options.changed()
    }
  }
}

/**
 * The Sentinel that leads a failover counts the new epoch as soon as the successor is a primary, and names
 * the former one by `MASTER` for a second more; what `GET-MASTER-ADDR-BY-NAME` says goes with the epoch.
 * The epoch is asked first: an address may be newer than its epoch, never older.
 * @param ask on one connection, in the order in which it is called
 */
export async function askSentinel(
  ask: (command: readonly string[]) => Promise<unknown>,
  masterName: string,
): Promise<View> {
  const [master, primary, others] = await Promise.all([
    ask(['SENTINEL', 'MASTER', masterName]),
    ask(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', masterName]),
    ask(['SENTINEL', 'SENTINELS', masterName]),
  ])
  const [host = '', port] = primary as string[]
  const fields = fieldsOf(master)
  return {
    primary: { host, port: Number(port) },
    listed: addressIn(fields),
    epoch: Number(fields.get('config-epoch')),
    others: (others as unknown[]).map((other) => addressIn(fieldsOf(other))),
  }
}

/** The address that an entry of `REPLICAS` or `SENTINELS` tells. */
export function addressIn(fields: ReadonlyMap<string, string>): Address {
  return { host: fields.get('ip') ?? '', port: Number(fields.get('port')) }
}
