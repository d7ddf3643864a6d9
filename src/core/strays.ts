/**
 * `session.views = 5` is how other session libraries set an attribute: here it would be lost, and nobody told. What
 * stands behind the class's own members is met by such an assignment alone, so that members cost what they cost before.
 * @param prototype of a class that extends nothing
 * @param refusal what the assignment throws. Symbols are let through: tools mark objects by them
 */
export function refuseStrays(prototype: object, refusal: (name: string) => Error): void {
  const behind = new Proxy(Object.create(Object.prototype) as object, {
    set(target, name, value, receiver): boolean {
      if (typeof name === 'symbol') return Reflect.set(target, name, value, receiver)
      throw refusal(name)
    },
  })
  Object.setPrototypeOf(prototype, behind)
}

/**
 * The names that `prototype`, and all objects, have: what `in` says of an instance, without a step through what
 * `refuseStrays` has put behind it.
 */
export function membersOf(prototype: object): object {
  return Object.create(Object.prototype, Object.getOwnPropertyDescriptors(prototype)) as object
}
