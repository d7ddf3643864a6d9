import type { SessionId } from '../../core/engine.ts'
import { partitionTag } from '../../core/partitions.ts'
import type { Watchers } from '../watchers.ts'
import type { Address } from './cluster-slots.ts'
import { Confirmer, type Confirming } from './confirmer.ts'
import { recordKey } from './keys.ts'
import { type Issue, Link } from './link.ts'
import { keepingNothing } from './near.ts'
import { NearCache } from './near-cache.ts'
import type { ClusterPlan, RedisTarget } from './options.ts'
import { redirectionOf } from './redirection.ts'
import { ErrorReply } from './resp.ts'
import { directRoute } from './route.ts'
import type { ServerClock } from './server-clock.ts'
import type { Place, TopologyOptions } from './topology.ts'
import { TrackedLink } from './tracked-link.ts'
import type { Argument, Commands } from './wire.ts'

export type AddressedPlace = Place & { readonly address: Address }

export interface MasterOptions {
  readonly settings: TopologyOptions
  readonly plan: ClusterPlan
  readonly address: Address
  readonly time: ServerClock
  readonly watchers: Watchers
  /** Whether the session would be here. */
  readonly has: (id: SessionId) => boolean
  /** It says that it does not have what it had, or says nothing any more. */
  readonly doubted: () => void
}

/** A master of a Cluster: a link of its own, and what is known near of its records. */
export class ClusterMaster implements AddressedPlace {
  readonly address: Address
  readonly #link: TrackedLink
  readonly #options: MasterOptions
  readonly #target: RedisTarget
  readonly #confirmer: Confirmer
  #beside: Link | undefined
  /** Numbers. Empty at one that a slot is on the way to and that has none yet. */
  partitions: ReadonlySet<number> = new Set()

  constructor(options: MasterOptions) {
    this.#options = options
    const { settings, plan, address, time, watchers, has } = options
    this.address = address
    const target = { ...plan.servers, address: plan.mapAddress(address) }
    this.#target = target
    const { clock } = settings
    this.#confirmer = new Confirmer({
      ...settings,
      connect: (commandTimeout) => new Link({ route: directRoute(target), clock, commandTimeout }),
    })
    this.#link = new TrackedLink({
      ...settings,
      route: { find: () => Promise.resolve(target), check: (wire) => this.#check(wire) },
      time,
      onUp: () => settings.connected?.(this, has),
      onDown: () => options.doubted(),
      watchers: {
        add: (id, listener) => watchers.add(id, listener),
        notify: (id) => watchers.notify(id),
        notifyAll: () => watchers.notifyAll(has),
      },
    })
  }

  get near(): NearCache {
    return this.#link.near
  }

  get isBroken(): boolean {
    return this.#link.isBroken
  }

  get isConnected(): boolean {
    return this.#link.isConnected
  }

  call<T>(operation: string, issue: Issue<T>): Promise<T> {
    return this.#link.call(operation, issue)
  }

  /** What is asked of it for a slot that is on the way to it. Nothing of that is known near. */
  asking(): AddressedPlace {
    const { settings, time, watchers } = this.#options
    const limits = settings.nearCache ?? { maxStaleness: 1_000, maxEntries: 2, maxBytes: 1 }
    const near = new NearCache(limits, () => time.now(), watchers)
    near.turnOff('its slot is on the way')
    return {
      address: this.address,
      near,
      call: (operation, issue) =>
        this.#link.call(operation, (wire, isWanted) => issue(new Asking(wire), isWanted)),
    }
  }

  /** On a connection that is not tracked: see WorkOptions. */
  beside(): AddressedPlace {
    const { clock, commandTimeout } = this.#options.settings
    const link = (this.#beside ??= new Link({
      ...{ route: directRoute(this.#target), clock, commandTimeout },
    }))
    return {
      address: this.address,
      near: this.near,
      call: (operation, issue) => link.call(operation, issue),
    }
  }

  /** For writes that wait: see WorkOptions. */
  confirmed(confirming: Confirming): AddressedPlace {
    return {
      address: this.address,
      near: keepingNothing(this.near),
      call: (operation, issue) => this.#confirmer.call(operation, issue, confirming),
    }
  }

  /** See Link. */
  leave(): void {
    this.#confirmer.leave()
    this.#link.leave()
    this.#beside?.leave()
  }

  close(): void {
    this.#confirmer.close()
    this.#link.close()
    this.#beside?.close()
  }

  /**
   * A read of a key of its own, for a master that is cut off from the others answers a PING for as long
   * as it lives, and what it has only until it notices.
   */
  async #check(wire: Commands): Promise<boolean> {
    const [partition] = this.partitions
    if (partition === undefined) return true
    const key = recordKey(this.#options.settings.prefix, partitionTag(partition))
    try {
      await wire.sendCommand(['EXISTS', key])
      return true
    } catch (error) {
      const redirection = error instanceof ErrorReply ? redirectionOf(error) : undefined
      // It is on the way, and its own until it has arrived.
      if (redirection?.kind === 'ASK') return true
      this.#options.doubted()
      if (redirection === undefined) throw error
      return false
    }
  }
}

/** Puts ASKING before each command: what comes behind it is carried out for a slot that is on the way. */
class Asking implements Commands {
  readonly #wire: Commands

  constructor(wire: Commands) {
    this.#wire = wire
  }

  sendCommand(args: readonly Argument[], strings?: object, written?: string): Promise<unknown> {
    // Its own failure says nothing that the command's does not.
    this.#wire.sendCommand(['ASKING']).catch(() => undefined)
    return this.#wire.sendCommand(args, strings, written)
  }
}
