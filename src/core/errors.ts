/**
 * Every error that Sojourn throws has this base: a stable `code` to branch on, a message that
 * says what went wrong and what to do, and the `cause` where there is one. Messages never hold
 * a token, a secret or an attribute's value.
 */

import { STATUS_CODES } from 'node:http'

/** Seconds after which it is worth to try again while the store is out of order: the same in all languages. */
export const RETRY_AFTER = '1'
/** The status of what passes by itself. */
export const OUT_OF_ORDER = 503

const MARK = Symbol.for('sojourn.error')

export type SojournErrorCode =
  | 'ERR_SOJOURN_OPTION'
  | 'ERR_SOJOURN_ATTRIBUTE'
  | 'ERR_SOJOURN_SCHEMA'
  | 'ERR_SOJOURN_SECRETS'
  | 'ERR_SOJOURN_CSRF'
  | 'ERR_SOJOURN_RATE_LIMIT'
  | 'ERR_SOJOURN_TOO_LARGE'
  | 'ERR_SOJOURN_CONFLICT'
  | 'ERR_SOJOURN_ENDED'
  | 'ERR_SOJOURN_SESSION_LIMIT'
  | 'ERR_SOJOURN_NOT_SIGNED_IN'
  | 'ERR_SOJOURN_READ_ONLY'
  | 'ERR_SOJOURN_HEADERS_SENT'
  | 'ERR_SOJOURN_ELSEWHERE'
  | 'ERR_SOJOURN_STORE_UNAVAILABLE'
  | 'ERR_SOJOURN_STORE_REFUSED'
  | 'ERR_SOJOURN_MIGRATION_STOPPED'
  | 'ERR_SOJOURN_LEGACY_FORMAT'

export class SojournError extends Error {
  readonly code: SojournErrorCode
  /** HTTP status that fits when the error reaches an error handler (Express and Koa read it). */
  readonly status: number

