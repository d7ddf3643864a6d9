const two = (n) => String(n).padStart(2, '0')

/** 19:59, 7:59:12, 13 d 23 h */
export function left(ms) {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s >= 86_400) return `${Math.floor(s / 86_400)} d ${two(Math.floor((s % 86_400) / 3600))} h`
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60]
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
}

export function clock(at, withMs = false) {
  const date = new Date(at)
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return withMs ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time
}

/** With the day where it is not today's. */
export function moment(at) {
  const day = new Date(at)
  if (day.toDateString() === new Date().toDateString()) return clock(at)
  return `${day.toLocaleDateString('en', { day: 'numeric', month: 'short' })} ${clock(at)}`
}

export function ms(value) {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
}

export const money = (cents) => (cents / 100).toFixed(2)

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`
