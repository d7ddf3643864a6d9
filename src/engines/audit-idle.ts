/**
 * After how long a consumer is handed again what it has had itself, milliseconds: it may have failed with
 * it, and the others, who look twice in an `idle`, are to come first.
 */
export function ownIdle(idle: number): number {
  return Math.ceil(idle * 1.5)
}
