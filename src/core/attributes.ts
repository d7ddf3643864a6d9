import { checkOwnName, isPrivateName } from './private-names.ts'
import { reads } from './reads.ts'
import { cloneValue, equalValues, freezeValue } from './values.ts'

/** One changed attribute: its new value (`undefined`: deleted), or how to make it from the stored one. */
export interface Change {
  readonly value: unknown
  /** Runs again on the stored value after a conflict, instead of a merge. */
  readonly rerun?: (stored: unknown) => unknown
}

export type Delta = ReadonlyMap<string, Change>

/** An object that the application may change in place. */
interface Draft {
  readonly object: object
  /**
   * What it was when it was last stored. Absent: compare it with the base. An object may be another
   * one once stored (`{ a: undefined }`, an instance of a class) and would seem changed for ever.
   */
  readonly seen?: unknown
}

/**
 * A request's working copy: the attributes as they were read, and what the request did to them.
 * Reading costs no copy; only objects that were handed out for changing are compared at the end.
 */
export class Attributes {
  #base: () => ReadonlyMap<string, unknown>
  // Made when there is something to hold: a request that only reads makes none of them.
  #changes: Map<string, Change> | undefined
  /** Changes whose commit is under way: still seen by reads, given back when it fails. */
  #inFlight: Map<string, Change> | undefined
  /** The objects among them, as they were when it began. */
  #snapshots: Map<string, unknown> | undefined
  #drafts: Map<string, Draft> | undefined
  /** Read-only copies of values that cannot be frozen. */
  #views: Map<string, unknown> | undefined

  /** @param base a function, because after a commit most requests never look again */
  constructor(base: () => ReadonlyMap<string, unknown>) {
    this.#base = base
  }

  /** A value that is not to be changed: frozen, or a copy where freezing is impossible (Map, Date, …). */
  view(name: string): unknown {
    const change = this.#pending(name)
    if (change !== undefined) return change.value
    const draft = this.#drafts?.get(name)
    if (draft !== undefined) return draft.object
    const value = this.#read(name)
    if (typeof value !== 'object' || value === null) return value
    // Of a value of our own the outermost object is frozen last.
    if (Object.isFrozen(value) || freezeValue(value)) return value
    this.#views ??= new Map()
    if (!this.#views.has(name)) this.#views.set(name, cloneValue(value))
    return this.#views.get(name)
  }

  /** A value whose changes in place are noticed; of another framework's one there are none to notice. */
  draft(name: string): unknown {
    if (isPrivateName(name)) return this.view(name)
    const change = this.#pending(name)
    if (change !== undefined) return change.value
    const draft = this.#drafts?.get(name)
    if (draft !== undefined) return draft.object
    const value = this.#read(name)
    if (typeof value !== 'object' || value === null) return value
    const object: object = cloneValue(value)
    this.#drafts ??= new Map()
    this.#drafts.set(name, { object })
    return object
  }

  /** What was stored, and is wanted: what the request has set itself it does not read from there. */
  #read(name: string): unknown {
    const value = this.#base().get(name)
    if (reads.isOn && value !== undefined) reads.note(name)
    return value
  }

  has(name: string): boolean {
    const change = this.#pending(name)
    return change === undefined ? this.#base().has(name) : change.value !== undefined
  }

