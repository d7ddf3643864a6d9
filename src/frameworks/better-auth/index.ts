import type { SessionId } from '../../core/engine.ts'
import type { Sessions } from '../../core/sessions.ts'
import { Former } from './former.ts'
import { readOptions, type SojournStorageOptions } from './options.ts'
import { isBase } from './session-list.ts'
import { LIST, REVOKED, Users } from './users.ts'
import { Values } from './values.ts'

export type { FormerStorage } from './former.ts'
export type { SojournStorageOptions } from './options.ts'

/** better-auth's `SecondaryStorage`: functions that may be taken off it. All of it throws StoreUnavailableError and StoreRefusedError. */
export interface SojournStorage {
  /** For `ready`, `close`, `watch`, `revoke` and events. */
  readonly sessions: Sessions
  /** The public id of the session of a token: for `sessions.watch` and `revoke`, and safe to log. No I/O. */
  readonly idOf: (token: string) => SessionId
  /** What is at hand in this process comes without a promise. */
  readonly get: (key: string) => string | null | Promise<string | null>
  /**
   * Stores what has been changed since `get`. What has been deleted since is not stored again: that is no error,
   * but the event `dropped`.
   * @param ttl seconds; absent: 400 days
   * @throws SessionTooLargeError, SessionConflictError
   */
  readonly set: (key: string, value: string, ttl?: number) => Promise<void>
  readonly delete: (key: string) => Promise<void>
  /** Of all that ask at the same time, on whichever node, one is given the value. */
  readonly getAndDelete: (key: string) => Promise<string | null>
  /** @param ttl seconds, from the first increment on @returns the count with this one */
  readonly increment: (key: string, ttl: number) => Promise<number>
}

/**
 * A `secondaryStorage` for better-auth: its sessions near at hand on each node, and lists of a user's sessions that
 * lose none. Keys are stored as one-way hashes, values sealed.
 * @param given what `createSessions` has made, without a schema; or options to make it of
 * @throws OptionError
 */
export function sojournStorage<Data extends object = Record<string, unknown>>(
  given: Sessions<Data> | SojournStorageOptions<Data>,
): SojournStorage {
  const { sessions, former: storageBefore } = readOptions(given)
  const former = storageBefore && new Former(storageBefore, sessions)
  const derived = sessions.derived('better-auth')
  const values = new Values(derived, sessions, former)
  const users = new Users(sessions.derived('better-auth/user'), former)
  // Functions that know nothing of `this`: better-auth takes `increment` off the object.
  const storage: SojournStorage = {
    sessions,
    idOf: (token) => derived.idOf(token),
    get: (key) => {
      if (key.startsWith(LIST)) return users.list(key.slice(LIST.length))
      if (key.startsWith(REVOKED)) return users.revokedBefore(key.slice(REVOKED.length))
      return isBase(key) ? null : values.get(key)
    },
    set: async (key, value, ttl) => {
      if (key.startsWith(LIST)) return users.setList(key.slice(LIST.length), value)
      if (key.startsWith(REVOKED))
        return users.setRevokedBefore(key.slice(REVOKED.length), value, ttl)
      if (!isBase(key)) await values.set(key, value, ttl)
    },
    delete: async (key) => {
      if (key.startsWith(LIST)) return users.deleteList(key.slice(LIST.length))
      if (key.startsWith(REVOKED)) return users.deleteRevokedBefore(key.slice(REVOKED.length))
      if (!isBase(key)) await values.delete(key)
    },
    getAndDelete: async (key) => {
      if (!key.startsWith(LIST) && !key.startsWith(REVOKED)) return values.getAndDelete(key)
      const value = await storage.get(key)
      await storage.delete(key)
      return value
    },
    increment: (key, ttl) => values.increment(key, ttl),
  }
  return storage
}
