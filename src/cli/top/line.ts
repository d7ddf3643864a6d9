import type { styleText } from 'node:util'
import { plain } from '../table.ts'

type Style = Parameters<typeof styleText>[0]

/** A piece of a line, of one look. What it shows may come from anybody. */
export interface Segment {
  readonly text: string
  readonly style?: Style | undefined
}

export type Line = readonly Segment[]
export type Paint = (style: Style, text: string) => string

export const seg = (text: string, style?: Style): Segment => ({ text: plain(text), style })

/** Cells of a terminal that one character takes. */
function cellsOf(character: string): number {
  if (/^[\p{Mn}\p{Me}\p{Cf}]/u.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** Of East Asia, and pictures: https://www.unicode.org/reports/tr11/ */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6\u{1F300}-\u{1FAFF}\u{20000}-\u{3FFFD}]/u

export const widthOf = (text: string): number =>
  Array.from(text).reduce((sum, character) => sum + cellsOf(character), 0)

/** As much as fits; what is cut off is shown by a dot. */
function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let [kept, cells] = ['', 0]
  for (const character of text) {
    const own = cellsOf(character)
    if (cells + own > width - 1) break
    kept += character
    cells += own
  }
  return width < 1 ? '' : `${kept}…`
}

export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const fitting = cut(text, width)
  const room = ' '.repeat(Math.max(0, width - widthOf(fitting)))
  return align === 'left' ? fitting + room : room + fitting
}

const lengthOf = (line: Line): number => line.reduce((sum, { text }) => sum + widthOf(text), 0)

/** Never longer than the terminal is wide: it would take a second row. */
export function print(line: Line, width: number, paint: Paint): string {
  let left = width
  let printed = ''
  for (const { text, style } of line) {
    const fitting = cut(text, left)
    if (fitting === '') continue
    left -= widthOf(fitting)
    printed += style === undefined ? fitting : paint(style, fitting)
  }
  return printed
}

/** `left` and `right` at the two ends; where there is no room for both, what is left. */
export function ends(left: Line, right: Line, width: number): Line {
  const room = width - lengthOf(left) - lengthOf(right)
  return room < 1 ? left : [...left, seg(' '.repeat(room)), ...right]
}
