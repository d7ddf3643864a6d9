import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type AuditOptions, type AuditSettings, checkAudit } from './audit-options.ts'
import { type Binding, type BindingOptions, checkBinding } from './binding.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Codec, codecs } from './codec.ts'
import { type CookieOptions, CookiePolicy } from './cookie.ts'
import { randomBytes, type SecretKey, secretKey } from './crypto.ts'
import { type Duration, parseDuration } from './duration.ts'
import type { Engine } from './engine.ts'
import { OptionError } from './errors.ts'
import { createKeyring, type Keyring } from './keyring.ts'
import { checkAdopt, type LegacySource } from './legacy.ts'
import { type LimitOf, limitOf, type MaxSessions } from './limit.ts'
import { LiveKeyring, type Secrets, type SecretsSource } from './live-keyring.ts'
import type { Merge } from './merge.ts'
import { checkNewSessions, type NewSessionsLimit, type NewSessionsOptions } from './new-sessions.ts'
import { checkOutage, type OutageOptions, type OutageSettings } from './outage.ts'
import type { Merges } from './rebase.ts'
import type { RecordSettings, SealMode } from './record.ts'
import { checkRotation, type RotationOptions, type RotationSettings } from './rotation-options.ts'
import { createDataSchema, type DataSchema, type Migration } from './schema.ts'
import { refuseUnknown, requireObject } from './unknown-options.ts'

/** Options of `createSessions` that do not depend on the engine. All are checked at once. */
export interface SessionsOptions<Data extends object> extends RotationOptions, OutageOptions {
  /**
   * At least 32 bytes each: the first signs and seals, the others still verify and open. Or where they come from, so
   * that they change without a restart: `secretsFile(path)`, a function, `{ load, every }`. May be left out with the
   * embedded engine only; a random one then lives as long as the process.
   */
  readonly secrets?: Secrets | SecretsSource | SecretsSource['load'] | undefined
  /** Since the last activity. Default 30 minutes. */
  readonly idleTimeout?: Duration
  /** Since the creation, never extended. Default 12 hours, at most 400 days. */
  readonly absoluteTimeout?: Duration
  /** The part of the idle timeout after which activity renews it, 0 to 0.9. Default 0.1. */
  readonly touchAfter?: number
  /**
   * `true` (default): the payload is encrypted. `'token'`: opening it needs the token too, so that
   * Redis and the secrets together are not enough. `false`: only authenticated.
   */
  readonly seal?: boolean | 'token'
  /** Default `'messagepack'`. */
  readonly codec?: 'messagepack' | 'json'
  /** Payloads of at least so many bytes are compressed if that helps; `false`: never. Default 256. */
  readonly compress?: number | false
  /** The most bytes a session may have, encoded, before compression. Default 65,536. */
  readonly maxBytes?: number
  /** Three-way merges of attributes that two requests changed at once. */
  readonly merge?: { readonly [Name in keyof NoInfer<Data>]?: Merge<NoInfer<Data>[Name]> }
  /** Checks the data at each commit: any Standard Schema (zod, valibot, arktype, …). */
  readonly schema?: StandardSchemaV1<Data, unknown>
  /** Version of the data, 1 to 65,535. Default 1. */
  readonly version?: number
  /** `{ 1: (data) => …, 2: … }`: step n makes version n + 1 from version n when a session is read. */
  readonly migrate?: Readonly<Record<number, Migration>>
  readonly cookie?: CookieOptions
  /**
   * Keyed into the principals' names in Redis, so that they cannot be guessed from known user ids.
   * Must stay the same for as long as sessions live.
   */
  readonly pepper?: string | Uint8Array
  /**
   * Sign-ins, sign-outs, revocations and what else happens to sessions are kept in the store, sealed:
   * docs/events.md. Default `false`.
   */
  readonly audit?: boolean | AuditOptions
  /**
   * How many sessions a principal may have at once: `5`, `{ max: 5, policy: 'reject', kinds: { mobile: 2 } }`,
   * or a function of the login. Default: no limit. See `SessionLimit`.
   */
  readonly maxSessions?: MaxSessions | undefined
  /**
   * How many new sessions one client may have within a time: `{ max: 100, per: '10m' }`.
   * Default: no limit. See NewSessionsOptions.
   */
  readonly newSessions?: NewSessionsOptions | undefined
  /**
   * What a signed-in client is to be like as it was at its login, such as its user agent and network, and what is done
   * where it is not. Default: nothing. See BindingOptions.
   */
  readonly binding?: BindingOptions | undefined
  /**
   * In which region a new session goes, and who logs in: its name; undefined: that of this process. With
   * `redis: { regions }` only.
   */
  readonly region?: RegionOf | undefined
  /** Sessions of another system that are taken over, from the sources of `sojourn/adopt`: docs/adopt.md. */
  readonly adopt?: readonly LegacySource[] | undefined
  readonly clock?: Clock
}

