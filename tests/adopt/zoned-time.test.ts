import { expect, it } from 'vitest'
import { timeReader } from '../../src/adopt/zoned-time.ts'

it.each([
  ['UTC', '2026-03-29T00:30:00', '2026-03-29T00:30:00Z'],
  ['Europe/Berlin', '2026-01-01T00:00:00.500000', '2025-12-31T23:00:00.500Z'],
  // The clocks go from 2 to 3, and from 3 back to 2.
  ['Europe/Berlin', '2026-03-29T01:59:59', '2026-03-29T00:59:59Z'],
  ['Europe/Berlin', '2026-03-29T03:00:00', '2026-03-29T01:00:00Z'],
  ['Europe/Berlin', '2026-10-25T01:59:59', '2026-10-24T23:59:59Z'],
  ['Europe/Berlin', '2026-10-25T03:00:00', '2026-10-25T02:00:00Z'],
  ['America/Chicago', '2026-07-01T23:59:59', '2026-07-02T04:59:59Z'],
  ['America/Chicago', '2026-11-01T00:30:00', '2026-11-01T05:30:00Z'],
  ['Pacific/Kiritimati', '2026-07-01T12:00:00', '2026-06-30T22:00:00Z'],
  ['Asia/Kathmandu', '2026-07-01T05:45:00', '2026-07-01T00:00:00Z'],
])('%s: %s is %s', (zone, text, expected) => {
  expect(timeReader(zone)(text)).toBe(Date.parse(expected))
})

it('a zone of its own counts more, and without any there is no time', () => {
  for (const zone of [undefined, 'Asia/Kolkata']) {
    expect(timeReader(zone)('2026-07-01T12:00:00+02:00')).toBe(Date.UTC(2026, 6, 1, 10))
    expect(timeReader(zone)('2026-07-01T12:00:00.123Z')).toBe(Date.UTC(2026, 6, 1, 12, 0, 0, 123))
  }
  expect(timeReader(undefined)('2026-07-01T12:00:00')).toBe('no zone')
  expect(timeReader('Asia/Kolkata')('never')).toBeNaN()
})
