/** Nodes that may be killed are all but the first: it shows what a process takes in the long run. */
export class Chaos {
  #nodes
  #random
  #command
  #every
  #timers = new Set()
  #restarts = new Set()
  #stopped = false
  kills = 0
  cuts = 0

  /** @param every milliseconds from one kill to the next, on average */
  constructor({ nodes, random, command, every }) {
    this.#nodes = nodes
    this.#random = random
    this.#command = command
    this.#every = every
  }

  start() {
    this.#repeat(this.#every, () => this.#kill())
    this.#repeat(this.#every * 1.5, () => this.#cut())
  }

  /** Resolves when all nodes serve. */
  async stop() {
    this.#stopped = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#restarts)
  }

  #repeat(every, act) {
    const next = async () => {
      this.#timers.delete(timer)
      await act()
      if (!this.#stopped) this.#repeat(every, act)
    }
    const delay = every * (0.5 + this.#random.next(1_000) / 1_000)
    const timer = setTimeout(() => void next(), delay)
    this.#timers.add(timer)
  }

  async #kill() {
    const node = this.#random.of(this.#nodes.slice(1).filter(({ isReady }) => isReady))
    if (node === undefined) return
    this.kills += 1
    const restart = node.kill().then(() => node.start())
    this.#restarts.add(restart)
    await restart
    this.#restarts.delete(restart)
  }

  /** Ends one of the nodes' connections, whichever it is. */
  async #cut() {
    const list = String(await this.#command('CLIENT', 'LIST'))
    const ids = [...list.matchAll(/^id=(\d+) .*\bname=sojourn/gm)].map(([, id]) => id)
    if (ids.length === 0) return
    this.cuts += Number(await this.#command('CLIENT', 'KILL', 'ID', this.#random.of(ids)))
  }
}
