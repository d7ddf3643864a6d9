import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds. */
const SAMPLE_INTERVAL = 250
const SCAN_INTERVAL = 10_000
const NODE_INTERVAL = 5_000
const PRINCIPALS_A_SAMPLE = 20
/** How long an expired session may wait while nodes die and the machine is busy. */
const BOUND_UNDER_LOAD = 10_000

/** Looks at the server and at one node all the time. */
export class Watch {
  #keyspace
  #problem
  #stopped = false
  #wake = () => undefined
  #lanes = []
  #woken = new Promise((resolve) => {
    this.#wake = resolve
  })
  /** Of Redis, bytes. */
  peak = 0
  /** Of the node, MB; its heap at each quarter. */
  rss = 0
  heaps = []
  /** Milliseconds for which an expired session has waited. */
  overdue = 0
  scans = 0
  samples = 0

  constructor({ keyspace, problem }) {
    this.#keyspace = keyspace
    this.#problem = problem
  }

  /** @param progress the part of the work that is done, 0 to 1; called when `node` has been looked at */
  start({ random, principals, replacing, node, progress }) {
    this.#repeat(SAMPLE_INTERVAL, async () => {
      for (let i = 0; i < PRINCIPALS_A_SAMPLE; i++) {
        const principal = `u${random.next(principals)}`
        const found = await this.#keyspace.checkLimit(principal, BOUND_UNDER_LOAD, replacing)
        this.samples += 1
        for (const text of found) this.#problem(text)
      }
      this.peak = Math.max(this.peak, await this.#keyspace.memory())
    })
    this.#repeat(SCAN_INTERVAL, () => this.#scan())
    this.#repeat(NODE_INTERVAL, async () => {
      const { rss, heap } = await node.memory()
      this.rss = Math.max(this.rss, rss)
      if (progress() >= (this.heaps.length + 1) / 4) this.heaps.push(heap)
    })
  }

  async stop() {
    this.#stopped = true
    this.#wake()
    await Promise.all(this.#lanes)
    await this.#scan()
  }

  async #scan() {
    const { counts, problems } = await this.#keyspace.scan(BOUND_UNDER_LOAD)
    this.overdue = Math.max(this.overdue, counts['ms overdue'] ?? 0)
    this.scans += 1
    for (const text of problems) this.#problem(text)
  }

  #repeat(interval, act) {
    const lane = async () => {
      while (!this.#stopped) {
        await act()
        await Promise.race([sleep(interval), this.#woken])
      }
    }
    this.#lanes.push(lane())
  }
}
