import { operationOf } from './operations.mjs'
import { limitOf } from './setting.mjs'

/** Former tokens that a browser may come with once more, and ended ones that are tried again. */
const MOST_FORMER = 2
const MOST_GHOSTS = 200
/** They store the session, if they bring a token; as does `write`. */
const RENEWING = new Set(['visit', 'login', 'rotate', 'stepUp', 'lifetime'])

/**
 * The people: browsers with their cookies, and what becomes of them. A browser has one request under
 * way, or a pair that is sent at once.
 */
export class Browsers {
  #random
  #times
  #ledger
  #replacing
  #principals
  #problem
  #live = []
  #ghosts = []
  /** The second requests of pairs. */
  #queue = []
  /** Operations by name, and how often one was answered so. */
  counts = {}
  errors = {}

  constructor({ random, times, ledger, replacing, principals, problem }) {
    this.#random = random
    this.#times = times
    this.#ledger = ledger
    this.#replacing = replacing
    this.#principals = principals
    this.#problem = problem
  }

  get size() {
    return this.#live.length
  }

  /** @returns what a node is to do: `ask`, and what is needed when it is done */
  next() {
    const operation = this.#queue.pop() ?? this.#make()
    const { ask, browser, second, replaces } = operation
    this.counts[ask.name] = (this.counts[ask.name] ?? 0) + 1
    operation.at ??= performance.now()
    if (browser !== undefined && operation.isSecond !== true) browser.busy += second ? 2 : 1
    if (second !== undefined) {
      this.#queue.push({ ask: second, browser, isSecond: true, at: operation.at })
    }
    if (replaces !== undefined) this.#replacing.started(replaces)
    return operation
  }

  #make() {
    const ghost = this.#ghosts.length > 0 ? this.#random.of(this.#ghosts) : undefined
    return operationOf({
      random: this.#random,
      idle: this.#times.idle,
      principals: this.#principals,
      browser: this.#pick(),
      ghost,
    })
  }

  /** Somebody who waits for no answer. Who has been away for too long mostly stays away. */
  #pick() {
    for (let attempt = 0; attempt < 10 && this.#live.length > 0; attempt++) {
      const browser = this.#random.of(this.#live)
      if (browser.busy > 0) continue
      const isOver = performance.now() > browser.usedAt + browser.idle
      if (!isOver || this.#random.next(10) === 0) return browser
      this.#remove(browser)
    }
    return undefined
  }

  done(operation, result) {
    const { ask, browser, at } = operation
    this.#settle(operation, false)
    if (result.error !== undefined) return this.#failed(operation, result.error)
    if (ask.name === 'ghost' && result.none !== true) {
      return this.#problem(`${ask.id}: was ended, and opens ${result.id}`)
    }
    if (browser === undefined) return
    if (result.none === true) return this.#nothing(browser)
    if (ask.name === 'logout' || ask.name === 'revoke') return this.#leave(browser)
    // Ended under way.
    if (result.id === undefined) return this.#remove(browser)
    if (ask.name === 'login' || ask.name === 'visit') {
      browser.principal = ask.principal
      browser.beganAt = at
    }
    if (result.token !== undefined) this.#take(browser, result, ask.name)
    if (result.principal !== browser.principal) {
      this.#problem(`${result.id}: is of ${result.principal}, not of ${browser.principal}`)
    }
    browser.usedAt = at
    if (ask.idle !== undefined) browser.idle = ask.idle
    // A read renews the idle timeout later, or not at all if its node dies.
    const isStored = ask.name === 'write' || (RENEWING.has(ask.name) && result.token !== undefined)
    if (isStored) browser.renewedAt = at
  }

  /** Its node has died, or its connection: it may have been carried out, wholly or in part. */
  unknown(operation) {
    this.#settle(operation, true)
    this.#doubt(operation)
  }

  #doubt({ ask, browser, mayEndAll }) {
    const principal = ask.principal ?? browser?.principal
    if (mayEndAll === true && principal !== undefined) this.#ledger.doubtAllOf(principal)
    if (browser?.id === undefined) return
    this.#ledger.doubt(browser.id)
    // Those go on with the cookie that they have.
    if (ask.name !== 'read' && ask.name !== 'write') this.#remove(browser)
  }

  #failed(operation, error) {
    const { ask } = operation
    this.errors[error] = (this.errors[error] ?? 0) + 1
    if (error === 'ERR_SOJOURN_SESSION_LIMIT') {
      if (limitOf(ask.principal)?.policy === 'reject') return
    } else if (error === 'ERR_SOJOURN_STORE_UNAVAILABLE' || error === 'ERR_SOJOURN_ENDED') {
      return this.#doubt(operation)
    }
    this.#problem(`${ask.name} was answered ${error}`)
  }

  #settle({ browser, replaces }, isUnknown) {
    if (browser !== undefined) browser.busy -= 1
    if (replaces !== undefined) this.#replacing.ended(replaces, isUnknown)
  }

  #take(browser, { id, token }, name) {
    const isSame = name !== 'login' && name !== 'stepUp' && browser.token !== undefined
    browser.former = isSame ? [browser.token, ...browser.former].slice(0, MOST_FORMER) : []
    // By another request, whose node is slower to say so, or does no more.
    if (!this.#ledger.has(id)) this.#ledger.rotated(browser.id, id)
    browser.id = id
    browser.token = token
    if (browser.index !== undefined) return
    browser.index = this.#live.length
    this.#live.push(browser)
  }

  #leave(browser) {
    const at =
      this.#ghosts.length < MOST_GHOSTS ? this.#ghosts.length : this.#random.next(MOST_GHOSTS)
    this.#ghosts[at] = { token: browser.token, id: browser.id }
    this.#remove(browser)
  }

  /** Whether its session had to be there still is known by the end, when all events are. */
  #nothing(browser) {
    const end = Math.min(browser.renewedAt + browser.idle, browser.beganAt + this.#times.absolute)
    if (performance.now() < end) this.#ledger.missed(browser.id)
    this.#remove(browser)
  }

  #remove(browser) {
    const { index } = browser
    if (index === undefined) return
    browser.index = undefined
    const last = this.#live.pop()
    if (last === browser) return
    this.#live[index] = last
    last.index = index
  }
}
