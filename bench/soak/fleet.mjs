import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Operations under way at a node. */
const AT_ONCE = 32
const MB = 1024 * 1024

/**
 * A node as a process, which may be killed and started again.
 * `next()` gives its next operation, or nothing; `done(operation, result)` is told the outcome, and
 * `unknown(operation)` of those that were under way when it died.
 */
export class Node {
  #argument
  #tasks
  #child
  #isReady = false
  #underWay = new Map()
  #operations = 0
  #memory
  #gone

  constructor(argument, tasks) {
    this.#argument = argument
    this.#tasks = tasks
  }

  get isReady() {
    return this.#isReady
  }

  /** Resolves when it serves. */
  start() {
    const program = fileURLToPath(new URL('node.mjs', import.meta.url))
    const child = fork(program, [JSON.stringify(this.#argument)], {
      execArgv: ['--expose-gc'],
      env: { ...process.env, NODE_ENV: 'production' },
    })
    this.#child = child
    child.on('error', () => undefined)
    // Only after both all that it has said has arrived.
    const ends = [once(child, 'exit'), once(child, 'disconnect')]
    this.#gone = Promise.all(ends).then(() => this.#lost())
    return new Promise((resolve, reject) => {
      void this.#gone.then(() => reject(new Error('a node has ended before it was ready')))
      child.on('message', (items) => {
        for (const [what, ...details] of items) {
          if (what === 'ready') {
            this.#isReady = true
            resolve()
          } else this.#hear(what, details)
        }
        this.pump()
      })
    })
  }

  #hear(what, details) {
    if (what === 'done') {
      const [n, result] = details
      const operation = this.#underWay.get(n)
      this.#underWay.delete(n)
      this.#tasks.done(operation, result)
    } else if (what === 'expired') {
      const [n, id, principal] = details
      this.#tasks.expired(id, principal)
      this.#send({ heard: [n] })
    } else if (what === 'memory') this.#memory?.(details[0])
    else this.#tasks[what](...details)
  }

  /** Sends as much as it may have under way. */
  pump() {
    if (!this.#isReady) return
    const operations = []
    while (this.#underWay.size < AT_ONCE) {
      const operation = this.#tasks.next()
      if (operation === undefined) break
      this.#operations += 1
      this.#underWay.set(this.#operations, operation)
      operations.push({ ...operation.ask, number: this.#operations })
    }
    if (operations.length > 0) this.#send({ run: operations })
  }

  /** SIGKILL. Resolves when it is gone. */
  kill() {
    this.#child?.kill('SIGKILL')
    return this.#gone
  }

  /** Ends it in order. */
  close() {
    this.#send({ ask: 'close' })
    return this.#gone
  }

  /** After a collection: heap and RSS in MB. */
  async memory() {
    const answer = new Promise((resolve) => {
      this.#memory = resolve
    })
    this.#send({ ask: 'memory' })
    const { rss, heapUsed } = await answer
    return { rss: rss / MB, heap: heapUsed / MB }
  }

  #send(message) {
    if (this.#child?.connected) this.#child.send(message, () => undefined)
  }

  #lost() {
    this.#child = undefined
    this.#isReady = false
    const lost = [...this.#underWay.values()]
    this.#underWay.clear()
    for (const operation of lost) this.#tasks.unknown(operation)
  }
}
