// Gates make a race certain: a handler stops at one, and whoever drives the race lets it go on.

/** Where the driver waits for handlers. One for all nodes. */
export class Gates {
  #arrivals = new Map()

  /** A handler stands at the gate; `release` lets it go on. */
  arrive(name, release) {
    this.#of(name).resolve(release)
  }

  /** Resolves with what lets the handler go on, once it stands there. */
  arrival(name) {
    return this.#of(name).promise
  }

  /** For handlers in this process: waits at the gate. */
  hold(name) {
    return new Promise((resolve) => this.arrive(name, resolve))
  }

  forget(name) {
    this.#arrivals.delete(name)
  }

  #of(name) {
    const known = this.#arrivals.get(name)
    if (known !== undefined) return known
    const arrival = {}
    arrival.promise = new Promise((resolve) => {
      arrival.resolve = resolve
    })
    this.#arrivals.set(name, arrival)
    return arrival
  }
}

/** In a node that is a process of its own: `hold` asks the driver's gates over the IPC channel. */
export function remoteGates(channel = process) {
  const held = new Map()
  channel.on('message', ({ release }) => {
    held.get(release)?.()
    held.delete(release)
  })
  return {
    hold: (name) =>
      new Promise((resolve) => {
        held.set(name, resolve)
        channel.send({ arrived: name })
      }),
  }
}
