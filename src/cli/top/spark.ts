const LEVELS = '▁▂▃▄▅▆▇█'

/**
 * The last points, one a character.
 * @param from what the lowest stands for: nothing, or the least of them
 */
export function sparkline(points: readonly number[], width: number, from: 0 | 'least' = 0): string {
  if (width < 1) return ''
  const last = points.slice(-width)
  if (last.length < 2) return ''
  const most = Math.max(...last)
  const least = from === 'least' ? Math.min(...last) : 0
  const range = most - least
  return last
    .map(
      (point) =>
        LEVELS[range === 0 ? 0 : Math.round(((point - least) / range) * (LEVELS.length - 1))],
    )
    .join('')
}

/** @param part 0 to 1 */
export function bar(part: number, width: number): string {
  const full = Math.round(Math.min(Math.max(part, 0), 1) * width)
  return '█'.repeat(full) + '░'.repeat(width - full)
}
