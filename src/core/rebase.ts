import type { Change, Delta } from './attributes.ts'
import type { Merge } from './merge.ts'
import { isPrivateName } from './private-names.ts'
import { cloneValue, equalValues } from './values.ts'

export type Merges = ReadonlyMap<string, Merge<unknown>>

export type Rebase = typeof rebase

/**
 * Carries a delta over to another writer's state. Attributes that only one side changed need
 * nothing. For those that both changed: an `update` runs again, a named merge decides, and without
 * one the later commit wins, which is mine. My deletion stands.
 */
export function rebase(
  delta: Delta,
  base: ReadonlyMap<string, unknown>,
  theirs: ReadonlyMap<string, unknown>,
  merges: Merges,
): Delta {
  const rebased = new Map<string, Change>()
  for (const [name, change] of delta) {
    const before = base.get(name)
    const stored = theirs.get(name)
    const merge = merges.get(name)
    if (equalValues(before, stored)) {
      rebased.set(name, change)
    } else if (change.rerun !== undefined) {
      rebased.set(name, { value: change.rerun(stored), rerun: change.rerun })
    } else if (merge !== undefined && change.value !== undefined) {
      // Copies: a merge that changes its arguments must not reach what later attempts start from.
      rebased.set(name, {
        value: merge(cloneValue(before), cloneValue(stored), cloneValue(change.value)),
      })
    } else {
      rebased.set(name, change)
    }
  }
  return rebased
}

/** For what is only of use where there is nothing yet. */
export const yieldTo: Rebase = () => new Map()

/** For what is to be all that the session has: nothing that another has written stays beside it. */
export function replaceBy(attributes: ReadonlyMap<string, unknown>): Rebase {
  return (_delta, _base, theirs) => {
    const whole = new Map<string, Change>()
    for (const name of theirs.keys()) {
      if (!attributes.has(name) && !isPrivateName(name)) whole.set(name, { value: undefined })
    }
    for (const [name, value] of attributes) whole.set(name, { value })
    return whole
  }
}
