import { expect, it } from 'vitest'
import { oldSite, openStores, ourSite, Person, type Site } from './support/sites.ts'

const USERS = 40
/** Of each user, between two switches. */
const STEPS = 12

/** A user who knows what has been done. Asks one thing at a time, as most browsers of one person do. */
class User {
  readonly person = new Person()
  readonly name: string
  isIn = false
  count = 0
  /** Cookies of a session that this user has signed out of. */
  readonly over: Person[] = []
  readonly faults: string[] = []

  constructor(name: string) {
    this.name = name
  }

  async step(site: Site, random: number): Promise<void> {
    if (!this.isIn) {
      await this.person.get(site, `/login/${this.name}`)
      this.isIn = true
      // Counted before the login, or at it: what is kept stays.
      await this.#check(site)
    } else if (random < 0.1) {
      this.over.push(this.person.copy())
      await this.person.get(site, '/logout')
      this.isIn = false
      this.count = 0
      if (random < 0.05) return
      for (const name of this.person.jar.keys()) this.person.jar.delete(name)
    } else if (random < 0.7) {
      const { count } = await this.person.get(site, '/count')
      this.count++
      if (count !== this.count) this.faults.push(`counted ${String(count)}, not ${this.count}`)
    } else {
      // As a page does that has just been opened.
      await Promise.all([1, 2, 3].map(() => this.#check(site)))
    }
  }

  async #check(site: Site): Promise<void> {
    const { userId, principal, count } = await this.person.get(site, '/me')
    if ((principal ?? userId) !== this.name) this.faults.push('signed out')
    if (Number(count ?? 0) !== this.count)
      this.faults.push(`has ${String(count)}, not ${this.count}`)
  }
}

/** Numbers that are the same at each run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

it('an application is replaced by ours under load, and back, and nobody notices', async () => {
  const stores = await openStores()
  const users = Array.from({ length: USERS }, (_, number) => new User(`user-${number}`))
  const random = numbers(7)
  const mirror = { adopted: { old: 'mirror' }, absoluteTimeout: '1d', idleTimeout: '1d' } as const

  /** Traffic to these nodes until each user has done their steps; then the nodes are drained. */
  const serve = async (nodes: readonly Site[]): Promise<void> => {
    await Promise.all(
      users.map(async (user) => {
        for (let step = 0; step < STEPS; step++) {
          const node = nodes[Math.floor(random() * nodes.length)] as Site
          await user.step(node, random())
        }
      }),
    )
    for (const node of nodes) await node.drain()
  }
  const checkEnded = async (node: Site): Promise<void> => {
    for (const { over } of users) {
      for (const person of over) {
        const seen = await person.copy().get(node, '/me')
        expect(seen['userId'] ?? seen['principal']).toBeUndefined()
      }
    }
  }

  await serve([await oldSite(stores), await oldSite(stores)])
  const ours = [await ourSite(stores, mirror), await ourSite(stores, mirror)]
  await checkEnded(ours[0] as Site)
  await serve(ours)
  const back = [await oldSite(stores), await oldSite(stores)]
  await checkEnded(back[0] as Site)
  await serve(back)
  // And once more, with a prefix of its own.
  const again = [
    await ourSite(stores, { ...mirror, prefix: 'second' }),
    await ourSite(stores, { ...mirror, prefix: 'second' }),
  ]
  await checkEnded(again[0] as Site)
  await serve(again)

  expect(users.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`))).toEqual(
    [],
  )
  expect([...ours, ...again].flatMap(({ errors }) => errors)).toEqual([])
  expect(users.reduce((all, { over }) => all + over.length, 0)).toBeGreaterThan(USERS)
  expect(ours.flatMap(({ adopted }) => adopted).length).toBeGreaterThan(USERS / 2)
}, 60_000)
