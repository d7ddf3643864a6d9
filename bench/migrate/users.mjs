// People who use sessions on two deployments while these are made the same, and what they were told.

/** Requests under way at once. */
const ACTORS = 24
/** A node is taken out of service before its successor gets its sessions, milliseconds: what follows has to keep up. */
const DRAIN = 1_000

export class Users {
  /** `token`, `n`: increments that were acknowledged; `isOut`: its sign-out was. */
  #all = []
  /** Which share of the sessions is on the new side, and which is on its way there. */
  #share = 0
  #leaving = 0
  #isOver = false
  #actors = []
  counts = { requests: 0, increments: 0, signIns: 0, signOuts: 0, failed: 0 }
  /** Of whom a request said that nobody is signed in. */
  lost = []

  /**
   * @param sides `from` and `to`: `Sessions`
   * @param pause of each after a request, milliseconds
   */
  constructor(sides, random, pause = 0) {
    this.sides = sides
    this.random = random
    this.pause = pause
  }

  get size() {
    return this.#all.length
  }

  async signIn(count) {
    for (let i = 0; i < count; i += 500) {
      await Promise.all(Array.from({ length: Math.min(500, count - i) }, () => this.#signIn()))
    }
  }

  async #signIn() {
    const i = this.#all.length
    const user = {
      token: undefined,
      n: 0,
      isOut: false,
      isBusy: true,
      at: this.random(1_000) / 1_000,
    }
    this.#all.push(user)
    const session = await this.#side(user).open()
    await session.login(`user ${i % 50_000}`)
    session.set('n', 0)
    await session.commit()
    user.token = session.token
    user.isBusy = false
  }

  #side({ at }) {
    return at < this.#share ? this.sides.to : this.sides.from
  }

  start() {
    this.#actors = Array.from({ length: ACTORS }, () => this.#act())
  }

  async stop() {
    this.#isOver = true
    await Promise.all(this.#actors)
  }

  /**
   * Moves this share of the sessions' nodes to the new side, or back.
   * @param drained waited for while those nodes are out of service
   */
  async move(share, drained = async () => undefined) {
    this.#leaving = share
    await new Promise((resolve) => setTimeout(resolve, DRAIN))
    await drained()
    this.#share = share
  }

  async #act() {
    while (!this.#isOver) {
      const user = this.#all[this.random(this.#all.length)]
      const [low, high] = [this.#share, this.#leaving].toSorted((a, b) => a - b)
      const isMoving = user.at >= low && user.at < high
      if (user.isBusy || user.isOut || isMoving) {
        await new Promise((resolve) => setImmediate(resolve))
        continue
      }
      user.isBusy = true
      try {
        await this.#request(user)
      } catch {
        this.counts.failed += 1
      }
      user.isBusy = false
      if (this.pause > 0) await new Promise((resolve) => setTimeout(resolve, this.pause))
      if (this.random(40) === 0) {
        await this.#signIn()
        this.counts.signIns += 1
      }
    }
  }

  async #request(user) {
    const session = await this.#side(user).open(user.token)
    this.counts.requests += 1
    if (session.isNew) return void this.lost.push(user)
    const what = this.random(20)
    if (what < 8) {
      await session.update('n', (n = 0) => n + 1)
      user.n += 1
      this.counts.increments += 1
    } else if (what === 8 && this.counts.signOuts * 2 < this.#all.length) {
      // Somebody is to be left to whom something could happen.
      await session.logout()
      user.isOut = true
      this.counts.signOuts += 1
    } else if (what === 9) {
      await session.rotate()
      user.token = session.token
    }
  }

  /** What is wrong on one side, now that all is at rest. */
  async problems(side) {
    const wrong = { lost: 0, undone: 0, increments: 0 }
    for (let i = 0; i < this.#all.length; i += 500) {
      const some = this.#all.slice(i, i + 500)
      await Promise.all(
        some.map(async ({ token, n, isOut }) => {
          const session = await this.sides[side].open(token, { fresh: true })
          if (isOut) wrong.undone += session.isNew ? 0 : 1
          else if (session.isNew) wrong.lost += 1
          else if (session.get('n') !== n) wrong.increments += Math.abs(n - session.get('n'))
        }),
      )
    }
    return wrong
  }
}
