import type { DerivedSessions } from '../../core/derived-sessions.ts'
import { SessionEndedError } from '../../core/errors.ts'
import { Generations } from '../../core/generations.ts'
import type { SessionState } from '../../core/session-state.ts'
import type { Sessions } from '../../core/sessions.ts'
import type { Former } from './former.ts'
import { endIn, lifetimeOf, nowOf } from './lifetime.ts'
import { birthOf, endOf, isSession, mergeParts, partsOf } from './parts.ts'
import { persist } from './retry.ts'

const VALUE = 'value'
/** Counters are numbers. */
type Value = string | number
/** Of so many keys this process knows what it has handed out. */
const MOST_KEYS = 10_000
/** Of one key: more than are in use by requests at a time. */
const MOST_GIVEN = 4

/** Sessions, verifications and counters: a record each. */
export class Values {
  readonly #derived: DerivedSessions
  readonly #former: Former | undefined
  readonly #sessions: Pick<Sessions, 'reportDropped'>
  /** What has been handed out, the latest last: what is written next was made from one of those. */
  readonly #given = new Generations<string[]>({ maxCount: MOST_KEYS })

  constructor(
    derived: DerivedSessions,
    sessions: Pick<Sessions, 'reportDropped'>,
    former: Former | undefined,
  ) {
    this.#derived = derived
    this.#former = former
    this.#sessions = sessions
  }

  get(key: string): string | null | Promise<string | null> {
    const state = this.#derived.atHand(key)
    if (state !== undefined) return this.#give(key, state)
    return this.#find(key).then((found) => (found === undefined ? null : this.#give(key, found)))
  }

  async #find(key: string): Promise<SessionState | undefined> {
    return (await this.#derived.find(key)) ?? this.#takeOver(key)
  }

  /** What does not say when it ends stays where it is: nobody could tell how long to keep it. */
  async #takeOver(key: string): Promise<SessionState | undefined> {
    const former = this.#former
    if (former === undefined) return undefined
    let text = await former.read(key)
    // Where a session has ended it cannot be stored again. Other values could: they go first, to one of all.
    const isToStay = isSession(partsOf(text))
    if (Number.isNaN(endOf(partsOf(text)))) text = undefined
    else if (!isToStay) text = await former.claim(key)
    // Another may have taken it over since it was looked for here.
    if (text === undefined) return this.#derived.find(key, true)
    const state = this.#derived.begin(key)
    const lifetime = Math.floor(endOf(partsOf(text)) - nowOf(state))
    if (!(lifetime >= 1)) return undefined
    endIn(state, lifetime)
    state.offer(new Map([[VALUE, text]]))
    await state.commit()
    // Only now: a request beside this one finds it here or there.
    if (isToStay) await former.remove(key)
    return state.live === undefined ? undefined : state
  }

  #give(key: string, state: SessionState): string | null {
    const value = state.attributes.view(VALUE) as Value | undefined
    if (typeof value !== 'string') return value === undefined ? null : String(value)
    const given = this.#given.get(key)
    if (given === undefined) this.#given.set(key, [value])
    else if (given.at(-1) !== value) {
      given.push(value)
      if (given.length > MOST_GIVEN) given.shift()
    }
    return value
  }

  /** @param ttl seconds */
  async set(key: string, value: string, ttl: number | undefined): Promise<void> {
    const lifetime = lifetimeOf(ttl)
    if (lifetime < 1) return this.delete(key)
    const mine = partsOf(value)
    const birth = birthOf(mine)
    const given = (this.#given.get(key) ?? []).map(partsOf).filter((parts) => parts !== undefined)
    // Made from what has been read: it is to be changed, and not to be made once more.
    const isChange = birth !== undefined && given.some((parts) => birthOf(parts) === birth)
    const merged = (theirs: unknown): unknown => {
      const there = partsOf(theirs)
      if (!isChange || mine === undefined || there === undefined) return value
      // Another has taken its place meanwhile.
      if (birthOf(there) !== birth) return theirs
      return isSession(mine) ? JSON.stringify(mergeParts(given, there, mine)) : value
    }
    await persist(async (fresh) => {
      const atHand = fresh ? undefined : this.#derived.atHand(key)
      const found = atHand ?? (await this.#derived.find(key, fresh))
      if (found === undefined && isChange) {
        this.#sessions.reportDropped(this.#derived.idOf(key), [VALUE])
        return
      }
      const state = found ?? this.#derived.begin(key)
      endIn(state, lifetime)
      try {
        await state.update(VALUE, merged)
      } catch (error) {
        // A session has lately been ended there.
        if (found === undefined && error instanceof SessionEndedError) return
        throw error
      }
    })
  }

  /** A session leaves its end behind: for some minutes none can be stored there again. */
  async delete(key: string): Promise<void> {
    const state = this.#derived.atHand(key) ?? (await this.#find(key))
    const value = partsOf(state?.attributes.view(VALUE))
    if (isSession(value)) await this.#derived.end(key)
    else if (state !== undefined) await this.#derived.take(key)
    await this.#former?.remove(key)
  }

  /** Of several that ask at a time one is given it. */
  async getAndDelete(key: string): Promise<string | null> {
    const taken = await this.#derived.take(key)
    const value = taken?.get(VALUE) as Value | undefined
    if (value !== undefined) {
      await this.#former?.remove(key)
      return String(value)
    }
    return (await this.#former?.claim(key)) ?? null
  }

  /** @param ttl seconds, from the first one on */
  increment(key: string, ttl: number): Promise<number> {
    return persist(async (fresh) => {
      const atHand = fresh ? undefined : this.#derived.atHand(key)
      const found = atHand ?? (await this.#derived.find(key, fresh))
      const state = found ?? this.#derived.begin(key)
      if (found === undefined) endIn(state, Math.max(1, lifetimeOf(ttl)))
      return (await state.update(VALUE, (count) => (Number(count) || 0) + 1)) as number
    })
  }
}