/** What is known when a session is made. */
export interface RegionContext {
  /** Who logs in. Absent for a session of nobody. */
  readonly principal: string | undefined
  /** What the framework hands out for the request. Absent for `sessions.open`. */
  readonly request: object | undefined
}

export type RegionOf = (context: RegionContext) => string | undefined

/** The options, checked and with defaults. */
export interface Settings extends RotationSettings, OutageSettings {
  readonly engine: Engine
  readonly keyring: Keyring
  readonly clock: Clock
  readonly idleTimeout: number
  readonly absoluteTimeout: number
  readonly touchAfter: number
  readonly record: RecordSettings
  readonly merges: Merges
  readonly schema: DataSchema
  readonly cookie: CookiePolicy
  readonly pepper: SecretKey
  readonly limitOf: LimitOf
  readonly newSessions: NewSessionsLimit | undefined
  readonly binding: Binding | undefined
  readonly audit: AuditSettings
  readonly region: RegionOf | undefined
  readonly adopt: readonly LegacySource[]
}

export const SESSIONS_OPTION_NAMES: readonly (keyof SessionsOptions<object>)[] = [
  'secrets',
  'idleTimeout',
  'absoluteTimeout',
  'touchAfter',
  'rotateEvery',
  'rotationGrace',
  'rotationPatience',
  'reuseWindow',
  'tokenReuse',
  'seal',
  'codec',
  'compress',
  'maxBytes',
  'merge',
  'schema',
  'version',
  'migrate',
  'cookie',
  'pepper',
  'maxSessions',
  'newSessions',
  'binding',
  'audit',
  'outage',
  'outageGrace',
  'region',
  'adopt',
  'clock',
]
const COOKIE_NAMES: readonly (keyof CookieOptions)[] = [
  'name',
  'secure',
  'sameSite',
  'path',
  'domain',
  'partitioned',
  'persistent',
]
const MOST_BYTES = 8 * 1024 * 1024

