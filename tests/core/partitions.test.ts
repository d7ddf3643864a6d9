import { describe, expect, it } from 'vitest'
import { PARTITIONS, partitionOf, partitionTag, slotOf } from '../../src/core/partitions.ts'

/** CRC-16/XMODEM bit by bit, on its own: the slot rule of the Redis Cluster specification. */
function slotByBits(key: string): number {
  let crc = 0
  for (const byte of Buffer.from(key)) {
    for (let bit = 7; bit >= 0; bit--) {
      const carry = ((crc >> 15) & 1) ^ ((byte >> bit) & 1)
      crc = ((crc << 1) & 0xffff) ^ (carry === 1 ? 0x1021 : 0)
    }
  }
  return crc % 16_384
}

const tags = Array.from({ length: PARTITIONS }, (_, partition) => partitionTag(partition))

describe('partitions', () => {
  it('reckons slots as Redis does', () => {
    // The check value of CRC-16/XMODEM, and the example of the specification.
    expect(slotByBits('123456789')).toBe(0x31c3)
    expect(slotByBits('foo')).toBe(12_182)
  })

  it('says the slot of any tag', () => {
    for (const tag of ['foo', '123456789', '', 'zoë']) expect(slotOf(tag)).toBe(slotByBits(tag))
  })

  it('has 1,024 distinct tags of three letters or digits', () => {
    expect(new Set(tags).size).toBe(1024)
    for (const tag of tags) expect(tag).toMatch(/^[0-9A-Za-z]{3}$/)
  })

  it('lies 16 slots apart: partition p is in slot 16 p', () => {
    for (const [partition, tag] of tags.entries()) expect(slotByBits(tag)).toBe(16 * partition)
  })

  it('takes the first tag of each slot, so that every implementation finds the same', () => {
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    const first = new Map<number, string>()
    for (const a of alphabet) {
      for (const b of alphabet) {
        for (const c of alphabet) {
          const slot = slotByBits(a + b + c)
          if (!first.has(slot)) first.set(slot, a + b + c)
        }
      }
    }
    expect(tags).toEqual(tags.map((_, partition) => first.get(16 * partition)))
  })

  it.each([2, 3, 4, 5, 6, 7])('splits evenly over %i masters, within one partition', (masters) => {
    // As `redis-cli --cluster create` splits the slots.
    const each = 16_384 / masters
    const counts = new Array<number>(masters).fill(0)
    for (const tag of tags) {
      const slot = slotByBits(tag)
      const master = counts.findIndex(
        (_, m) => slot >= Math.round(m * each) && slot < Math.round((m + 1) * each),
      )
      counts[master] = (counts[master] ?? 0) + 1
    }
    expect(counts.reduce((a, b) => a + b)).toBe(1024)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })

  it('finds the partition of a tag, and none for others', () => {
    for (const [partition, tag] of tags.entries()) expect(partitionOf(tag)).toBe(partition)
    for (const other of ['', '0', '0000', '---', '{0}', '__proto__', 'constructor']) {
      expect(partitionOf(other)).toBeUndefined()
    }
  })

  it.each([-1, 1024, 0.5, Number.NaN])('has no partition %d', (partition) => {
    expect(() => partitionTag(partition)).toThrow(RangeError)
  })
})
