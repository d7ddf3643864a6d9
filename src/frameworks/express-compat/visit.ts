import type { IncomingMessage } from 'node:http'
import type { Exchange } from '../../core/exchange.ts'
import type { Session } from '../../core/session.ts'
import { cloneValue, equalValues } from '../../core/values.ts'
import type { Hooked } from '../node/response-hook.ts'
import type { StoredCookie } from './cookie-source.ts'
import { changesOf, type Known, knownAfter } from './json.ts'
import { serializeCookie } from './serialize-cookie.ts'
import { CompatSession, type Home } from './session.ts'
import { cookieIn, type SessionCookie } from './session-cookie.ts'
import type { Settings } from './settings.ts'

type Attributes = Session

/** What is kept with a session of ours. */
interface Note {
  /** Absent: as the options say. */
  readonly cookie?: StoredCookie
  /** What `genid` has called it. */
  readonly name?: unknown
}

/** What an object was when it was last the same as what is stored. */
interface Held {
  known: Known
}

/** Nobody has looked at it. */
const UNSEEN: unique symbol = Symbol('unseen')
/** The application has put something else in its place. */
const FOREIGN: unique symbol = Symbol('foreign')
type Seen = CompatSession | typeof UNSEEN

/** Of the responses that come within so many milliseconds one renews the session. */
const BURST = 100
const NOTHING: Known = new Map()
const NO_COOKIE = { cookie: undefined, secure: false, host: undefined, proxied: false }

