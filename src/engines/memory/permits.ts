/** From so many names on those that count nothing any more are looked for. */
const MANY = 10_000

/** When what is allowed only so often was done, by name. Times are of a monotonic clock, milliseconds. */
export class PermitTimes {
  #times = new Map<string, { until: number; at: number[] }>()
  #sweepAt = MANY

  /** @returns 0, or after how many milliseconds there is room */
  permit(name: string, now: number, max: number, per: number): number {
    const kept = (this.#times.get(name)?.at ?? []).filter((at) => at > now - per)
    const leaves = kept[kept.length - max]
    if (leaves !== undefined) return leaves + per - now
    kept.push(now)
    this.#times.set(name, { until: now + per, at: kept })
    if (this.#times.size > this.#sweepAt) this.#sweep(now)
    return 0
  }

  clear(): void {
    this.#times.clear()
  }

  #sweep(now: number): void {
    this.#times = new Map([...this.#times].filter(([, { until }]) => until > now))
    this.#sweepAt = MANY + this.#times.size
  }
}
