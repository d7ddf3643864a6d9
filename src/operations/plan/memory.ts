/*
 * What Redis takes for our keys: its own structures on 64 bits, in the size classes of its allocator. Read off the sources
 * of Redis 7.0 (dict.h, sds.h, object.c, listpack.c) and checked against servers in tests/operations/plan.test.ts.
 */

/** `sj:{000}:s:` and 22 characters; a longer prefix adds a few bytes. */
const KEY = 33
/** Header, owner and authentication tag of a record. */
const RECORD_FIXED = 68
/** What a login adds: principal, times, device, address. */
const META = 62
/** MessagePack instead of JSON, deflated: of the sample session of the benchmarks. */
const ENCODED_PART = 0.72
/** A session in the list of its user's: its id, and its sealed description. */
const FIELD = 22
const DESCRIPTOR = 142
/** Above it a hash is no listpack: hash-max-listpack-value, 64 unless `sojourn redis-conf` has set it to 256. */
const LISTPACK_VALUE = 64

const DICT_ENTRY = 24
const OBJECT = 16
const POINTER = 8
const DICT = 56

/** @param payload of the attributes, as JSON, bytes @returns as stored */
export function encodedRecordBytes(payload: number): number {
  return Math.round(RECORD_FIXED + META + payload * ENCODED_PART)
}

/** A record with its key, its value and its time to live, without the tables. */
export function recordBytes(record: number): number {
  return keyBytes() + OBJECT + text(record)
}

/** The list of one user's sessions. */
export function indexBytes(sessions: number, listpackValue: number = LISTPACK_VALUE): number {
  const hash =
    DESCRIPTOR <= listpackValue
      ? sizeClass(7 + sessions * (FIELD + 2 + DESCRIPTOR + 4))
      : DICT +
        POINTER * 2 ** Math.ceil(Math.log2(Math.max(sessions, 4))) +
        sessions * (DICT_ENTRY + text(FIELD) + text(DESCRIPTOR))
  return keyBytes() + OBJECT + hash
}

/** Of the two hash tables, of keys and of times to live, for each key: they have a power of two of places. */
export function tableBytes(keys: number): number {
  return (2 * POINTER * 2 ** Math.ceil(Math.log2(Math.max(keys, 4)))) / Math.max(keys, 1)
}

function keyBytes(): number {
  return text(KEY) + 2 * DICT_ENTRY
}

/** A string with its header. */
function text(length: number): number {
  const header = length < 32 ? 1 : length < 256 ? 3 : 5
  return sizeClass(length + header + 1)
}

/** Of jemalloc as Redis builds it: steps of 8 up to 64 bytes, then four between each power of two and the next. */
function sizeClass(bytes: number): number {
  if (bytes <= 64) return Math.ceil(bytes / 8) * 8
  const step = 2 ** Math.floor(Math.log2(bytes - 1)) / 4
  return Math.ceil(bytes / step) * step
}
