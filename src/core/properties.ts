import { AttributeError } from './errors.ts'
import type { SessionState } from './session-state.ts'

/**
 * Attributes as plain properties, on top of what `target` has itself. Objects that are read this
 * way are copied once and compared at the commit, so that `session.cart.push(item)` is noticed;
 * requests that do not use it pay nothing.
 */
export function withProperties(target: object, state: SessionState): object {
  // What a debugger or a promise asks for must not look like an attribute.
  const isOwn = (name: string | symbol): boolean => typeof name === 'symbol' || name in target
  return new Proxy(target, {
    get(_, name) {
      if (!isOwn(name)) return state.attributes.draft(String(name))
      const value: unknown = Reflect.get(target, name, target)
      // Methods reach private fields through the target, not through the proxy.
      return typeof value === 'function' ? value.bind(target) : value
    },
    has: (_, name) => isOwn(name) || state.attributes.has(String(name)),
    set(_, name, value) {
      if (isOwn(name)) {
        throw new AttributeError(String(name), 'is a member of the session; use set() to store it')
      }
      state.attributes.set(String(name), value)
      return true
    },
    deleteProperty(_, name) {
      if (isOwn(name)) return false
      state.attributes.set(String(name), undefined)
      return true
    },
    defineProperty() {
      throw new TypeError('attributes of a session are set by assignment')
    },
    // Frozen or with another prototype, the target would no longer fit what the other traps answer.
    preventExtensions: () => false,
    setPrototypeOf: () => false,
    ownKeys: () => state.attributes.names(),
    getOwnPropertyDescriptor(_, name) {
      if (typeof name === 'symbol' || !state.attributes.has(name)) return undefined
      const value = state.attributes.draft(name)
      return { value, writable: true, enumerable: true, configurable: true }
    },
  })
}
