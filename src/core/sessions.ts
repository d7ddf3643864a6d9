import type { Attachment } from './attachment.ts'
import { Audit } from './audit.ts'
import type { Binding } from './binding.ts'
import { cookieValues } from './cookie.ts'
import { isCsrfToken, makeCsrfToken } from './csrf.ts'
import { DerivedSessions } from './derived-sessions.ts'
import type { DurabilityOption, Outcome } from './durability.ts'
import { type Duration, parseDuration } from './duration.ts'
import type { Engine, SessionId } from './engine.ts'
import {
  type ConnectionStats,
  hasConnections,
  hasNearReads,
  type NearCacheStats,
} from './engine-abilities.ts'
import {
  CsrfError,
  NotSignedInError,
  OptionError,
  SessionEndedError,
  StoreRefusedError,
  StoreUnavailableError,
} from './errors.ts'
import {
  EventHub,
  type SessionEventName,
  type SessionEvents,
  type SessionListener,
} from './events.ts'
import type { Exchange, ExchangeOptions, ExchangeRequest } from './exchange.ts'
import { Expiry } from './expiry.ts'
import { Generations } from './generations.ts'
import type { InsightOptions, SessionsInsight } from './insight.ts'
import { checkOwnCookie } from './legacy.ts'
import type { Live } from './live.ts'
import { LiveKeyring } from './live-keyring.ts'
import type { LastingRule } from './mirror.ts'
import { openExchange } from './open-exchange.ts'
import type { Settings } from './options.ts'
import { namePrincipal } from './principal.ts'
import { OwnSessions, PrincipalSessions, type SignedIn } from './principal-sessions.ts'
import { type OwnerRule, Repository } from './repository.ts'
import { revoke } from './revoke.ts'
import { type ScannedSession, scanSessions } from './scan.ts'
import { IDS, Session, STAMP, type Watchable } from './session.ts'
import { SessionState } from './session-state.ts'
import { StoredSessions } from './stored-session.ts'
import { isSessionId, parseToken, refusalOf, type Token } from './token.ts'
import { tokenIn } from './token-form.ts'
import { refuseUnknown } from './unknown-options.ts'
import type { Validations } from './validations.ts'
import { Watch, type WatchOptions } from './watch.ts'

export interface OpenOptions {
  /** Asks the store, whatever is at hand in this process. */
  readonly fresh?: boolean
}

export interface SessionsStats {
  readonly nearCache: NearCacheStats
  /** Undefined for an engine that needs none. */
  readonly connections: ConnectionStats | undefined
  /** What was said of the tokens that came, since `createSessions`. */
  readonly validations: Validations
  /** Of the secrets that hold now, the one that signs and seals first: as `sojourn keys` names them. They say nothing of the secrets. */
  readonly keyIds: readonly number[]
}

const MOST_ANOMALIES = 10_000
const NO_OPTIONS: ExchangeOptions = {}
const NO_NEAR_CACHE: NearCacheStats = {
  ...{ state: 'off', reason: 'the engine has none' },
  ...{ entries: 0, bytes: 0, hits: 0, misses: 0, invalidations: 0, evictions: 0, age: undefined },
}

/** How many `Sessions` that are not closed use an engine: the last of them closes it. */
const users = new WeakMap<Engine, number>()

/** The sessions of an application. Made by `createSessions`; safe to share by all requests. */
export class Sessions<Data extends object = Record<string, unknown>> {
  readonly #settings: Settings
  readonly #events = new EventHub()
  readonly #repository: Repository
  /** Where a request carries its exchange. Faster than a WeakMap, which also burdens each collection. */
  readonly #slot = Symbol('sojourn')
  /** Some option is asked about requests. */
  readonly #wantsRequest: boolean
  /** That have been told of: a client that asks on and on must not fill the audit. */
  readonly #anomalies = new Generations<true>({ maxCount: MOST_ANOMALIES })
  #closing: Promise<void> | undefined
  readonly #audit: Audit
  readonly #expiry: Expiry
  /** For adapters: sessions by their public ids, for what has no request. */
  readonly stored: StoredSessions

