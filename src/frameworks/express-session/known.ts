import type { SessionData } from 'express-session'
import { SessionConflictError } from '../../core/errors.ts'
import { checkOwnName, withoutPrivate } from '../../core/private-names.ts'
import { reads } from '../../core/reads.ts'
import { rebase } from '../../core/rebase.ts'
import type { SessionState } from '../../core/session-state.ts'
import { cloneValue, equalValues, setOwn } from '../../core/values.ts'
import {
  type CookieReading,
  giveCookie,
  hasEnd,
  isStoredCookie,
  type KnownCookie,
  type StoredCookie,
} from './cookie.ts'
import { COOKIE, changesBetween } from './snapshot.ts'

/** A session as the store has opened it, for all session objects that were made of it. */
interface Opened {
  readonly sid: string
  readonly state: SessionState
  /** What is stored of one is stored in order. */
  turn: Promise<unknown>
}

/** What is known of a session object: what it held when it was made, or last stored. */
export interface Known {
  readonly opened: Opened
  attributes: ReadonlyMap<string, unknown>
  cookie: KnownCookie | undefined
}

/**
 * Of attempts to store what others change all the time, each of some 32: when it fails express-session sends the
 * response as if it had not, so that to give up early would lose changes.
 */
const MOST_ROUNDS = 10
const NOTHING: ReadonlyMap<string, unknown> = new Map()

/** Of a session object that is new. */
export function knownNew(sid: string, state: SessionState): Known {
  const opened = { sid, state, turn: Promise.resolve() }
  return { opened, attributes: NOTHING, cookie: undefined }
}

/** The session as express-session takes it, and what is known of that object. */
export function giveSession(sid: string, state: SessionState): [data: SessionData, known: Known] {
  const { live, repository } = state
  const attributes = withoutPrivate(live?.attributes() ?? NOTHING)
  const left = (live?.lease.expiresAt ?? 0) - repository.settings.engine.now()
  const data = dataOf(attributes, left)
  const stored = storedCookie(attributes)
  const expires = hasEnd(stored) ? data.cookie.expires?.getTime() : undefined
  return [data, { ...knownNew(sid, state), attributes, cookie: { stored, expires } }]
}

/** @param left milliseconds until the session ends if nobody comes */
export function dataOf(attributes: ReadonlyMap<string, unknown>, left: number): SessionData {
  reads.noteAll(attributes)
  const data: Record<string, unknown> = {}
  for (const [name, value] of attributes) if (name !== COOKIE) setOwn(data, name, cloneValue(value))
  data[COOKIE] = giveCookie(storedCookie(attributes), left)
  return data as unknown as SessionData
}

/**
 * Stores what has been done to a session object since it was made or last stored.
 * @param attributes what it holds; `undefined`: its cookie is all that is to be stored
 */
export function storeChanges(
  known: Known,
  attributes: ReadonlyMap<string, unknown> | undefined,
  cookie: CookieReading,
): Promise<void> {
  const { opened } = known
  const work = async (): Promise<void> => {
    const { state } = opened
    const before = known.attributes
    const after = attributes ?? before
    const delta = changesBetween(before, after)
    // Before anything is told to the state, or counts as told: what is refused here stays in the object alone.
    for (const name of delta.keys()) checkOwnName(name)
    // Others' changes may have come in with what this object has stored before, and it has not seen them.
    const current = new Map([...delta.keys()].map((name) => [name, state.attributes.view(name)]))
    const { merges } = state.repository.settings
    const rebased = rebase(delta, before, current, merges)
    const isSame = equalValues(cookie.stored, known.cookie?.stored)
    // The next one goes on from here, also where this one fails: what fails stays to be stored in the state.
    known.attributes = after
    if (!isSame) known.cookie = { stored: cookie.stored, expires: undefined }
    for (const [name, { value }] of rebased) state.attributes.set(name, value)
    if (!isSame) state.attributes.set(COOKIE, cookie.stored)
    await commit(state, cookie)
  }
  const done = opened.turn.then(work)
  opened.turn = done.catch(() => undefined)
  return done
}

/** Stores what has been set, with the lifetime that the cookie asks for. Renews it in any case. */
export async function commit(state: SessionState, { idleTimeout }: CookieReading): Promise<void> {
  state.setLifetime({ idleTimeout: idleTimeout ?? state.repository.settings.idleTimeout })
  if (!state.dirty) {
    if (state.touchDue) await state.touch()
    return
  }
  for (let round = 1; ; round++) {
    try {
      return await state.commit()
    } catch (error) {
      if (!(error instanceof SessionConflictError) || round === MOST_ROUNDS) throw error
    }
  }
}

function storedCookie(attributes: ReadonlyMap<string, unknown>): StoredCookie {
  const cookie = attributes.get(COOKIE)
  return isStoredCookie(cookie) ? cookie : { originalMaxAge: null }
}
