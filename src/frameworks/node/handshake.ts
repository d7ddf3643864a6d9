import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { EventOptions } from '../../core/attachment.ts'
import { isSojournError, OptionError, RETRY_AFTER } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { type ConnectionOptions, securityOf } from './connection.ts'
import { checkOptions } from './mount.ts'
import { type AllowedOrigins, originCheck } from './origin.ts'
import { refuseOtherCookie } from './other-cookie.ts'
import { holdSession } from './session-property.ts'
import { openWithoutCookie } from './upgrade.ts'

export interface HandshakeOptions<Data extends object> extends ConnectionOptions, EventOptions {
  /**
   * Who may connect: whoever is signed in, on this level at least, or as the function says. Others are answered
   * with 401, or 403 when they are signed in. Default: everybody, also without a session.
   */
  readonly require?:
    | 'login'
    | number
    | ((session: Session<Data>, request: IncomingMessage) => boolean | Promise<boolean>)
  /**
   * Pages of which origins may connect: this host's, those of a list (`'https://app.example.com'`), or as the
   * function says. Others are answered with 403. A client that sends no Origin is no browser, and may; a function
   * is asked for it too. Default `'same'`.
   */
  readonly origin?: AllowedOrigins
  /** Whether events count as the user's activity, unless one says otherwise. Default true. */
  readonly touch?: boolean
}

/** Why a handshake is answered with an error instead. */
export interface Refusal {
  readonly status: 401 | 403 | 421 | 500 | 503
  readonly message: string
}

const OPTIONS = ['require', 'origin', 'touch', 'trustProxy']
const HIGHEST_LEVEL = 255
const REASONS = {
  401: 'Unauthorized',
  403: 'Forbidden',
  421: 'Misdirected Request',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const

/**
 * What decides on handshakes, before they are answered.
 * @param names of further options
 * @returns a function that never rejects; let in, the request has its session for `sessions.attach`
 * @throws OptionError
 */
export function handshakes<Data extends object>(
  sessions: Sessions<Data>,
  options: HandshakeOptions<Data>,
  names: readonly string[],
): (request: IncomingMessage) => Promise<Refusal | undefined> {
  checkOptions(sessions, options, [...OPTIONS, ...names])
  refuseOtherCookie(sessions)
  const { require, origin = 'same', touch } = options
  if (touch !== undefined && typeof touch !== 'boolean') {
    throw new OptionError('touch', 'takes true or false')
  }
  checkRequirement(require)
  const isAllowed = originCheck(origin, options)
  const isSecure = securityOf(options)
  return async (request) => {
    try {
      if (!isAllowed(request)) return { status: 403, message: 'this origin may not connect' }
      const exchange = await openWithoutCookie(sessions, request, isSecure)
      const { session } = exchange
      // For a request nobody's session may do; a socket would keep it long after the store is back.
      if (session.outage === 'anonymous') return OUT_OF_ORDER
      const refusal = await refusalBy(require, session, request)
      if (refusal === undefined) holdSession(request, exchange)
      else exchange.release()
      return refusal
    } catch (error) {
      sessions.reportError('handshake', error)
      const status = isSojournError(error) ? error.status : 500
      if (status === OUT_OF_ORDER.status) return OUT_OF_ORDER
      return status === ELSEWHERE.status ? ELSEWHERE : FAILED
    }
  }
}

const OUT_OF_ORDER: Refusal = { status: 503, message: 'try again shortly' }
const ELSEWHERE: Refusal = { status: 421, message: 'the session is in another region' }
const FAILED: Refusal = { status: 500, message: 'the handshake failed' }
const NOT_SIGNED_IN: Refusal = { status: 401, message: 'sign in first' }
const NOT_ALLOWED: Refusal = { status: 403, message: 'not allowed' }

async function refusalBy<Data extends object>(
  require: HandshakeOptions<Data>['require'],
  session: Session<Data>,
  request: IncomingMessage,
): Promise<Refusal | undefined> {
  if (require === undefined) return undefined
  const isSignedIn = session.principal !== undefined
  if (typeof require !== 'function' && !isSignedIn) return NOT_SIGNED_IN
  if (require === 'login') return undefined
  const isEnough =
    typeof require === 'number' ? (session.level ?? -1) >= require : await require(session, request)
  if (isEnough) return undefined
  return isSignedIn ? NOT_ALLOWED : NOT_SIGNED_IN
}

function checkRequirement(require: unknown): void {
  if (require === undefined || require === 'login' || typeof require === 'function') return
  const isLevel = Number.isInteger(require) && (require as number) >= 0
  if (isLevel && (require as number) <= HIGHEST_LEVEL) return
  throw new OptionError(
    'require',
    `takes 'login', a level from 0 to ${HIGHEST_LEVEL}, or a function of session and request`,
  )
}

/** Node leaves an upgraded socket without a listener: a client that resets it would end the process. */
export function endWithErrors(socket: Duplex): void {
  socket.on('error', () => socket.destroy())
}

/** Answers an upgrade with an error (RFC 6455, section 4.2.2), and ends the connection. */
export function refuseUpgrade(socket: Duplex, { status, message }: Refusal): void {
  if (!socket.writable) return void socket.destroy()
  socket.once('finish', () => socket.destroy())
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(message)}`,
    ...(status === OUT_OF_ORDER.status ? [`Retry-After: ${RETRY_AFTER}`] : []),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${message}`)
}
