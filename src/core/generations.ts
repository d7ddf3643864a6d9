export interface GenerationsOptions<Value> {
  readonly maxCount: number
  /** The most that all values may weigh, and what one does. Without it only the number counts. */
  readonly weight?: { readonly max: number; readonly of: (value: Value) => number }
  /**
   * Told of each value that has come into the young generation, with that one's number: while it is `young`,
   * and the value was not told to leave, it is in here.
   */
  readonly placed?: (value: Value, generation: number) => void
  /** Told of each value that is not in here any more. */
  readonly left?: (value: Value) => void
}

/** Of all that are made in this process, so that none is taken for another's. */
let generations = 0

/**
 * A bounded map that drops what was not asked for lately. Two generations: what is asked for moves
 * into the young one; when that has half of a bound, the old one is dropped and the young one is
 * old. A hit costs no more than a plain Map's, where a true LRU list would cost a delete and a set.
 */
export class Generations<Value> {
  #halfCount = 0
  #halfWeight = 0
  readonly #weigh: (value: Value) => number
  readonly #placed: (value: Value, generation: number) => void
  readonly #left: (value: Value) => void
  /** The number of the young generation. */
  young: number = ++generations
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()
  #youngWeight = 0
  #oldWeight = 0
  /** Values that left because there was no room. */
  evicted = 0

  /** The weight of a value must not change while it is in here, but by `update`. */
  constructor({ maxCount, weight, placed, left }: GenerationsOptions<Value>) {
    this.resize(maxCount, weight?.max)
    this.#placed = placed ?? (() => undefined)
    this.#left = left ?? (() => undefined)
    this.#weigh = weight === undefined ? () => 0 : weight.of
  }

  /** What is too much then leaves with the next that comes. */
  resize(maxCount: number, maxWeight = 0): void {
    this.#halfCount = maxCount / 2
    this.#halfWeight = maxWeight / 2
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get weight(): number {
    return this.#youngWeight + this.#oldWeight
  }

  get(key: string): Value | undefined {
    const value = this.#young.get(key)
    if (value !== undefined) return value
    const former = this.#old.get(key)
    if (former !== undefined) this.set(key, former)
    return former
  }

  set(key: string, value: Value): void {
    const weight = this.#weigh(value)
    const former = this.#young.get(key)
    // In its place, where it fits: a key deleted and set again makes a Map build itself anew.
    if (former !== undefined && this.#reweigh(this.#weigh(former), weight)) {
      this.#young.set(key, value)
      if (former !== value) this.#left(former)
      this.#placed(value, this.young)
      return
    }
    const gone = this.#take(key)
    if (gone !== undefined && gone !== value) this.#left(gone)
    if (weight > this.#halfWeight) {
      this.evicted++
      this.#left(value)
      return
    }
    const isFull = this.#young.size + 1 > this.#halfCount
    if (isFull || this.#youngWeight + weight > this.#halfWeight) this.#age()
    this.#young.set(key, value)
    this.#placed(value, this.young)
    this.#youngWeight += weight
  }

  /** Changes a value that is in here, its weight too. */
  update(key: string, value: Value, change: () => void): void {
    // Asked for, it is a young one.
    if (this.get(key) !== value) return
    const before = this.#weigh(value)
    change()
    if (this.#reweigh(before, this.#weigh(value))) return
    this.#young.delete(key)
    this.#youngWeight -= before
    this.set(key, value)
  }

  delete(key: string): void {
    const gone = this.#take(key)
    if (gone !== undefined) this.#left(gone)
  }

  clear(): void {
    for (const value of this.#old.values()) this.#left(value)
    for (const value of this.#young.values()) this.#left(value)
    this.young = ++generations
    this.#young = new Map()
    this.#old = new Map()
    this.#youngWeight = 0
    this.#oldWeight = 0
  }

  #take(key: string): Value | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.#young.delete(key)
      this.#youngWeight -= this.#weigh(young)
      return young
    }
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.#old.delete(key)
    this.#oldWeight -= this.#weigh(old)
    return old
  }

  /** Of one that is young. @returns whether there is room for it as it is now */
  #reweigh(before: number, now: number): boolean {
    const weight = this.#youngWeight - before + now
    if (now > this.#halfWeight || weight > this.#halfWeight) return false
    this.#youngWeight = weight
    return true
  }

  #age(): void {
    this.evicted += this.#old.size
    for (const value of this.#old.values()) this.#left(value)
    this.#old = this.#young
    this.#oldWeight = this.#youngWeight
    this.young = ++generations
    this.#young = new Map()
    this.#youngWeight = 0
  }
}
