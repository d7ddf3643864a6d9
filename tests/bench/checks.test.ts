// What `npm run bench` promises is checked, or said not to have been: never left out in silence.
import { describe, expect, it } from 'vitest'
import {
  type Asked,
  type Check,
  checksOf,
  type Figures,
  type Row,
} from '../../bench/http/checks.mjs'

const of = (median: number) => ({ median, low: median - 1, high: median + 1 })
const row = (id: string, read: Figures, write: Figures = read): Row => ({
  id,
  figures: { read, write },
})
const own = (id: string, overhead: number, overFloor = overhead) =>
  row(
    id,
    { overhead: of(overhead), overFloor: of(overFloor), commands: { all: 0, keyed: 0 } },
    { overhead: of(overhead), overFloor: of(overFloor), commands: { all: 1, keyed: 1 } },
  )
const peer = (id: string) => row(id, { overhead: of(120), overFloor: of(120) })

const rows: readonly Row[] = [
  row('node', {}),
  own('sojourn-node', 5),
  row('express', {}),
  row('express-dictionary', { overhead: of(-40), overFloor: of(-40) }),
  peer('express-session'),
  own('sojourn-express', -30, 9),
  row('fastify', {}),
  peer('fastify-session'),
  own('sojourn-fastify', 5),
]
const without = (id: string) => rows.filter((one) => one.id !== id)
const states = (measured: readonly Row[], asked?: Asked) =>
  checksOf(measured, asked).map(({ ok }) => ok)
const about = (checks: readonly Check[], text: string) =>
  checks.filter((check) => check.text.includes(text))

describe('the checks of the benchmark', () => {
  it('hold for figures within their bounds', () => {
    expect(states(rows).every((ok) => ok === true)).toBe(true)
  })

  it('hold a slow machine against its own floor, and a fast one against the bound', () => {
    const slow = [
      ...without('sojourn-node'),
      own('sojourn-node', 15),
      row('map-node', { overhead: of(10) }),
      row('map-fastify', { overhead: of(2) }),
    ]
    const [onNode] = about(checksOf(slow), 'read, over node:http')
    expect(onNode).toMatchObject({ ok: true })
    expect(onNode?.text).toContain("at most 15.38, 1.54 times the floor's 10.00 µs")
    const [onFastify] = about(checksOf(slow), 'read, over Fastify')
    expect(onFastify?.text).toContain('at most 6.00 µs')
    const dear = [...slow.filter(({ id }) => id !== 'sojourn-node'), own('sojourn-node', 16)]
    expect(about(checksOf(dear), 'read, over node:http')).toMatchObject([{ ok: false }])
  })

  it('hold Express against both floors', () => {
    const dear = [...without('sojourn-express'), own('sojourn-express', -30, 11)]
    const checks = checksOf(dear)
    expect(about(checks, 'read, over bare Express')).toMatchObject([{ ok: true }])
    const [same] = about(checks, 'read, over Express with objects in the same mode')
    expect(same?.ok).toBe(false)
    expect(same?.text).toContain(
      "11.00 µs (10.0 to 12.0), at most 10.00, 1/12 of express-session's",
    )
  })

  it.each(rows.map(({ id }) => id).filter((id) => /session|sojourn/.test(id)))(
    'fail where the row %s is missing',
    (id) => {
      const missing = checksOf(without(id)).filter(({ ok }) => ok !== true)
      expect(missing.length).toBeGreaterThan(0)
      for (const check of missing) {
        expect(check.ok).toBe(false)
        expect(check.text).toMatch(/: not measured$/)
      }
      expect(checksOf(without(id))).toHaveLength(checksOf(rows).length)
    },
  )

  it('fail where a figure is missing or no number', () => {
    for (const overhead of [undefined, of(Number.NaN), of(Number.POSITIVE_INFINITY)]) {
      const broken = row('sojourn-node', overhead === undefined ? {} : { overhead })
      const [check] = about(checksOf([...without('sojourn-node'), broken]), 'over node:http')
      expect(check).toEqual({ text: 'read, over node:http: not measured', ok: false })
    }
  })

  it('say what was not asked for, and fail only for what was', () => {
    const asked = { rows: ['node', 'sojourn-node'], scenarios: ['read'] }
    const checks = checksOf([row('node', {}), own('sojourn-node', 5)], asked)
    expect(checks).toHaveLength(checksOf(rows).length)
    expect(checks.filter(({ ok }) => ok === true)).toHaveLength(2)
    const others = checks.filter(({ ok }) => ok !== true)
    for (const { ok, text } of others) {
      expect(ok).toBeNull()
      expect(text).toMatch(/: not asked for$/)
    }
    expect(about(checksOf([row('node', {})], asked), 'over node:http')).toMatchObject([
      { ok: false },
    ])
  })
})
