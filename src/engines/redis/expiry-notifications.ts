import { randomBytes } from '../../core/crypto.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { partitionTag } from '../../core/partitions.ts'
import { type ExpiryListener, ExpiryListeners, type ExpirySource } from './expiry.ts'
import { Heartbeat } from './heartbeat.ts'
import { expiryProbeKey, recordIdOf } from './keys.ts'
import type { Link } from './link.ts'
import type { Topology } from './topology.ts'

/** Milliseconds. Finds a connection that is dead without a word. */
const BEAT = 5_000
/** How long a notification may take after its key has been found expired. Milliseconds. */
const PROBE_PATIENCE = 1_000
/** Trails that this process remembers to have left; the oldest are forgotten. */
const MOST_TRAILS = 10_000

/**
 * Tells of what the server publishes of expired keys, on a connection of its own. Whatever expires
 * while there is none is not told of.
 */
export class ExpiryNotifications implements ExpirySource {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #channel: string
  readonly #listeners = new ExpiryListeners()
  readonly #trails = new Set<SessionId>()
  readonly #heartbeat = new Heartbeat(BEAT, () => this.#beat())
  #link: Link | undefined
  /** Whether the server has been seen to publish on the present connection. */
  #isProbed = false
  #probe: { readonly key: string; readonly heard: () => void } | undefined
  #closed = false

  constructor(topology: Topology, prefix: string, database: number) {
    this.#topology = topology
    this.#prefix = prefix
    this.#channel = `__keyevent@${database}__:expired`
  }

  add(listener: ExpiryListener): () => void {
    if (!this.#closed && this.#link === undefined) {
      this.#link = this.#open()
      this.#heartbeat.start()
    }
    return this.#listeners.add(listener)
  }

  /** What stands there from now on is no session. */
  leftTrail(id: SessionId): void {
    if (this.#link === undefined) return
    this.#trails.add(id)
    if (this.#trails.size <= MOST_TRAILS) return
    for (const oldest of this.#trails) {
      this.#trails.delete(oldest)
      return
    }
  }

  close(): void {
    this.#closed = true
    this.#heartbeat.stop()
    this.#listeners.clear()
    this.#link?.close()
  }

  #open(): Link {
    return this.#topology.connect(partitionTag(0), {
      prepare: async (wire) => {
        this.#isProbed = false
        await wire.subscribe(this.#channel, (key) => this.#heard(key))
      },
    })
  }

  #heard(key: string): void {
    if (key === this.#probe?.key) this.#probe.heard()
    const id = recordIdOf(this.#prefix, key)
    if (id === undefined || this.#trails.delete(id)) return
    // Who listens has said what has failed. It is not told again.
    this.#listeners.tell({ id, owner: undefined }).catch(() => undefined)
  }

  async #beat(): Promise<void> {
    try {
      await this.#link?.call('expiry', (wire) => wire.sendCommand(['TIME']))
      if (!this.#isProbed) await this.#seek()
      this.#isProbed = true
      this.#listeners.works()
    } catch (error) {
      this.#listeners.fails(error)
    }
  }

  /** Needs no permission to read the server's settings. */
  async #seek(): Promise<void> {
    const key = expiryProbeKey(this.#prefix, randomBytes(12).toString('base64url'))
    let timer: NodeJS.Timeout | undefined
    const heard = new Promise<boolean>((resolve) => {
      this.#probe = { key, heard: () => resolve(true) }
      timer = setTimeout(() => resolve(false), PROBE_PATIENCE).unref()
    })
    try {
      const set = ['SET', key, '1', 'PX', '1']
      await this.#link?.call('expiry', (wire) => wire.sendCommand(set))
      await new Promise((resolve) => setTimeout(resolve, 5))
      // Who asks for an expired key has it removed at once.
      await this.#link?.call('expiry', (wire) => wire.sendCommand(['EXISTS', key]))
      if (await heard) return
    } finally {
      clearTimeout(timer)
      this.#probe = undefined
    }
    throw new StoreRefusedError(
      'ERR',
      "expiry: 'notify' hears nothing, the server publishes no expired keys: set " +
        'notify-keyspace-events to Ex there, allow the user the channel (docs/redis.md), or take ' +
        "expiry: 'reliable'",
    )
  }
}
