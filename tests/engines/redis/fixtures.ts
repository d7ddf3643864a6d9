/** Ids, records and descriptors for the tests of the Redis engine. */
import { randomBytes } from 'node:crypto'
import type { Owner } from '../../../src/core/engine.ts'
import type { RedisServer } from '../../support/redis-server.ts'

export const PARTITION = '02k'

export function newId(partition: string = PARTITION): string {
  return partition + randomBytes(16).toString('base64url')
}

/** 2 bytes of format, the stamp (`revision` and 4 bytes of nonce), then the payload. */
export function record(revision: number, payload: string | Buffer = 'data'): Buffer {
  const header = randomBytes(10)
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

/** The error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (outcome instanceof Error) return outcome
  throw new Error('it did not reject')
}