/** @throws OptionError naming the first option that is wrong */
export function checkOptions<Data extends object>(
  options: SessionsOptions<Data>,
  engineIsEmbedded: boolean,
): Omit<Settings, 'engine'> {
  // With `??` a null would be the default in silence.
  const { touchAfter = 0.1, compress = 256, maxBytes = 65_536, cookie = {}, merge = {} } = options
  const {
    codec = 'messagepack',
    seal = true,
    pepper = '',
    clock = systemClock,
    audit = false,
  } = options
  if (typeof touchAfter !== 'number' || !(touchAfter >= 0 && touchAfter <= 0.9)) {
    throw new OptionError('touchAfter', 'takes a number from 0 to 0.9, a part of the idle timeout')
  }
  if (compress !== false && !(Number.isInteger(compress) && compress >= 0)) {
    throw new OptionError('compress', 'takes a number of bytes, or false')
  }
  if (!Number.isInteger(maxBytes) || maxBytes < 64 || maxBytes > MOST_BYTES) {
    throw new OptionError('maxBytes', `takes a whole number from 64 to ${MOST_BYTES}`)
  }
  const { idleTimeout: idle = '30m', absoluteTimeout: absolute = '12h' } = options
  const idleTimeout = parseDuration('idleTimeout', idle)
  const absoluteTimeout = parseDuration('absoluteTimeout', absolute)
  if (idleTimeout > absoluteTimeout) {
    const limit = options.absoluteTimeout === undefined ? 'its default of 12 hours' : 'it is'
    throw new OptionError(
      'idleTimeout',
      `is longer than absoluteTimeout: raise that, ${limit} too short`,
    )
  }
  requireObject('merge', merge)
  const merges = new Map<string, Merge<unknown>>()
  for (const [name, fn] of Object.entries(merge)) {
    if (typeof fn !== 'function') throw new OptionError(`merge.${name}`, 'takes a function')
    merges.set(name, fn as Merge<unknown>)
  }
  requireObject('cookie', cookie)
  refuseUnknown(cookie, COOKIE_NAMES, 'cookie.')
  if (options.migrate !== undefined) requireObject('migrate', options.migrate)
  const cookies = new CookiePolicy(cookie)
  return {
    keyring: keyringOf(options.secrets, engineIsEmbedded),
    clock: clockOf(clock),
    idleTimeout,
    absoluteTimeout,
    touchAfter,
    ...checkRotation(options),
    record: {
      codec: codecOf(codec),
      seal: sealOf(seal),
      compressAbove: compress === false ? Number.POSITIVE_INFINITY : compress,
      maxBytes,
    },
    merges,
    schema: createDataSchema(options),
    cookie: cookies,
    pepper: pepperOf(pepper),
    limitOf: limitOf(options.maxSessions),
    newSessions: checkNewSessions(options.newSessions),
    binding: checkBinding(options.binding),
    audit: checkAudit(audit),
    ...checkOutage(options),
    region: regionOf(options.region),
    adopt: checkAdopt(options.adopt, cookies.names),
  }
}

function regionOf(region: unknown): RegionOf | undefined {
  if (region === undefined || typeof region === 'function') return region as RegionOf | undefined
  throw new OptionError('region', 'takes a function')
}

function clockOf(clock: Clock | null): Clock {
  if (typeof clock?.now === 'function' && typeof clock.monotonic === 'function') return clock
  throw new OptionError('clock', 'takes an object with the methods now and monotonic')
}

function keyringOf(secrets: SessionsOptions<object>['secrets'], optional: boolean): Keyring {
  if (typeof secrets === 'function') return new LiveKeyring({ load: secrets })
  if (isSource(secrets)) {
    refuseUnknown(secrets, ['load', 'every'], 'secrets.')
    return new LiveKeyring(secrets)
  }
  return createKeyring(secretsOf(secrets, optional))
}

function isSource(secrets: unknown): secrets is SecretsSource {
  const isList = Array.isArray(secrets) || secrets instanceof Uint8Array
  return typeof secrets === 'object' && secrets !== null && !isList
}

function secretsOf(
  secrets: Secrets | undefined,
  optional: boolean,
): readonly (string | Uint8Array)[] {
  if (typeof secrets === 'string' || secrets instanceof Uint8Array) return [secrets]
  const given = Array.isArray(secrets) ? secrets : undefined
  const none = secrets === undefined || (given?.length === 1 && given[0] === undefined)
  // A missing environment variable is no fault where nothing outlives the process, but in production.
  const mayBeNone = secrets === undefined || process.env['NODE_ENV'] !== 'production'
  if (none && optional && mayBeNone) return [randomBytes(32)]
  if (given !== undefined) return given
  throw new OptionError('secrets', 'takes at least one secret of 32 bytes: [current, ...former]')
}

function codecOf(name: unknown): Codec {
  if (name === 'messagepack' || name === 'json') return codecs[name]
  throw new OptionError('codec', "takes 'messagepack' or 'json'")
}

function sealOf(seal: unknown): SealMode {
  if (seal === true) return 1
  if (seal === false) return 0
  if (seal === 'token') return 2
  throw new OptionError('seal', "takes true, false or 'token'")
}

function pepperOf(pepper: unknown): SecretKey {
  if (typeof pepper === 'string') return secretKey(Buffer.from(pepper))
  if (pepper instanceof Uint8Array) return secretKey(pepper)
  throw new OptionError('pepper', 'takes a string or bytes')
}
