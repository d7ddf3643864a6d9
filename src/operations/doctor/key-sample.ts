import { StoreRefusedError, StoreUnavailableError } from '../../core/errors.ts'
import type { Fleet, FleetServer } from '../../engines/redis/fleet.ts'
import { type FullSlot, fullestSlotOf } from './slots.ts'

/** Some of the keys, by chance. */
export interface KeySample {
  readonly looked: number
  /** Not of the prefix. */
  readonly foreign: number
  /** Records of ours, and those of them that never end. */
  readonly records: number
  readonly immortal: number
  /** Bytes of the records that were looked at, in order of size. */
  readonly sizes: readonly number[]
  /** The largest list of one principal's sessions that was seen. */
  readonly longestIndex: number
  /** Of each primary of a Cluster that which has most keys; absent where that may not be asked. */
  readonly fullSlots: readonly FullSlot[] | undefined
}

type Seen = {
  -readonly [Name in keyof Omit<KeySample, 'sizes' | 'fullSlots'>]: number
} & { sizes: number[] }

/** Keys of each server that are looked at. */
const SAMPLE = 1_000
const PAGE = 250

/** A page at a time; nothing where that is refused, or where no primary answers. Servers that are away are left out. */
export async function sampleKeys(fleet: Fleet, prefix: string): Promise<KeySample | undefined> {
  const seen: Seen = {
    ...{ looked: 0, foreign: 0, records: 0, immortal: 0, longestIndex: 0 },
    sizes: [],
  }
  const slots: (FullSlot | undefined)[] = []
  let isRefused = false
  let servers = 0
  for (const server of fleet.servers) {
    if (server.role !== 'primary') continue
    try {
      for await (const keys of someKeysOf(server, fleet.kind)) {
        seen.looked += keys.length
        await Promise.all(keys.map((key) => lookAt(server, key, prefix, seen)))
      }
      servers++
      if (fleet.kind !== 'cluster') continue
      slots.push(
        await fullestSlotOf(server).catch((error: unknown) => {
          if (!(error instanceof StoreRefusedError)) throw error
          isRefused = true
          return undefined
        }),
      )
    } catch (error) {
      if (error instanceof StoreRefusedError) return undefined
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }
  if (servers === 0) return undefined
  return {
    ...seen,
    sizes: seen.sizes.sort((one, other) => one - other),
    fullSlots: isRefused ? undefined : slots.filter((slot) => slot !== undefined),
  }
}

/** SCAN goes by a hash of the key; but slot by slot in a Cluster, from Redis 7.4 and Valkey 8 on: its first keys are of a few slots. */
async function* someKeysOf(server: FleetServer, kind: Fleet['kind']): AsyncGenerator<string[]> {
  const isSmall = kind !== 'cluster' || Number(await server.ask(['DBSIZE'])) <= SAMPLE
  yield* isSmall ? scanned(server) : drawn(server)
}

async function* scanned(server: FleetServer): AsyncGenerator<string[]> {
  let cursor = '0'
  let left = SAMPLE
  do {
    const [next, keys] = (await server.ask(['SCAN', cursor, 'COUNT', String(PAGE)])) as [
      string,
      string[],
    ]
    cursor = next
    left -= keys.length
    yield keys
  } while (cursor !== '0' && left > 0)
}

/** Each of its keys is as likely as the others, whatever slot it is in. */
async function* drawn(server: FleetServer): AsyncGenerator<string[]> {
  const known = new Set<string>()
  for (let left = SAMPLE; left > 0; left -= PAGE) {
    const asked = Array.from({ length: PAGE }, () => server.ask(['RANDOMKEY']))
    const keys = new Set((await Promise.all(asked)).filter((key) => typeof key === 'string'))
    yield [...keys].filter((key) => !known.has(key))
    for (const key of keys) known.add(key)
  }
}

async function lookAt(server: FleetServer, key: string, prefix: string, seen: Seen): Promise<void> {
  if (!key.startsWith(`${prefix}:{`)) {
    seen.foreign++
  } else if (key.includes('}:s:')) {
    const [ttl, size] = await Promise.all([server.ask(['PTTL', key]), server.ask(['STRLEN', key])])
    // Gone since it was found.
    if (ttl === -2) return
    seen.records++
    seen.sizes.push(Number(size))
    if (ttl === -1) seen.immortal++
  } else if (key.includes('}:p:')) {
    const length = Number(await server.ask(['HLEN', key]))
    seen.longestIndex = Math.max(seen.longestIndex, length)
  }
}
