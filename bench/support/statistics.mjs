/** @returns the middle of the figures and between what they lie */
export function summary(figures) {
  const sorted = figures.toSorted((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: sorted[0], max: sorted.at(-1) }
}

/** Between two figures the quantile is interpolated. */
export function quantile(sorted, q) {
  const at = (sorted.length - 1) * q
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}
