import type { FastifyRequest } from 'fastify'
import { LONGEST_LIFETIME } from '../../../core/duration.ts'
import { isPersistent, type Meta, originOf } from '../../../core/meta.ts'
import { saidBy } from '../../../core/principal-from.ts'
import { checkOwnName } from '../../../core/private-names.ts'
import type { Lifetime } from '../../../core/repository.ts'
import type { SessionState } from '../../../core/session-state.ts'
import type { Token } from '../../../core/token.ts'
import { checkAttributeName, cloneAttribute, equalValues } from '../../../core/values.ts'
import { answer, type Callback } from './callback.ts'
import {
  type CookieOptions,
  type CookieSource,
  changesOf as changesOfCookie,
  checkedAge,
  fixedEnd,
  SessionCookie,
} from './session-cookie.ts'
import {
  changesOf,
  copyOf,
  dataNames,
  differs,
  known,
  knownAfter,
  type Values,
} from './session-values.ts'

/** What a session asks of its request. */
export interface Home {
  /** What the cookie holds for a token. */
  readonly valueOf: (token: string) => string
  readonly state: SessionState
  readonly request: FastifyRequest
  readonly cookie: CookieOptions
  readonly idGenerator: ((request: FastifyRequest) => string) | undefined
  destroy(session: Session): Promise<void>
  /** @param kept what goes along, where nobody else has ended the session before */
  regenerate(next: Session, kept: readonly (readonly [string, unknown])[]): Promise<void>
  /** Stores `request.session` now. */
  save(): Promise<void>
  reload(): Promise<void>
  /** Makes an `error` event of it. */
  report(operation: string, error: unknown): void
}

/** The attribute that holds what a session's cookie has of its own, and its name. */
export const COOKIE = 'cookie'
const NONE: Values = new Map()

type Kept = CookieSource & { readonly id?: string }

/**
 * `request.session`: the data are its own enumerable properties, with JSON's meaning. What has been changed is found by
 * comparing when it is stored, attribute by attribute.
 */
export class Session {
  static {
    // What comes from a request's body must not take the methods away, nor give it members that are no data.
    Object.defineProperty(Session.prototype, '__proto__', {
      get: () => Session.prototype,
      set: () => {
        checkAttributeName('__proto__')
      },
    })
  }

  cookie: SessionCookie
  readonly #home: Home
  /** Of the cookie; those that `options` has given among them. */
  #options: CookieSource
  /** What the state has of it. */
  #pushed: Values = NONE
  /** What it was when it was made or saved, for `isModified`. */
  #clean: Values = NONE
  #isSaved = false
  /** By `idGenerator`. */
  readonly #name: string | undefined
  /** The token that it had before it was replaced. */
  #former: Token | undefined

  /**
   * @param options of the cookie, where the session before it has others than the plugin
   * @param restore whether the state has it already
   * @param name that of the session before it, where it is the same one
   */
  constructor(home: Home, options: CookieSource, restore: boolean, name?: string) {
    const { state, request, idGenerator } = home
    this.#home = home
    const kept = restore ? keptOf(state) : undefined
    this.#options = kept === undefined ? options : { ...options, ...kept }
    this.#name = name ?? (restore ? kept?.id : idGenerator?.(request))
    this.cookie = new SessionCookie(this.#options, request)
    if (!restore) return
    const { live } = state
    if (live !== undefined && this.cookie.originalMaxAge) {
      this.cookie.originalExpires = new Date(live.lease.expiresAt)
    }
    this.#pushed = load(this, state)
    this.#clean = this.#pushed
  }

  get sessionId(): string {
    return this.#name ?? this.#token.id
  }

  /** What the cookie holds: a secret, not to be logged. */
  get encryptedSessionId(): string {
    return this.#home.valueOf(this.#token.text)
  }

  get #token(): Token {
    return this.#former ?? this.#home.state.reserve()
  }

  get(key: string): unknown {
    return (this as Record<string, unknown>)[key]
  }

