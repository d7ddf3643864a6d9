import type { Context } from 'koa'
import { type Exchange, insideOf, type SetCookies } from '../../../core/exchange.ts'
import { isPersistent, type Meta, originOf } from '../../../core/meta.ts'
import { checkOwnName } from '../../../core/private-names.ts'
import type { Session } from '../../../core/session.ts'
import type { ResponseExchange } from '../../node/response-hook.ts'
import {
  isPrivate,
  type KoaSessionModel,
  type ModelHost,
  modelOf,
  type SaveOptions,
} from './model.ts'
import {
  type Attributes,
  type CookieSettings,
  isCookieSetting,
  lifetimeOf,
  type Settings,
} from './options.ts'
import { setCookie, signatureOf } from './set-cookie.ts'

/** Kept with a session whose lifetime, or name, is not that of all. */
const MAX_AGE = '_maxAge'
const NAME = '_externalKey'

const CHECKED: ProxyHandler<CookieSettings> = {
  defineProperty(settings, name, descriptor) {
    // Also what is assigned ends here.
    if (isCookieSetting(String(name), descriptor.value) && !('get' in descriptor)) {
      return Reflect.defineProperty(settings, name, descriptor)
    }
    throw new TypeError(`option ${String(name)} is invalid`)
  },
}

const NO_COOKIES: readonly string[] = []

/**
 * One request's session by the rules of koa-session: when it is stored, when its cookie is sent, and what
 * `ctx.session` shows. It stands for the exchange at the response.
 */
export class ContextSession implements ResponseExchange, ModelHost {
  readonly session: Session<Attributes>
  readonly #ctx: Context
  readonly #exchange: Exchange<Attributes>
  readonly #settings: Settings
  #options: CookieSettings | undefined
  #checkedOptions: CookieSettings | undefined
  /** As it was when the options were first looked at. */
  #givenMaxAge: CookieSettings['maxAge']
  #model: (KoaSessionModel & Attributes) | undefined
  #name: string | undefined
  /** `ctx.session = null`. */
  #isRemoved = false
  #isRemovalStored = false
  /** To be stored though nothing has changed: its lifetime has been set. */
  #isForced = false
  #isSaved = false
  #isFailed = false

  constructor(ctx: Context, exchange: Exchange<Attributes>, settings: Settings) {
    this.#ctx = ctx
    this.#exchange = exchange
    this.#settings = settings
    this.session = exchange.session
  }