  /** Use `createSessions`. */
  constructor(settings: Settings) {
    this.#settings = settings
    this.#wantsRequest = [settings.region, settings.newSessions, settings.binding].some(
      (option) => option !== undefined,
    )
    this.#audit = new Audit(settings, this.#events)
    this.#repository = new Repository(settings, this.#events)
    this.stored = new StoredSessions(this.#repository, this.#events)
    const { engine } = settings
    users.set(engine, (users.get(engine) ?? 0) + 1)
    if (settings.keyring instanceof LiveKeyring) {
      settings.keyring.start((error) => {
        this.#events.emit('error', { operation: 'secrets', error })
      })
    }
    this.#expiry = new Expiry(settings, this.#events)
  }

  get engine(): Engine {
    return this.#settings.engine
  }

  /**
   * Resolves when the store can serve, and with the option `audit` takes its entries. For applications that want to fail
   * at start.
   * @param patience how long a store, or a source of secrets, that does not answer is waited for, default 5 seconds: a first
   * connection may take longer than a command, and a store may start beside the application
   * @throws StoreUnavailableError, StoreRefusedError; what the source of the secrets throws
   */
  async ready(patience: Duration = '5s'): Promise<void> {
    const { engine, clock, keyring } = this.#settings
    const wait = parseDuration('patience', patience)
    const end = clock.monotonic() + wait
    if (keyring instanceof LiveKeyring) await keyring.ready(wait, clock, () => this.isClosed)
    for (;;) {
      try {
        await engine.ready()
        return await this.#audit.ready()
      } catch (error) {
        // A replica may be about to be promoted.
        const isPassing =
          error instanceof StoreUnavailableError ||
          (error instanceof StoreRefusedError && error.reason === 'READONLY')
        if (!isPassing || this.#closing !== undefined || clock.monotonic() >= end) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  /**
   * Asks the source of the secrets now, instead of when its time comes: for a signal of yours. Nothing where the
   * secrets stand in the options. Rejects with what the source throws, or an OptionError: the secrets of before go on.
   */
  async reloadSecrets(): Promise<void> {
    const { keyring } = this.#settings
    if (keyring instanceof LiveKeyring) await keyring.reload()
  }

  /**
   * Ends connections and timers. An engine that several `Sessions` share is closed with the last of
   * them. Idempotent.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** Whether `close` was called. */
  get isClosed(): boolean {
    return this.#closing !== undefined
  }

  async #close(): Promise<void> {
    const { engine, keyring } = this.#settings
    if (keyring instanceof LiveKeyring) keyring.close()
    this.#expiry.close()
    this.#repository.watches.close()
    this.#repository.leftovers.close()
    this.#repository.denials.close()
    await this.#repository.rotations.close()
    await this.#repository.adoption?.close()
    await this.#audit.close()
    await this.#repository.insight.close()
    const others = (users.get(engine) ?? 1) - 1
    users.set(engine, others)
    if (others === 0) await engine.close()
  }

  /** Subscribes to events of this process. @returns a function that ends the subscription */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): () => void {
    const off = this.#events.on(name, listener)
    if (name !== 'expired') return off
    const unwant = this.#expiry.want()
    return () => {
      off()
      unwant()
    }
  }

  /**
   * The session of a request that an adapter of these sessions has seen.
   * @throws TypeError when none has
   */
  from(request: object): Session<Data> {
    const exchange = this.#exchangeOf(request)
    if (exchange === undefined) throw noSession()
    return exchange.session
  }

  /**
   * Opens a session by its token, without a request: for workers, sockets and tests. A token that
   * opens nothing gives nobody's session, as a request without a cookie has it.
   * @param token the cookie's value
   * @param options `fresh`: from the store, past the near cache
   */
  async open(token?: string, options: OpenOptions = {}): Promise<Session<Data>> {
    const text = token === undefined || token === '' ? undefined : tokenIn(token)
    const parsed = text === undefined ? undefined : parseToken(this.#settings.keyring, text)
    if (text !== undefined && parsed === undefined) {
      this.#repository.validations.forged++
      this.#events.emit('rejected', { id: undefined, reason: refusalOf(text) })
    }
    const live = parsed ? await this.#openToken(parsed, options) : undefined
    const isForwarded = live !== undefined && live.token.id !== parsed?.id
    if (live !== undefined && !isForwarded) this.#repository.rotations.settle(live)
    const state = new SessionState(this.#repository, this.#events, live, undefined, isForwarded)
    state.lastId = parsed?.id
    return new Session<Data>(state)
  }

  async #openToken(token: Token, { fresh = false }: OpenOptions): Promise<Live | undefined> {
    const { reader, validations } = this.#repository
    const held = fresh ? undefined : reader.atHand(token)
    if (held !== undefined) {
      validations.near++
      return held
    }
    const loaded = await validations.asked(reader.load(token, fresh))
    return loaded.status === 'live' ? loaded.live : undefined
  }

  /**
   * The sessions of one principal.
   * @param target the principal, or a session of theirs: then it is known which one is `current`
   * @throws AttributeError for a principal that is not a string of 1 to 1,024 bytes, NotSignedInError for
   * a session of nobody
   */
  of(target: string): PrincipalSessions<Data>
  of(target: SignedIn): OwnSessions<Data>
  of(target: string | SignedIn): PrincipalSessions<Data> {
    const { pepper } = this.#settings
    if (typeof target !== 'object' || target === null) {
      const name = namePrincipal(target, pepper)
      return new PrincipalSessions<Data>(this.#settings, this.#events, this.#repository, name)
    }
    if (target.principal === undefined) throw new NotSignedInError('sessions.of')
    const name = namePrincipal(target.principal, pepper)
    return new OwnSessions<Data>(this.#settings, this.#events, this.#repository, name, target)
  }

  /**
   * Ends a session by its public id, on every node, also by its id of before a rotation.
   * @returns false when there is none; else whether its end outlasts the server
   * @throws OptionError, StoreUnavailableError, StoreRefusedError, SessionConflictError
   */
  async revoke(id: SessionId, options: DurabilityOption = {}): Promise<Outcome | false> {
    refuseUnknown(options, ['durability'])
    const { denials } = this.#repository
    return revoke(this.#settings.engine, this.#events, id, { ...options, denials })
  }

  /** What has happened to the sessions of all nodes, where they have the option `audit`. */
  get audit(): Audit {
    return this.#audit
  }

  /** What the near cache of this process does, and how its connections are. */
  stats(): SessionsStats {
    const { engine } = this.#settings
    return {
      nearCache: hasNearReads(engine) ? engine.nearCache : NO_NEAR_CACHE,
      connections: hasConnections(engine) ? engine.connections : undefined,
      validations: this.#repository.validations.now,
      keyIds: this.#settings.keyring.ids,
    }
  }

  /**
   * How long people are away between two requests, on all nodes, and how much is left of the sessions that
   * there are. For advice on the idle timeout; takes about a second of waiting.
   * @throws OptionError, also for an engine that counts nothing; StoreUnavailableError, StoreRefusedError
   */
  insight(options: InsightOptions = {}): Promise<SessionsInsight> {
    return this.#repository.insight.read(options)
  }

  /**
   * Observes a session: `signal` of the answer fires within milliseconds of its end, on whichever node.
   * For sockets and streams that live longer than a request. Call `close` when they are gone.
   * @param target its public id, or a session that is stored
   * @throws OptionError for a session that is not stored, and for what is no id
   */
  watch(target: SessionId | Watchable, options: WatchOptions = {}): Watch {
    refuseUnknown(options, ['onChange'])
    const id: unknown = typeof target === 'string' ? target : (target as Watchable | null)?.id
    if (typeof id !== 'string' || !isSessionId(id)) {
      throw new OptionError('target', 'takes a session that is stored, or the id of one')
    }
    const stamp = typeof target === 'string' ? undefined : target[STAMP]
    return new Watch(this.#repository.watches, id, stamp, options, (error) =>
      this.reportError('watch', error),
    )
  }

  /**
   * For adapters of sockets: holds the session of a handshake for as long as the connection lasts. Call `close`
   * with its end.
   * @param request that an adapter of these sessions has seen
   * @throws TypeError when none has
   */
  attach(request: object): Attachment<Data> {
    const exchange = this.#exchangeOf(request)
    if (exchange === undefined) throw noSession()
    return exchange.attach(this.#events)
  }

  /** For `sojourn/csrf`: a token that is good for this session only, and until the next login. */
  csrfToken(session: object): string {
    const [id = ''] = idsOf(session)
    return makeCsrfToken(this.#settings.keyring, id)
  }

  /** For `sojourn/csrf`. */
  isCsrfToken(session: object, text: string): boolean {
    return isCsrfToken(this.#settings.keyring, idsOf(session), text)
  }

  /** For `sojourn/csrf`: tells of a request that it refuses. @returns what it is to throw */
  refuseRequest(reason: CsrfError['reason'], session?: object): CsrfError {
    const [id] = session === undefined ? [] : idsOf(session)
    this.#events.emit('rejected', { id, reason: `csrf-${reason}` })
    return new CsrfError(reason)
  }

  /** Whether an adapter of these sessions has seen the request. */
  has(request: object): boolean {
    return this.#exchangeOf(request) !== undefined
  }

  /**
   * For adapters: finds the session of a request. Answers at once when no I/O is needed.
   * @param options `fresh`: from the store, past the near cache; `outage`: instead of that of `createSessions`
   */
  exchange(
    key: object,
    request: ExchangeRequest,
    options: ExchangeOptions = NO_OPTIONS,
  ): Exchange<Data> | Promise<Exchange<Data>> {
    const exchange = openExchange<Data>(this.#repository, this.#events, request, options)
    if (exchange instanceof Promise) {
      return exchange.then((opened) => this.#compared(key, request, options, opened))
    }
    return this.#settings.binding === undefined
      ? this.#remember(key, exchange)
      : this.#compared(key, request, options, exchange)
  }

  /**
   * Whether the client is as it was at the login, where that is asked for. Where that cannot be told the request has no
   * session, as where it cannot be loaded: what fails lets nobody in.
   * @param before the session that was ended last for this request
   */
  #compared(
    key: object,
    request: ExchangeRequest,
    options: ExchangeOptions,
    exchange: Exchange<Data>,
    before?: SessionId,
  ): Exchange<Data> | Promise<Exchange<Data>> {
    const { binding } = this.#settings
    if (binding === undefined) return this.#remember(key, exchange)
    exchange.belongsTo(key)
    const ended = this.#doubted(exchange, binding)
    if (ended === undefined) {
      // Of whom the store has said nothing: as soon as it says who that is.
      exchange.onFound(() => this.#doubted(exchange, binding))
      return this.#remember(key, exchange)
    }
    const id = exchange.found?.id
    if (id === before) throw new SessionEndedError('binding')
    // Then it is as with any session that has been ended; and the next of several cookies leads to another one.
    return ended.then(async () => {
      const now = await openExchange<Data>(this.#repository, this.#events, request, {
        ...options,
        fresh: true,
      })
      return this.#compared(key, request, options, now, id)
    })
  }

  /** @returns where its session is ended for it, the end of that */
  #doubted(exchange: Exchange<Data>, { policy }: Binding): Promise<void> | undefined {
    const { changed, found } = exchange
    if (changed.length === 0 || found === undefined) return undefined
    const told = this.#tellAnomaly({ ...found, changed })
    if (policy === 'step-up') exchange.doubt(changed)
    return policy === 'end' ? this.#endFor(found, told) : undefined
  }

  async #endFor(
    { id, principal }: Pick<SessionEvents['anomaly'], 'id' | 'principal'>,
    told: Promise<void> | undefined,
  ): Promise<void> {
    await told
    const { engine } = this.#settings
    const { denials } = this.#repository
    // Whosever it is by its record: by the principal's name with another pepper it would be nobody's.
    await revoke(engine, this.#events, id, { denials, principal })
  }

  #tellAnomaly(event: SessionEvents['anomaly']): Promise<void> | undefined {
    const name = `${event.id} ${event.changed.join(' ')}`
    if (this.#anomalies.get(name) !== undefined) return undefined
    this.#anomalies.set(name, true)
    return this.#events.record('anomaly', event)
  }

  /**
   * For adapters with a cookie of their own: whether it may have that name.
   * @throws OptionError where `adopt` keeps another system's cookie under it
   */
  checkCookieName(name: string): void {
    checkOwnCookie(this.#settings.adopt, name)
  }

  /**
   * For adapters with a cookie of their own: whether a session's outlives the browser, and then as long as its idle
   * timeout. Another system's cookie, and what its store is told, is to be likewise.
   */
  lastingBy(rule: LastingRule): void {
    this.#repository.adoption?.mirror?.lastingBy(rule)
  }

  /**
   * For adapters whose applications say by the session's data whose it is: how. Sessions that are taken over from another
   * system, and whose source does not say it, are that principal's at once.
   */
  ownedBy(rule: OwnerRule): void {
    this.#repository.ownerOf = rule
  }

  /** For adapters: `from` takes `other` too, where a framework hands out several objects for a request. */
  alias(request: object, other: object): void {
    ;(other as Record<symbol, unknown>)[this.#slot] = this.#exchangeOf(request)
  }

  /**
   * For adapters of frameworks that call themselves: whether the call has come with the session cookies of its
   * caller, whatever others are in its Cookie header.
   */
  isOfCaller(cookie: string | undefined, callers: string | undefined): boolean {
    const { cookie: own, adopt } = this.#settings
    return [...own.names, ...adopt.map(({ cookieName }) => cookieName)].every((name) => {
      const values = cookieValues(cookie ?? '', name)
      const known = cookieValues(callers ?? '', name)
      // A framework may give only one of several under a name along.
      return (
        values.every((value) => known.includes(value)) && values.length > 0 === known.length > 0
      )
    })
  }

  /** For adapters: `Session.refresh` of a request that has been seen already. */
  async refresh(request: object): Promise<void> {
    await this.#exchangeOf(request)?.refresh()
  }

  /** For adapters: what the outage policy has made of a request that has been seen already. */
  outageOf(request: object): Session<Data>['outage'] {
    return this.#exchangeOf(request)?.outage
  }

  /** For adapters: the sessions under another system's secrets. @param origin names the system */
  derived(origin: string): DerivedSessions {
    return new DerivedSessions(this.#repository, this.#events, origin)
  }

  /**
   * For adapters: all sessions in the store that open with these secrets, page after page, each once. Not for a
   * request's path: it reads all that there is.
   * @throws OptionError where the engine cannot, or where only a token opens them; StoreUnavailableError,
   * StoreRefusedError
   */
  scan(): AsyncGenerator<readonly ScannedSession[]> {
    return scanSessions(this.#settings, this.#repository.denials)
  }

  /**
   * For tools of operators: tells the audit of what is about to be done. Rejects where that cannot be written: then it is
   * not to be done. @throws as `Audit.write`
   */
  beginOperation(event: SessionEvents['operator']): Promise<void> {
    return this.#audit.write('operator', event)
  }

  /** For tools of operators: tells the audit how it went. Never rejects. */
  async endOperation(event: SessionEvents['operator']): Promise<void> {
    await this.#events.record('operator', event)
  }

  /** For adapters: changes that nothing was left of to be stored in. */
  reportDropped(id: SessionId, attributes: readonly string[]): void {
    this.#events.emit('dropped', { id, reason: 'ended', attributes })
  }

  /** For adapters: something off the request's path failed. */
  reportError(operation: string, error: unknown): void {
    this.#events.emit('error', { operation, error })
  }

  #remember(key: object, exchange: Exchange<Data>): Exchange<Data> {
    if (this.#wantsRequest) exchange.belongsTo(key)
    ;(key as Record<symbol, unknown>)[this.#slot] = exchange
    return exchange
  }

  #exchangeOf(request: object): Exchange<Data> | undefined {
    return (request as Record<symbol, Exchange<Data> | undefined>)[this.#slot]
  }
}

/** @throws OptionError for what is no session of ours, such as `req.session` of a drop-in */
function idsOf(session: object): readonly SessionId[] {
  const ids = (session as { readonly [IDS]?: readonly SessionId[] })[IDS]
  if (ids === undefined)
    throw new OptionError('session', 'takes what `sessions.from(request)` gives')
  return ids
}

function noSession(): TypeError {
  return new TypeError('this request has no session: is the middleware of these sessions in use?')
}
