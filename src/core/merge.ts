import { OptionError } from './errors.ts'
import { equalValues } from './values.ts'

/**
 * A three-way merge of one attribute that was changed on both sides. `base` is what both started
 * from, `undefined` where the attribute was absent; `theirs` is stored already, `mine` is to be
 * committed. The arguments are not to be changed.
 */
export type Merge<V> = {
  // A method's parameters compare loosely: `counter` fits data that is not typed, too.
  merge(base: V | undefined, theirs: V | undefined, mine: V): V
}['merge']

/** For counters: both increments count. */
export const counter: Merge<number> = (base, theirs, mine) => (theirs ?? 0) + (mine - (base ?? 0))

/**
 * For lists of things that have an identity: what either side added is in, what either side removed
 * is out, and of an item that both changed mine stands.
 * @param key the property that identifies an item, or a function that makes its identity
 */
export function union<Key extends string>(
  key: Key,
): <List extends readonly { readonly [Name in Key]: unknown }[]>(
  base: List | undefined,
  theirs: List | undefined,
  mine: List,
) => List
export function union<Item>(
  key: (keyof Item & string) | ((item: Item) => unknown),
): Merge<Item[]> & Merge<readonly Item[]>
export function union<Item>(
  key: (keyof Item & string) | ((item: Item) => unknown),
): Merge<Item[]> & Merge<readonly Item[]> {
  if (typeof key !== 'string' && typeof key !== 'function') {
    throw new OptionError(
      'union',
      'takes the name of the property that identifies an item, or a function',
    )
  }
  const identity = typeof key === 'function' ? key : (item: Item): unknown => item[key]
  const index = (items: readonly Item[] = []): Map<unknown, Item> =>
    new Map(items.map((item) => [identity(item), item]))
  return (
    base: readonly Item[] | undefined,
    theirs: readonly Item[] | undefined,
    mine: readonly Item[],
  ): Item[] => {
    const before = index(base)
    const ours = index(mine)
    const merged = new Map<unknown, Item>()
    for (const [id, item] of index(theirs)) {
      const own = ours.get(id)
      if (own === undefined) {
        if (!before.has(id)) merged.set(id, item)
      } else {
        merged.set(id, equalValues(own, before.get(id)) ? item : own)
      }
    }
    for (const [id, item] of ours) {
      const isNew = !before.has(id)
      // Removed there but changed here: the change is the later word.
      const changed = !isNew && !equalValues(item, before.get(id))
      if (!merged.has(id) && (isNew || changed)) merged.set(id, item)
    }
    return [...merged.values()]
  }
}

/** For objects: changes to different properties both survive; of one property mine stands. */
export function fields<V extends object>(): Merge<V> {
  return (base, theirs, mine) => {
    const before = new Map(Object.entries(base ?? {}))
    const merged = new Map(Object.entries(theirs ?? {}))
    const own = new Map(Object.entries(mine))
    for (const [name, value] of own) {
      if (!before.has(name) || !equalValues(value, before.get(name))) merged.set(name, value)
    }
    for (const name of before.keys()) if (!own.has(name)) merged.delete(name)
    return Object.fromEntries(merged) as V
  }
}
