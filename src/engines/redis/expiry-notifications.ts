import type { SessionId } from '../../core/engine.ts'
import { type ExpiryListener, ExpiryListeners, type ExpirySource } from './expiry.ts'
import { ExpiryChannel } from './expiry-channel.ts'
import { recordIdOf } from './keys.ts'
import type { Topology } from './topology.ts'

/** Trails that this process remembers to have left; the oldest are forgotten. */
const MOST_TRAILS = 10_000

/**
 * Tells of what the servers publish of expired keys. Each publishes its own only. Whatever expires while there
 * is no connection to it is not told of.
 */
export class ExpiryNotifications implements ExpirySource {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #database: number
  readonly #listeners = new ExpiryListeners()
  readonly #trails = new Set<SessionId>()
  /** By a partition of the server. */
  readonly #channels = new Map<string, ExpiryChannel>()
  #ignoreChanges: (() => void) | undefined
  #closed = false

  constructor(topology: Topology, prefix: string, database: number) {
    this.#topology = topology
    this.#prefix = prefix
    this.#database = database
  }

  add(listener: ExpiryListener): () => void {
    if (!this.#closed && this.#ignoreChanges === undefined) {
      this.#ignoreChanges = this.#topology.onChange(() => void this.#open())
      void this.#open()
    }
    return this.#listeners.add(listener)
  }

  /** What stands there from now on is no session. */
  leftTrail(id: SessionId): void {
    if (this.#ignoreChanges === undefined) return
    this.#trails.add(id)
    if (this.#trails.size <= MOST_TRAILS) return
    for (const oldest of this.#trails) {
      this.#trails.delete(oldest)
      return
    }
  }

  close(): void {
    this.#closed = true
    this.#ignoreChanges?.()
    for (const channel of this.#channels.values()) channel.close()
    this.#channels.clear()
    this.#listeners.clear()
  }

  /** One to each server: a channel follows its partition, and the others may have moved beside it. */
  async #open(): Promise<void> {
    try {
      const servers = await this.#topology.servers()
      if (this.#closed) return
      for (const [at, channel] of this.#channels) {
        if (servers.includes(at)) continue
        channel.close()
        this.#channels.delete(at)
      }
      for (const at of servers) {
        if (this.#channels.has(at)) continue
        const channel = new ExpiryChannel({
          ...{ topology: this.#topology, prefix: this.#prefix, database: this.#database, at },
          heard: (key) => this.#heard(key),
          works: () => this.#listeners.works(),
          failed: (error) => this.#listeners.fails(error),
        })
        this.#channels.set(at, channel)
      }
    } catch (error) {
      // There is no server yet. When there is, that is a change.
      this.#listeners.fails(error)
    }
  }

  #heard(key: string): void {
    const id = recordIdOf(this.#prefix, key)
    if (id === undefined || this.#trails.delete(id)) return
    // Who listens has said what has failed. It is not told again.
    this.#listeners.tell({ id, owner: undefined }).catch(() => undefined)
  }
}
