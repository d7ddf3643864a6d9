import { AttributeError } from './errors.ts'

/** Refuses what cannot be a value: nothing, and a promise. @throws AttributeError when it is run */
export function checkedUpdate<V>(
  name: string,
  make: (value: V | undefined) => V,
): (value: unknown) => unknown {
  return (value) => {
    const made: unknown = make(value as V | undefined)
    if (made === undefined) throw new AttributeError(name, 'the update returned undefined')
    if (made instanceof Promise) {
      made.catch(() => undefined)
      throw new AttributeError(name, 'the update is asynchronous; it runs again on conflict')
    }
    return made
  }
}
