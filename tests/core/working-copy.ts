import { Attributes, applyDelta, type Delta } from '../../src/core/attributes.ts'
import { cloneValue } from '../../src/core/values.ts'

export type Values = Record<string, unknown>

const toMap = (values: Values): Map<string, unknown> => new Map(Object.entries(values))
const values = (delta: Delta): Values =>
  Object.fromEntries([...delta].map(([name, { value }]) => [name, value]))

/** A working copy on a store, with the two ends of a commit in the test's hand. */
export function open(stored: Values): {
  attributes: Attributes
  /** The commit is stored; `theirs`: what another writer had stored meanwhile. */
  settle: (delta: Delta, theirs?: Values) => void
  commit: () => Values
} {
  let base = toMap(stored)
  const attributes = new Attributes(() => base)
  const settle = (delta: Delta, theirs?: Values): void => {
    const result = applyDelta(theirs === undefined ? base : toMap(theirs), delta)
    // Copies, as encoding makes them.
    const next = cloneValue(result)
    attributes.settle(() => next, theirs !== undefined)
    base = next
  }
  const commit = (): Values => {
    const delta = attributes.take()
    const taken = cloneValue(values(delta))
    settle(delta)
    return taken
  }
  return { attributes, settle, commit }
}