/** One request and its session, as express-session's API has it. */
export class Visit implements Hooked, Home {
  static {
    // It hangs on the request, and the request holds the cookie: whoever logs one must not log the other.
    Object.defineProperty(Visit.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: Visit): object {
        return this.#exchange.session
      },
    })
  }

  readonly #request: IncomingMessage
  readonly #settings: Settings
  #exchange: Exchange<object>
  /** What `req.session` is; made when somebody looks. */
  #current: CompatSession | undefined
  readonly #held = new Map<CompatSession, Held>()
  /** Objects of sessions that are not this request's any more, and what they were called. */
  readonly #former = new Map<CompatSession, string>()
  /** What it held when the request came; of a new session nothing. */
  #original: Known = NOTHING
  /** Whether the request came with it. */
  #wasStored: boolean
  #cookie: SessionCookie | undefined
  /** When it was to end as the application was shown it. */
  #shownEnd: number | undefined
  /** Destroyed, or set to nothing by the application. */
  #isUnset = false
  /** Ended by the application's `destroy`; nothing is left to be done for the option `unset`. */
  #isDestroyed = false
  /** Something else that the application has put in the session's place. */
  #foreign: unknown
  #isRegenerated = false
  /** Its cookie's time was over when it was to be stored. */
  #isOver = false
  /** A new session without anything in it has been asked for already. */
  #hasWanted = false
  #headersSent = false
  #abandoned = false
  #renews = false
  #givenId: { readonly value: unknown } | undefined
  #name: { readonly value: unknown } | undefined
  #running = 0
  #queue: Promise<unknown> | undefined
  accessed = false

  constructor(request: IncomingMessage, settings: Settings, exchange: Exchange<object>) {
    this.#request = request
    this.#settings = settings
    this.#exchange = exchange
    this.#wasStored = !exchange.session.isNew
  }

  get #attributes(): Attributes {
    return this.#exchange.session
  }

  get #note(): Note | undefined {
    return this.#exchange.note as Note | undefined
  }

  get request(): IncomingMessage {
    return this.#request
  }

  // What the request's properties are.

  get session(): unknown {
    this.accessed = true
    if (this.#isUnset) return undefined
    return this.#foreign ?? this.#look()
  }

  set session(value: unknown) {
    this.#foreign = undefined
    this.#isUnset = value === undefined || value === null
    if (this.#isUnset || value === this.#current) return
    if (value instanceof CompatSession && this.#held.has(value)) this.#current = value
    else this.#foreign = value
  }

  get id(): unknown {
    this.accessed = true
    return this.#givenId === undefined ? this.#ownId : this.#givenId.value
  }

  set id(value: unknown) {
    this.#givenId = { value }
  }

  get #ownId(): unknown {
    if (this.#settings.genid === undefined) return this.#exchange.id
    if (!this.#attributes.isNew) return this.#note?.name ?? this.#exchange.id
    this.#name ??= { value: this.#settings.genid(this.#request) }
    return this.#name.value
  }

  // What a session object asks of its request.

  idOf(session: CompatSession): string {
    return this.#former.get(session) ?? (this.#ownId as string)
  }

  save(session: CompatSession): Promise<void> {
    return this.#run(async () => {
      const held = this.#held.get(session)
      if (held === undefined) return this.#drop(session)
      await this.#store(session, held, true)
      this.#takeIn(session, held)
    })
  }

  reload(session: CompatSession): Promise<void> {
    return this.#run(async () => {
      const failure = (): Error => new Error('failed to load session')
      if (!this.#held.has(session) || this.#attributes.isNew) throw failure()
      await this.#attributes.refresh()
      if (this.#attributes.isNew) throw failure()
      this.#cookie = undefined
      this.#current = undefined
      this.#isUnset = false
    })
  }

  async destroy(session: CompatSession): Promise<void> {
    if (!this.#held.has(session)) return
    // At once: who goes on without waiting finds no session.
    this.#isUnset = true
    this.#isDestroyed = true
    this.#leaveBehind(this.#ownId as string)
    await this.#run(() => this.#attributes.logout())
  }

  regenerate(): Promise<void> {
    return this.#run(async () => {
      const id = this.#ownId as string
      try {
        await this.#attributes.logout()
      } finally {
        // Also where the end of the former is not sure: nobody goes on with it.
        this.#begin(id)
      }
    })
  }

  /** A new session in the place of this one, which is left as it is. */
  generate(): void {
    this.#begin(this.#ownId as string)
  }

  /** @param former what the session before was called */
  #begin(former: string): void {
    const { sessions, profile } = this.#settings
    this.#leaveBehind(former)
    this.#exchange.release()
    this.#exchange = sessions.exchange(this.#request, NO_COOKIE, { profile }) as Exchange<object>
    if (this.#headersSent) this.#exchange.deliver()
    if (this.#abandoned) this.#exchange.abandon()
    this.#isRegenerated = true
    this.#wasStored = false
    this.#hasWanted = false
    this.#isOver = false
    this.#isUnset = false
    this.#isDestroyed = false
    this.#foreign = undefined
    this.#cookie = undefined
    this.#name = undefined
    this.#givenId = undefined
    this.#original = NOTHING
  }

  /** `req.session` becomes one that holds this. */
  replace(data: Readonly<Record<string, unknown>>, cookie: SessionCookie): CompatSession {
    this.#current = undefined
    this.#foreign = undefined
    this.#isUnset = false
    const session = this.#look()
    for (const name of Object.keys(session)) {
      if (name !== 'cookie') delete (session as unknown as Record<string, unknown>)[name]
    }
    fill(session, Object.entries(data))
    session.cookie = cookie
    return session
  }

  // What the response asks before it goes out.

  get dirty(): boolean {
    if (this.#running > 0) return true
    const session = this.#present()
    if (session === FOREIGN) return true
    if (session === undefined) return this.#isToDestroy
    if (this.#isOver || !this.#isStorable) return false
    if (this.#isToWant || this.#exchange.dirty) return true
    if (session === UNSEEN) return false
    try {
      return this.#isChanged(session)
    } catch {
      // What cannot be stored: the commit refuses it, with an error to answer with.
      return true
    }
  }

  get failed(): boolean {
    return this.#exchange.failed
  }

  async commit(): Promise<void> {
    if (this.#queue !== undefined) {
      // Whoever has asked for it is told how it went.
      await this.#queue
      return
    }
    await this.#run(async () => {
      const session = this.#present()
      if (session === FOREIGN) throw replaced()
      if (session === undefined) {
        if (!this.#isToDestroy) return
        this.#isDestroyed = true
        await this.#attributes.logout()
      } else if (session === UNSEEN) {
        if (this.#isToWant) this.#want()
        await this.#exchange.commit()
      } else {
        await this.#store(session, this.#heldBy(session), false)
      }
    })
  }

  sendHeaders(): string | undefined {
    this.#headersSent = true
    const delivered = this.#exchange.deliver()
    const session = this.#present()
    if (session === undefined || session === FOREIGN || !this.#isStorable) return undefined
    if (delivered === undefined && !this.#isOver) return undefined
    const cookie = this.#cookieOf(session)
    const isHeld = delivered?.isHeld ?? this.#wasStored
    if (!this.#isCookieDue(session, cookie, isHeld)) return undefined
    const { isSecure, name, rolling } = this.#settings
    if (cookie.secure && !isSecure(this.#request)) return undefined
    // Its end moves each time that it is sent, and with `rolling` so does the session's.
    cookie.maxAge = cookie.originalMaxAge
    this.#shownEnd = endOf(cookie)
    this.#renews = rolling
    // Of a session that is over the value is of no use to anybody.
    return serializeCookie(name, delivered?.token ?? this.#exchange.id, cookie.data)
  }

  release(): void {
    this.#exchange.release()
  }

  abandon(): void {
    this.#abandoned = true
    this.#exchange.abandon()
  }

  afterResponse(onError: (error: unknown) => void): void {
    const session = this.#present()
    if (session === undefined || session === FOREIGN) return
    const { cookies, renewsAlways } = this.#settings
    if (this.#renews) this.#exchange.afterResponse(onError, 1)
    else if (renewsAlways && cookies.isLasting(this.#note?.cookie)) {
      this.#exchange.afterResponse(onError, BURST)
    } else this.#exchange.afterResponse(onError)
  }

  /** Nothing where the application wants none. */
  #present(): Seen | typeof FOREIGN | undefined {
    if (this.#isUnset || !Object.hasOwn(this.#request, 'session')) return undefined
    if (this.#current === undefined && this.#foreign === undefined) return UNSEEN
    // Deleted and set again it is a property like others.
    const value = (this.#request as { session?: unknown }).session
    if (value === undefined || value === null) return undefined
    return value instanceof CompatSession && this.#held.has(value) ? value : FOREIGN
  }

  #look(): CompatSession {
    if (this.#current !== undefined) return this.#current
    const attributes = this.#attributes
    const session = new CompatSession(this, this.#cookieNow())
    const names = attributes.names()
    const shown = names.length === 0 ? NOTHING : fill(session, read(attributes, names))
    if (this.#held.size === 0 && this.#wasStored) this.#original = shown
    this.#held.set(session, { known: shown })
    this.#current = session
    return session
  }

  #cookieNow(): SessionCookie {
    if (this.#cookie !== undefined) return this.#cookie
    const { cookies } = this.#settings
    const { expiresAt } = this.#attributes
    this.#cookie =
      expiresAt === undefined
        ? cookies.make(this.#request)
        : cookies.restore(this.#request, this.#note?.cookie, this.#exchange.idleTimeout, expiresAt)
    this.#shownEnd = endOf(this.#cookie)
    return this.#cookie
  }

  get #isToDestroy(): boolean {
    return this.#settings.unsetDestroys && !this.#isDestroyed
  }

  /** Whether a new session is to be stored without anything in it. */
  get #isWanted(): boolean {
    // Another may be there, which only nobody can be asked about.
    if (this.#attributes.outage !== undefined) return false
    return this.#settings.saveUninitialized || this.#isRegenerated
  }

  get #isToWant(): boolean {
    if (this.#hasWanted || this.#headersSent || this.#abandoned) return false
    return this.#attributes.isNew && this.#isWanted
  }

  /** As with express-session: what is not called by a string is not kept. */
  get #isStorable(): boolean {
    if (this.#givenId !== undefined) return typeof this.#givenId.value === 'string'
    return this.#settings.genid === undefined || typeof this.#ownId === 'string'
  }

  #cookieOf(session: Seen): SessionCookie {
    return (session === UNSEEN ? undefined : cookieIn(session)) ?? this.#cookieNow()
  }

  #heldBy(session: CompatSession): Held {
    const held = this.#held.get(session)
    if (held === undefined) throw replaced()
    return held
  }

  #isChanged(session: CompatSession): boolean {
    if (changesOf(session, this.#heldBy(session).known) !== undefined) return true
    const cookie = this.#cookieOf(session)
    if (isEnded(cookie)) return true
    if (this.#attributes.isNew) return false
    const kept = this.#settings.cookies.keep(cookie)
    if (!equalValues(kept, this.#note?.cookie)) return true
    // Neither can be had without a cookie.
    if (this.#headersSent) return false
    if (this.#idleTimeoutOf(cookie) !== undefined || this.#isTouched(cookie)) return true
    return this.#principalOf(session) !== this.#attributes.principal
  }

  /** By the application: `touch`, `resetMaxAge`, `maxAge` once more. */
  #isTouched(cookie: SessionCookie): boolean {
    const end = endOf(cookie)
    return end !== undefined && end !== this.#shownEnd
  }

  #principalOf(session: CompatSession): string | undefined {
    const { principal } = this.#settings
    // Whoever has signed in by other means stays.
    if (principal === undefined) return this.#attributes.principal
    const found = principal(session)
    return found === undefined || found === null ? undefined : String(found)
  }

  /** @returns another idle timeout than the session has; nothing where it is as it should be */
  #idleTimeoutOf({ originalMaxAge }: SessionCookie): number | undefined {
    const { idleTimeout, usual } = this.#exchange
    if (typeof originalMaxAge === 'number') {
      const wanted = Math.max(1, Math.min(Math.round(originalMaxAge), usual.absoluteTimeout))
      return wanted === idleTimeout ? undefined : wanted
    }
    // It had an end of its own, and has none any more.
    const hadEnd = !this.#attributes.isNew && this.#settings.cookies.isLasting(this.#note?.cookie)
    return hadEnd && idleTimeout !== usual.idleTimeout ? usual.idleTimeout : undefined
  }

  async #store(session: CompatSession, held: Held, explicit: boolean): Promise<void> {
    const attributes = this.#attributes
    const cookie = this.#cookieOf(session)
    const changes = changesOf(session, held.known)
    if (isEnded(cookie)) {
      this.#isOver = true
      await attributes.logout()
      return
    }
    // Now, while there is somebody to tell.
    serializeCookie(this.#settings.name, '', cookie.data)
    for (const [name, value] of changes ?? []) attributes.set(name, value)
    if (changes !== undefined) held.known = knownAfter(held.known, changes)
    const idleTimeout = this.#headersSent ? undefined : this.#idleTimeoutOf(cookie)
    this.#takeNote(cookie)
    const principal = this.#principalOf(session)
    if (principal !== attributes.principal && !this.#headersSent) {
      return this.#changePrincipal(principal, idleTimeout ?? this.#exchange.idleTimeout)
    }
    if (idleTimeout !== undefined) attributes.setLifetime({ idleTimeout })
    if (attributes.isNew && (explicit || this.#isWanted)) {
      this.#hasWanted = true
      this.#exchange.want()
    }
    const isToRenew = this.#isTouched(cookie) && !attributes.isNew && !this.#exchange.dirty
    this.#shownEnd = endOf(cookie)
    if (isToRenew) await attributes.touch()
    else await attributes.commit()
  }

  /** A new session that nobody has looked at. */
  #want(): void {
    this.#hasWanted = true
    const cookie = this.#cookieNow()
    this.#isOver = isEnded(cookie)
    if (this.#isOver) return
    const idleTimeout = this.#idleTimeoutOf(cookie)
    if (idleTimeout !== undefined) this.#attributes.setLifetime({ idleTimeout })
    this.#takeNote(cookie)
    this.#exchange.want()
  }

  async #changePrincipal(principal: string | undefined, idleTimeout: number): Promise<void> {
    if (principal === undefined) return this.#exchange.leave(idleTimeout)
    await this.#attributes.login(principal, {
      keep: this.#attributes.names(),
      device: this.#request.headers['user-agent'],
      idleTimeout,
    })
  }

  #takeNote(cookie: SessionCookie): void {
    const kept = this.#settings.cookies.keep(cookie)
    const name = this.#settings.genid === undefined ? this.#note?.name : this.#ownId
    const note: Note = {
      ...(kept === undefined ? {} : { cookie: kept }),
      ...(name === undefined ? {} : { name }),
    }
    this.#exchange.note = Object.keys(note).length === 0 ? undefined : note
  }

  /** What others have stored meanwhile, where this request has not changed it since. */
  #takeIn(session: CompatSession, held: Held): void {
    const attributes = this.#attributes
    if (attributes.isNew) return
    const pending = changesOf(session, held.known)
    const known = new Map<string, unknown>()
    const target = session as unknown as Record<string, unknown>
    for (const [name, value] of read(attributes, attributes.names())) {
      if (isHidden(name)) continue
      known.set(name, value)
      // The application may hold on to the object that stands there, and go on changing it.
      const isSame = equalValues(value, held.known.get(name))
      if (!isSame && pending?.has(name) !== true) target[name] = cloneValue(value)
    }
    for (const name of held.known.keys()) {
      if (!known.has(name) && pending?.has(name) !== true) delete target[name]
    }
    held.known = known
  }

  #isCookieDue(session: Seen, { expires }: SessionCookie, isHeld: boolean): boolean {
    const { saveUninitialized, rolling } = this.#settings
    if (isHeld) {
      if (rolling) return true
      return expires !== null && expires !== undefined && this.#isModified(session)
    }
    // The browser has it under a former token.
    if (this.#wasStored) return true
    return saveUninitialized || this.#isRegenerated || this.#isModified(session)
  }

  #isModified(session: Seen): boolean {
    return session !== UNSEEN && changesOf(session, this.#original) !== undefined
  }

  #leaveBehind(id: string): void {
    for (const session of this.#held.keys()) this.#former.set(session, id)
    this.#held.clear()
    this.#current = undefined
  }

  /** Nothing is left that it could be stored in. */
  #drop(session: CompatSession): void {
    const names = Object.keys(session).filter((name) => name !== 'cookie')
    this.#settings.sessions.reportDropped(this.#exchange.id, names)
  }

  /** One after the other, in the order of the calls. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    this.#running++
    const leave = (): void => {
      this.#running--
      if (this.#running === 0) this.#queue = undefined
    }
    const result = this.#queue === undefined ? work() : this.#queue.then(work)
    this.#queue = result.then(leave, leave)
    return result
  }
}

function* read(
  attributes: Attributes,
  names: readonly string[],
): Generator<readonly [string, unknown]> {
  for (const name of names) yield [name, attributes.get(name)]
}

/** @returns what it shows now; what has a member's name is not shown */
function fill(
  session: CompatSession,
  entries: Iterable<readonly [string, unknown]>,
): Map<string, unknown> {
  const shown = new Map<string, unknown>()
  for (const [name, value] of entries) {
    if (isHidden(name)) continue
    shown.set(name, value)
    ;(session as unknown as Record<string, unknown>)[name] = cloneValue(value)
  }
  return shown
}

/** What has a member's name is not shown, and stays as it is. */
function isHidden(name: string): boolean {
  return name === 'cookie' || name in CompatSession.prototype
}

function replaced(): TypeError {
  return new TypeError(
    'req.session was replaced: set its properties, or make a new one with req.session.regenerate',
  )
}

function endOf({ expires }: SessionCookie): number | undefined {
  return expires instanceof Date ? expires.getTime() : undefined
}

/** Set to a time that has passed: with that response the session is over. */
function isEnded({ originalMaxAge }: SessionCookie): boolean {
  return typeof originalMaxAge === 'number' && originalMaxAge <= 0
}
