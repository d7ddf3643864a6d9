import { insideOf } from '../../core/exchange.ts'
import type { SessionState } from '../../core/session-state.ts'
import { createToken, parseToken } from '../../core/token.ts'

const told = new Set<string>()

/**
 * Two `createSessions` answer one request under one cookie: each takes the other's for forged and sets its own in its place,
 * so that people are signed out now and then. Told of once for each. Nothing is said of two that share the session.
 * @param place of the cookie, see `Exchange.place`
 * @param first of the exchanges, opened before `second`
 */
export function warnSameCookie(place: string, first: object, second: object): void {
  if (told.has(place) || mayShare(first, second)) return
  told.add(place)
  const [name] = place.split(';', 1)
  process.emitWarning(
    `two \`createSessions\` answer the same requests with the cookie ${JSON.stringify(name)}, and each replaces the other's: ` +
      "give one of them another name (cookie: { name: 'admin' }), or use one for both",
    { code: 'SOJOURN_SAME_COOKIE' },
  )
}

/** With other secrets they never do. With the same ones it is seen of a session whether both have it in their store. */
function mayShare(first: object, second: object): boolean {
  const { state, presented } = insideOf(first)
  const other = insideOf(second).state
  if (!accepts(state, other) || !accepts(other, state)) return false
  const { live } = state
  // What the request has done meanwhile, or an outage, says nothing of the stores.
  const isChanged = state.loggedOut || state.ended || live?.token.text !== presented
  if (isChanged || state.unavailable !== undefined || other.unavailable !== undefined) return true
  return live?.token.text === other.live?.token.text
}

function accepts({ repository }: SessionState, other: SessionState): boolean {
  const { text } = createToken(other.repository.settings.keyring)
  return parseToken(repository.settings.keyring, text) !== undefined
}
