/** Numbers, sizes and times as people read them. What is not known is a dash, never 0. */

const NOTHING = '–'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const one = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const two = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 })

export const count = (value: number | undefined): string =>
  value === undefined ? NOTHING : whole.format(value)

/** 1,284,000 → 1.28 M: where there is no room for the whole. */
export function short(value: number | undefined): string {
  if (value === undefined) return NOTHING
  if (value >= 1e9) return `${digits(value / 1e9)} G`
  if (value >= 1e6) return `${digits(value / 1e6)} M`
  return value >= 1e5 ? `${digits(value / 1e3)} k` : digits(value)
}

/** Three digits that tell something. */
function digits(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return whole.format(value)
  return value >= 10 ? one.format(value) : two.format(value)
}

export function rate(value: number | undefined): string {
  if (value === undefined) return NOTHING
  if (value === 0) return '0'
  if (value >= 100) return whole.format(value)
  return value >= 10 ? one.format(value) : two.format(value)
}

export function percent(part: number | undefined): string {
  if (part === undefined) return NOTHING
  if (part > 0 && part < 0.001) return '< 0.1 %'
  return `${part === 0 || part >= 0.1 ? whole.format(part * 100) : one.format(part * 100)} %`
}

/** Milliseconds that commands take. */
export function latency(value: number | undefined): string {
  if (value === undefined) return NOTHING
  if (value < 1) return `${whole.format(value * 1_000)} µs`
  return value < 1_000 ? `${digits(value)} ms` : `${two.format(value / 1_000)} s`
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytes(value: number | undefined): string {
  if (value === undefined) return NOTHING
  let [size, unit] = [value, 0]
  while (size >= 1_024 && unit < UNITS.length - 1) {
    size /= 1_024
    unit++
  }
  return `${unit === 0 || size >= 100 ? whole.format(size) : one.format(size)} ${UNITS[unit]}`
}

const SPANS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
]

/** 5,400,000 → 1 h 30 min: two units at most. */
export function span(ms: number | undefined): string {
  if (ms === undefined) return NOTHING
  if (ms < 1_000) return ms <= 0 ? '0 s' : '< 1 s'
  const first = SPANS.findIndex(([, size]) => ms >= size)
  const [unit, size] = SPANS[first] as readonly [string, number]
  const value = Math.floor(ms / size)
  const next = SPANS[first + 1]
  const rest = next === undefined || value >= 10 ? 0 : Math.floor((ms % size) / next[1])
  return rest === 0 || next === undefined
    ? `${value} ${unit}`
    : `${value} ${unit} ${rest} ${next[0]}`
}

/** One unit tells enough from three of it on. */
function rough(ms: number): string {
  const [unit, size] = SPANS.find(([, size]) => ms >= size) ?? ['s', 1_000]
  return ms >= 3 * size || unit === 's' ? `${Math.floor(ms / size)} ${unit}` : span(ms)
}

export const since = (at: number | undefined, now: number): string =>
  at === undefined ? NOTHING : now - at < 5_000 ? 'just now' : `${rough(now - at)} ago`

export const until = (at: number, now: number): string =>
  at <= now ? 'over' : `in ${rough(at - now)}`

const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const dayAndTime = new Intl.DateTimeFormat('en-GB', {
  ...{ day: 'numeric', month: 'short' },
  ...{ hour: '2-digit', minute: '2-digit', second: '2-digit' },
})
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })

export const timeOf = (at: number): string => clock.format(at)
export const momentOf = (at: number): string => moment.format(at)
/** Of the last months: the year is known. */
export const dayAndTimeOf = (at: number): string => dayAndTime.format(at)

/** 1 session, 2 sessions */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`

const pieces = new Intl.ListFormat('en', { type: 'conjunction' })
export const list = (items: readonly string[]): string => pieces.format(items)

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
