import type { Known } from './json.ts'
import { restoreSession } from './request-properties.ts'
import { CompatSession } from './session.ts'

/** What an object was when it was last the same as what is stored. */
export interface Held {
  known: Known
}

/** Nobody has looked at it. */
export const UNSEEN: unique symbol = Symbol('unseen')
/** The application has put something else in its place. */
export const FOREIGN: unique symbol = Symbol('foreign')
export type Seen = CompatSession | typeof UNSEEN

/** What stands at `req.session`, and the session objects that the request has had. */
export class SessionSlot {
  readonly #request: object
  /** Made when somebody looks. */
  #current: CompatSession | undefined
  readonly #held = new Map<CompatSession, Held>()
  /** Objects of sessions that are not this request's any more, and what they were called. */
  readonly #former = new Map<CompatSession, string>()
  /** Destroyed, or set to nothing by the application: what it reads as. */
  #unset: { readonly value: undefined | null } | undefined
  #foreign: unknown

  constructor(request: object) {
    this.#request = request
  }

  /** What the application sees. @param make the session, where nobody has looked */
  get(make: () => CompatSession): unknown {
    if (this.#unset !== undefined) return this.#unset.value
    return this.#foreign ?? this.#current ?? make()
  }

  /** The application's assignment. */
  set(value: unknown): void {
    this.#foreign = undefined
    this.#unset = value === undefined || value === null ? { value } : undefined
    if (this.#unset !== undefined || value === this.#current) return
    if (value instanceof CompatSession && this.#held.has(value)) this.#current = value
    else this.#foreign = value
  }

  /** Nothing where the application wants none. */
  present(): Seen | typeof FOREIGN | undefined {
    if (this.#unset !== undefined || !Object.hasOwn(this.#request, 'session')) return undefined
    if (this.#current === undefined && this.#foreign === undefined) return UNSEEN
    // Deleted and set again it is a property like others.
    const value = (this.#request as { session?: unknown }).session
    if (value === undefined || value === null) return undefined
    return value instanceof CompatSession && this.#held.has(value) ? value : FOREIGN
  }

  /** The first object that the request has had, or none yet. */
  get isFirst(): boolean {
    return this.#held.size === 0
  }

  /** Those of the request's session. */
  get objects(): Iterable<readonly [CompatSession, Held]> {
    return this.#held
  }

  put(session: CompatSession, known: Known): void {
    this.#held.set(session, { known })
    this.#current = session
  }

  /** Another object is made for the same session when somebody looks; those that were made stay good. */
  refresh(): void {
    this.#current = undefined
    this.#foreign = undefined
    this.#unset = undefined
    restoreSession(this.#request)
  }

  unset(): void {
    this.#unset = { value: undefined }
  }

  /** The session is not the request's any more. @param id what it was called */
  leave(id: string): void {
    for (const session of this.#held.keys()) this.#former.set(session, id)
    this.#held.clear()
    this.#current = undefined
  }

  heldBy(session: CompatSession): Held | undefined {
    return this.#held.get(session)
  }

  formerId(session: CompatSession): string | undefined {
    return this.#former.get(session)
  }
}