  /** Those of the application: what belongs to one framework of another language is not listed. */
  names(): string[] {
    const names = new Set([
      ...this.#base().keys(),
      ...(this.#inFlight?.keys() ?? []),
      ...(this.#changes?.keys() ?? []),
    ])
    return [...names].filter((name) => this.has(name) && !isPrivateName(name))
  }

  /** @throws AttributeError for a name that cannot be stored, or is another framework's */
  set(name: string, value: unknown): void {
    checkOwnName(name)
    this.#change(name, { value })
  }

  /** Records a change that can be made again on another value. */
  update(name: string, make: (value: unknown) => unknown): unknown {
    checkOwnName(name)
    const again = (stored: unknown): unknown => make(cloneValue(stored))
    const former = this.#changes?.get(name)
    const value = again(this.view(name))
    let rerun: Change['rerun'] | undefined
    // An update that is not stored yet runs again first. On top of another change that is not stored
    // yet there is no stored value to run on again.
    if (former?.rerun !== undefined) rerun = (stored) => again(former.rerun?.(stored))
    else if (this.#pending(name) === undefined && !this.#changed(name)) rerun = again
    this.#change(name, rerun === undefined ? { value } : { value, rerun })
    return value
  }

  /** What was done to an attribute and is not stored yet, for `restore`. */
  pendingChange(name: string): Change | undefined {
    const draft = this.#changed(name) ? this.#drafts?.get(name) : undefined
    return this.#changes?.get(name) ?? (draft && { value: draft.object })
  }

  /** Takes the last change of an attribute back, to what was pending before it. */
  restore(name: string, pending: Change | undefined): void {
    if (pending === undefined) this.#changes?.delete(name)
    else this.#change(name, pending)
  }

  clear(): void {
    for (const name of this.names()) this.set(name, undefined)
  }

  /** Whether there is anything to commit. */
  get dirty(): boolean {
    if (this.#changes !== undefined) {
      for (const [name, change] of this.#changes) if (this.#counts(name, change)) return true
    }
    if (this.#drafts !== undefined) {
      for (const name of this.#drafts.keys()) if (this.#changed(name)) return true
    }
    return false
  }

  /** Whether the application has objects that it may change in place. */
  get lent(): boolean {
    return this.#drafts !== undefined && this.#drafts.size > 0
  }

  /** Starts a commit: what has changed since the last one. End it with `settle` or `giveBack`. */
  take(): Delta {
    const delta = new Map<string, Change>()
    const changes = this.#changes
    this.#changes = undefined
    for (const [name, draft] of this.#drafts ?? []) {
      if (this.#changed(name)) delta.set(name, { value: draft.object })
    }
    for (const [name, change] of changes ?? []) {
      if (this.#counts(name, change)) delta.set(name, change)
      else this.#watch(name, change.value)
    }
    this.#inFlight = delta
    this.#snapshots = undefined
    for (const [name, { value }] of delta) {
      if (typeof value !== 'object' || value === null) continue
      this.#snapshots ??= new Map()
      this.#snapshots.set(name, snapshot(value))
    }
    return delta
  }

  /** The commit is stored. @param rebased whether another writer's changes came in */
  settle(base: () => ReadonlyMap<string, unknown>, rebased: boolean): void {
    const before = this.#base
    this.#base = base
    this.#views = undefined
    for (const [name, { value }] of this.#inFlight ?? []) {
      this.#watch(name, value, this.#snapshots?.get(name))
    }
    if (rebased && this.#drafts !== undefined) this.#dropOutdated(this.#drafts, before(), base())
    this.#inFlight = undefined
  }

  /** The commit failed: its changes are pending again, under those made since. */
  giveBack(): void {
    this.#changes = new Map([...(this.#inFlight ?? []), ...(this.#changes ?? [])])
    this.#inFlight = undefined
  }

  #change(name: string, change: Change): void {
    this.#drafts?.delete(name)
    this.#changes ??= new Map()
    this.#changes.set(name, change)
  }

  /** The application still holds the objects it has set, and may change them further. */
  #watch(name: string, value: unknown, seen?: unknown): void {
    const isLatest = this.#changes?.has(name) !== true
    if (isLatest && typeof value === 'object' && value !== null) {
      this.#drafts ??= new Map()
      this.#drafts.set(name, { object: value, seen })
    } else {
      this.#drafts?.delete(name)
    }
  }

  /** A draft that lacks what another writer brought in would undo that when compared later. */
  #dropOutdated(
    drafts: Map<string, Draft>,
    before: ReadonlyMap<string, unknown>,
    now: ReadonlyMap<string, unknown>,
  ): void {
    for (const [name, { object, seen }] of drafts) {
      const known = this.#inFlight?.has(name) === true ? seen : before.get(name)
      const current = now.get(name)
      const isUpToDate = equalValues(known, current) || equalValues(object, current)
      if (current === undefined || !isUpToDate) drafts.delete(name)
    }
  }

  #pending(name: string): Change | undefined {
    return this.#changes?.get(name) ?? this.#inFlight?.get(name)
  }

  #changed(name: string): boolean {
    const draft = this.#drafts?.get(name)
    if (draft === undefined) return false
    const { object, seen } = draft
    return seen === undefined ? !this.#same(name, object) : !equalValues(object, seen)
  }

  /**
   * An update counts even if it has made what was there: the value was read some time ago, and the store
   * decides whether it is still so.
   */
  #counts(name: string, change: Change): boolean {
    return change.rerun !== undefined || !this.#same(name, change.value)
  }

  #same(name: string, value: unknown): boolean {
    const base = this.#base().get(name)
    return value === undefined ? base === undefined : equalValues(value, base)
  }
}

/** A copy of an object, where it can be had; one that cannot be copied cannot be stored either. */
function snapshot(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  try {
    return cloneValue(value)
  } catch {
    return undefined
  }
}

/** The attributes with the delta applied; the map that is given stays as it is. */
export function applyDelta(
  attributes: ReadonlyMap<string, unknown>,
  delta: Delta,
): Map<string, unknown> {
  // Iterators would make a pair of each entry.
  const result = new Map<string, unknown>()
  attributes.forEach((value, name) => result.set(name, value))
  delta.forEach(({ value }, name) => {
    if (value === undefined) result.delete(name)
    else result.set(name, value)
  })
  return result
}
