/** Ids, records and descriptors for the tests of the Redis engine. */
import { randomBytes } from 'node:crypto'
import type { Owner } from '../../../src/core/engine.ts'
import { indexKey } from '../../../src/engines/redis/keys.ts'
import type { RedisServer } from '../../support/redis-server.ts'

export const PARTITION = '02u'

export function newId(partition: string = PARTITION): string {
  return partition + randomBytes(16).toString('base64url')
}

/**
 * 2 bytes of format, the stamp (`revision` and 4 bytes of nonce), then the payload. A format by chance would say of
 * one record in 512 that it is a trail.
 */
export function record(revision: number, payload: string | Buffer = 'data'): Buffer {
  const header = randomBytes(10)
  header.writeUInt16BE(0x0100, 0)
  header.writeUInt32BE(revision, 2)
  return Buffer.concat([header, Buffer.from(payload)])
}

export function descriptor(created: number, label = 'device'): Buffer {
  const head = Buffer.alloc(7)
  head.writeUIntBE(created, 1, 6)
  return Buffer.concat([head, Buffer.from(label)])
}

export function newOwner(created: number = Date.now(), ttl = 100_000): Owner & { tag: string } {
  return { tag: randomBytes(16).toString('base64url'), descriptor: descriptor(created), ttl }
}

/** Every key of the server, with its remaining lifetime. */
export async function lifetimes(server: RedisServer): Promise<Map<string, number>> {
  const keys = (await server.cli('KEYS', '*')).split('\n').filter((key) => key !== '')
  const entries = keys.map(async (key) => [key, Number(await server.cli('PTTL', key))] as const)
  return new Map(await Promise.all(entries))
}

/** No key may be left without a lifetime, whatever was done. */
export async function everyKeyExpires(server: RedisServer): Promise<void> {
  for (const [key, ttl] of await lifetimes(server)) {
    if (ttl <= 0) throw new Error(`${key} has PTTL ${ttl}`)
  }
}

/** Many sessions of one owner, created 0, 1, 2, …; `live`: with a record. Answers their ids. */
export async function populate(
  server: RedisServer,
  ownerTag: string,
  count: number,
  live = true,
): Promise<string[]> {
  const script = `
    for i = 1, #ARGV, 2 do
      if KEYS[2] then redis.call('SET', KEYS[2] .. ARGV[i], 'record-0123456789', 'PX', 600000) end
      redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    end
    redis.call('PEXPIRE', KEYS[1], 600000)`
  const ids = Array.from({ length: count }, () => newId())
  const keys = [indexKey('sj', PARTITION, ownerTag), `sj:{${PARTITION}}:s:`]
  const entries = ids.flatMap((id, i) => [id.slice(3), descriptor(i)])
  await server.cli('EVAL', script, live ? '2' : '1', ...keys.slice(0, live ? 2 : 1), ...entries)
  return ids
}

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof Error) return outcome
  throw new Error('it did not reject')
}
