/** @returns the middle of the figures, between what they lie, and between what half of them do */
export function summary(figures) {
  const sorted = figures.toSorted((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => quantile(sorted, q))
  return { median, low, high, min: sorted[0], max: sorted.at(-1) }
}

/** Between two figures the quantile is interpolated. */
export function quantile(sorted, q) {
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}
