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
   * Which client that is: its address, or the network of it. Given what the framework hands out for the request: in Express
   * `({ request }) => request.ip`. Where it answers nothing there is no limit.
   */
  readonly by: (context: { readonly request: object | undefined }) => string | null | undefined
}

/** Checked. */
export interface NewSessionsLimit {
  readonly max: number
  /** Milliseconds. */
  readonly per: number
  readonly by: NewSessionsOptions['by']
}

const NAMES: readonly (keyof NewSessionsOptions)[] = ['max', 'per', 'by']
const MOST = 1_000
const LONGEST = 86_400_000
const HASH_BYTES = 16

/** @throws OptionError */
export function checkNewSessions(options: unknown): NewSessionsLimit | undefined {
  if (options === undefined) return undefined
  requireObject('newSessions', options)
  const { max, per, by } = options as Partial<NewSessionsOptions>
  refuseUnknown(options as object, NAMES, 'newSessions.')
  if (!Number.isInteger(max) || (max as number) < 1 || (max as number) > MOST) {
    throw new OptionError('newSessions.max', `takes a whole number from 1 to ${MOST}`)
  }
  if (typeof by !== 'function') throw new OptionError('newSessions.by', 'takes a function')
  return {
    max: max as number,
    per: parseDuration('newSessions.per', per, LONGEST),
    by,
  }
}

/**
 * Asked before a session is made for a client that has none: a flood of new sessions fills Redis.
 * @throws RateLimitError; what `by` throws; StoreUnavailableError, StoreRefusedError
 */
export async function permitNew(
  { engine, newSessions, pepper }: Settings,
  events: EventHub,
  request: object | undefined,
): Promise<void> {
  const client = newSessions?.by({ request })
  if (newSessions === undefined || client === undefined || client === null) return
  if (typeof client !== 'string')
    throw new OptionError('newSessions.by', 'is to answer a string, or nothing')
  if (!hasPermits(engine)) throw new OptionError('newSessions', 'is not offered by this engine')
  const { max, per } = newSessions
  // Not the address itself: what stands in Redis names nobody.
  const hash = hmacSha256(pepper, Buffer.from('sojourn/1/new\0'), Buffer.from(client))
  const partition = partitionTag(hash.readUInt16BE(HASH_BYTES) % PARTITIONS)
  const name = hash.toString('base64url', 0, HASH_BYTES)
  const wait = await engine.permit(partition, name, max, per)
  if (wait === 0) return
  events.emit('rejected', { id: undefined, reason: 'rate-limited' })
  throw new RateLimitError(max, per, wait)
}
