import { figure, range } from '../support/markdown.mjs'

const TITLES = {
  read: 'Spring Boot, read: two attributes',
  write: 'Spring Boot, write: one attribute plus one',
  anonymous: 'Spring Boot, anonymous: no cookie',
}

export function tables({ rows, setting }) {
  const scenarios = Object.entries(TITLES).map(([name, title]) => ({
    title,
    head: ['server', 'CPU µs a request', 'over bare', 'requests/s', 'p99 ms', 'Redis commands'],
    rows: rows.map(({ name: row, figures }) => {
      const { cpu, overhead, perSecond, p99, commands } = figures[name]
      return [
        row,
        range(cpu),
        range(overhead),
        figure(perSecond.median),
        figure(p99.median, 2),
        figure(commands, 2),
      ]
    }),
  }))
  const stored = rows.filter(({ bytes }) => bytes !== undefined)
  return [
    ...scenarios,
    {
      title: 'Spring Boot, bytes a session in Redis, and changes lost',
      head: ['server', '`MEMORY USAGE`', 'lost of parallel writes'],
      rows: stored.map(({ name, bytes, lost }) => [name, figure(bytes), figure(lost)]),
      note: setting,
    },
  ]
}

export function checksOf(rows) {
  const [theirs, ours] = ['data-redis', 'sojourn'].map((id) => rows.find((row) => row.id === id))
  const read = [ours, theirs].map(({ figures }) => figures.read.overhead.median)
  return [
    {
      text: `read, over bare Boot: ${figure(read[0])} µs, at most ${figure(read[1])} µs, Spring Session Data Redis'`,
      ok: read[0] <= read[1],
    },
    {
      text: `bytes a session: ${figure(ours.bytes)}, fewer than ${figure(theirs.bytes)}`,
      ok: ours.bytes < theirs.bytes,
    },
  ]
}