  /** What `ctx.session` gives. */
  get model(): (KoaSessionModel & Attributes) | null {
    this.accessed = true
    if (this.#isRemoved) return null
    if (this.#model !== undefined) return this.#model
    // Now, as there: what `genid` leaves in `ctx.state` is to be found by whoever looks at the session.
    if (this.#settings.behaviour.genid !== undefined && this.session.isNew) void this.externalKey
    this.#model = modelOf(this)
    return this.#model
  }

  /** What `ctx.session = value` does. */
  assign(value: unknown): void {
    if (value === null) {
      // Read from the session that is left: what is set afterwards has the same lifetime.
      void this.options
      this.#isRemoved = true
      this.#model = undefined
      this.#exchange.leave()
      return
    }
    if (typeof value !== 'object') {
      throw new TypeError('ctx.session can only be set as null or an object.')
    }
    if (value !== this.#model) this.#replace(value)
    this.#isRemoved = false
    this.#isRemovalStored = false
  }

  #replace(value: object): void {
    const attributes = Object.entries(value)
    // Before anything is replaced: what middleware has changed is stored also where it throws.
    for (const [name] of attributes) if (!isPrivate(name)) checkOwnName(name)
    for (const name of this.session.names())
      if (name !== MAX_AGE && name !== NAME) this.session.delete(name)
    const model = (this.#model ??= modelOf(this))
    model.isNew = false
    for (const [name, each] of attributes) Reflect.set(model, name, each)
  }

  /** Those of the cookie, which a request may change for itself. */
  get options(): CookieSettings {
    if (this.#options === undefined) {
      this.#options = { ...this.#settings.cookie }
      const maxAge =
        (this.session.get(MAX_AGE) as CookieSettings['maxAge']) ?? this.#broughtMaxAge()
      if (maxAge !== undefined) this.#options.maxAge = maxAge
      // A session that is stored has one, also where the option has not been given.
      else if (!this.session.isNew) this.#options.maxAge ||= this.#exchange.idleTimeout
      this.#givenMaxAge = this.#options.maxAge
    }
    return this.#options
  }

  #broughtMaxAge(): CookieSettings['maxAge'] {
    const { live } = insideOf(this.#exchange).state
    return live && broughtMaxAge(live.meta, live.header.idleTimeout)
  }

  get maxAge(): CookieSettings['maxAge'] {
    return this.options.maxAge
  }

  /** What `ctx.sessionOptions` gives: what cannot be sent is refused where it is set. */
  get requestOptions(): CookieSettings {
    return (this.#checkedOptions ??= new Proxy(this.options, CHECKED))
  }

  set maxAge(value: CookieSettings['maxAge']) {
    this.requestOptions.maxAge = value
    this.#isForced = true
  }

  get externalKey(): string {
    const { genid } = this.#settings.behaviour
    if (genid === undefined) return this.#exchange.id
    this.#name ??= this.session.get(NAME) as string | undefined
    return (this.#name ??= genid(this.#ctx))
  }

  async save(options: SaveOptions): Promise<void> {
    try {
      await this.#save(options)
    } catch (error) {
      // `beforeSave` may have thrown it, of which the exchange knows nothing.
      this.#isFailed = true
      throw error
    }
  }

  async #save({ force = false, regenerate = false }: SaveOptions): Promise<void> {
    const { session } = this
    const exchange = this.#exchange
    if (this.#isRemoved) return this.#storeRemoval()
    const isToStore = force || regenerate || this.#isForced || exchange.dirty
    if (!isToStore && !this.#isToRenew()) return
    const { beforeSave, genid } = this.#settings.behaviour
    if (regenerate) {
      this.#name = undefined
      session.delete(NAME)
    }
    beforeSave?.(this.#ctx, this.model as KoaSessionModel)
    this.#checkSecurity()
    if (session.isNew && (force || regenerate || this.#isForced)) exchange.want()
    if (genid !== undefined && (session.isNew || regenerate)) session.set(NAME, this.externalKey)
    const usual = session.isNew ? this.#settings.cookie.maxAge : this.#givenMaxAge
    const isOtherAge = this.#isForced || this.options.maxAge !== usual
    if (isOtherAge && !this.#setLifetime()) return this.#storeRemoval()
    if (!isOtherAge && session.isNew) this.#setUsualLifetime()
    const isToTouch = !regenerate && !exchange.dirty && !session.isNew
    // What someone else has ended meanwhile stays so: the exchange drops what is to be stored.
    await (regenerate ? exchange.replaceToken() : exchange.commit())
    if (isToTouch) await session.touch()
    this.#isForced = false
    this.#isSaved = true
  }

  async #storeRemoval(): Promise<void> {
    await this.#exchange.commit()
    this.#isRemovalStored = true
  }

  /** @returns whether there is a session left */
  #setLifetime(): boolean {
    const { maxAge } = this.options
    if (typeof maxAge === 'number' && maxAge < 0) {
      this.#isRemoved = true
      this.#exchange.leave()
      return false
    }
    this.session.set(MAX_AGE, maxAge)
    if (!this.#ctx.headerSent) {
      this.session.setLifetime({ idleTimeout: lifetimeOf(maxAge) })
    }
    return true
  }

  /** Of the option, where the sessions are made with another one. */
  #setUsualLifetime(): void {
    const { idleTimeout } = this.#settings
    if (idleTimeout === undefined || this.#ctx.headerSent) return
    if (idleTimeout !== this.#exchange.usual.idleTimeout) this.session.setLifetime({ idleTimeout })
  }

  #isToRenew(): boolean {
    const { rolling, renew } = this.#settings.behaviour
    if (rolling !== true && renew !== true) return false
    // To look at the session itself would be a use of it.
    const { live } = insideOf(this.#exchange).state
    if (live === undefined) return false
    if (rolling === true) return true
    const { maxAge } = this.options
    return typeof maxAge === 'number' && live.lease.expiresAt - this.#exchange.now() < maxAge / 2
  }

  /** As Koa's cookies do, while it can still be told. */
  #checkSecurity(): void {
    if (
      this.options.secure === true &&
      !this.#ctx.secure &&
      this.#settings.behaviour.externalKey === undefined
    ) {
      throw new Error('Cannot send secure cookie over unencrypted connection')
    }
  }

  // The exchange of the response.

  get accessed(): boolean {
    return this.#exchange.accessed
  }

  set accessed(value: boolean) {
    this.#exchange.accessed = value
  }

  get dirty(): boolean {
    if (this.#settings.behaviour.autoCommit === false) return false
    return (
      this.#exchange.dirty ||
      this.#isForced ||
      (!this.#isSaved && !this.failed && this.#isToRenew())
    )
  }

  get failed(): boolean {
    return this.#isFailed || this.#exchange.failed
  }

  get outOfOrder(): boolean {
    return this.#exchange.outOfOrder
  }

  commit(): Promise<void> {
    return this.save({})
  }

  sendHeaders(): SetCookies {
    const isDue = this.#exchange.sendOwn() !== undefined
    const token = this.#exchange.deliver()?.token
    // What is there and not for this client leaves its cookies as they are.
    if (token === undefined && !this.#isOver) return undefined
    const [own, ...signatures] = this.#cookies(token, isDue)
    const sent = this.#exchange.withOthers(own)
    if (signatures.length === 0 || sent === undefined) return sent
    return [...(typeof sent === 'string' ? [sent] : sent), ...signatures]
  }

  get #isOver(): boolean {
    return insideOf(this.#exchange).state.live === undefined
  }

  /** @param isDue whether the browser's cookie is not right any more */
  #cookies(token: string | undefined, isDue: boolean): readonly string[] {
    const { externalKey, autoCommit } = this.#settings.behaviour
    const isToSend = token !== undefined && (this.#isSaved || isDue)
    if (externalKey !== undefined) {
      if (isToSend) externalKey.set(this.#ctx, token)
      return NO_COOKIES
    }
    // Without `autoCommit` the session lives on where nobody has committed its end.
    const isRemoved = this.#isRemoved && (autoCommit !== false || this.#isRemovalStored)
    const isToClear = token === undefined && (isRemoved || isDue)
    if (!isToSend && !isToClear) return NO_COOKIES
    const value = isToSend ? token : ''
    const { key } = this.#settings.cookie
    const cookie = setCookie(key, value, this.options, this.#ctx.secure, !isToSend)
    const signature = this.#settings.isSigned
      ? signatureOf(this.#ctx, `${key}=${value}`)
      : undefined
    if (signature === undefined) return [cookie]
    const { secure } = this.#ctx
    return [cookie, setCookie(`${key}.sig`, signature, this.options, secure, !isToSend)]
  }

  release(): void {
    this.#exchange.release()
  }

  abandon(): void {
    this.#exchange.abandon()
  }

  /** Reading renews nothing: `rolling` and `renew` do. */
  afterResponse(): void {}
}

/** Of a session that has it from elsewhere: it was taken over, or is persistent by `login` or `setLifetime`. */
function broughtMaxAge(meta: Meta, idleTimeout: number): CookieSettings['maxAge'] {
  if (isPersistent(meta)) return idleTimeout
  return originOf(meta) === undefined ? undefined : 'session'
}

/** Whether the cookie outlives the browser, where there is no request. @param usual of the options */
export function isLasting(
  meta: Meta,
  attributes: ReadonlyMap<string, unknown>,
  usual: CookieSettings['maxAge'],
): boolean {
  const maxAge = attributes.get(MAX_AGE) ?? broughtMaxAge(meta, 1) ?? usual
  return typeof maxAge === 'number' && maxAge > 0
}
