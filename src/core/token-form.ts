import { TOKEN_LENGTH } from './token.ts'

/** How a cookie's value holds a token. */
export interface TokenForm {
  /** The token whose value begins there, if it looks like one, without looking at the rest of the header. */
  at(header: string, start: number): string | undefined
  /** What is in the place of the token in a value. */
  of(value: string): string
}

const SEMICOLON = 59
const DOT = 46
/** Where a token has its dot in the form of @fastify/session, `id.signature`. */
const DOT_AT = 32

/** The value is the token. */
export const PLAIN: TokenForm = {
  at: (header, start) => textAt(header, start, TOKEN_LENGTH),
  of: (value) => value,
}

/**
 * That of express-session, `s:token.signature`, encoded as browsers give it back, or not; or the token alone. No
 * signature is looked at: a token has a code of its own.
 */
export const SIGNED: TokenForm = {
  at(header, start) {
    if (start === -1 || !header.startsWith('s%3A', start)) return PLAIN.at(header, start)
    const end = start + 4 + TOKEN_LENGTH
    return header.charCodeAt(end) === DOT ? header.slice(start + 4, end) : undefined
  },
  of(value) {
    const start = value.startsWith('s%3A') ? 4 : value.startsWith('s:') ? 2 : 0
    const dot = start === 0 ? -1 : value.indexOf('.', start)
    return dot === -1 ? value : value.slice(start, dot)
  },
}

/** That of @fastify/session: the token with a dot in it; or the token alone. */
export const DOTTED: TokenForm = {
  at(header, start) {
    if (start === -1 || header.charCodeAt(start + DOT_AT) !== DOT) return PLAIN.at(header, start)
    const value = textAt(header, start, TOKEN_LENGTH + 1)
    return value && DOTTED.of(value)
  },
  of: (value) =>
    value.charCodeAt(DOT_AT) === DOT ? value.slice(0, DOT_AT) + value.slice(DOT_AT + 1) : value,
}

export function dotted(token: string): string {
  return `${token.slice(0, DOT_AT)}.${token.slice(DOT_AT)}`
}

/** The token in a value of any form, which the application gives. */
export function tokenIn(value: string): string {
  return DOTTED.of(SIGNED.of(value))
}

function textAt(header: string, start: number, length: number): string | undefined {
  if (start === -1) return undefined
  const end = start + length
  if (header.length !== end && header.charCodeAt(end) !== SEMICOLON) return undefined
  return header.slice(start, end)
}
