/** What better-auth caches of a session, or of a verification, as JSON. */
export type Parts = Readonly<Record<string, unknown>>

export function partsOf(text: unknown): Parts | undefined {
  if (typeof text !== 'string' || !text.startsWith('{')) return undefined
  try {
    return JSON.parse(text) as Parts
  } catch {
    return undefined
  }
}

export function isSession(parts: Parts | undefined): boolean {
  return typeof parts?.['session'] === 'object' && parts['session'] !== null
}

/** What stays the same as long as it is the same session or verification: when it was made. */
export function birthOf(parts: Parts | undefined): string | undefined {
  const of = isSession(parts) ? (parts?.['session'] as Parts) : parts
  const createdAt = of?.['createdAt']
  return createdAt === undefined ? undefined : JSON.stringify(createdAt)
}

/** When it is over, milliseconds since the epoch; NaN where it does not say. */
export function endOf(parts: Parts | undefined): number {
  const of = isSession(parts) ? (parts?.['session'] as Parts) : parts
  return new Date((of?.['expiresAt'] ?? Number.NaN) as string | number).getTime()
}

/**
 * The session of one writer and the user of another: better-auth writes both, also where it has changed only one.
 * @param given what has been handed out of it
 * @param theirs stored meanwhile
 */
export function mergeParts(given: readonly Parts[], theirs: Parts, mine: Parts): Parts {
  const merged: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(mine)) {
    const text = JSON.stringify(value)
    const isUnchanged = given.some((parts) => JSON.stringify(parts[name]) === text)
    merged[name] = isUnchanged && name in theirs ? theirs[name] : value
  }
  return merged
}
