// Tables as Markdown, aligned so that a terminal shows them as well.

/** @param table `title`, `head` (names of the columns), `rows` (lists of cells), `note` */
function renderTable({ title, head, rows, note }) {
  const cells = [head, ...rows].map((row) => row.map(text))
  const widths = head.map((_, i) => Math.max(3, ...cells.map((row) => row[i].length)))
  const line = (row) => {
    const padded = row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
    )
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  const [first, ...others] = cells
  const lines = [line(first), line(rule), ...others.map(line)]
  return [`### ${title}`, '', ...lines, ...(note === undefined ? [] : ['', note])].join('\n')
}

export const renderTables = (tables) => tables.map(renderTable).join('\n\n')

const text = (cell) => (cell === undefined || cell === null ? '–' : String(cell))

/** A figure with so many decimals and separators for thousands. */
export function figure(value, decimals = 0) {
  if (value === undefined || value === null) return undefined
  return value.toLocaleString('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
}

/** The median and, where there were several rounds, between what they lay. */
export function range(summary, decimals = 0) {
  if (summary === undefined) return undefined
  const { median, min, max } = summary
  const middle = figure(median, decimals)
  if (min === max) return middle
  return `${middle} (${figure(min, decimals)}–${figure(max, decimals)})`
}

/** Whether what was promised holds. @param checks `text`, `ok`: null where that was not asked */
export function renderChecks(checks) {
  const word = (ok) => (ok === null ? '–     ' : ok ? 'ok    ' : 'MISSED')
  return checks.map(({ text, ok }) => `${word(ok)} ${text}`).join('\n')
}
