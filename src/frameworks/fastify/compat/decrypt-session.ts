import type { FastifyRequest } from 'fastify'
import type { Exchange } from '../../../core/exchange.ts'
import { answer, type Callback } from './callback.ts'
import { CompatExchange } from './compat-exchange.ts'
import type { Plan } from './options.ts'
import type { CookieOptions } from './session-cookie.ts'

export interface DecryptSession {
  /**
   * Gives an object of your own the session that belongs to a cookie's value: its `session`. Nothing is stored unless
   * you `save`.
   */
  (value: string, request: object, callback: Callback): void
  (value: string, request: object, cookie: CookieOptions, callback: Callback): void
}

export function decryptSession(plan: Plan): DecryptSession {
  return (
    value: string,
    request: object,
    cookieOrCallback: CookieOptions | Callback,
    callback?: Callback,
  ): void => {
    const isCallback = typeof cookieOrCallback === 'function'
    const cookie = { ...plan.cookie, ...(isCallback ? {} : cookieOrCallback) }
    const done = isCallback ? cookieOrCallback : callback
    const report = (error: unknown): void => plan.sessions.reportError('decryptSession', error)
    void answer(open(plan, value, request, cookie), done, report)
  }
}

async function open(
  plan: Plan,
  value: string,
  request: object,
  cookie: CookieOptions,
): Promise<void> {
  const { cookieName, cookiePrefix, sessions, reader } = plan
  const full = value.startsWith(cookiePrefix) ? value : cookiePrefix + value
  const source = {
    cookie: `${cookieName}=${encodeURIComponent(full)}`,
    secure: false,
    host: undefined,
    proxied: false,
  }
  const opened = (await sessions.exchange(request, source, { cookie: reader })) as Exchange<
    Record<string, unknown>
  >
  const exchange = new CompatExchange(opened, request as FastifyRequest, plan, cookie)
  Object.defineProperty(request, 'session', {
    configurable: true,
    enumerable: true,
    get: () => exchange.value,
    set: (session: unknown) => {
      exchange.value = session
    },
  })
}
