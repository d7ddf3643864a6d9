import { addressOf, networkOf } from './client-address.ts'
import { hmacSha256 } from './crypto.ts'
import { type Duration, parseDuration } from './duration.ts'
import { hasPermits } from './engine-abilities.ts'
import { OptionError, RateLimitError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Settings } from './options.ts'
import { PARTITIONS, partitionTag } from './partitions.ts'
import { refuseUnknown, requireObject } from './unknown-options.ts'

/** How many new sessions one client may have within a time. */
export interface NewSessionsOptions {
  /** 1 to 1,000. */
  readonly max: number
  /** A window that slides along: `'10m'`, at most 1 day. */
  readonly per: Duration
  /**
   * Which client that is. Given what the framework hands out for the request; where it answers nothing there is no limit.
   * Default: `addressOf(request)`, of IPv6 its /64.
   */
  readonly by?: (context: { readonly request: object | undefined }) => string | null | undefined
}

/** Checked. */
export interface NewSessionsLimit {
  readonly max: number
  /** Milliseconds. */
  readonly per: number
  readonly by: NonNullable<NewSessionsOptions['by']>
  /** Requests of which it was not told, until one was; undefined from then on, and when it has been warned. */
  unknown: number | undefined
}

const NAMES: readonly (keyof NewSessionsOptions)[] = ['max', 'per', 'by']
const MOST = 1_000
const LONGEST = 86_400_000
const HASH_BYTES = 16
/** Keeps it apart from what else is made with the seal key: protocol/README.md has all of them. */
const PURPOSE = 0x08
/** So many and none that is known are no accident. */
const UNKNOWN_TO_WARN = 10

/** @throws OptionError */
export function checkNewSessions(options: unknown): NewSessionsLimit | undefined {
  if (options === undefined) return undefined
  requireObject('newSessions', options)
  const { max, per, by = networkOfClient } = options as Partial<NewSessionsOptions>
  refuseUnknown(options as object, NAMES, 'newSessions.')
  if (!Number.isInteger(max) || (max as number) < 1 || (max as number) > MOST) {
    throw new OptionError('newSessions.max', `takes a whole number from 1 to ${MOST}`)
  }
  if (typeof by !== 'function') throw new OptionError('newSessions.by', 'takes a function')
  return {
    max: max as number,
    per: parseDuration('newSessions.per', per, LONGEST),
    by,
    unknown: 0,
  }
}

function networkOfClient({
  request,
}: {
  readonly request: object | undefined
}): string | undefined {
  const address = addressOf(request)
  return address === undefined ? undefined : networkOf(address)
}

/**
 * Asked before a session is made for a client that has none: a flood of new sessions fills Redis.
 * @throws RateLimitError; what `by` throws; StoreUnavailableError, StoreRefusedError
 */
export async function permitNew(
  { engine, keyring, newSessions }: Settings,
  events: EventHub,
  request: object | undefined,
): Promise<void> {
  // What has no request, such as `sessions.open`, is no client.
  if (newSessions === undefined || request === undefined) return
  const client = newSessions.by({ request })
  if (client === undefined || client === null) return missed(newSessions)
  if (typeof client !== 'string')
    throw new OptionError('newSessions.by', 'is to answer a string, or nothing')
  if (!hasPermits(engine)) throw new OptionError('newSessions', 'is not offered by this engine')
  const { max, per } = newSessions
  newSessions.unknown = undefined
  // Not the address, and not by the pepper, which is empty unless one is given: of IPv4 all there are could be tried. While
  // nodes differ in their first secret each counts for itself.
  const hash = hmacSha256(keyring.primary.seal, Uint8Array.of(PURPOSE), Buffer.from(client))
  const partition = partitionTag(hash.readUInt16BE(HASH_BYTES) % PARTITIONS)
  const name = hash.toString('base64url', 0, HASH_BYTES)
  const wait = await engine.permit(partition, name, max, per)
  if (wait === 0) return
  events.emit('rejected', { id: undefined, reason: 'rate-limited' })
  throw new RateLimitError(max, per, wait)
}

/** A limit that never limits must not look like one. */
function missed(limit: NewSessionsLimit): void {
  if (limit.unknown === undefined) return
  if (++limit.unknown < UNKNOWN_TO_WARN) return
  limit.unknown = undefined
  process.emitWarning(
    limit.by === networkOfClient
      ? `no adapter has told the client's address for the first ${UNKNOWN_TO_WARN} new sessions, and \`newSessions\` has limited none ` +
          'of them. Pass on what the server gives to `fetch` besides the request: docs/security.md, Floods. Told once.'
      : `\`newSessions.by\` has told of no client for the first ${UNKNOWN_TO_WARN} new sessions, and none of them was limited. ` +
          "Leave it out for the client's address, or use `addressOf(request)`: docs/security.md, Floods. Told once.",
    { code: 'SOJOURN_NO_CLIENT' },
  )
}