  set(key: string, value: unknown): void {
    ;(this as Record<string, unknown>)[key] = value
  }

  options(options: CookieOptions): void {
    if (Object.keys(options).length === 0) return
    const { originalMaxAge, ...before } = this.#options
    const kept = originalMaxAge === undefined ? {} : { maxAge: originalMaxAge }
    this.#options = { ...before, ...kept, ...options }
    this.cookie = new SessionCookie(this.#options, this.#home.request)
  }

  touch(): void {
    const { originalMaxAge } = this.cookie
    if (originalMaxAge) this.cookie.expires = new Date(Date.now() + originalMaxAge)
  }

  isModified(): boolean {
    return differs(this, this.#clean)
  }

  isSaved(): boolean {
    return this.#isSaved
  }

  save(callback?: Callback): Promise<void> | undefined {
    return this.#answer('save', this.#home.save(), callback)
  }

  reload(callback?: Callback): Promise<void> | undefined {
    return this.#answer('reload', this.#home.reload(), callback, null)
  }

  destroy(callback?: Callback): Promise<void> | undefined {
    return this.#answer('destroy', this.#home.destroy(this), callback)
  }

  regenerate(keys?: readonly string[] | Callback, callback?: Callback): Promise<void> | undefined {
    const done = typeof keys === 'function' ? keys : callback
    const next = new Session(this.#home, this.#optionsOfNext(), false)
    const names: readonly string[] = Array.isArray(keys) ? keys : []
    const kept = names.map((name) => [name, this.get(name)] as const)
    return this.#answer('regenerate', this.#home.regenerate(next, kept), done)
  }

  #answer(
    operation: string,
    result: Promise<void>,
    callback: Callback | undefined,
    success?: null,
  ): Promise<void> | undefined {
    const report = (error: unknown): void => this.#home.report(operation, error)
    return answer(result, callback, report, success)
  }

  /** For the exchange. */
  static readonly inside = {
    /** Another takes its place. */
    retire: (session: Session, token: Token): void => {
      session.#former ??= token
    },
    /** Whether it is the object of the request's session as it is now. */
    isOf: (session: Session, state: SessionState): boolean => {
      return session.#former === undefined && session.#home.state === state
    },
    again: (session: Session, restore: boolean): Session => {
      return new Session(session.#home, session.#optionsOfNext(), restore, session.#name)
    },
    push: (session: Session): void => session.#push(),
    /**
     * It shows what the session is now.
     * @param all also in place of what it has changed itself
     */
    showNews: (session: Session, all = false): void => session.#showNews(all),
    /** See `saidBy`. */
    said: (session: Session): object =>
      saidBy(session, session.#pushed, valuesOf(session.#home.state)),
    saved: (session: Session): void => {
      session.#isSaved = true
      session.#clean = session.#pushed
    },
  }

  #optionsOfNext(): CookieSource {
    const { originalMaxAge, ...options } = this.#options
    const maxAge = originalMaxAge === undefined ? {} : { maxAge: originalMaxAge }
    return { ...options, ...maxAge }
  }

  #showNews(all: boolean): void {
    const changes = all ? undefined : changesOf(this, this.#pushed)
    const isOwn = (name: string): boolean => changes?.has(name) === true
    const values = valuesOf(this.#home.state)
    for (const name of all ? dataNames(this) : this.#pushed.keys()) {
      if (!isOwn(name) && !values.has(name)) Reflect.deleteProperty(this, name)
    }
    for (const [name, value] of values) {
      const isSame = !all && equalValues(value, this.#pushed.get(name))
      if (!isOwn(name) && !isSame) put(this, name, value)
    }
    this.#pushed = values
    this.#clean = values
  }

  /** Tells the state what has changed since it was last told. */
  #push(): void {
    const { state } = this.#home
    const lifetime = lifetimeOf(this.cookie)
    const changes = changesOf(this, this.#pushed)
    if (changes !== undefined) {
      // Before the state is told of any: what is refused stays in this object alone.
      const copies = [...changes].map(([name, value]) => {
        checkOwnName(name)
        return [name, cloneAttribute(name, value)] as const
      })
      for (const [name, value] of copies) state.attributes.set(name, value)
      this.#pushed = knownAfter(this.#pushed, changes)
    }
    this.#pushCookie(lifetime)
  }

  #pushCookie(lifetime: Lifetime): void {
    const { state, cookie: options, request } = this.#home
    const usual = new SessionCookie(options, request)
    const { originalMaxAge } = this.cookie
    // Nothing kept would say what was promised, and not the options.
    const own = promisedOf(state) && { originalMaxAge }
    const changed = changesOfCookie(this.cookie, usual)
    const changes = own === undefined ? changed : { ...own, ...changed }
    const id = this.#name
    const kept = id === undefined ? changes : { ...changes, id }
    // Most sessions have none, and it is read no further.
    if (kept !== undefined || state.attributes.has(COOKIE)) state.attributes.set(COOKIE, kept)
    if (state.headersSent) return
    const hasNone = lifetime.idleTimeout === undefined && hadAge(state, options)
    const { idleTimeout } = state.repository.settings
    state.setLifetime(hasNone ? { ...lifetime, idleTimeout } : lifetime)
  }
}

/** What the cookie of a session that is stored has of its own. */
export function keptOf(state: SessionState): Kept | undefined {
  if (!state.attributes.has(COOKIE)) return promisedOf(state)
  const kept = state.attributes.view(COOKIE)
  return typeof kept === 'object' && kept !== null ? kept : undefined
}

/** A session that was taken over ends when its old cookie would have, if it had an age. */
function promisedOf({ live }: SessionState): Kept | undefined {
  if (live === undefined || !isPersistent(live.meta)) return undefined
  return originOf(live.meta) && { originalMaxAge: live.header.idleTimeout }
}

/** Whether the session that is stored ends with a cookie that has an age. */
function hadAge(state: SessionState, usual: CookieOptions): boolean {
  const { live } = state
  if (live === undefined) return false
  const kept = live.attributes().get(COOKIE) as Kept | null | undefined
  const age = (kept ?? promisedOf(state))?.originalMaxAge
  return Boolean(age === undefined ? usual.maxAge : age)
}

/** Whether the cookie outlives the browser, where there is no request. */
export function isLasting(
  meta: Meta,
  attributes: ReadonlyMap<string, unknown>,
  usual: CookieOptions,
): boolean {
  const kept = attributes.get(COOKIE) as Kept | null | undefined
  const age = kept?.originalMaxAge
  return age === undefined ? Boolean(usual.maxAge) || isPersistent(meta) : Boolean(age)
}

/**
 * The session ends when its cookie does.
 * @throws OptionError for an age that is no number
 */
export function lifetimeOf(cookie: SessionCookie): Lifetime {
  const { originalMaxAge } = cookie
  const idleTimeout = originalMaxAge ? checkedAge(originalMaxAge) : undefined
  return {
    idleTimeout: idleTimeout && Math.min(Math.max(1, Math.round(idleTimeout)), LONGEST_LIFETIME),
    deadline: fixedEnd(cookie),
  }
}

function valuesOf({ attributes }: SessionState): Values {
  const values = new Map<string, unknown>()
  for (const name of attributes.names()) {
    if (name === COOKIE) continue
    const value = known(name, attributes.view(name))
    if (value !== undefined) values.set(name, value)
  }
  return values
}

function load(session: object, state: SessionState): Values {
  const values = valuesOf(state)
  for (const [name, value] of values) put(session, name, value)
  return values
}

function put(session: object, name: string, value: unknown): void {
  if (name in session) define(session, name, copyOf(value))
  else (session as Record<string, unknown>)[name] = copyOf(value)
}

/** Not by assignment, where it has the name of a member. */
function define(session: object, name: string, value: unknown): void {
  const property = { value, writable: true, enumerable: true, configurable: true }
  Object.defineProperty(session, name, property)
}
