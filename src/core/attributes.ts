import { checkAttributeName, cloneValue, equalValues, freezeValue } from './values.ts'

/** One changed attribute: its new value (`undefined`: deleted), or how to make it from the stored one. */
export interface Change {
  readonly value: unknown
  /** Runs again on the stored value after a conflict, instead of a merge. */
  readonly rerun?: (stored: unknown) => unknown
}

export type Delta = ReadonlyMap<string, Change>

/**
 * A request's working copy: the attributes as they were read, and what the request did to them.
 * Reading costs no copy; only objects that were handed out for changing are compared at the end.
 */
export class Attributes {
  #base: () => ReadonlyMap<string, unknown>
  #changes = new Map<string, Change>()
  /** Changes whose commit is under way: still seen by reads, given back when it fails. */
  #inFlight = new Map<string, Change>()
  /** Objects that the application may change in place. */
  readonly #drafts = new Map<string, object>()
  /** Read-only copies of values that cannot be frozen. */
  readonly #views = new Map<string, unknown>()

  /** @param base a function, because after a commit most requests never look again */
  constructor(base: () => ReadonlyMap<string, unknown>) {
    this.#base = base
  }

  /** A value that is not to be changed: frozen, or a copy where freezing is impossible (Map, Date, …). */
  view(name: string): unknown {
    const change = this.#pending(name)
    if (change !== undefined) return change.value
    const draft = this.#drafts.get(name)
    if (draft !== undefined) return draft
    const value = this.#base().get(name)
    if (typeof value !== 'object' || value === null || freezeValue(value)) return value
    if (!this.#views.has(name)) this.#views.set(name, cloneValue(value))
    return this.#views.get(name)
  }

  /** A value whose changes in place are noticed. */
  draft(name: string): unknown {
    const change = this.#pending(name)
    if (change !== undefined) return change.value
    const draft = this.#drafts.get(name)
    if (draft !== undefined) return draft
    const value = this.#base().get(name)
    if (typeof value !== 'object' || value === null) return value
    const copy: object = cloneValue(value)
    this.#drafts.set(name, copy)
    return copy
  }

  has(name: string): boolean {
    const change = this.#pending(name)
    return change === undefined ? this.#base().has(name) : change.value !== undefined
  }

  names(): string[] {
    const names = new Set([
      ...this.#base().keys(),
      ...this.#inFlight.keys(),
      ...this.#changes.keys(),
    ])
    return [...names].filter((name) => this.has(name))
  }

  /** @throws AttributeError for a name that cannot be stored */
  set(name: string, value: unknown): void {
    checkAttributeName(name)
    this.#drafts.delete(name)
    this.#changes.set(name, { value })
  }

  /** Records a change that can be made again on another value. */
  update(name: string, make: (value: unknown) => unknown): unknown {
    checkAttributeName(name)
    const again = (stored: unknown): unknown => make(cloneValue(stored))
    // On top of a change that is not stored yet there is no stored value to run on again.
    const pending = this.#pending(name) !== undefined || this.#changed(name)
    const change: Change = pending
      ? { value: make(this.view(name)) }
      : { value: again(this.#base().get(name)), rerun: again }
    this.#drafts.delete(name)
    this.#changes.set(name, change)
    return change.value
  }

  clear(): void {
    for (const name of this.names()) this.set(name, undefined)
  }

  /** Whether there is anything to commit. */
  get dirty(): boolean {
    for (const [name, change] of this.#changes) if (!this.#same(name, change.value)) return true
    for (const name of this.#drafts.keys()) if (this.#changed(name)) return true
    return false
  }

  /** Starts a commit: what has changed since the last one. End it with `settle` or `giveBack`. */
  take(): Delta {
    const delta = new Map<string, Change>()
    for (const [name, draft] of this.#drafts) {
      if (this.#changed(name)) delta.set(name, { value: draft })
    }
    for (const [name, change] of this.#changes) {
      if (!this.#same(name, change.value)) delta.set(name, change)
    }
    this.#inFlight = delta
    this.#changes = new Map()
    return delta
  }

  /** The commit is stored. @param rebased whether another writer's changes came in */
  settle(base: () => ReadonlyMap<string, unknown>, rebased: boolean): void {
    this.#base = base
    this.#views.clear()
    // After a rebase a draft lacks what came in: to compare it later would undo the other's change.
    if (rebased) this.#drafts.clear()
    else this.#keepDrafts()
    this.#inFlight = new Map()
  }

  /** The commit failed: its changes are pending again, under those made since. */
  giveBack(): void {
    this.#changes = new Map([...this.#inFlight, ...this.#changes])
    this.#inFlight = new Map()
  }

  /** The application still holds the objects it has set, and may change them further. */
  #keepDrafts(): void {
    for (const [name, { value }] of this.#inFlight) {
      if (typeof value === 'object' && value !== null) this.#drafts.set(name, value)
      else this.#drafts.delete(name)
    }
  }

  #pending(name: string): Change | undefined {
    return this.#changes.get(name) ?? this.#inFlight.get(name)
  }

  #changed(name: string): boolean {
    const draft = this.#drafts.get(name)
    return draft !== undefined && !this.#same(name, draft)
  }

  #same(name: string, value: unknown): boolean {
    const base = this.#base().get(name)
    return value === undefined ? base === undefined : equalValues(value, base)
  }
}

/** The attributes with the delta applied; the map that is given stays as it is. */
export function applyDelta(
  attributes: ReadonlyMap<string, unknown>,
  delta: Delta,
): Map<string, unknown> {
  const result = new Map(attributes)
  for (const [name, { value }] of delta) {
    if (value === undefined) result.delete(name)
    else result.set(name, value)
  }
  return result
}
