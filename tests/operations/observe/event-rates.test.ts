import { describe, expect, it } from 'vitest'
import { EventRates } from '../../../src/operations/observe/event-rates.ts'
import type { HistoryEntry } from '../../../src/operations/sessions/catalogue.ts'

const entry = (at: number, event = 'login'): HistoryEntry => ({
  ...{ position: `${at}-0`, at: 0, event, unreadable: true },
})

/** One each so many milliseconds. */
function each(step: number, from: number, count: number): HistoryEntry[] {
  return Array.from({ length: count }, (_, i) => entry(Math.floor(from + i * step)))
}

const NOW = 1_000_000

describe('rates of events', () => {
  it('are of the time that was read', () => {
    const rates = new EventRates()
    rates.add(each(10, NOW - 10_000, 1_000), NOW - 10_000, NOW)
    expect(rates.state(NOW)).toEqual({ about: false, perSecond: { login: 100 } })
    rates.add([entry(NOW + 1, 'logout')], NOW, NOW + 2_000)
    const { perSecond } = rates.state(NOW + 2_000)
    expect(perSecond?.['login']).toBeCloseTo(80, 0)
    expect(perSecond?.['logout']).toBeCloseTo(0.1, 2)
  })

  it.each([0.25, 1, 5 / 3])('are right where the stream was cut: one each %d ms', (step) => {
    const rates = new EventRates()
    for (let second = 10; second > 0; second--) {
      const from = NOW - second * 1_000
      rates.addCut(each(step, from, 500), from, from + 1_000)
    }
    const { about, perSecond } = rates.state(NOW)
    expect(about).toBe(true)
    expect((perSecond?.['login'] ?? 0) / (1_000 / step)).toBeCloseTo(1, 1)
    expect(rates.state(NOW + 11_000)).toEqual({ about: false, perSecond: undefined })
  })

  it('of many at once are of the whole look, and more than they seem', () => {
    const rates = new EventRates()
    rates.addCut(Array<HistoryEntry>(2_000).fill(entry(NOW - 500)), NOW - 1_000, NOW)
    expect(rates.state(NOW)).toEqual({ about: true, perSecond: { login: 2_000 } })
  })

  it('hold with places by a clock that is wrong', () => {
    for (const wrong of [9_999_999_999_999, NOW - 1_500]) {
      const rates = new EventRates()
      rates.add([entry(wrong)], NOW - 1_000, NOW)
      expect(rates.state(NOW).perSecond).toEqual({ login: 1 })
      rates.addCut([entry(wrong), entry(wrong)], NOW, NOW + 1_000)
      expect(rates.state(NOW + 1_000).perSecond).toEqual({ login: 1.5 })
    }
  })
})
