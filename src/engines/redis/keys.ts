import type { SessionId } from '../../core/engine.ts'
import { OptionError } from '../../core/errors.ts'
import { partitionTag } from '../../core/partitions.ts'

const TAG_LENGTH = 3
const HASH_LENGTH = 22

/** `<prefix>:{<tag>}:s:<22 characters>`. The scripts count on these 22 characters at the end. */
export function recordKey(prefix: string, id: SessionId): string {
  return `${prefix}:{${id.slice(0, TAG_LENGTH)}}:s:${id.slice(TAG_LENGTH)}`
}

/** The session whose record stands under the key, if it is such a key. */
export function recordIdOf(prefix: string, key: string | Buffer): SessionId | undefined {
  const text = typeof key === 'string' ? key : key.toString('latin1')
  const tag = prefix.length + 2
  if (text.length !== tag + TAG_LENGTH + 4 + HASH_LENGTH || !text.startsWith(prefix))
    return undefined
  if (text.slice(tag + TAG_LENGTH, -HASH_LENGTH) !== '}:s:') return undefined
  return text.slice(tag, tag + TAG_LENGTH) + text.slice(-HASH_LENGTH)
}

/** `<prefix>:{<tag>}:p:<22 characters>`: the hash that lists a principal's sessions. */
export function indexKey(prefix: string, partition: string, ownerTag: string): string {
  return `${prefix}:{${partition}}:p:${ownerTag}`
}

/** `<prefix>:{<tag>}:f`: written behind what replicas are waited for, and never read. */
export function fenceKey(prefix: string, partition: string): string {
  return `${prefix}:{${partition}}:f`
}

/** `<prefix>:{<tag of partition 0>}:g:<yyyymmdd>`: counters of one day. @param now ms since the epoch */
export function gapsKey(prefix: string, now: number): string {
  const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '')
  return `${prefix}:{${partitionTag(0)}}:g:${day}`
}

/** `<prefix>:{<tag>}:n:<22 characters>`: when a client has had new sessions lately. */
export function permitKey(prefix: string, partition: string, name: string): string {
  return `${prefix}:{${partition}}:n:${name}`
}

/** `<prefix>:{<tag of partition 0>}:a`: the audit. */
export function auditKey(prefix: string): string {
  return `${prefix}:{${partitionTag(0)}}:a`
}

/** `<prefix>:{<tag of partition 0>}:a:<writer>`: the number of a writer's last batch. */
export function auditWriterKey(prefix: string, writer: string): string {
  return `${auditKey(prefix)}:${writer}`
}

/** `<prefix>:{<tag>}:x`: when sessions of the partition would end, as far as that is told of. */
export function awaitedKey(prefix: string, partition: string): string {
  return `${prefix}:{${partition}}:x`
}

/** `<prefix>:{<tag of partition 0>}:x:turn`: a node looks for expired sessions. */
export function expiryTurnKey(prefix: string): string {
  return `${awaitedKey(prefix, partitionTag(0))}:turn`
}

/** `<prefix>:{<tag of partition 0>}:x:listens`: there are instances with listeners. */
export function expiryListensKey(prefix: string): string {
  return `${awaitedKey(prefix, partitionTag(0))}:listens`
}

/** `<prefix>:{<tag>}:m`: what both sides of a migration had when they were last the same. */
export function marksKey(prefix: string, partition: string): string {
  return `${prefix}:{${partition}}:m`
}

/** `<prefix>:{<tag of partition 0>}:m:<name>`: what a migration has noted of itself. */
export function noteKey(prefix: string, name: string): string {
  return `${marksKey(prefix, partitionTag(0))}:${name}`
}

/** `<prefix>:{<tag>}:x:<16 characters>`: shows whether the server tells of expired keys. */
export function expiryProbeKey(prefix: string, partition: string, name: string): string {
  return `${awaitedKey(prefix, partition)}:${name}`
}

/** `<prefix>:reports`, and `:<number>` where it is not database 0: a channel, no key. Of all databases channels are the same. */
export function reportsChannel(prefix: string, database: number): string {
  return database === 0 ? `${prefix}:reports` : `${prefix}:reports:${database}`
}

/** The partition tag at the front of a session id: names the slot of all keys beside it. */
export function partitionOf(id: SessionId): string {
  return id.slice(0, TAG_LENGTH)
}

/**
 * The last 22 characters of an id; '' for none, and for one of another partition: it is not in that
 * index, and its last 22 characters could be, by malice.
 */
export function hashWithin(partition: string, id: SessionId | undefined): string {
  return id !== undefined && partitionOf(id) === partition ? id.slice(TAG_LENGTH) : ''
}

/** @throws OptionError */
export function checkPrefix(prefix: unknown): void {
  if (typeof prefix === 'string' && /^[A-Za-z0-9:_.-]{1,64}$/.test(prefix)) return
  throw new OptionError('prefix', 'takes 1 to 64 characters of A-Z a-z 0-9 : _ . -')
}
