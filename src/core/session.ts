import { type DurabilityOption, type Outcome, waitForOf } from './durability.ts'
import { type Duration, parseDuration } from './duration.ts'
import type { SessionId, Stamp } from './engine.ts'
import { AttributeError } from './errors.ts'
import {
  checkLevel,
  type LifetimeOptions,
  type LoginOptions,
  lifetimesOf,
  loginPlan,
} from './login-options.ts'
import { authenticatedAtOf, formerOf, levelOf, principalOf } from './meta.ts'
import type { OutagePolicy } from './outage.ts'
import { withProperties } from './properties.ts'
import type { Lifetime } from './repository.ts'
import type { SessionState } from './session-state.ts'
import { membersOf, refuseStrays } from './strays.ts'
import { refuseUnknown } from './unknown-options.ts'
import { checkedUpdate } from './update.ts'

/** What `get` gives: the value, not to be changed in place. */
export type View<V> = V extends
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | Date
  | Uint8Array
  ? V
  : V extends ReadonlyMap<infer K, infer T>
    ? ReadonlyMap<View<K>, View<T>>
    : V extends ReadonlySet<infer T>
      ? ReadonlySet<View<T>>
      : V extends object
        ? { readonly [K in keyof V]: View<V[K]> }
        : V

/** For `sessions.watch`; a symbol, so that it is reached through plain properties too. */
export const STAMP: unique symbol = Symbol('sojourn.stamp')

/** Its id, and that of before the rotation that has given it its token. */
export const IDS: unique symbol = Symbol('sojourn.ids')

/** A session, whatever the type of its data. */
export interface Watchable {
  readonly id: SessionId | undefined
  /** Which state of it this is. */
  readonly [STAMP]?: Stamp | undefined
}

/**
 * One request's view of a session. Attributes are read at once and written together by `commit`,
 * which the framework adapter calls before the response goes out.
 */
