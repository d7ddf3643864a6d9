import { paint } from './paint.ts'

export interface Column<Row> {
  readonly title: string
  readonly of: (row: Row) => string
  readonly align?: 'right'
}

/** Columns as wide as they have to be. Control characters in values are shown, not obeyed. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ of }) => plain(of(row))))
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)),
  )
  const line = (texts: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const text = texts[i] ?? ''
        const width = widths[i] ?? 0
        return align === 'right' ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  const head = paint('dim', line(columns.map(({ title }) => title)))
  return [head, ...cells.map(line)].join('\n')
}

/** What comes from a session or a server may have been typed by a stranger: it must not steer the terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '·')
}

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]

/** 5400000 → 90m */
export function span(ms: number, round: (count: number) => number = Math.floor): string {
  const at = UNITS.find(([, size]) => ms >= 2 * size) ?? UNITS.at(-1)
  const [unit, size] = at ?? ['ms', 1]
  return `${round(Math.max(ms, 0) / size)}${unit}`
}

/** 2026-11-30 17:00:03 UTC: as the logs of servers have it, wherever whoever looks is. */
export const time = (at: number): string =>
  `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
