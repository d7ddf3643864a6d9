import { type DurabilityOption, type Outcome, waitForOf } from './durability.ts'
import { type Duration, parseDuration } from './duration.ts'
import type { SessionId, Stamp } from './engine.ts'
import { OptionError } from './errors.ts'
import { limitOf, type MaxSessions } from './limit.ts'
import { authenticatedAtOf, levelOf, principalOf } from './meta.ts'
import type { OutagePolicy } from './outage.ts'
import { namePrincipal } from './principal.ts'
import { withProperties } from './properties.ts'
import type { Lifetime } from './repository.ts'
import type { SessionState } from './session-state.ts'
import { refuseUnknown } from './unknown-options.ts'
import { checkedUpdate } from './update.ts'
import { isWellFormed } from './values.ts'

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

export interface LifetimeOptions {
  readonly idleTimeout?: Duration
  /** Since the session's creation. */
  readonly absoluteTimeout?: Duration
  /** Whether the cookie outlives the browser ("remember me"). */
  readonly persistent?: boolean
}

export interface LoginOptions<Data extends object> extends LifetimeOptions {
  /** Attributes of the session before the login that go along. Default none: OWASP ASVS 7.2.4. */
  readonly keep?: readonly (keyof Data & string)[]
  /** For lists of devices: a label, such as the user agent. Shortened to 256 characters. */
  readonly device?: string | undefined
  /** For lists of devices: the client's network address. */
  readonly address?: string | undefined
  /** Of client, for `maxSessions.kinds` and lists of devices: `'mobile'`, `'web'`. 1 to 64 characters. */
  readonly kind?: string | undefined
  /**
   * How well the principal is known now, on your own scale of 0 to 255: 1 by a password, 2 by a second
   * factor, as NIST's AAL 1 to 3. For `session.level`.
   */
  readonly level?: number | undefined
  /** Instead of the option of the same name. */
  readonly maxSessions?: MaxSessions | undefined
}

/** For `sessions.watch`; a symbol, so that it is reached through plain properties too. */
export const STAMP: unique symbol = Symbol('sojourn.stamp')

/** A session, whatever the type of its data. */
export interface Watchable {
  readonly id: SessionId | undefined
  /** Which state of it this is. */
  readonly [STAMP]?: Stamp | undefined
}

const LONGEST_LABEL = 256
const LIFETIME_OPTIONS = ['idleTimeout', 'absoluteTimeout', 'persistent']
const LONGEST_KIND = 64
const LOGIN_OPTIONS = [
  ...LIFETIME_OPTIONS,
  ...['keep', 'device', 'address', 'kind', 'level', 'maxSessions'],
]
const HIGHEST_LEVEL = 255

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
    return at !== undefined && this.#state.repository.settings.engine.now() - at <= within
  }

  /** How well the principal is known, as `login` or `stepUp` has said; absent where neither has. */
  get level(): number | undefined {
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
    const { settings } = this.#state.repository
    refuseUnknown(options, LOGIN_OPTIONS)
    const lifetime = lifetimeOf(options)
    const idleTimeout = lifetime.idleTimeout ?? settings.idleTimeout
    const absoluteTimeout = lifetime.absoluteTimeout ?? settings.absoluteTimeout
    if (idleTimeout > absoluteTimeout) {
      throw new OptionError('idleTimeout', 'is longer than absoluteTimeout; give both to login')
    }
    const name = namePrincipal(principal, settings.pepper)
    const kind = kindOf(options.kind)
    const { maxSessions, keep = [] } = options
    const limit = (maxSessions === undefined ? settings.limitOf : limitOf(maxSessions))({
      principal,
      kind,
    })
    await this.#state.login({
      name,
      level: options.level === undefined ? undefined : checkLevel(options.level),
      kind,
      limit,
      keep: keptNames(keep),
      device: labelOf('device', options.device),
      address: labelOf('address', options.address),
      persistent: lifetime.persistent ?? false,
      idleTimeout,
      absoluteTimeout,
      note: this.#state.note,
    })
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
    return this.#state.logout(waitForOf(options))
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
    refuseUnknown(options, LIFETIME_OPTIONS)
    const { idleTimeout, absoluteTimeout, persistent } = lifetimeOf(options)
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

function keptNames(keep: unknown): readonly string[] {
  if (Array.isArray(keep)) return keep as string[]
  throw new OptionError('keep', 'takes a list of attribute names')
}

function kindOf(kind: unknown): string | undefined {
  if (kind === undefined) return undefined
  const isText = typeof kind === 'string' && kind.length > 0 && kind.length <= LONGEST_KIND
  // Lone surrogates all become the same character in UTF-8: two kinds would be one.
  if (isText && isWellFormed(kind)) return kind
  throw new OptionError('kind', `takes a text of 1 to ${LONGEST_KIND} characters`)
}

function checkLevel(level: unknown): number {
  const isLevel = Number.isInteger(level) && (level as number) >= 0
  if (isLevel && (level as number) <= HIGHEST_LEVEL) return level as number
  throw new OptionError('level', `takes a whole number from 0 to ${HIGHEST_LEVEL}`)
}

function labelOf(option: string, label: unknown): string | undefined {
  if (label === undefined) return undefined
  if (typeof label !== 'string') throw new OptionError(option, 'takes a string')
  // By way of bytes: half of a character that was cut in two cannot be stored.
  return Buffer.from(label.slice(0, LONGEST_LABEL)).toString()
}

function lifetimeOf(options: LifetimeOptions): {
  idleTimeout: number | undefined
  absoluteTimeout: number | undefined
  persistent: boolean | undefined
} {
  const read = (name: string, value: Duration | undefined): number | undefined =>
    value === undefined ? undefined : parseDuration(name, value)
  if (options.persistent !== undefined && typeof options.persistent !== 'boolean') {
    throw new OptionError('persistent', 'takes true or false')
  }
  return {
    idleTimeout: read('idleTimeout', options.idleTimeout),
    absoluteTimeout: read('absoluteTimeout', options.absoluteTimeout),
    persistent: options.persistent,
  }
}
