const now = () => Number(process.hrtime.bigint()) / 1e6

/**
 * Asks for its sessions over and over, each once between two turns of the event loop: a staleness that
 * the loop would show is not missed.
 */
export class Poller {
  #sessions
  #polled = new Map()
  #running = false

  constructor(sessions) {
    this.#sessions = sessions
  }

  /** Resolves once the session is served from memory. */
  watch(token) {
    const hit = deferred()
    const refused = deferred()
    const request = {
      cookie: `session=${token}`,
      secure: false,
      host: 'localhost',
      proxied: false,
    }
    this.#polled.set(token, { request, hit, refused, lastHit: undefined, isAsking: false })
    if (!this.#running) {
      this.#running = true
      setImmediate(() => this.#turn())
    }
    return hit.promise
  }

  /** Resolves with when the session was first refused, ms. */
  refused(token) {
    return this.#polled.get(token).refused.promise
  }

  /** When it was last served from memory, ms. */
  lastHit(token) {
    return this.#polled.get(token).lastHit
  }

  /** It is polled no longer. */
  forget(token) {
    this.#polled.delete(token)
  }

  #turn() {
    for (const polled of this.#polled.values()) if (!polled.isAsking) this.#ask(polled)
    if (this.#polled.size > 0) setImmediate(() => this.#turn())
    else this.#running = false
  }

  #ask(polled) {
    const answer = this.#sessions.exchange({}, polled.request)
    if (!(answer instanceof Promise)) {
      if (answer.session.isNew) return polled.refused.resolve(now())
      polled.lastHit = now()
      return polled.hit.resolve()
    }
    polled.isAsking = true
    answer
      .then(
        ({ session }) => {
          if (session.isNew) polled.refused.resolve(now())
        },
        // The store does not answer: nobody is served then either, and it is asked again.
        () => undefined,
      )
      .finally(() => {
        polled.isAsking = false
      })
  }
}

function deferred() {
  const made = {}
  made.promise = new Promise((resolve) => {
    made.resolve = resolve
  })
  return made
}
