import type { styleText } from 'node:util'
import { plain } from '../table.ts'
import { type Line, pad, seg, widthOf } from './line.ts'

export interface GridColumn<Row> {
  readonly title: string
  readonly of: (row: Row) => string
  readonly align?: 'right'
  readonly style?: (row: Row) => Parameters<typeof styleText>[0] | undefined
  /** Where there is not room for all of them, the highest goes first. 0: never. */
  readonly rank?: number
  /** It shrinks as far as this before others go. */
  readonly least?: number
}

const GAP = 2

/** As many columns as fit. @param marked the row that is marked */
export function grid<Row>(
  columns: readonly GridColumn<Row>[],
  rows: readonly Row[],
  width: number,
  marked?: number,
): Line[] {
  const cells = columns.map(({ of }) => rows.map((row) => plain(of(row))))
  const widths = columns.map(({ title }, i) =>
    Math.max(widthOf(title), ...(cells[i] ?? []).map(widthOf)),
  )
  // What makes a column wider is not cut off visibly.
  const titles = columns.map(({ title, align }) => (align === 'right' ? title : title.trimEnd()))
  const shown = fitting(columns, widths, width)
  const all = shown.reduce((sum, i) => sum + (widths[i] ?? 0) + GAP, -GAP)
  const first = shown[0] ?? 0
  // The first is the name: it gives way.
  if (all > width) widths[first] = Math.max(1, (widths[first] ?? 0) - (all - width))
  const line = (of: (i: number) => ReturnType<typeof seg>, style?: 'inverse'): Line =>
    shown.flatMap((i, n) => (n === 0 ? [of(i)] : [seg(' '.repeat(GAP), style), of(i)]))
  const cell = (i: number, text: string) => pad(text, widths[i] ?? 0, columns[i]?.align)
  return [
    line((i) => seg(cell(i, titles[i] ?? ''), 'dim')),
    ...rows.map((row, n) => {
      const mark = n === marked ? 'inverse' : undefined
      return line((i) => seg(cell(i, cells[i]?.[n] ?? ''), mark ?? columns[i]?.style?.(row)), mark)
    }),
  ]
}

/** Indexes of the columns that there is room for. */
function fitting<Row>(
  columns: readonly GridColumn<Row>[],
  widths: readonly number[],
  width: number,
): number[] {
  let shown = columns.map((_, i) => i)
  const taken = (): number =>
    shown.reduce((sum, i) => {
      const own = widths[i] ?? 0
      return sum + Math.min(own, columns[i]?.least ?? own) + GAP
    }, -GAP)
  while (taken() > width) {
    const rank = (i: number): number => columns[i]?.rank ?? 0
    const highest = Math.max(...shown.map(rank))
    if (highest === 0) break
    const last = shown.findLast((i) => rank(i) === highest)
    shown = shown.filter((i) => i !== last)
  }
  return shown
}
