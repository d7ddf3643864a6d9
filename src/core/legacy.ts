import { OptionError } from './errors.ts'

/**
 * Sessions of another system that are taken over: nobody is signed out by the switch to this one. The
 * sources are in `sojourn/adopt`; one of your own has these members.
 */
export interface LegacySource {
  /** For events, and for what is kept with a session: the same on all nodes, and for as long as sessions live. */
  readonly name: string
  /** The cookie that names its sessions. */
  readonly cookieName: string
  /**
   * What becomes of an old entry that has been taken over: it stays until its session ends here (`keep`), goes
   * (`delete`), or goes and is kept up to date elsewhere in the old store, for a way back (`mirror`).
   */
  readonly old: OldEntry
  /** Whether its sessions can be a principal's. */
  readonly hasPrincipals: boolean
  /**
   * The session that the cookies of a request name. No I/O: called for requests without a session of ours.
   * @param header the Cookie header
   * @returns `'forged'` for a cookie whose signature is wrong; nothing where there is none
   */
  find(header: string): LegacyCookie | 'forged' | undefined
  /** Removes the entry of a key. Absent where there are none. */
  remove?(key: string): Promise<void>
  /** Set-Cookie headers that take the cookie from the browser. */
  clear(): readonly string[]
  /** Of `mirror`. */
  readonly mirror?: LegacyMirror
  /** Its cookie is taken to be `Secure` because nobody has said how the old application sets it. */
  readonly assumesSecure?: boolean
}

export type OldEntry = 'keep' | 'delete' | 'mirror'

/** A cookie of the other system. Its signature has been checked, where it has one. */
export interface LegacyCookie {
  /** The secret that names the session, as hard to guess as its cookie. */
  readonly key: string
  /**
   * Reads the entry.
   * @returns nothing where there is none, or it has expired
   * @throws StoreUnavailableError when the old store does not answer, LegacyFormatError
   */
  read(): Promise<LegacyEntry | undefined>
}

export interface LegacyEntry {
  /** Those with names of other frameworks (`django:…`, `spring:…`) are left out, which is told once. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** Whose session it is. */
  readonly principal?: string | undefined
  /** Milliseconds; absent: as the sessions made here. */
  readonly idleTimeout?: number | undefined
  /** Whether its cookie outlives the browser. */
  readonly persistent?: boolean | undefined
  /** How long the old entry, or its cookie, may be of use from now on if it is used on and on. Milliseconds. */
  readonly lasts: number
}

/** A session as it is written to the old store. */
export interface MirroredSession {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly principal: string | undefined
  readonly persistent: boolean
  /** Milliseconds. */
  readonly idleTimeout: number
  /** Milliseconds until the entry ends. */
  readonly ttl: number
}

export interface LegacyMirror {
  /** A key of the old store's own form, made of 24 bytes that nobody can guess. */
  keyOf(bytes: Uint8Array): string
  /** @throws what the old store says */
  write(key: string, session: MirroredSession): Promise<void>
  /** Whether the browser has the cookie of this key. */
  holds(header: string, key: string): boolean
  /**
   * Set-Cookie headers.
   * @param maxAge milliseconds; absent: it ends with the browser's session
   */
  cookies(key: string, maxAge: number | undefined): readonly string[]
}

const OLD: readonly OldEntry[] = ['keep', 'delete', 'mirror']

/** @throws OptionError */
export function checkAdopt(adopt: unknown, ownCookies: readonly string[]): readonly LegacySource[] {
  if (adopt === undefined) return []
  const sources = adopt as readonly LegacySource[]
  if (!Array.isArray(adopt) || !sources.every(isSource)) {
    throw new OptionError(
      'adopt',
      "takes a list of sources, such as connectRedis({ … }) of 'sojourn/adopt'",
    )
  }
  const names = sources.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new OptionError('adopt', `has two sources named ${twice}`)
  const mirrored = sources.filter(({ old }) => old === 'mirror')
  if (mirrored.length > 1)
    throw new OptionError('adopt', "has more than one source with old: 'mirror'")
  for (const name of ownCookies) checkOwnCookie(sources, name)
  return sources
}

/**
 * @param name of a cookie of ours
 * @throws OptionError
 */
export function checkOwnCookie(sources: readonly LegacySource[], name: string): void {
  if (!sources.some(({ old, cookieName }) => old === 'mirror' && cookieName === name)) return
  throw new OptionError(
    'adopt',
    `old: 'mirror' needs two cookies, and both are named ${name}: give ours another name`,
  )
}

function isSource(value: unknown): value is LegacySource {
  const source = value as Partial<LegacySource> | null
  return (
    typeof source?.find === 'function' &&
    typeof source.clear === 'function' &&
    typeof source.name === 'string' &&
    OLD.includes(source.old as OldEntry) &&
    (source.old !== 'mirror' || (source.mirror !== undefined && source.remove !== undefined))
  )
}