export class Session<Data extends object = Record<string, unknown>> {
  static {
    // What `console.log` shows: names, no values, and not the token. Only public members: with plain
    // properties `this` is the proxy, which has no private ones.
    Object.defineProperty(Session.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Session<object>): object {
        const { id, principal } = this
        return { session: id, principal, attributes: this.names() }
      },
    })
    Object.defineProperty(Session.prototype, STAMP, {
      get(this: Session<object>): Stamp | undefined {
        return this.#state.live?.stamp
      },
    })
    Object.defineProperty(Session.prototype, IDS, {
      get(this: Session<object>): readonly SessionId[] {
        const { live } = this.#state
        // That of one that is not stored is known already.
        if (live === undefined) return [this.#state.reserve().id]
        const { id } = live.token
        const former = formerOf(live.meta)
        return former === undefined ? [id] : [id, id.slice(0, -former.length) + former]
      },
    })
    refuseStrays(Session.prototype, (name) => {
      const quoted = JSON.stringify(name)
      const how = `session.set(${quoted}, …), or session.data[${quoted}] = …`
      return new AttributeError(name, `assigned to the session itself it is not stored: ${how}`)
    })
  }

  readonly #held: SessionState
  #data: Partial<Data> | undefined

  /** Made by `Sessions`. */
  constructor(state: SessionState) {
    this.#held = state
  }

  /** Whoever looks at anything of the session depends on it. */
  get #state(): SessionState {
    this.#held.used = true
    return this.#held
  }

  /** Public name: safe to log and to show, of no use as a cookie. Absent until the session is stored. */
  get id(): SessionId | undefined {
    return this.#state.live?.token.id
  }

  /**
   * The secret itself, for transports without cookies: whoever has it has the session. Never log it.
   * Changes with `login`, `stepUp` and `rotate`. Absent until the session is stored, and for a request that
   * has outlasted its own token.
   */
  get token(): string | undefined {
    return this.#state.concealed ? undefined : this.#state.live?.token.text
  }

  /** Whether nothing is stored yet. */
  get isNew(): boolean {
    return this.#state.live === undefined
  }

  /**
   * Set while the store does not answer: whether this is nobody's session (`'anonymous'`), though the browser
   * may have one, or what was last known of it (`'serve-cached'`). See OutagePolicy.
   */
  get outage(): Exclude<OutagePolicy, 'fail'> | undefined {
    return this.#state.outage
  }

  /** Whose session it is; absent before login. */
  get principal(): string | undefined {
    const { live } = this.#state
    return live && principalOf(live.meta)
  }

  /** When the principal last authenticated, by `login` or `stepUp`, milliseconds since the epoch. */
  get authenticatedAt(): number | undefined {
    const { live } = this.#state
    return live && authenticatedAtOf(live.meta)
  }

  /**
   * Whether the principal has authenticated so lately: what is worth asking for the password again
   * asks this first (OWASP ASVS 7.5.3). `false` for nobody's session.
   * @param duration milliseconds or `'5m'`
   * @throws OptionError
   */
  authenticatedWithin(duration: Duration): boolean {
    const within = parseDuration('duration', duration)
    const at = this.authenticatedAt
    if (this.anomaly !== undefined) return false
    return at !== undefined && this.#state.repository.settings.engine.now() - at <= within
  }

  /**
   * With `binding: { policy: 'step-up' }`: the names of what is not as it was when the principal authenticated. Ask for the
   * password again, and call `login` or `stepUp`: then it is absent again.
   */
  get anomaly(): readonly string[] | undefined {
    return this.#state.anomaly
  }

  /** How well the principal is known, as `login` or `stepUp` has said; absent where neither has, and with an `anomaly`. */
  get level(): number | undefined {
    if (this.anomaly !== undefined) return undefined
    const { live } = this.#state
    return live && levelOf(live.meta)
  }

  /** Milliseconds since the epoch. */
  get createdAt(): number | undefined {
    return this.#state.live?.header.createdAt
  }

  /** When it ends if nobody comes, milliseconds since the epoch. */
  get expiresAt(): number | undefined {
    return this.#state.live?.lease.expiresAt
  }

  /** When it ends whoever comes, milliseconds since the epoch. */
  get deadline(): number | undefined {
    return this.#state.live?.header.deadline
  }

  /**
   * Fires within milliseconds when the session ends anywhere: logout, revocation, expiry. For streams
   * and long work of a request; it stops with the response, that of a WebSocket's handshake with the
   * socket. Of a session that `sessions.open` gave it is watched until the session ends, for nobody says
   * when you are done: use `sessions.watch`, which has a `close`.
   */
  get signal(): AbortSignal {
    return this.#state.signal
  }

  /** The value without a copy, and not to be changed: use `set`, `update` or `data` for that. */
  get<Name extends keyof Data & string>(name: Name): View<Data[Name]> | undefined {
    return this.#state.attributes.view(name) as View<Data[Name]> | undefined
  }

  has(name: keyof Data & string): boolean {
    return this.#state.attributes.has(name)
  }

  names(): (keyof Data & string)[] {
    return this.#state.attributes.names() as (keyof Data & string)[]
  }

  /**
   * Sets an attribute, to be stored with the next commit. `undefined` deletes it.
   * @throws AttributeError for a name that cannot be stored; a value is checked at the commit
   */
  set<Name extends keyof Data & string>(name: Name, value: Data[Name] | undefined): void {
    this.#state.attributes.set(name, value)
  }

  delete(name: keyof Data & string): void {
    this.#state.attributes.set(name, undefined)
  }

  /** Deletes all attributes; the session and its principal stay. */
  clear(): void {
    this.#state.attributes.clear()
  }

  /**
   * Changes an attribute atomically and stores it at once, with everything else that is pending.
   * @param make gets a copy of the value that it may change, and returns the new value; runs again
   * when another writer was first
   * @returns the value that was stored
   * @throws SessionConflictError, AttributeError, SessionTooLargeError, SchemaError, Store…Error
   */
  async update<Name extends keyof Data & string>(
    name: Name,
    make: (value: Data[Name] | undefined) => Data[Name],
  ): Promise<View<Data[Name]>> {
    return (await this.#state.update(name, checkedUpdate(name, make))) as View<Data[Name]>
  }

  /** The attributes as plain properties: changes in place are noticed at the commit. */
  get data(): Partial<Data> {
    return (this.#data ??= withProperties(
      Object.create(null) as object,
      this.#state,
    ) as Partial<Data>)
  }

  /** Whether a commit would write anything. */
  get dirty(): boolean {
    return this.#state.dirty
  }

  /**
   * Stores what has changed. A session that nobody has yet is created only if it holds anything.
   * @throws SessionConflictError, AttributeError, SessionTooLargeError, SchemaError,
   * StoreUnavailableError, StoreRefusedError
   */
  commit(): Promise<void> {
    return this.#state.commit()
  }

  /**
   * Reads the session anew from the store, past the near cache: what was revoked or changed elsewhere
   * until now is seen. What has been changed here is stored first.
   * @throws as `commit`
   */
  refresh(): Promise<void> {
    return this.#state.refresh()
  }

  /** Renews the idle timeout now; the adapters do so by themselves when it is due. */
  touch(): Promise<void> {
    return this.#state.touch()
  }

  /**
   * Signs a principal in: a new token always, the old one refused at once (OWASP ASVS 7.2.4), all
   * attributes but those of `keep` dropped.
   * @throws AttributeError for a principal that is not a string of 1 to 1,024 bytes, HeadersSentError,
   * OptionError for a wrong lifetime or limit, SessionLimitError when the principal has too many sessions
   * and the policy is `'reject'` (this session and its changes then stay as they are), and as `commit`
   */
  async login(principal: string, options: LoginOptions<Data> = {}): Promise<void> {
    const { repository, note } = this.#state
    await this.#state.login(loginPlan(repository.settings, principal, options, note))
    this.#held.decided()
  }

  /**
   * The principal has authenticated again, at this level: a new token for the same session, the old one
   * refused at once, as after a login (OWASP ASVS 7.2.4). Attributes and lifetimes stay; pending changes
   * are stored in the same step.
   * @param level 0 to 255, on the scale of `login`
   * @throws NotSignedInError, OptionError, HeadersSentError, SessionEndedError, and as `commit`
   */
  async stepUp(level: number): Promise<void> {
    await this.#state.stepUp(checkLevel(level))
  }

  /**
   * Ends the session on every node. What is set afterwards makes a new one.
   * @returns whether its end outlasts the server
   * @throws OptionError, StoreUnavailableError, StoreRefusedError, SessionConflictError
   */
  async logout(options: DurabilityOption = {}): Promise<Outcome> {
    refuseUnknown(options, ['durability'])
    const outcome = await this.#state.logout(waitForOf(options))
    this.#held.decided()
    return outcome
  }

  /**
   * A new token for the same session. Whoever comes with the former one gets the new one too: until
   * `rotationGrace` after the new one is first used, at most for `rotationPatience`. Pending changes are stored in the same step.
   * @throws HeadersSentError, SessionEndedError, and as `commit`
   */
  rotate(): Promise<void> {
    return this.#state.rotate()
  }

  /**
   * Other lifetimes for this session, stored with the next commit. That of a principal's session gets
   * a new token with it.
   * @throws OptionError, HeadersSentError
   */
  setLifetime(options: LifetimeOptions): void {
    const { idleTimeout, absoluteTimeout, persistent } = lifetimesOf(options)
    const { live } = this.#state
    const start = live?.header.createdAt ?? Math.floor(this.#state.repository.settings.engine.now())
    const lifetime: Lifetime = {
      idleTimeout,
      deadline: absoluteTimeout === undefined ? undefined : start + absoluteTimeout,
      persistent,
    }
    this.#state.setLifetime(lifetime)
  }

  /** What `JSON.stringify` shows: the attributes. */
  toJSON(): Record<string, unknown> {
    const { attributes } = this.#state
    return Object.fromEntries(attributes.names().map((name) => [name, attributes.view(name)]))
  }
}

/** The session with its attributes as plain properties, which its members go before. */
export function asProperties(session: object, state: SessionState): object {
  return withProperties(session, state, MEMBERS)
}

const MEMBERS = membersOf(Session.prototype)
