import type { IncomingMessage } from 'node:http'
import type { CookieReader } from '../../core/cookie.ts'
import type { Sessions } from '../../core/sessions.ts'
import type { CookieSource } from './cookie-source.ts'

/** The options, checked and with defaults. */
export interface Settings {
  readonly sessions: Sessions<object>
  /** Of the cookie. */
  readonly name: string
  readonly cookieReader: CookieReader
  readonly cookies: CookieSource<IncomingMessage>
  readonly isSecure: (request: IncomingMessage) => boolean
  /** What the cookie holds for a token. */
  readonly cookieValueOf: (token: string) => string
  readonly resave: boolean
  readonly saveUninitialized: boolean
  readonly rolling: boolean
  readonly unsetDestroys: boolean
  /** Whether each response renews a session whose cookie has an end, whatever `touchAfter` says. */
  readonly renewsAlways: boolean
  readonly genid: ((request: IncomingMessage) => unknown) | undefined
  readonly principal: ((session: object) => string | number | null | undefined) | undefined
}
