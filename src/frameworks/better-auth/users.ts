import type { DerivedSessions } from '../../core/derived-sessions.ts'
import { LONGEST_LIFETIME } from '../../core/duration.ts'
import type { SessionState } from '../../core/session-state.ts'
import type { Former } from './former.ts'
import { endIn, lifetimeOf, nowOf } from './lifetime.ts'
import { persist } from './retry.ts'
import { decodeList, encodeList, type ListedSession, lastEnd, mergeLists } from './session-list.ts'

/** In front of the user's id, as better-auth names the keys; a test with its release says whether it still does. */
export const LIST = 'active-sessions-'
export const REVOKED = 'revoked-sessions-before-'
/** Attributes. */
const SESSIONS = 'sessions'
const BEFORE = 'revokedBefore'

/** Sessions made before it are over. */
interface Revoked {
  /** Milliseconds since the epoch, as text. */
  readonly value: string
  /** When it may be forgotten, milliseconds since the epoch. */
  readonly expiresAt: number
}

/**
 * What better-auth keeps of a user, in one record: the list of sessions, and since when all before are revoked.
 * The latter is asked for with each request, and most users have none; as it is part of a record that is there,
 * it is at hand too.
 */
export class Users {
  readonly #derived: DerivedSessions
  readonly #former: Former | undefined

  constructor(derived: DerivedSessions, former: Former | undefined) {
    this.#derived = derived
    this.#former = former
  }

  list(user: string): string | null | Promise<string | null> {
    return this.#read(user, (state) => {
      const list = listOf(state.attributes.view(SESSIONS), nowOf(state))
      return list.length === 0 ? null : encodeList(list)
    })
  }

  /** Stores what has been done to the list since it was handed out. */
  async setList(user: string, text: string): Promise<void> {
    const decoded = decodeList(text)
    if (decoded === undefined) return
    const { base, list } = decoded
    await this.#change(user, SESSIONS, lastEnd(list), (theirs, now) => {
      return mergeLists(base, listOf(theirs, now), list).filter(isLive(now))
    })
  }

  /** To better-auth there was none left. Those that have come since stay. */
  async deleteList(user: string): Promise<void> {
    if ((await this.#find(user)) === undefined) return
    await this.#change(user, SESSIONS, 0, listOf)
  }

  revokedBefore(user: string): string | null | Promise<string | null> {
    return this.#read(
      user,
      (state) => revokedOf(state.attributes.view(BEFORE), nowOf(state))?.value ?? null,
    )
  }

  /** Of two the later one counts. @param ttl seconds */
  async setRevokedBefore(user: string, value: string, ttl: number | undefined): Promise<void> {
    const lifetime = lifetimeOf(ttl)
    await this.#change(
      user,
      BEFORE,
      lifetime,
      (theirs, now) => {
        const before = revokedOf(theirs, now)
        const expiresAt = Math.max(now + lifetime, before?.expiresAt ?? 0)
        const isLater = before !== undefined && Number(before.value) > Number(value)
        return { value: isLater ? before.value : value, expiresAt }
      },
      true,
    )
  }

  async deleteRevokedBefore(user: string): Promise<void> {
    if ((await this.#find(user)) === undefined) return
    await this.#change(user, BEFORE, 0, () => undefined)
  }

  #read(
    user: string,
    give: (state: SessionState) => string | null,
  ): string | null | Promise<string | null> {
    const state = this.#derived.atHand(user)
    if (state !== undefined) return give(state)
    return this.#find(user).then((found) => (found === undefined ? null : give(found)))
  }

  async #find(user: string, fresh = false): Promise<SessionState | undefined> {
    const atHand = fresh ? undefined : this.#derived.atHand(user)
    return atHand ?? (await this.#derived.find(user, fresh)) ?? this.#takeOver(user)
  }

  async #takeOver(user: string): Promise<SessionState | undefined> {
    const former = this.#former
    if (former === undefined) return undefined
    const keys = [LIST + user, REVOKED + user] as const
    const [text, value] = await Promise.all(keys.map((key) => former.read(key)))
    const state = this.#derived.begin(user)
    const now = nowOf(state)
    const list = decodeList(text ?? '')?.list.filter(isLive(now)) ?? []
    // Another may have taken it over since it was looked for here.
    if (list.length === 0 && value === undefined) return this.#derived.find(user, true)
    // It does not say until when: longer than any session that it ends.
    const end = value === undefined ? lastEnd(list) : now + LONGEST_LIFETIME
    endIn(state, Math.ceil(end - now))
    const revoked: [string, Revoked][] =
      value === undefined ? [] : [[BEFORE, { value, expiresAt: end }]]
    state.offer(new Map<string, unknown>([[SESSIONS, list], ...revoked]))
    await state.commit()
    // Only now: a request beside this one finds it here or there.
    await Promise.all(keys.map((key) => former.remove(key)))
    return state.live === undefined ? undefined : state
  }

  /** @param until the record is needed, milliseconds: since the epoch, or (`isSpan`) from now on */
  #change(
    user: string,
    name: string,
    until: number,
    make: (theirs: unknown, now: number) => unknown,
    isSpan = false,
  ): Promise<void> {
    return persist(async (fresh) => {
      const state = (await this.#find(user, fresh)) ?? this.#derived.begin(user)
      const now = nowOf(state)
      extend(state, isSpan ? now + until : until)
      await state.update(name, (theirs) => make(theirs, now))
      // Where another was first its lifetime may have come in, or mine may have replaced it.
      while (extend(state, neededUntil(state))) await state.commit()
    })
  }
}

/** @returns whether that makes it longer */
function extend(state: SessionState, until: number): boolean {
  const now = Math.floor(nowOf(state))
  const end = Math.min(until, now + LONGEST_LIFETIME - SLACK)
  const { live } = state
  if (live !== undefined && live.header.deadline >= end) return false
  endIn(state, Math.max(1, Math.ceil(end) - now))
  return live !== undefined
}

/** At the longest lifetime the end moves on with the clock: no reason to write again at once. */
const SLACK = 60_000

function neededUntil(state: SessionState): number {
  const now = nowOf(state)
  const revoked = revokedOf(state.attributes.view(BEFORE), now)
  return Math.max(lastEnd(listOf(state.attributes.view(SESSIONS), now)), revoked?.expiresAt ?? 0)
}

function listOf(value: unknown, now: number): ListedSession[] {
  return ((value ?? []) as readonly ListedSession[]).filter(isLive(now))
}

function isLive(now: number): (entry: { readonly expiresAt: number }) => boolean {
  return ({ expiresAt }) => expiresAt > now
}

function revokedOf(value: unknown, now: number): Revoked | undefined {
  const revoked = value as Revoked | undefined
  return revoked !== undefined && isLive(now)(revoked) ? revoked : undefined
}
