import { setTimeout as sleep } from 'node:timers/promises'
import { Browser } from './client.mjs'

/** A node may serve from its memory for so long after a change on another node (`maxStaleness`). */
const STALENESS = 1_000

/**
 * One race. Two nodes race; a third one, which has never seen the session, is asked afterwards, so
 * that no answer comes from a cache. What happened is kept in order: a race that was not forced
 * proves nothing.
 */
export class Race {
  index
  name
  #fleet
  #trace = []

  /** `fleet`: `ports` of three nodes, `gates`, `agent`, `holds(id)`, `rotationGrace`. */
  constructor(fleet, row, index) {
    this.#fleet = fleet
    this.index = index
    this.name = `${row}-${index}`
  }

  /** The racing nodes change sides from race to race. */
  get first() {
    return this.#fleet.ports[this.index % 2]
  }

  get second() {
    return this.#fleet.ports[(this.index + 1) % 2]
  }

  get #observer() {
    return this.#fleet.ports[2]
  }

  /** Milliseconds that the former id still leads to the session after a rotation. */
  get rotationGrace() {
    return this.#fleet.rotationGrace
  }

  /** A browser with a session that holds `mark`; with a user it is signed in. */
  async start(user) {
    const browser = new Browser(this.#fleet.agent)
    const query = new URLSearchParams({ mark: this.name, ...(user === undefined ? {} : { user }) })
    const { id } = await browser.send(this.first, 'POST', `/start?${query}`)
    return { browser, id, cookies: browser.cookies }
  }

  /** A request from begin to end. */
  async send(label, browser, port, path) {
    const answer = await browser.send(port, 'POST', path)
    this.#trace.push(`${label} answered`)
    return answer
  }

  /**
   * Sends a request and resolves when its handler stands at its gate.
   * @returns `finish()`, which lets it go on and resolves with its answer
   */
  async sendHeld(label, browser, port, path, cookies = browser.cookies) {
    const { gates } = this.#fleet
    const gate = `${this.name}-${label}`
    const separator = path.includes('?') ? '&' : '?'
    const answer = browser.send(port, 'POST', `${path}${separator}gate=${gate}`, cookies)
    const passedBy = answer.then(() => {
      throw new Error(`${label} was answered and never stood at its gate`)
    })
    const release = await Promise.race([gates.arrival(gate), passedBy])
    gates.forget(gate)
    this.#trace.push(`${label} held`)
    return {
      finish: async () => {
        this.#trace.push(`${label} released`)
        release()
        const body = await answer
        this.#trace.push(`${label} answered`)
        return body
      },
    }
  }

  /** Whether these events happened in this order. */
  happened(...events) {
    let at = -1
    return events.every((event) => {
      const next = this.#trace.indexOf(event, at + 1)
      const found = next > at
      at = next
      return found
    })
  }

  get trace() {
    return this.#trace.join(', ')
  }

  /** What the session holds, as the third node finds it. */
  ask(browser, cookies = browser.cookies) {
    return browser.send(this.#observer, 'GET', '/me', cookies)
  }

  /** Whether the former cookie still opens its session, on any node or in Redis itself. */
  async isAlive(session) {
    const { id, cookies } = session
    const shows = (state) => state.user !== undefined || state.mark !== undefined
    if (shows(await this.ask(new Browser(this.#fleet.agent), cookies))) return true
    if (await this.#fleet.holds(id)) return true
    const end = Date.now() + STALENESS
    for (const port of [this.first, this.second]) {
      // A browser of its own: these questions must not change the jar of the one that is raced.
      const stranger = () => new Browser(this.#fleet.agent).send(port, 'GET', '/me', cookies)
      while (shows(await stranger())) {
        if (Date.now() > end) return true
        await sleep(10)
      }
    }
    return false
  }
}
