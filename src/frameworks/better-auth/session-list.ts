/** One of a user's sessions, as better-auth lists them. */
export interface ListedSession {
  readonly token: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/*
 * better-auth reads a user's list, changes it and writes it back, and does not say what it has read. So each list
 * that is handed out carries a copy of itself, as one more entry: better-auth keeps what it does not remove, so that
 * the entry comes back with the list. It says what the change was made on, whichever request, context or process
 * that was. Its "token" opens nothing.
 */
const BASE = 'sojourn.base:'

export function isBase(key: string): boolean {
  return key.startsWith(BASE)
}

/** The list as it is handed out. */
export function encodeList(list: readonly ListedSession[]): string {
  const pairs = list.map(({ token, expiresAt }) => [token, expiresAt])
  // As long as one of them is not over, so that it is not removed before them.
  const expiresAt = lastEnd(list)
  return JSON.stringify([...list, { token: BASE + JSON.stringify(pairs), expiresAt }])
}

export interface DecodedList {
  readonly list: readonly ListedSession[]
  /** What it was made from. Empty also where nothing had been found. */
  readonly base: readonly ListedSession[]
}

/** @returns nothing for what is no such list */
export function decodeList(text: string): DecodedList | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed)) return undefined
  const entries = parsed.filter(isListed)
  const marks = entries.filter(({ token }) => isBase(token))
  const list = entries.filter(({ token }) => !isBase(token))
  return { list: list.map(plain), base: marks.flatMap(({ token }) => baseOf(token)) }
}

/** When the last of them ends, milliseconds since the epoch; 0 for none. */
export function lastEnd(list: readonly ListedSession[]): number {
  return list.reduce((end, { expiresAt }) => Math.max(end, expiresAt), 0)
}

/**
 * A three-way merge by token: what either side added is in, what either side removed is out, and of an entry that
 * both have, mine counts where I have changed it.
 */
export function mergeLists(
  base: readonly ListedSession[],
  theirs: readonly ListedSession[],
  mine: readonly ListedSession[],
): ListedSession[] {
  const before = byToken(base)
  const own = byToken(mine)
  const there = byToken(theirs)
  const merged: ListedSession[] = []
  for (const [token, entry] of there) {
    const ours = own.get(token)
    if (ours !== undefined) {
      merged.push(ours.expiresAt === before.get(token)?.expiresAt ? entry : ours)
    } else if (!before.has(token)) merged.push(entry)
  }
  for (const [token, entry] of own) {
    // One that was there before and is not now has been removed meanwhile: to renew it does not bring it back.
    if (!there.has(token) && !before.has(token)) merged.push(entry)
  }
  return merged
}

function byToken(list: readonly ListedSession[]): Map<string, ListedSession> {
  return new Map(list.map((entry) => [entry.token, entry]))
}

function plain({ token, expiresAt }: ListedSession): ListedSession {
  return { token, expiresAt }
}

function isListed(entry: unknown): entry is ListedSession {
  const { token, expiresAt } = (entry ?? {}) as Partial<ListedSession>
  return typeof token === 'string' && typeof expiresAt === 'number'
}

function baseOf(mark: string): ListedSession[] {
  try {
    const pairs = JSON.parse(mark.slice(BASE.length)) as [string, number][]
    return pairs.map(([token, expiresAt]) => ({ token, expiresAt }))
  } catch {
    return []
  }
}
