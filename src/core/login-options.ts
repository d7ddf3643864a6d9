import { type Duration, parseDuration } from './duration.ts'
import { OptionError } from './errors.ts'
import { limitOf, type MaxSessions } from './limit.ts'
import type { LoginPlan } from './login.ts'
import type { Settings } from './options.ts'
import { namePrincipal } from './principal.ts'
import { isPrivateName } from './private-names.ts'
import { refuseUnknown } from './unknown-options.ts'
import { isWellFormed } from './values.ts'

export interface LifetimeOptions {
  readonly idleTimeout?: Duration
  /** Since the session's creation. */
  readonly absoluteTimeout?: Duration
  /** Whether the cookie outlives the browser ("remember me"). */
  readonly persistent?: boolean
}

export interface LoginOptions<Data extends object> extends LifetimeOptions {
  /**
   * Attributes of the session before the login that go along. Default none: OWASP ASVS 7.2.4. Of a session that
   * another has ended by then only what this request has set itself. Another framework's (`django:…`) never go
   * along, also where they are named here.
   */
  readonly keep?: readonly (keyof Data & string)[]
  /** For lists of devices: a label, such as the user agent. Shortened to 256 characters. */
  readonly device?: string | undefined
  /** For lists of devices: the client's network address. */
  readonly address?: string | undefined
  /** Of client, for `maxSessions.kinds` and lists of devices: `'mobile'`, `'web'`. 1 to 64 characters. */
  readonly kind?: string | undefined
  /**
   * How well the principal is known now, on your own scale of 0 to 255: 1 by a password, 2 by a second
   * factor, as NIST's AAL 1 to 3. For `session.level`.
   */
  readonly level?: number | undefined
  /** Instead of the option of the same name. */
  readonly maxSessions?: MaxSessions | undefined
}

const LONGEST_LABEL = 256
const LIFETIME_OPTIONS = ['idleTimeout', 'absoluteTimeout', 'persistent']
const LONGEST_KIND = 64
const LOGIN_OPTIONS = [
  ...LIFETIME_OPTIONS,
  ...['keep', 'device', 'address', 'kind', 'level', 'maxSessions'],
]
const HIGHEST_LEVEL = 255

/**
 * What `Session.login` does, checked.
 * @param note see `Exchange.note`
 * @throws OptionError, AttributeError for a principal that is none
 */
export function loginPlan<Data extends object>(
  settings: Settings,
  principal: string,
  options: LoginOptions<Data>,
  note: unknown,
): LoginPlan {
  refuseUnknown(options, LOGIN_OPTIONS)
  const lifetime = readLifetimes(options)
  const idleTimeout = lifetime.idleTimeout ?? settings.idleTimeout
  const absoluteTimeout = lifetime.absoluteTimeout ?? settings.absoluteTimeout
  if (idleTimeout > absoluteTimeout) {
    throw new OptionError('idleTimeout', 'is longer than absoluteTimeout; give both to login')
  }
  const name = namePrincipal(principal, settings.pepper)
  const kind = kindOf(options.kind)
  const { maxSessions, keep = [] } = options
  const limit = (maxSessions === undefined ? settings.limitOf : limitOf(maxSessions))({
    principal,
    kind,
  })
  return {
    name,
    level: options.level === undefined ? undefined : checkLevel(options.level),
    kind,
    limit,
    keep: keptNames(keep),
    device: labelOf('device', options.device),
    address: labelOf('address', options.address),
    persistent: lifetime.persistent ?? false,
    idleTimeout,
    absoluteTimeout,
    note,
  }
}

function keptNames(keep: unknown): readonly string[] {
  if (Array.isArray(keep)) return (keep as string[]).filter((name) => !isPrivateName(name))
  throw new OptionError('keep', 'takes a list of attribute names')
}

function kindOf(kind: unknown): string | undefined {
  if (kind === undefined) return undefined
  const isText = typeof kind === 'string' && kind.length > 0 && kind.length <= LONGEST_KIND
  // Lone surrogates all become the same character in UTF-8: two kinds would be one.
  if (isText && isWellFormed(kind)) return kind
  throw new OptionError('kind', `takes a text of 1 to ${LONGEST_KIND} characters`)
}

/** @throws OptionError */
export function checkLevel(level: unknown): number {
  const isLevel = Number.isInteger(level) && (level as number) >= 0
  if (isLevel && (level as number) <= HIGHEST_LEVEL) return level as number
  throw new OptionError('level', `takes a whole number from 0 to ${HIGHEST_LEVEL}`)
}

function labelOf(option: string, label: unknown): string | undefined {
  if (label === undefined) return undefined
  if (typeof label !== 'string') throw new OptionError(option, 'takes a string')
  // By way of bytes: half of a character that was cut in two cannot be stored.
  return Buffer.from(label.slice(0, LONGEST_LABEL)).toString()
}

/** In milliseconds. @throws OptionError */
export function lifetimesOf(options: LifetimeOptions): Lifetimes {
  refuseUnknown(options, LIFETIME_OPTIONS)
  return readLifetimes(options)
}

interface Lifetimes {
  readonly idleTimeout: number | undefined
  readonly absoluteTimeout: number | undefined
  readonly persistent: boolean | undefined
}

function readLifetimes(options: LifetimeOptions): Lifetimes {
  const read = (name: string, value: Duration | undefined): number | undefined =>
    value === undefined ? undefined : parseDuration(name, value)
  if (options.persistent !== undefined && typeof options.persistent !== 'boolean') {
    throw new OptionError('persistent', 'takes true or false')
  }
  return {
    idleTimeout: read('idleTimeout', options.idleTimeout),
    absoluteTimeout: read('absoluteTimeout', options.absoluteTimeout),
    persistent: options.persistent,
  }
}
