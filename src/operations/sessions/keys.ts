import { createKeyring } from '../../core/keyring.ts'
import type { SessionSummary } from './catalogue.ts'

/** One secret of the application's, by the place that it has among them. */
export interface KeyUse {
  /** As it stands in the records. */
  readonly keyId: number
  /** 0 is the one that seals now; undefined: none of them. */
  readonly place: number | undefined
  readonly sessions: number
  /** When the last of its sessions ends at the latest, milliseconds since the epoch. */
  readonly lastDeadline: number | undefined
}

/** By which secrets sessions are sealed: one that has none any more can go. */
export class KeyUses {
  readonly #places: ReadonlyMap<number, number>
  readonly #seen = new Map<number, { sessions: number; lastDeadline: number }>()

  /** @throws OptionError */
  constructor(secrets: string | readonly string[]) {
    const { keys } = createKeyring([secrets].flat())
    this.#places = new Map(keys.map(({ id }, place) => [id, place]))
  }

  add({ keyId, deadline }: SessionSummary): void {
    const own = this.#seen.get(keyId) ?? { sessions: 0, lastDeadline: 0 }
    this.#seen.set(keyId, own)
    own.sessions++
    own.lastDeadline = Math.max(own.lastDeadline, deadline)
  }

  /** Those of the application first, in their order; then those that are none of them. */
  get all(): KeyUse[] {
    const own = [...this.#places].map(([keyId, place]) => this.#use(keyId, place))
    const others = [...this.#seen.keys()].filter((keyId) => !this.#places.has(keyId))
    return [...own, ...others.map((keyId) => this.#use(keyId, undefined))]
  }

  #use(keyId: number, place: number | undefined): KeyUse {
    const seen = this.#seen.get(keyId)
    return { keyId, place, sessions: seen?.sessions ?? 0, lastDeadline: seen?.lastDeadline }
  }
}
