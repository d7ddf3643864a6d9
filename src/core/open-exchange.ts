import type { Found } from './adoption.ts'
import type { CookieProfile } from './cookie.ts'
import type { SessionId } from './engine.ts'
import { StoreUnavailableError } from './errors.ts'
import type { EventHub } from './events.ts'
import { Exchange, type ExchangeOptions, type ExchangeRequest } from './exchange.ts'
import type { Live, Loaded } from './live.ts'
import { checkOutagePolicy } from './outage.ts'
import type { Repository } from './repository.ts'
import { SessionState } from './session-state.ts'
import { parseToken, refusalOf, type Token } from './token.ts'

/**
 * Finds the session of a request. At once, without a promise, where no I/O is needed: there is no
 * cookie with one of our tokens, or its session is at hand.
 * @param options `fresh`: asks the store, whatever is at hand
 */
export function openExchange<Data extends object>(
  repository: Repository,
  events: EventHub,
  request: ExchangeRequest,
  options: ExchangeOptions,
): Exchange<Data> | Promise<Exchange<Data>> {
  const { fresh = false, cookie = repository.settings.cookie } = options
  const { keyring } = repository.settings
  const { adoption } = repository
  const profile = cookie.profile(request)
  const header = request.cookie
  if (header === undefined) {
    return new Exchange<Data>(new SessionState(repository, events, undefined), profile, undefined)
  }
  if (!fresh) {
    const text = cookie.first(profile, header)
    const live = text === undefined ? undefined : repository.reader.glance(text)
    // The same text, but one string is quicker to compare with itself.
    if (live !== undefined)
      return withLive(repository, events, live, live.token.text, profile, header)
  }
  const tokens: Token[] = []
  const refused: ('forged' | 'malformed')[] = []
  for (const text of cookie.candidates(profile, header)) {
    const token = parseToken(keyring, text)
    if (token !== undefined) tokens.push(token)
    else refused.push(refusalOf(text))
  }
  const [token] = tokens
  const isShared =
    refused.length > 0 && adoption?.sources.some((each) => each.cookieName === profile.name)
  const found = token === undefined || isShared ? adoption?.find(header) : undefined
  // Another system's cookie may have our name.
  if (isShared && found !== undefined) {
    refused.splice(Math.max(refused.indexOf('malformed'), 0), 1)
  }
  if (found === 'forged') refused.push('forged')
  repository.validations.forged += refused.length
  for (const reason of refused) events.emit('rejected', { id: undefined, reason })
  const live = fresh || token === undefined ? undefined : repository.reader.atHand(token)
  if (token !== undefined && live !== undefined) {
    return withLive(repository, events, live, token.text, profile, header)
  }

  const legacyHeader = adoption === undefined ? undefined : header
  const anonymous = (ended?: 'superseded', lastId?: SessionId): Exchange<Data> => {
    const state = new SessionState(repository, events, undefined, ended)
    state.lastId = lastId
    return new Exchange<Data>(state, profile, undefined, legacyHeader)
  }
  const adopt = async (
    legacy: Found | 'forged' | undefined,
  ): Promise<Exchange<Data> | undefined> => {
    if (adoption === undefined || typeof legacy !== 'object') return undefined
    const adopted = await adoption.open(legacy, fresh)
    if (adopted === undefined) return undefined
    // As by a former token: the answer brings the one that the session has now.
    const state = new SessionState(repository, events, adopted, undefined, true)
    state.mirrorSoon()
    return new Exchange<Data>(state, profile, undefined, legacyHeader, true)
  }
  if (token === undefined) {
    if (adoption === undefined || typeof found !== 'object') return anonymous()
    const opened = adopt(found).then((exchange) => exchange ?? anonymous())
    const asked = adoption.claimOf(found)
    return throughOutage(repository, events, opened, [asked], profile, options)
  }
  const opened = loadFirst(repository, tokens, fresh).then(async ({ loaded, token }) => {
    if (loaded.status === 'none') {
      if (loaded.keepsCookie === true) return anonymous('superseded', token.id)
      return (await adopt(adoption?.find(header))) ?? anonymous(undefined, token.id)
    }
    const { live } = loaded
    const isForwarded = live.token.id !== token.id
    const state = new SessionState(repository, events, live, undefined, isForwarded)
    if (!isForwarded) {
      repository.rotations.settle(live)
      state.rotationDue = live.rotateAt <= repository.settings.engine.now()
    }
    if (adoption?.mirror?.isHeld(header, live.token.id) === false) state.mirrorSoon()
    return new Exchange<Data>(state, profile, token.text, legacyHeader)
  })
  return throughOutage(repository, events, opened, tokens, profile, options)
}

/** The session was at hand. */
function withLive<Data extends object>(
  repository: Repository,
  events: EventHub,
  live: Live,
  presented: string,
  profile: CookieProfile,
  header: string,
): Exchange<Data> {
  repository.validations.near++
  if (live.former !== undefined) repository.rotations.settle(live)
  const state = new SessionState(repository, events, live)
  const { adoption } = repository
  if (adoption === undefined) return new Exchange<Data>(state, profile, presented)
  if (adoption.mirror?.isHeld(header, live.token.id) === false) state.mirrorSoon()
  return new Exchange<Data>(state, profile, presented, header)
}

/** While the store does not answer: as the policy says. @param tokens what the request has come with */
function throughOutage<Data extends object>(
  repository: Repository,
  events: EventHub,
  opened: Promise<Exchange<Data>>,
  tokens: readonly Token[],
  profile: CookieProfile,
  { fresh = false, outage }: ExchangeOptions,
): Promise<Exchange<Data>> {
  const [token] = tokens
  const policy = outage ?? repository.settings.outage
  if (policy === 'fail' || token === undefined) return opened
  return opened.catch((error: unknown) => {
    if (!(error instanceof StoreUnavailableError)) throw error
    checkOutagePolicy(policy)
    const state = new SessionState(repository, events, undefined)
    if (policy === 'anonymous') {
      state.unavailable = { token, error }
      events.emit('outage', { id: token.id, policy })
      return new Exchange<Data>(state, profile, undefined)
    }
    // `fresh` wants to know what the store says, and nothing else.
    if (fresh) throw error
    for (const each of tokens) {
      const live = repository.reader.lastKnown(each)
      if (live === undefined) continue
      const cached = new SessionState(repository, events, live)
      cached.cached = true
      events.emit('outage', { id: live.token.id, policy })
      return new Exchange<Data>(cached, profile, each.text)
    }
    throw error
  })
}

/** A cookie of the same name for another path or domain may stand first: the first that opens counts. */
async function loadFirst(
  repository: Repository,
  tokens: readonly Token[],
  fresh: boolean,
): Promise<{ loaded: Loaded; token: Token }> {
  let last: { loaded: Loaded; token: Token } | undefined
  for (const token of tokens) {
    const loaded = await repository.validations.asked(repository.reader.load(token, fresh))
    if (loaded.status === 'live') return { loaded, token }
    // That one of them was superseded weighs more than that another is unknown.
    if (last === undefined || loaded.keepsCookie === true) last = { loaded, token }
  }
  if (last === undefined) throw new TypeError('no tokens')
  return last
}
