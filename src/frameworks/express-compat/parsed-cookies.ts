import type { IncomingMessage } from 'node:http'
import type { CookieReader } from '../../core/cookie.ts'
import { NodeRequest } from '../node/request.ts'

interface Parsed {
  readonly cookies?: Readonly<Record<string, unknown>>
  readonly signedCookies?: Readonly<Record<string, unknown>>
}

/** A request whose Cookie header has lost the session's, which cookie-parser has read before. */
class ParsedRequest extends NodeRequest<IncomingMessage> {
  readonly #cookie: string

  constructor(
    request: IncomingMessage,
    isSecure: (request: IncomingMessage) => boolean,
    cookie: string,
  ) {
    super(request, request, isSecure)
    this.#cookie = cookie
  }

  override get cookie(): string {
    return this.#cookie
  }
}

/** The header counts; where the cookie is not in it, `req.signedCookies`, then `req.cookies`, as there. */
export function factsOf(
  request: IncomingMessage,
  name: string,
  reader: CookieReader,
  isSecure: (request: IncomingMessage) => boolean,
): NodeRequest<IncomingMessage> {
  const facts = new NodeRequest(request, request, isSecure)
  const { cookies, signedCookies } = request as Parsed
  if (cookies === undefined && signedCookies === undefined) return facts
  const { cookie: header } = facts
  if (reader.candidates(reader.profile(facts), header).length > 0) return facts
  const value = textIn(signedCookies, name) ?? textIn(cookies, name)
  return value === undefined ? facts : new ParsedRequest(request, isSecure, `${name}=${value}`)
}

function textIn(cookies: unknown, name: string): string | undefined {
  if (typeof cookies !== 'object' || cookies === null || !Object.hasOwn(cookies, name))
    return undefined
  const value = (cookies as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'string' ? value : undefined
}
