/**
 * The 1,024 partitions and their hash tags. A tag is the first string of three characters (in a further
 * region the second, the third, …), in the order 0-9 A-Z a-z, whose Redis Cluster slot is 16 × its partition: slots lie evenly, 16 apart,
 * so that any even split of the slots over masters splits the sessions evenly.
 * Slot rule: CRC-16/XMODEM modulo 16,384 (Redis Cluster specification, "Key distribution model").
 */

export const PARTITIONS = 1024
/** Each partition has at least so many tags. */
export const REGIONS = 8

const ALPHABET = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

function crcStep(crc: number, byte: number): number {
  return ((crc << 8) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0)) & 0xffff
}

/** Tags by region: that of a partition in region r is the (r + 1)-th string with its slot. */
function findTags(regions: number): string[][] {
  const found: string[][] = Array.from({ length: regions }, () => new Array(PARTITIONS).fill(''))
  const counts = new Uint8Array(PARTITIONS)
  let left = PARTITIONS * regions
  for (const a of ALPHABET) {
    const one = crcStep(0, a)
    for (const b of ALPHABET) {
      const two = crcStep(one, b)
      for (const c of ALPHABET) {
        const slot = crcStep(two, c) & 16383
        if (slot % 16 !== 0) continue
        const partition = slot / 16
        const tags = found[counts[partition] ?? 0]
        if (tags === undefined) continue
        tags[partition] = String.fromCharCode(a, b, c)
        counts[partition] = (counts[partition] ?? 0) + 1
        if (--left === 0) return found
      }
    }
  }
  return found
}

/** The slot of keys with this hash tag, whoever's it is. */
export function slotOf(tag: string): number {
  return Buffer.from(tag).reduce(crcStep, 0) & 16383
}

/** What a tag stands for. */
interface Place {
  readonly partition: number
  readonly region: number
}

class Tags {
  readonly #tags: readonly string[][]
  readonly #places = new Map<string, Place>()

  constructor(regions: number) {
    this.#tags = findTags(regions)
    this.#tags.forEach((tags, region) => {
      tags.forEach((tag, partition) => this.#places.set(tag, { partition, region }))
    })
  }

  of(partition: number, region: number): string | undefined {
    return this.#tags[region]?.[partition]
  }

  placeOf(tag: string): Place | undefined {
    return this.#places.get(tag)
  }
}

const ONE_REGION = new Tags(1)
/** Takes some milliseconds, and most need none of it. */
let allRegions: Tags | undefined

/** The hash tag of a partition from 0 to 1,023 in a region from 0 to 7. */
export function partitionTag(partition: number, region = 0): string {
  const tag = (region === 0 ? ONE_REGION : (allRegions ??= new Tags(REGIONS))).of(partition, region)
  if (tag === undefined) throw new RangeError(`no partition ${partition}`)
  return tag
}

/** What a hash tag stands for, or nothing when it is none of ours. */
export function placeOfTag(tag: string): Place | undefined {
  return ONE_REGION.placeOf(tag) ?? (allRegions ??= new Tags(REGIONS)).placeOf(tag)
}

/** The partition of a hash tag, in whichever region, or nothing when it is none of ours. */
export function partitionOf(tag: string): number | undefined {
  return placeOfTag(tag)?.partition
}
