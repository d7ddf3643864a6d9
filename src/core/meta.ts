/**
 * What Sojourn keeps with a session beside its attributes, sealed with them. Short names, because
 * they stand in every record; unknown ones are kept, for they are of a newer version.
 */
export type Meta = ReadonlyMap<string, unknown>

export const NO_META: Meta = new Map()

const PRINCIPAL = 'p'
const AUTHENTICATED_AT = 'a'
const DEVICE = 'd'
const ADDRESS = 'i'
const PERSISTENT = 'k'
const KIND = 'c'
const LEVEL = 'l'
const TOKEN_MADE_AT = 'r'
const FORMER = 'f'
const NOTE = 'n'
const TOKEN_KEY = 't'
const BOUND = 'b'
const ORIGIN = 'o'
const ORIGIN_KEY = 'O'

export interface LoginMeta {
  readonly principal: string
  readonly authenticatedAt: number
  /** Of authentication, on the application's own scale. */
  readonly level: number | undefined
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
  readonly persistent: boolean
}

export function loginMeta(login: LoginMeta): Meta {
  const meta = new Map<string, unknown>([
    [PRINCIPAL, login.principal],
    [AUTHENTICATED_AT, login.authenticatedAt],
  ])
  if (login.level !== undefined) meta.set(LEVEL, login.level)
  if (login.kind !== undefined) meta.set(KIND, login.kind)
  if (login.device !== undefined) meta.set(DEVICE, login.device)
  if (login.address !== undefined) meta.set(ADDRESS, login.address)
  if (login.persistent) meta.set(PERSISTENT, true)
  return meta
}

export const principalOf = (meta: Meta): string | undefined => text(meta, PRINCIPAL)
/** Of client, as the login has named it. */
export const kindOf = (meta: Meta): string | undefined => text(meta, KIND)
export const deviceOf = (meta: Meta): string | undefined => text(meta, DEVICE)
export const addressOf = (meta: Meta): string | undefined => text(meta, ADDRESS)
export const isPersistent = (meta: Meta): boolean => meta.get(PERSISTENT) === true

/** Milliseconds since the epoch. */
export const authenticatedAtOf = (meta: Meta): number | undefined => number(meta, AUTHENTICATED_AT)
export const levelOf = (meta: Meta): number | undefined => number(meta, LEVEL)

/** When the token was made that the session has now; absent: at the login, or when the session was created. */
export const tokenMadeAtOf = (meta: Meta): number | undefined =>
  number(meta, TOKEN_MADE_AT) ?? authenticatedAtOf(meta)
/** Last 22 characters of the id of before the rotation, where that has left a forward. */
export const formerOf = (meta: Meta): string | undefined => text(meta, FORMER)

/** The principal has authenticated once more. @param at milliseconds since the epoch */
export function withStepUp(meta: Meta, level: number, at: number): Meta {
  return new Map(meta).set(LEVEL, level).set(AUTHENTICATED_AT, at)
}

/** A new token. @param at milliseconds since the epoch @param former where a forward is left */
export function withToken(meta: Meta, at: number, former?: string): Meta {
  const changed = new Map(meta).set(TOKEN_MADE_AT, at)
  changed.delete(TOKEN_KEY)
  if (former === undefined) changed.delete(FORMER)
  else changed.set(FORMER, former)
  return changed
}

/**
 * Of a record that was sealed anew while nobody was there: the id of the key that its client's token may be signed
 * with. Absent: that of the record.
 */
export const tokenKeyOf = (meta: Meta): number | undefined => number(meta, TOKEN_KEY)

export function withTokenKey(meta: Meta, keyId: number | undefined): Meta {
  if (tokenKeyOf(meta) === keyId) return meta
  const changed = new Map(meta)
  if (keyId === undefined) changed.delete(TOKEN_KEY)
  else changed.set(TOKEN_KEY, keyId)
  return changed
}

export function withPersistent(meta: Meta, persistent: boolean): Meta {
  const changed = new Map(meta)
  if (persistent) changed.set(PERSISTENT, true)
  else changed.delete(PERSISTENT)
  return changed
}

/** What the client was like when it authenticated last, a hash by name. */
export function boundOf(meta: Meta): Readonly<Record<string, unknown>> | undefined {
  const bound = meta.get(BOUND)
  return typeof bound === 'object' && bound !== null
    ? (bound as Record<string, unknown>)
    : undefined
}

export function withBound(meta: Meta, bound: Readonly<Record<string, unknown>> | undefined): Meta {
  return bound === undefined ? meta : new Map(meta).set(BOUND, bound)
}

/** What the adapter keeps with the session beside its attributes. */
export const noteOf = (meta: Meta): unknown => meta.get(NOTE)

export function withNote(meta: Meta, note: unknown): Meta {
  const changed = new Map(meta)
  if (note === undefined) changed.delete(NOTE)
  else changed.set(NOTE, note)
  return changed
}

/** The entry of another system that the session was taken over from. */
export interface Origin {
  /** Name of the source. */
  readonly source: string
  readonly key: string
}

export function originOf(meta: Meta): Origin | undefined {
  const [source, key] = [text(meta, ORIGIN), text(meta, ORIGIN_KEY)]
  return source === undefined || key === undefined ? undefined : { source, key }
}

/** Of a session that is taken over: nobody knows when its principal has authenticated. @param at milliseconds since the epoch */
export function adoptedMeta(
  origin: Origin,
  at: number,
  principal: string | undefined,
  persistent: boolean,
): Meta {
  const meta = new Map<string, unknown>([
    [ORIGIN, origin.source],
    [ORIGIN_KEY, origin.key],
    [TOKEN_MADE_AT, at],
  ])
  if (principal !== undefined) meta.set(PRINCIPAL, principal)
  if (persistent) meta.set(PERSISTENT, true)
  return meta
}

function number(meta: Meta, name: string): number | undefined {
  const value = meta.get(name)
  return typeof value === 'number' ? value : undefined
}

function text(meta: Meta, name: string): string | undefined {
  const value = meta.get(name)
  return typeof value === 'string' ? value : undefined
}
