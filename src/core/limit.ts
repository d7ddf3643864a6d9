import type { Limit, LimitPolicy } from './engine.ts'
import { OptionError } from './errors.ts'
import { refuseUnknown } from './unknown-options.ts'

/** How many sessions a principal may have at once. */
export interface SessionLimit {
  /** Of all kinds together, 1 to 1,000. */
  readonly max: number
  /**
   * What happens at the limit. `'evict-oldest'` (default): the session of the earliest login ends.
   * `'evict-idle'`: that which has been unused for the longest. `'reject'`: the login is refused with
   * `SessionLimitError`.
   */
  readonly policy?: LimitPolicy
  /** Further limits for kinds of clients, as `login` names them: `{ mobile: 2, web: 3 }`. */
  readonly kinds?: Readonly<Record<string, number>>
}

/** Whose login it is, for a limit that depends on it. */
export interface LimitedLogin {
  readonly principal: string
  readonly kind: string | undefined
}

export type MaxSessions =
  | number
  | SessionLimit
  | ((login: LimitedLogin) => number | SessionLimit | undefined)

/** The limit of a login; nothing where there is none. @throws OptionError when it is wrong */
export type LimitOf = (login: LimitedLogin) => Limit | undefined

const NAMES: readonly (keyof SessionLimit)[] = ['max', 'policy', 'kinds']
const POLICIES: readonly unknown[] = ['evict-oldest', 'evict-idle', 'reject']
/** All of a principal's sessions are looked through in one step, which must not hold up the server. */
const HIGHEST = 1_000

/** @throws OptionError naming what is wrong; of a function not before it has answered */
export function limitOf(maxSessions: MaxSessions | undefined): LimitOf {
  if (maxSessions === undefined) return () => undefined
  if (typeof maxSessions === 'function') {
    return (login) => {
      const limit = maxSessions(login)
      return limit === undefined ? undefined : check(limit)(login)
    }
  }
  return check(maxSessions)
}

function check(given: number | SessionLimit): LimitOf {
  const limit = typeof given === 'number' ? { max: given } : given
  if (typeof limit !== 'object' || limit === null) {
    throw new OptionError('maxSessions', 'takes a number, { max, policy, kinds } or a function')
  }
  refuseUnknown(limit, NAMES, 'maxSessions.')
  const { policy = 'evict-oldest', kinds = {} } = limit
  const max = numberOf(typeof given === 'number' ? 'maxSessions' : 'maxSessions.max', limit.max)
  if (!POLICIES.includes(policy)) {
    throw new OptionError('maxSessions.policy', "takes 'evict-oldest', 'evict-idle' or 'reject'")
  }
  if (typeof kinds !== 'object' || kinds === null || Array.isArray(kinds)) {
    throw new OptionError('maxSessions.kinds', 'takes an object: { mobile: 2 }')
  }
  const ofKinds = new Map(
    Object.entries(kinds).map(([kind, most]) => {
      const option = `maxSessions.kinds.${kind}`
      if (numberOf(option, most) <= max) return [kind, most]
      throw new OptionError(
        option,
        `is more than those of all kinds together, maxSessions.max is ${max}`,
      )
    }),
  )
  return ({ kind }) => {
    const maxOfKind = kind === undefined ? undefined : ofKinds.get(kind)
    return { max, policy, ...(maxOfKind !== undefined && { maxOfKind }) }
  }
}

function numberOf(option: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= HIGHEST) {
    return value as number
  }
  throw new OptionError(option, `takes a whole number from 1 to ${HIGHEST}`)
}
