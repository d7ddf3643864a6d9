import type { Session } from '../../../core/session.ts'
import type { Attributes } from './options.ts'

type Callback = (error?: unknown) => void

/** What the model asks of the request's session. */
export interface ModelHost {
  readonly session: Session<Attributes>
  maxAge: number | 'session' | undefined
  readonly externalKey: string
  save(options: SaveOptions): Promise<void>
}

export interface SaveOptions {
  /** Stores the session though nothing has changed. */
  readonly force?: boolean
  /** Under a new token, with the same attributes. */
  readonly regenerate?: boolean
}

/** The members of `ctx.session`, as koa-session has them. */
export class KoaSessionModel {
  static {
    Object.defineProperty(KoaSessionModel.prototype, Symbol.for('nodejs.util.inspect.custom'), {
      value(this: KoaSessionModel): Attributes {
        return this.toJSON()
      },
    })
  }

  /** Whether nothing was stored when the request began. */
  isNew: boolean
  readonly #host: ModelHost

  constructor(host: ModelHost) {
    this.#host = host
    this.isNew = host.session.isNew
  }

  /** The attributes. */
  toJSON(): Attributes {
    const all = Object.entries(this.#host.session.data)
    return Object.fromEntries(all.filter(([name]) => !isPrivate(name)))
  }

  /** How many attributes there are. */
  get length(): number {
    return Object.keys(this.toJSON()).length
  }

  get populated(): boolean {
    return this.length > 0
  }

  /** Milliseconds, `'session'`, or nothing where the option has not been given. */
  get maxAge(): number | 'session' | undefined {
    return this.#host.maxAge
  }

  /** Of this session alone; stored with it. */
  set maxAge(value: number | 'session' | undefined) {
    this.#host.maxAge = value
  }

  /** Name of the session: its public id, or what `genid` has given. Safe to log, of no use as a cookie. */
  get externalKey(): string {
    return this.#host.externalKey
  }

  /** Stores the session, also one that holds nothing. */
  save(callback?: Callback): Promise<void> | undefined {
    return answer(this.#host.save({ force: true }), callback)
  }

  /** A new token, the former one refused at once; the attributes stay. */
  regenerate(callback?: Callback): Promise<void> | undefined {
    return answer(this.#host.save({ regenerate: true }), callback)
  }

  /** Stores what has changed, where `autoCommit` is false. */
  manuallyCommit(): Promise<void> {
    return this.#host.save({})
  }

  commit(
    options?: { save?: boolean; regenerate?: boolean } | Callback,
    callback?: Callback,
  ): Promise<void> | undefined {
    if (typeof options === 'function') return answer(this.#host.save({}), options)
    const { save = false, regenerate = false } = options ?? {}
    return answer(this.#host.save({ force: save, regenerate }), callback)
  }
}

function answer(saving: Promise<void>, tell: Callback | undefined): Promise<void> | undefined {
  if (tell === undefined) return saving
  // Outside of the promise: what a callback throws is the application's, and an uncaught exception there too.
  saving.then(
    () => process.nextTick(tell),
    (error: unknown) => process.nextTick(tell, error),
  )
  return undefined
}

/** What koa-session does not store; `__proto__` among it. */
export function isPrivate(name: string): boolean {
  return name.startsWith('_')
}

/** The model with the attributes as plain properties. */
export function modelOf(host: ModelHost): KoaSessionModel & Attributes {
  return new Proxy(new KoaSessionModel(host), new Handler(host)) as KoaSessionModel & Attributes
}

class Handler implements ProxyHandler<KoaSessionModel> {
  readonly #session: Session<Attributes>
  /** Names with `_` and functions: of this request alone. */
  readonly #local = new Map<string | symbol, unknown>()

  constructor(host: ModelHost) {
    this.#session = host.session
  }

  get(target: KoaSessionModel, name: string | symbol): unknown {
    if (isMember(target, name)) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
    if (this.#local.has(name)) return this.#local.get(name)
    if (typeof name === 'symbol' || isPrivate(name)) return undefined
    const isInherited = name in Object.prototype && !this.#session.has(name)
    return isInherited ? Reflect.get(target, name) : this.#session.data[name]
  }

  set(target: KoaSessionModel, name: string | symbol, value: unknown): boolean {
    if (isMember(target, name)) return Reflect.set(target, name, value, target)
    this.#local.delete(name)
    if (typeof name === 'symbol' || isPrivate(name) || typeof value === 'function') {
      this.#local.set(name, value)
    } else this.#session.set(name, value)
    return true
  }

  has(target: KoaSessionModel, name: string | symbol): boolean {
    if (name in target || this.#local.has(name)) return true
    return typeof name === 'string' && !isPrivate(name) && this.#session.has(name)
  }

  deleteProperty(target: KoaSessionModel, name: string | symbol): boolean {
    if (isMember(target, name)) return false
    this.#local.delete(name)
    if (typeof name === 'string' && !isPrivate(name)) this.#session.delete(name)
    return true
  }

  ownKeys(): string[] {
    return this.#session.names().filter((name) => !isPrivate(name))
  }

  getOwnPropertyDescriptor(_: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol' || isPrivate(name) || !this.#session.has(name)) return undefined
    const value = this.#session.data[name]
    return { value, writable: true, enumerable: true, configurable: true }
  }

  defineProperty(): never {
    throw new TypeError('attributes of a session are set by assignment')
  }

  preventExtensions(): boolean {
    return false
  }
}

/** What all objects have is none: an attribute may have such a name, or is refused for it. */
function isMember(target: object, name: string | symbol): boolean {
  return name in target && !(name in Object.prototype)
}
