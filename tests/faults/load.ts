/** Requests of many users on several nodes while something is done to the network or the server. */
import { SojournError } from '../../src/core/errors.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { countersThatLie, History, total } from '../support/history.ts'
import type { Random } from '../support/random.ts'
import { hit, request, signIn, sleep, until } from '../support/requests.ts'

export interface User {
  owner: string
  n: number
}

export class Load {
  readonly history: History = new History()
  readonly users: ReadonlyMap<string, string>
  /** I2: what somebody was served of somebody else. */
  readonly foreign: string[] = []
  /** I3: users who were told that they have no session. */
  readonly signedOut: string[] = []
  served = 0
  failed = 0
  /** Why, of the first of those that failed. */
  readonly failures: string[] = []
  readonly #calm: Sessions<User>
  /** Why, as the nodes say. */
  readonly #rejected: string[] = []
  #isOver = false
  #actors: Promise<void>[] = []

  /** @param calm a node that nothing is done to: it signs the users in, and looks what is stored */
  static async start(
    calm: Sessions<User>,
    nodes: readonly Sessions<User>[],
    random: Random,
    users = 20,
  ): Promise<Load> {
    const tokens = new Map<string, string>()
    for (let i = 0; i < users; i++) {
      const owner = `user ${i}`
      tokens.set(owner, await signIn<User>(calm, { owner, n: 0 }))
    }
    const load = new Load(calm, tokens)
    for (const node of nodes) {
      for (const owner of tokens.keys()) load.#actors.push(load.#act(node, owner, random))
    }
    return load
  }

  private constructor(calm: Sessions<User>, users: ReadonlyMap<string, string>) {
    this.#calm = calm
    this.users = users
  }

  async #act(node: Sessions<User>, owner: string, { next }: Random): Promise<void> {
    const token = this.users.get(owner) as string
    node.on('rejected', ({ reason }) => this.#rejected.push(reason))
    while (!this.#isOver) {
      try {
        const { session } = await request(node, token)
        const seen = session.get('owner')
        if (seen === undefined) this.signedOut.push(`${owner} (${this.#rejected.at(-1)})`)
        else if (seen !== owner) this.foreign.push(`${owner}: ${seen}`)
        this.served++
        if (next(3) === 0) {
          await this.history.increment(token, () => session.update('n', (n = 0) => n + 1))
        }
      } catch (error) {
        if (!(error instanceof SojournError)) throw error
        this.failed++
        if (this.failures.length < 10)
          this.failures.push(`${owner}: ${error.code}: ${error.message}`)
      }
      await sleep(next(6))
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#actors)
  }

  /** What is wrong; empty when all holds that must, whatever was done. Call it after `stop`. */
  async problems(nodes: readonly Sessions<User>[]): Promise<string[]> {
    await recovered(this.#calm)
    for (const node of nodes) await recovered(node)
    const found: Record<string, number> = {}
    for (const token of this.users.values()) {
      found[token] = (await this.#calm.open(token, { fresh: true })).get('n') ?? 0
    }
    const { increments, strange } = this.history
    return [
      ...this.foreign.map((what) => `served another's session: ${what}`),
      ...this.signedOut.map((who) => `signed out: ${who}`),
      ...strange.map((error) => `no error of ours: ${error}`),
      ...countersThatLie([increments], found),
      ...nodes.flatMap((node) => this.#stale(node, found)),
      ...(total([increments], 'ok') === 0 ? ['nothing was acknowledged at all'] : []),
    ]
  }

  /** What a node would serve from memory and is not what is stored. */
  #stale(node: Sessions<User>, found: Readonly<Record<string, number>>): string[] {
    return [...this.users].flatMap(([owner, token]) => {
      const session = hit(node, token)
      const isTrue = session === undefined || session.get('n') === found[token]
      return isTrue ? [] : [`stale: ${owner} has ${session.get('n')}, stored is ${found[token]}`]
    })
  }
}

/** I8: within 5 s. */
export async function recovered<Data extends object>(node: Sessions<Data>): Promise<void> {
  const isBack = async (): Promise<boolean> => {
    try {
      await node.engine.ready()
      return node.stats().nearCache?.age !== undefined
    } catch {
      return false
    }
  }
  await until('the node has recovered', isBack, 5_000)
}

const LOSS = /: (\d+) of \d+ lost$/

/**
 * Replication is asynchronous: what the new primary had not received when it was promoted is lost. That
 * is what a few milliseconds hold, and not what the former one takes until it is told.
 */
export function lossesIn(problems: readonly string[]): { lost: number; others: string[] } {
  const lost = problems.reduce((sum, problem) => sum + Number(LOSS.exec(problem)?.[1] ?? 0), 0)
  return { lost, others: problems.filter((problem) => !LOSS.test(problem)) }
}
