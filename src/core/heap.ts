/**
 * What decoded values take in memory: bytes of V8's heap on 64 bits, once frozen. As measured
 * (docs/decisions/0016); rather too much where it depends on what cannot be seen from here.
 */

/** Of a fraction, or of a whole number beyond 31 bits. */
export const NUMBER_BYTES = 16
export const DATE_BYTES = 112
/**
 * Of another number in an object: none, or as much as a fraction where another object of the same shape
 * has one there.
 */
export const MEMBER_BYTES = 3

const MOST_INDEX = 2 ** 32 - 2
/** Properties that are part of the object itself. */
const INSIDE = 4
/** With more properties it is a table: one that `Object.fromEntries` has made, or `JSON.parse`. */
export const MOST_SHAPED = 1_000
const MOST_PARSED = 120
/** A list of whole-number keys may leave out so many, and has so many slots whatever it leaves out. */
const GAP = 1_024
const SLOTS = 5_000

/** What sessions have in common is there once for all: keys that have come so often lately. */
export const COMMON = 8
const MOST_KEYS = 1_024
const uses = new Map<string, number>()

export function arrayBytes(count: number): number {
  return count === 0 ? 32 : 48 + 8 * count
}

export function mapBytes(size: number): number {
  return 64 + 28 * powerOfTwo(Math.max(size, 4))
}

export function setBytes(size: number): number {
  return 64 + 20 * powerOfTwo(Math.max(size, 4))
}

/**
 * @param unknown how many of the keys are not common: there is no shape of them then, but a table
 * @param isParsed made by `JSON.parse`, which makes room for what there is
 */
export function objectBytes(count: number, unknown: number, isParsed = false): number {
  if (unknown > 0 || count > (isParsed ? MOST_PARSED : MOST_SHAPED))
    return 160 + 24 * capacity(count, 2)
  if (isParsed && count > 0) return 24 + 8 * count
  return count <= INSIDE ? 56 : 72 + 24 * Math.ceil((count - INSIDE) / 3)
}

/** What whole-number keys take: they are a list, with a slot for each number to the highest, or a table. */
export function elementBytes(object: object, isParsed = false): number {
  let [count, highest, slots] = [0, 0, 0]
  // In ascending order, and before all others.
  for (const key of Object.keys(object)) {
    if (!isIndex(key)) break
    count++
    highest = Number(key)
    if (highest < slots || isParsed) continue
    const grown = highest + ((highest + 1) >> 1) + 17
    const isSparse = grown > SLOTS && grown >= 9 * capacity(count)
    slots = isSparse || highest - slots >= GAP ? Number.POSITIVE_INFINITY : grown
  }
  const places = capacity(count)
  if (isParsed) slots = highest < 9 * places ? highest + 1 : Number.POSITIVE_INFINITY
  if (slots !== Number.POSITIVE_INFINITY) return 16 + 8 * slots
  return Math.max(48 + 24 * places, highest <= 6 * places ? 10 * highest : 0)
}

export function isIndex(key: string): boolean {
  return /^(?:0|[1-9][0-9]{0,9})$/.test(key) && Number(key) <= MOST_INDEX
}

export function startsLikeIndex(key: string): boolean {
  const first = key.charCodeAt(0)
  return first >= 0x30 && first <= 0x39
}

/** @param isWide with a character beyond U+00FF */
export function textBytes(length: number, isWide: boolean): number {
  if (isWide) return 16 + ((length * 2 + 7) & ~7)
  // Of each single character there is one for all.
  return length < 2 ? 0 : 16 + ((length + 7) & ~7)
}

export function viewBytes(length: number): number {
  return 200 + length
}

/** @param value or how many bytes it has */
export function bigintBytes(value: bigint | number): number {
  const length = typeof value === 'number' ? value : Math.ceil(value.toString(16).length / 2)
  return 16 + ((length + 7) & ~7)
}

/** Of a value that is no object: with its name, as an attribute. */
export function attributeBytes(name: string, value: unknown): number {
  if (value === undefined) return 0
  const slot = 40 + textBytes(name.length, false)
  if (typeof value === 'string') return slot + textBytes(value.length, isWide(value))
  if (typeof value === 'bigint') return slot + bigintBytes(value)
  return slot + NUMBER_BYTES
}

export function isWide(text: string): boolean {
  return /[^\0-\xff]/.test(text)
}

/** Whether sessions have a key in common. Counts it. */
export function isCommonKey(key: string): boolean {
  const times = uses.get(key) ?? 0
  if (times === COMMON) return true
  if (times === 0 && uses.size === MOST_KEYS) uses.clear()
  uses.set(key, times + 1)
  return false
}

/** Of a table, which is three quarters full at most, about. */
function capacity(count: number, least = 4): number {
  return powerOfTwo(Math.max(Math.ceil(count * 1.5), least))
}

/** @param least whole */
function powerOfTwo(least: number): number {
  return 2 << (31 - Math.clz32(least - 1))
}
