import type { FastifyRequest } from 'fastify'
import { OptionError } from '../../../core/errors.ts'

export type SameSite = boolean | 'lax' | 'strict' | 'none'

/** How the session's cookie is set. */
export interface CookieOptions {
  /** Milliseconds: the session's idle timeout too. Without it the cookie ends with the browser. */
  readonly maxAge?: number | undefined
  /** When the session ends, whoever comes. `maxAge` counts before it. */
  readonly expires?: Date | undefined
  /** Default `'/'`; requests to other paths have no session. */
  readonly path?: string | undefined
  readonly domain?: string | undefined
  /** Default true. */
  readonly httpOnly?: boolean | undefined
  /** Default true: over plain HTTP nothing is stored. `'auto'`: as the connection is, and `SameSite=Lax` over HTTP. */
  readonly secure?: boolean | 'auto' | undefined
  readonly sameSite?: SameSite | undefined
  /** A separate cookie for each top-level site (CHIPS). */
  readonly partitioned?: boolean | undefined
}

/** What a cookie is made of: options, and what is kept with one session. */
export type CookieSource = {
  readonly [Name in Exclude<keyof CookieOptions, 'expires'>]?: CookieOptions[Name] | null
} & {
  /** In numbers, milliseconds since the epoch. */
  readonly expires?: Date | number | null | undefined
  readonly originalMaxAge?: number | null
}

/** As it goes into JSON. */
export interface CookieState {
  readonly expires: Date | null
  readonly originalMaxAge: number | null
  readonly originalExpires: Date | undefined
  readonly sameSite: SameSite | null
  readonly secure: boolean | 'auto' | null
  readonly path: string
  readonly httpOnly: boolean
  readonly domain: string | null
  readonly partitioned: boolean | undefined
}

const KEPT = ['originalMaxAge', 'sameSite', 'secure', 'path', 'httpOnly', 'domain', 'partitioned']

/** `request.session.cookie`: changes of it go out with the reply, and are kept with the session. */
export class SessionCookie {
  path: string
  secure: boolean | 'auto' | null
  sameSite: SameSite | null
  domain: string | null
  httpOnly: boolean
  partitioned: boolean | undefined
  originalMaxAge: number | null
  /** Of a session that was there before: when it would have ended. */
  originalExpires: Date | undefined
  #expires: Date | null = null

  constructor(options: CookieSource, request: Pick<FastifyRequest, 'protocol'>) {
    this.path = options.path || '/'
    this.secure = options.secure ?? null
    this.sameSite = options.sameSite || null
    this.domain = options.domain || null
    this.httpOnly = options.httpOnly ?? true
    this.partitioned = options.partitioned ?? undefined
    this.originalMaxAge = null
    // Null is an age that was taken away.
    const maxAge = options.originalMaxAge === undefined ? options.maxAge : options.originalMaxAge
    const expires = dateOf(options.expires)
    if (expires !== undefined) this.originalExpires = expires
    if (maxAge) this.maxAge = maxAge
    else if (expires !== undefined) this.#expires = expires
    if (this.secure === 'auto') {
      this.secure = request.protocol === 'https'
      // Browsers refuse `SameSite=None` without `Secure`.
      if (!this.secure) this.sameSite = 'lax'
    }
  }

  /** When the cookie ends; null: with the browser. */
  get expires(): Date | null {
    return this.#expires
  }

  /** @throws OptionError for a Date that is none */
  set expires(expires: Date | null) {
    if (expires instanceof Date && Number.isNaN(expires.getTime())) {
      throw new OptionError('session.cookie.expires', 'takes a Date, or null; this one is invalid')
    }
    this.#expires = expires
  }

  /** Milliseconds that are left; null: it ends with the browser. */
  get maxAge(): number | null {
    return this.#expires instanceof Date ? this.#expires.getTime() - Date.now() : null
  }

  /** @throws OptionError for what is no number */
  set maxAge(ms: number | null | undefined) {
    const age = ms == null ? null : checkedAge(ms)
    this.#expires = age === null ? null : new Date(Date.now() + age)
    this.originalMaxAge = age
  }

  toJSON(): CookieState {
    return {
      expires: this.#expires,
      originalMaxAge: this.originalMaxAge,
      originalExpires: this.originalExpires,
      sameSite: this.sameSite,
      secure: this.secure,
      path: this.path,
      httpOnly: this.httpOnly,
      domain: this.domain,
      partitioned: this.partitioned,
    }
  }
}

/** What this cookie has other than a new one would have; undefined: nothing. */
export function changesOf(
  cookie: SessionCookie,
  usual: SessionCookie,
): Record<string, unknown> | undefined {
  const [mine, theirs] = [cookie.toJSON(), usual.toJSON()] as unknown as Record<string, unknown>[]
  const changes: Record<string, unknown> = {}
  let hasAny = false
  const note = (name: string, value: unknown): void => {
    changes[name] = value
    hasAny = true
  }
  for (const name of KEPT) {
    const value = mine?.[name] ?? null
    if (value !== (theirs?.[name] ?? null)) note(name, value)
  }
  // Of one that moves with each request only its length is kept.
  const fixed = fixedEnd(cookie)
  if (fixed !== undefined && fixed !== fixedEnd(usual)) note('expires', fixed)
  return hasAny ? changes : undefined
}

/**
 * Also of one that was assigned past `maxAge`: what is no number must not get to the store.
 * @throws OptionError
 */
export function checkedAge(ms: unknown): number {
  const age = Number(ms)
  if (!Number.isNaN(new Date(Date.now() + age).getTime())) return age
  throw new OptionError(
    'session.cookie.maxAge',
    'takes milliseconds, or null for a cookie that ends with the browser; this is no number, or too large for a date',
  )
}

/** Milliseconds since the epoch; undefined: the cookie has no end, or one that moves. */
export function fixedEnd({ originalMaxAge, expires }: SessionCookie): number | undefined {
  return originalMaxAge || !(expires instanceof Date) ? undefined : expires.getTime()
}

function dateOf(value: Date | number | null | undefined): Date | undefined {
  if (!value) return undefined
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? undefined : date
}
