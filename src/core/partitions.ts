/**
 * The 1,024 partitions and their hash tags. A tag is the first string of three characters, in the
 * order 0-9 A-Z a-z, whose Redis Cluster slot is 16 × its partition: slots lie evenly, 16 apart,
 * so that any even split of the slots over masters splits the sessions evenly.
 * Slot rule: CRC-16/XMODEM modulo 16,384 (Redis Cluster specification, "Key distribution model").
 */

export const PARTITIONS = 1024

const ALPHABET = Buffer.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

function crcStep(crc: number, byte: number): number {
  return ((crc << 8) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0)) & 0xffff
}

function findTags(): string[] {
  const tags = new Array<string>(PARTITIONS).fill('')
  let left = PARTITIONS
  for (const a of ALPHABET) {
    const one = crcStep(0, a)
    for (const b of ALPHABET) {
      const two = crcStep(one, b)
      for (const c of ALPHABET) {
        const slot = crcStep(two, c) & 16383
        if (slot % 16 !== 0 || tags[slot / 16] !== '') continue
        tags[slot / 16] = String.fromCharCode(a, b, c)
        if (--left === 0) return tags
      }
    }
  }
  return tags
}

const TAGS: readonly string[] = findTags()
const NUMBERS: ReadonlyMap<string, number> = new Map(TAGS.map((tag, number) => [tag, number]))

/** The hash tag of a partition from 0 to 1,023. */
export function partitionTag(partition: number): string {
  const tag = TAGS[partition]
  if (tag === undefined) throw new RangeError(`no partition ${partition}`)
  return tag
}

/** The partition of a hash tag, or nothing when it is none of ours. */
export function partitionOf(tag: string): number | undefined {
  return NUMBERS.get(tag)
}
