import type { SessionId } from './engine.ts'
import type { EventHub } from './events.ts'
import type { Settings } from './options.ts'
import { openDescriptor, type PrincipalName } from './principal.ts'
import { revokeById } from './revoke.ts'

/** A session as its owner sees it. Times are milliseconds since the epoch. */
export interface SessionInfo {
  /** Names the session for `revoke`; of no use as a cookie. */
  readonly id: SessionId
  readonly createdAt: number | undefined
  /** To the part of the idle timeout after which activity is written down (`touchAfter`). */
  readonly lastActiveAt: number | undefined
  readonly expiresAt: number
  readonly deadline: number | undefined
  readonly device: string | undefined
  readonly address: string | undefined
}

/** All sessions of one principal, on every node. */
export class PrincipalSessions {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #name: PrincipalName

  /** Use `sessions.of(principal)`. */
  constructor(settings: Settings, events: EventHub, name: PrincipalName) {
    this.#settings = settings
    this.#events = events
    this.#name = name
  }

  /** Oldest first. */
  async list(): Promise<SessionInfo[]> {
    const { engine, keyring } = this.#settings
    const { tag, partitionTag } = this.#name
    const now = engine.now()
    const listed = await engine.list(partitionTag, tag)
    return listed.map(({ id, descriptor, ttl }) => {
      const opened = openDescriptor(keyring, tag, id, descriptor)
      const expiresAt = now + ttl
      return {
        id,
        createdAt: opened?.createdAt,
        // Near the absolute deadline the remaining time says less; activity was then at the earliest so.
        lastActiveAt: opened && Math.max(opened.createdAt, expiresAt - opened.idleTimeout),
        expiresAt,
        deadline: opened?.deadline,
        device: opened?.device,
        address: opened?.address,
      }
    })
  }

  /** Ends one of them, also by its id of before a rotation. @returns false when there is no such session */
  async revoke(id: SessionId): Promise<boolean> {
    const { tag, principal } = this.#name
    const ended = await revokeById(this.#settings.engine, id, tag)
    if (ended === undefined) return false
    await this.#events.record('revoked', { id: ended, principal })
    return true
  }

  /** Ends all of them in one step, or all but one. @returns how many were live */
  async revokeAll(options: { readonly except?: SessionId | undefined } = {}): Promise<number> {
    const { tag, partitionTag, principal } = this.#name
    const ids = await this.#settings.engine.revokeAll(partitionTag, tag, options.except)
    // Entries keep their order: the last stands for those before it.
    let entry: Promise<void> | undefined
    for (const id of ids) entry = this.#events.record('revoked', { id, principal })
    await entry
    return ids.length
  }
}
