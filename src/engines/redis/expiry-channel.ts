import { randomBytes } from '../../core/crypto.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { expiryProbeKey } from './keys.ts'
import type { Link } from './link.ts'
import type { Topology } from './topology.ts'

/** Milliseconds. Finds a connection that is dead without a word. */
const BEAT = 5_000
/** How long a notification may take after its key has been found expired. Milliseconds. */
const PROBE_PATIENCE = 1_000

export interface ChannelOptions {
  readonly topology: Topology
  readonly prefix: string
  /** Its number. */
  readonly database: number
  /** A partition of the server. */
  readonly at: string
  readonly heard: (key: string) => void
  readonly works: () => void
  readonly failed: (error: unknown) => void
}

/** What one server publishes of expired keys, on a connection of its own. */
export class ExpiryChannel {
  readonly #options: ChannelOptions
  readonly #heartbeat = new Heartbeat(BEAT, () => this.#beat())
  readonly #link: Link
  /** Whether the server has been seen to publish on the present connection. */
  #isProbed = false
  #probe: { readonly key: string; readonly heard: () => void } | undefined

  constructor(options: ChannelOptions) {
    this.#options = options
    const { topology, at, database } = options
    this.#link = topology.connect(at, {
      prepare: async (wire) => {
        this.#isProbed = false
        await wire.subscribe(`__keyevent@${database}__:expired`, (key) => this.#heard(key))
      },
    })
    this.#heartbeat.start()
  }

  close(): void {
    this.#heartbeat.stop()
    this.#link.close()
  }

  #heard(key: string): void {
    if (key === this.#probe?.key) this.#probe.heard()
    else this.#options.heard(key)
  }

  async #beat(): Promise<void> {
    try {
      await this.#link.call('expiry', (wire) => wire.sendCommand(['TIME']))
      if (!this.#isProbed) await this.#seek()
      this.#isProbed = true
      this.#options.works()
    } catch (error) {
      this.#options.failed(error)
    }
  }

  /** Needs no permission to read the server's settings. */
  async #seek(): Promise<void> {
    const { prefix, at } = this.#options
    const key = expiryProbeKey(prefix, at, randomBytes(12).toString('base64url'))
    let timer: NodeJS.Timeout | undefined
    const heard = new Promise<boolean>((resolve) => {
      this.#probe = { key, heard: () => resolve(true) }
      timer = setTimeout(() => resolve(false), PROBE_PATIENCE).unref()
    })
    try {
      const set = ['SET', key, '1', 'PX', '1']
      await this.#link.call('expiry', (wire) => wire.sendCommand(set))
      await new Promise((resolve) => setTimeout(resolve, 5))
      // Who asks for an expired key has it removed at once.
      await this.#link.call('expiry', (wire) => wire.sendCommand(['EXISTS', key]))
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
