import { AttributeError } from './errors.ts'
import type { SessionState } from './session-state.ts'

/**
 * Attributes as plain properties, on top of what `target` has itself. Objects that are read this
 * way are copied once and compared at the commit, so that `session.cart.push(item)` is noticed;
 * requests that do not use it pay nothing.
 * @param members has the names that `target` has itself
 */
export function withProperties(
  target: object,
  state: SessionState,
  members: object = target,
): object {
  return new Proxy(target, new Properties(state, members))
}

// A class, so that a request pays for two small objects and not for nine functions.
class Properties implements ProxyHandler<object> {
  readonly #state: SessionState
  readonly #members: object

  constructor(state: SessionState, members: object) {
    this.#state = state
    this.#members = members
  }

  /** What a debugger or a promise asks for must not look like an attribute. */
  #isMember(name: string | symbol): boolean {
    return typeof name === 'symbol' || name in this.#members
  }

  get(target: object, name: string | symbol, receiver: object): unknown {
    if (!this.#isMember(name)) return this.#state.attributes.draft(String(name))
    const value: unknown = Reflect.get(target, name, target)
    if (typeof value !== 'function') return value
    // Methods reach private fields through the target, not through the proxy; `hasOwnProperty` and what else every
    // object has asks for the attributes, which the target has not.
    return value.bind(Reflect.get(Object.prototype, name) === value ? receiver : target)
  }

  has(_: object, name: string | symbol): boolean {
    return this.#isMember(name) || this.#state.attributes.has(String(name))
  }

  set(_: object, name: string | symbol, value: unknown): boolean {
    if (typeof name === 'symbol') {
      throw new AttributeError(String(name), 'is a symbol; names of attributes are text')
    }
    if (this.#isMember(name)) {
      throw new AttributeError(name, 'is a member of the session; use set() to store it')
    }
    this.#state.attributes.set(name, value)
    return true
  }

  deleteProperty(_: object, name: string | symbol): boolean {
    if (this.#isMember(name)) return false
    this.#state.attributes.set(String(name), undefined)
    return true
  }

  defineProperty(): never {
    throw new TypeError('attributes of a session are set by assignment')
  }

  // Frozen or with another prototype, the target would no longer fit what the other traps answer.
  preventExtensions(): boolean {
    return false
  }

  setPrototypeOf(): boolean {
    return false
  }

  ownKeys(): string[] {
    return this.#state.attributes.names()
  }

  getOwnPropertyDescriptor(_: object, name: string | symbol): PropertyDescriptor | undefined {
    if (typeof name === 'symbol' || !this.#state.attributes.has(name)) return undefined
    const value = this.#state.attributes.draft(name)
    return { value, writable: true, enumerable: true, configurable: true }
  }
}
