/** Users who sign out on one node, while another has their sessions at hand, whatever is done to the network or the server. */
import type { Outcome } from '../../src/core/durability.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { hit, request, signIn, sleep } from '../support/requests.ts'
import type { User } from './load.ts'

const PAUSE = 15
/** Longer than any bound: later hits would be seen by whoever looks at the end. Milliseconds. */
const WATCHED = 5_000

export class SignOuts {
  /** What was acknowledged, and when. */
  readonly acknowledged: Map<string, { readonly outcome: Outcome; readonly at: number }> = new Map()
  failed = 0
  /** The longest that a session was still served elsewhere after its sign-out was acknowledged, milliseconds. */
  longestStale = 0
  readonly #watching: Sessions<User>
  readonly #tokens: string[]
  #isOver = false
  #done: Promise<unknown> = Promise.resolve()

  /** @param calm signs them in */
  static async start(
    calm: Sessions<User>,
    [acting, watching]: readonly [Sessions<User>, Sessions<User>],
    count: number,
  ): Promise<SignOuts> {
    const tokens: string[] = []
    for (let n = 0; n < count; n++) {
      tokens.push(await signIn<User>(calm, { owner: `leaving ${n}`, n: 0 }, `leaving ${n}`))
    }
    const signOuts = new SignOuts(watching, tokens)
    signOuts.#done = Promise.all([signOuts.#act(acting), signOuts.#watch()])
    return signOuts
  }

  private constructor(watching: Sessions<User>, tokens: string[]) {
    this.#watching = watching
    this.#tokens = tokens
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#done
  }

  /** Of those that were acknowledged: who is signed in again. */
  async undone(calm: Sessions<User>): Promise<Record<Outcome, number>> {
    const counts = { durable: 0, uncertain: 0 }
    for (const [token, { outcome }] of this.acknowledged) {
      if (!(await calm.open(token, { fresh: true })).isNew) counts[outcome] += 1
    }
    return counts
  }

  async #act(acting: Sessions<User>): Promise<void> {
    for (const token of this.#tokens) {
      if (this.#isOver) return
      try {
        await request(this.#watching, token)
        const session = await acting.open(token)
        const outcome = await session.logout()
        this.acknowledged.set(token, { outcome, at: performance.now() })
      } catch {
        this.failed += 1
      }
      await sleep(PAUSE)
    }
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      const now = performance.now()
      for (const [token, { at }] of this.acknowledged) {
        if (now - at > WATCHED || hit(this.#watching, token) === undefined) continue
        this.longestStale = Math.max(this.longestStale, performance.now() - at)
      }
      await sleep(1)
    }
  }
}
