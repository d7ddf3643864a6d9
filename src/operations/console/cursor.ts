import { partitionOf } from '../../core/partitions.ts'
import type { ListingPlace } from '../../engines/redis/listing.ts'
import { badRequest } from './problem.ts'

/** More servers has no Cluster. */
const SHAPE = /^(\d{1,4})\.(\w{3})\.(\d{1,20})\.(\d)\.([0-9a-f]{16})?\.(\w{16})?$/

/** It says where SCAN goes on, and nothing that is not known to whoever may list: it need not be sealed. */
export function cursorOf({ server, at, cursor, round, print = '', run }: ListingPlace): string {
  return Buffer.from(`${server}.${at}.${cursor}.${round}.${print}.${run}`).toString('base64url')
}

/** @throws Problem */
export function placeOf(text: string): ListingPlace {
  const [, server, at = '', cursor = '', round, print, run = ''] =
    SHAPE.exec(Buffer.from(text, 'base64url').toString('latin1')) ?? []
  if (server === undefined || partitionOf(at) === undefined || BigInt(cursor) >= 2n ** 64n) {
    throw badRequest('`cursor` is none of ours: begin again without.')
  }
  return { server: Number(server), at, cursor, round: Number(round), print, run }
}
