import { publishLifetime } from './diagnostics.ts'
import { descriptorHead } from './engine.ts'
import { type Expired, hasExpiryEvents } from './engine-abilities.ts'
import type { EventHub, SessionEvents } from './events.ts'
import type { Settings } from './options.ts'
import { openDescriptor } from './principal.ts'

/** Hears from the engine of expired sessions, for as long as somebody here wants to know. */
export class Expiry {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #wanting = new Set<object>()
  readonly #isAudited: boolean
  #unsubscribe: (() => void) | undefined
  #closed = false

  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
    // What every node is told of would be in the audit as often.
    const { engine, audit } = settings
    const isToldOnce = hasExpiryEvents(engine) && engine.expiry === 'reliable'
    this.#isAudited = isToldOnce && audit.events.has('expired')
    if (this.#isAudited) this.#start()
  }

  /** @returns a function for who does not want to know any more */
  want(): () => void {
    const wanting = {}
    // Begun anew, so that the engine looks at once, where it has left that to others so far.
    if (this.#wanting.size === 0) this.#stop()
    this.#wanting.add(wanting)
    this.#start()
    return () => {
      this.#wanting.delete(wanting)
      if (this.#wanting.size === 0 && !this.#isAudited) this.#stop()
    }
  }

  close(): void {
    this.#closed = true
    this.#stop()
  }

  #start(): void {
    const { engine } = this.#settings
    if (this.#closed || !hasExpiryEvents(engine)) return
    this.#unsubscribe ??= engine.onExpired(
      (session) => this.#tell(session, engine.expiry === 'reliable'),
      (error) => this.#events.emit('error', { operation: 'expiry', error }),
      // The audit alone must not take what listeners elsewhere wait for.
      { yields: () => this.#wanting.size === 0 },
    )
  }

  #stop(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  #tell(session: Expired, isToldOnce: boolean): Promise<void> {
    const { owner } = session
    const made = owner && descriptorHead(owner.descriptor).createdAt
    publishLifetime('expired', made, this.#settings.engine.now())
    return this.#events.deliver('expired', this.#eventOf(session), isToldOnce)
  }

  #eventOf({ id, owner }: Expired): SessionEvents['expired'] {
    const known = owner && openDescriptor(this.#settings.keyring, owner.tag, id, owner.descriptor)
    if (known === undefined) return { id }
    const { principal, kind, device, address } = known
    return {
      ...{ id, principal },
      ...(kind === undefined ? {} : { kind }),
      ...(device === undefined ? {} : { device }),
      ...(address === undefined ? {} : { address }),
    }
  }
}