  constructor(code: SojournErrorCode, message: string, status = 500, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.status = status
    Object.defineProperty(this, MARK, { value: true })
    // Hono's own error handler answers with it. Of others, 503 too, it logs the error, which is worth more than the status.
    if (status < 500) Object.defineProperty(this, 'getResponse', { value: this.#response })
  }

  readonly #response = (): Response =>
    // What is wrong is the application's to know.
    new Response(STATUS_CODES[this.status], { status: this.status, headers: { ...this.headers } })

  /** Of the answer, as Express', Koa's and Fastify's own error handlers send them. Absent where there are none. */
  get headers(): Readonly<Record<string, string>> | undefined {
    return this.status === OUT_OF_ORDER ? { 'Retry-After': RETRY_AFTER } : undefined
  }

  /** For logs that are JSON: without it an error there is `{}`, or its fields and no message. */
  toJSON(): Record<string, unknown> {
    return { ...Object.fromEntries(Object.entries(this)), message: this.message }
  }
}

/** Recognises an error of ours even when the package is installed twice. */
export function isSojournError(error: unknown): error is SojournError {
  return typeof error === 'object' && error !== null && MARK in error
}

/** Whether it passes by itself: then the same request may do a second later. */
export function isOutOfOrder(error: unknown): boolean {
  return isSojournError(error) && error.status === OUT_OF_ORDER
}

/** An option is missing, unknown or out of range. Thrown by `createSessions`, before any I/O. */
export class OptionError extends SojournError {
  readonly option: string

  constructor(option: string, problem: string) {
    super('ERR_SOJOURN_OPTION', `option \`${option}\`: ${problem}`)
    this.option = option
  }
}

/** An attribute has a name or a value that cannot be stored. Nothing was written. */
export class AttributeError extends SojournError {
  readonly attribute: string

  constructor(attribute: string, problem: string, options?: ErrorOptions) {
    super('ERR_SOJOURN_ATTRIBUTE', `attribute ${quote(attribute)}: ${problem}`, 500, options)
    this.attribute = attribute
  }
}

const CSRF = {
  'cross-site':
    'a page of another site has sent this request: name its origin in `origins` if it may',
  'token-missing':
    'the browser does not say which site this request comes from, and it brings no token in the header or in a form that is read: see docs/csrf.md',
  token: 'the token is not one of this session: it is good until the next login',
} as const

/** A request that a page of another site may have made the user's browser send. Nothing was done. */
export class CsrfError extends SojournError {
  readonly reason: 'cross-site' | 'token-missing' | 'token'

  constructor(reason: CsrfError['reason']) {
    super('ERR_SOJOURN_CSRF', CSRF[reason], 403)
    this.reason = reason
  }
}

/** A client has had too many new sessions lately: `newSessions`. Nothing was stored. */
export class RateLimitError extends SojournError {
  /** Milliseconds until there is room for one more. */
  readonly retryAfter: number

  constructor(max: number, per: number, retryAfter: number) {
    super(
      'ERR_SOJOURN_RATE_LIMIT',
      `this client has had ${max} new sessions within ${per / 1_000} seconds, as many as \`newSessions\` allows`,
      429,
    )
    this.retryAfter = retryAfter
  }

  override get headers(): Readonly<Record<string, string>> {
    return { 'Retry-After': String(Math.ceil(this.retryAfter / 1_000)) }
  }
}

/** There are no secrets yet: their source has not answered. Whoever serves before `ready()` would sign everybody out. */
export class SecretsError extends SojournError {
  /**
   * @param waited milliseconds, where it was asked and has not answered for so long
   * @param isFirst there are none of before
   */
  constructor(waited?: number, isFirst = false) {
    super(
      'ERR_SOJOURN_SECRETS',
      waited === undefined
        ? 'the source of the secrets has not answered yet: `await sessions.ready()` before the first request'
        : `the source of the secrets has not answered within ${waited / 1_000} seconds${isFirst ? '' : ': those of before go on'}`,
      503,
    )
  }
}

/** The session's data does not fit the application's schema. Nothing was written. */
export class SchemaError extends SojournError {
  /** The schema's own messages. They may quote values: do not log them. */
  declare readonly issues: ReadonlyArray<{ readonly attribute: string; readonly message: string }>

  constructor(issues: ReadonlyArray<{ attribute: string; message: string }>) {
    const names = [...new Set(issues.map(({ attribute }) => quote(attribute)))].join(', ')
    super('ERR_SOJOURN_SCHEMA', `session data does not fit the schema: ${names}; see \`issues\``)
    // Not enumerable: some schema libraries quote the value in their messages, and logs print what is.
    Object.defineProperty(this, 'issues', { value: issues })
  }
}

/** The encoded session is larger than `maxBytes`. Nothing was written. */
export class SessionTooLargeError extends SojournError {
  readonly bytes: number
  readonly maxBytes: number
  /** The largest attributes first, at most five, sizes in bytes as encoded. */
  readonly largest: ReadonlyArray<{ readonly attribute: string; readonly bytes: number }>

  constructor(
    bytes: number,
    maxBytes: number,
    largest: ReadonlyArray<{ attribute: string; bytes: number }>,
  ) {
    const names = largest.map((l) => `${quote(l.attribute)} (${l.bytes})`).join(', ')
    super(
      'ERR_SOJOURN_TOO_LARGE',
      `the session has ${bytes} bytes, maxBytes is ${maxBytes}; largest attributes: ${names || 'none'}. ` +
        'Keep large values elsewhere and their keys in the session, or raise maxBytes.',
    )
    this.bytes = bytes
    this.maxBytes = maxBytes
    this.largest = largest
  }
}

/** Other writers changed or moved the session at each of the bounded retries. Nothing was written. */
export class SessionConflictError extends SojournError {
  constructor(attempts: number) {
    super(
      'ERR_SOJOURN_CONFLICT',
      `other writers changed the session during each of ${attempts} attempts; try again`,
      503,
    )
  }
}

/** The session was ended (logout, revocation, expiry) and cannot be written any more. */
export class SessionEndedError extends SojournError {
  constructor(operation: string) {
    super(
      'ERR_SOJOURN_ENDED',
      `${operation}: this session has ended; start with a new request`,
      409,
    )
  }
}

/** The principal has as many sessions as it may, and the limit's policy is `reject`. Nothing was written. */
export class SessionLimitError extends SojournError {
  readonly max: number
  /** The kind of client whose own limit it is; absent: that of all sessions. */
  readonly kind: string | undefined

  constructor(max: number, kind?: string) {
    const which = kind === undefined ? '' : ` of kind ${quote(kind)}`
    super(
      'ERR_SOJOURN_SESSION_LIMIT',
      `login: the principal has ${max} session${max === 1 ? '' : 's'}${which} already, and may have no more; ` +
        'one has to be ended first',
      409,
    )
    this.max = max
    this.kind = kind
  }
}

/** The session is in a region that is not to be reached from here. Nothing was asked, and no cookie is touched. */
export class SessionElsewhereError extends SojournError {
  readonly region: string

  constructor(operation: string, region: string) {
    super(
      'ERR_SOJOURN_ELSEWHERE',
      `${operation}: region ${quote(region)} is not reached from here; send the request there. ` +
        'What concerns all regions is done in those that are reached.',
      421,
    )
    this.region = region
  }
}

/** The operation is for a principal's session, and this one is nobody's. */
export class NotSignedInError extends SojournError {
  constructor(operation: string) {
    super('ERR_SOJOURN_NOT_SIGNED_IN', `${operation}: nobody is signed in; login comes first`, 401)
  }
}

/** The session was to be changed where its cookie cannot be set, as while Next renders a component. */
export class ReadOnlySessionError extends SojournError {
  constructor(operation: string) {
    super(
      'ERR_SOJOURN_READ_ONLY',
      `${operation}: components can only read the session, because the response has begun; ` +
        'change it by withSession in a server action or a route handler',
    )
  }
}

/** A new token was wanted after the response's headers had gone out, so it could not be delivered. */
export class HeadersSentError extends SojournError {
  constructor(operation: string) {
    super(
      'ERR_SOJOURN_HEADERS_SENT',
      `${operation} needs a new cookie, but the response's headers are sent already; call it earlier`,
    )
  }
}

/** Redis did not answer in time, could not be reached, or cannot serve at the moment. */
export class StoreUnavailableError extends SojournError {
  /** True when the command was sent and its effect is unknown; false when it was surely not carried out. */
  readonly indeterminate: boolean

  constructor(problem: string, indeterminate: boolean, options?: ErrorOptions) {
    super('ERR_SOJOURN_STORE_UNAVAILABLE', problem, 503, options)
    this.indeterminate = indeterminate
  }
}

/** Redis answered and refused: out of memory, no permission, read-only, persistence failing. */
export class StoreRefusedError extends SojournError {
  /** The first word of the server's answer: `OOM`, `NOPERM`, `NOAUTH`, `READONLY`, `MISCONF`, … */
  readonly reason: string

  constructor(reason: string, problem: string, options?: ErrorOptions) {
    super('ERR_SOJOURN_STORE_REFUSED', problem, 503, options)
    this.reason = reason
  }
}

/** A session of another system is in a form that is not read, such as that of a serialiser that runs code. */
export class LegacyFormatError extends SojournError {
  /** Name of the source. */
  readonly source: string

  constructor(source: string, problem: string, options?: ErrorOptions) {
    super('ERR_SOJOURN_LEGACY_FORMAT', `${source}: ${problem}`, 500, options)
    this.source = source
  }
}

/** A migration cannot go on without somebody's decision. Both sides are as they were. */
export class MigrationStoppedError extends SojournError {
  constructor(problem: string) {
    super('ERR_SOJOURN_MIGRATION_STOPPED', problem)
  }
}

/** Names come from applications and sometimes from users: shown shortened, control characters escaped. */
function quote(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 57)}...` : name)
}
