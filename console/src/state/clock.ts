import { type Signal, signal } from '@preact/signals'

/** The server's clock less ours: people's clocks go wrong, and ages are told by the server's. */
let offset = 0
let isByLook = false

/** By the server's clock, to a second. */
export const now: Signal<number> = signal(Date.now())

/** By an answer's date, to a second, as long as no look has told it more exactly. */
export function dated(header: string | null): void {
  const at = Date.parse(header ?? '')
  if (isByLook || Number.isNaN(at)) return
  offset = at - Date.now()
  tick()
}

export function looked(at: number): void {
  isByLook = true
  offset = at - Date.now()
}

export function tick(): void {
  now.value = Math.round((Date.now() + offset) / 1_000) * 1_000
}
