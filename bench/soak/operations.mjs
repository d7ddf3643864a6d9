// What happens next.
import { KINDS } from './setting.mjs'

const WEIGHTS = {
  ...{ visit: 4, login: 24, change: 6, read: 18, write: 15, twin: 3, late: 5, rotate: 6 },
  ...{ stepUp: 4, lifetime: 2, logout: 5, revoke: 2, revokeOthers: 1, revokeAll: 1 },
  ...{ list: 2, roles: 1, ghost: 2 },
}
const PAIRS = [
  ['read', 'read'],
  ['read', 'write'],
  ['write', 'write'],
  ['rotate', 'read'],
  ['rotate', 'rotate'],
]

/**
 * @param idle milliseconds
 * @param browser one that may be used
 * @param ghost token and id of a session that was ended
 * @returns `ask`, for a node; `browser`, whose request it is; `second`, what the same browser sends at
 * once; `mayEndAll`: any session of the principal may end by it; `replaces`: the principal whose session
 * this login is to replace by one of the same
 */
export function operationOf({ random, idle: { least, most }, principals, browser, ghost }) {
  const name = random.weighted(WEIGHTS)
  const principal = `u${random.next(principals)}`
  const idle = random.between(least, most)
  const login = () => {
    const kind = random.of([undefined, ...KINDS])
    const ask = { name: 'login', principal, kind, idle }
    return { ask, browser: { busy: 0, former: [] }, mayEndAll: true }
  }
  if (name === 'visit') return { ask: { name, idle }, browser: { busy: 0, former: [] } }
  if (name === 'ghost' && ghost !== undefined) return { ask: { name, ...ghost } }
  if (name === 'list' || name === 'roles') return { ask: { name, principal } }
  if (name === 'revokeAll') return { ask: { name, principal }, mayEndAll: true }
  if (name === 'login' || name === 'ghost' || browser === undefined) return login()

  const { token, id, former } = browser
  if (name === 'change') {
    // The sign-in page while signed in: half of the time as the same.
    const isSame = browser.principal !== undefined && random.next(2) === 0
    const who = isSame ? browser.principal : principal
    const ask = { name: 'login', token, principal: who, kind: random.of(KINDS), idle }
    return { ask, browser, mayEndAll: true, replaces: isSame ? who : undefined }
  }
  if (name === 'twin') {
    const [first, second] = random.of(PAIRS)
    return { ask: { name: first, token }, browser, second: { name: second, token } }
  }
  if (name === 'late' && former.length > 0) {
    return { ask: { name: random.of(['read', 'write', 'rotate']), token: random.of(former) } }
  }
  if (name === 'revoke' && browser.principal !== undefined) {
    return { ask: { name, principal: browser.principal, id }, browser }
  }
  if (name === 'late' || name === 'revoke') return { ask: { name: 'read', token }, browser }
  if (name === 'lifetime') return { ask: { name, token, idle }, browser }
  return { ask: { name, token }, browser, mayEndAll: name === 'revokeOthers' }
}
