import { type Clock, systemClock } from '../../core/clock.ts'
import type {
  CreateResult,
  DestroyOptions,
  DestroyResult,
  Engine,
  Held,
  Limit,
  ListedSession,
  LoadOptions,
  NearCacheStats,
  NearReads,
  Owner,
  SessionId,
  Stamp,
  Stored,
  Trail,
  WriteResult,
} from '../../core/engine.ts'
import { OptionError } from '../../core/errors.ts'
import {
  createResult,
  endedRecord,
  GONE,
  idOf,
  lifetime,
  listedSessions,
  writeResult,
  writtenLifetime,
} from './answers.ts'
import { evaluate } from './evaluate.ts'
import { checkPrefix, indexKey, partitionOf, recordKey } from './keys.ts'
import type { Hold } from './near-cache.ts'
import { type NearCacheOptions, nearCacheLimits } from './near-cache-options.ts'
import { type RedisOptions, redisTarget } from './options.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import { TrackedLink, type TrackedLinkOptions } from './tracked-link.ts'
import { type Argument, BYTES } from './wire.ts'

export type { RedisOptions } from './options.ts'

export interface RedisEngineOptions {
  /** A URL, the path of a unix socket, or more: see RedisOptions. */
  readonly redis: string | RedisOptions
  /** Begins every key, `sj` by default: 1 to 64 characters of A-Z a-z 0-9 : _ . - */
  readonly prefix?: string
  /** Deadline of each command, the wait for a connection included. Milliseconds, default 500. */
  readonly commandTimeout?: number
  /** Records kept in this process; `false`: every read goes to Redis. See NearCacheOptions. */
  readonly nearCache?: boolean | NearCacheOptions
  readonly clock?: Clock
}

/** @throws OptionError. Connects in the background: await `ready()` to know that it has. */
export function redisEngine(options: RedisEngineOptions): RedisEngine {
  const { prefix = 'sj', commandTimeout = 500, clock = systemClock } = options
  checkPrefix(prefix)
  if (!Number.isInteger(commandTimeout) || commandTimeout < 1 || commandTimeout > 600_000) {
    throw new OptionError('commandTimeout', 'takes whole milliseconds from 1 to 600000')
  }
  return new RedisEngine({
    target: redisTarget(options.redis),
    prefix,
    commandTimeout,
    clock,
    nearCache: nearCacheLimits(options.nearCache),
  })
}

/** Every session is a string, every principal with sessions a hash; see protocol/README.md. */
export class RedisEngine implements Engine, NearReads {
  readonly name = 'redis'
  readonly #prefix: string
  readonly #link: TrackedLink

  constructor(options: TrackedLinkOptions) {
    this.#prefix = options.prefix
    this.#link = new TrackedLink(options)
  }

  now(): number {
    return this.#link.now()
  }

  async ready(): Promise<void> {
    // A read of one of our keys: finds a missing permission and a loading server too.
    const key = recordKey(this.#prefix, '000')
    await this.#linkOf('000').call('ready', (wire) => wire.sendCommand(['GET', key], BYTES))
  }

  get nearCache(): NearCacheStats {
    return this.#link.near.stats
  }

  peek(id: SessionId, now: number): Held | undefined {
    return this.#linkOf(id).near.peek(id, now)
  }

  held(id: SessionId): Held | undefined {
    return this.#linkOf(id).near.held(id)
  }

  remember(id: SessionId, held: Held, opened: unknown, bytes: number): void {
    this.#linkOf(id).near.remember(id, held, opened, bytes)
  }

  watch(id: SessionId, listener: () => void): () => void {
    return this.#linkOf(id).near.watch(id, listener)
  }

  load(id: SessionId, options: LoadOptions = {}): Promise<Stored | undefined> {
    const { near } = this.#linkOf(id)
    near.miss()
    const underWay = options.fresh === true ? undefined : near.underWay(id)
    if (underWay !== undefined) return underWay as Promise<Stored | undefined>
    const hold = near.hold(id)
    const answer = this.#read(id, hold)
    hold.answer = answer
    return answer
  }

  async #read(id: SessionId, hold: Hold): Promise<Stored | undefined> {
    const link = this.#linkOf(id)
    const key = recordKey(this.#prefix, id)
    try {
      // One write, one round trip, a third of the server's time for a script. The record may expire
      // or be destroyed between the two: then it is gone.
      const [record, ttl] = await link.call('load', (wire) =>
        Promise.all([wire.sendCommand(['GET', key], BYTES), wire.sendCommand(['PTTL', key])]),
      )
      if (record === null || ttl === GONE) {
        link.near.release(id, hold)
        return undefined
      }
      const stored = { record: record as Buffer, ttl: lifetime(ttl) }
      link.near.keep(id, hold, stored.record, stored.ttl)
      return stored
    } catch (error) {
      link.near.release(id, hold)
      throw error
    }
  }

  async create(
    id: SessionId,
    record: Uint8Array,
    ttl: number,
    owner?: Owner,
    limit?: Limit,
  ): Promise<CreateResult> {
    const { near } = this.#linkOf(id)
    const keys = [recordKey(this.#prefix, id)]
    const args: Argument[] = [bytes(record), String(ttl)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partitionOf(id), owner.tag))
      const evict = limit?.policy === 'evict-oldest' ? '1' : '0'
      args.push(bytes(owner.descriptor), String(owner.ttl), String(limit?.max ?? 0), evict)
    }
    const hold = near.hold(id)
    try {
      const answer = await this.#run(scripts.create, id, keys, args)
      const result = createResult(answer, partitionOf(id))
      if (result.status === 'created') {
        near.keep(id, hold, record, writtenLifetime(answer))
        for (const evicted of result.evicted) near.drop(evicted)
      } else {
        near.release(id, hold)
      }
      return result
    } catch (error) {
      // It may be carried out all the same, and nobody tells us which sessions it has evicted.
      if (limit === undefined) near.drop(id)
      else near.clear()
      throw error
    }
  }

  commit(id: SessionId, base: Stamp, record: Uint8Array, ttl: number): Promise<WriteResult> {
    const args = [String(ttl), Buffer.concat([base, record])]
    return this.#write(scripts.commit, id, [recordKey(this.#prefix, id)], args, (hold, answer) => {
      const { near } = this.#linkOf(id)
      near.keep(id, hold, record, writtenLifetime(answer))
      near.notify(id)
    })
  }

  touch(id: SessionId, base: Stamp, ttl: number): Promise<WriteResult> {
    const args = [bytes(base), String(ttl)]
    return this.#write(scripts.touch, id, [recordKey(this.#prefix, id)], args, (hold, answer) => {
      this.#linkOf(id).near.renew(id, hold, base, writtenLifetime(answer))
    })
  }

  async rotate(
    from: SessionId,
    base: Stamp,
    to: SessionId,
    record: Uint8Array,
    ttl: number,
    options: { readonly trail?: Trail; readonly owner?: Owner } = {},
  ): Promise<WriteResult> {
    const { trail, owner } = options
    const { near } = this.#linkOf(to)
    const keys = [recordKey(this.#prefix, from), recordKey(this.#prefix, to)]
    const args: Argument[] = [bytes(base), bytes(record), String(ttl), ...trailArguments(trail)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partitionOf(from), owner.tag))
      args.push(bytes(owner.descriptor), String(owner.ttl))
    }
    const successor = near.hold(to)
    let isKept = false
    try {
      return await this.#write(scripts.rotate, from, keys, args, (hold, answer) => {
        near.keep(to, successor, record, writtenLifetime(answer))
        isKept = true
        near.release(from, hold)
        near.notify(from)
      })
    } finally {
      if (!isKept) near.drop(to)
    }
  }

  async destroy(id: SessionId, options: DestroyOptions = {}): Promise<DestroyResult> {
    const { ownerTag, base, spareTrail, trail } = options
    const { near } = this.#linkOf(id)
    const keys = [recordKey(this.#prefix, id)]
    if (ownerTag !== undefined) keys.push(indexKey(this.#prefix, partitionOf(id), ownerTag))
    const args: Argument[] = trailArguments(trail)
    if (base !== undefined) args.push(bytes(base))
    else if (spareTrail === true) args.push('record')
    let ended: Uint8Array | undefined
    const result = await this.#write(scripts.destroy, id, keys, args, (hold, answer) => {
      ended = endedRecord(answer)
      near.release(id, hold)
      near.notify(id)
    })
    return ended === undefined ? result : { status: 'done', ended }
  }

  async list(partition: string, ownerTag: string): Promise<ListedSession[]> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    return listedSessions(await this.#run(scripts.list, partition, keys, []), partition)
  }

  async revokeAll(partition: string, ownerTag: string, except?: SessionId): Promise<SessionId[]> {
    const { near } = this.#linkOf(partition)
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    // An id of another partition is not in this index; its last 22 characters could be, by malice.
    const kept = except !== undefined && partitionOf(except) === partition ? except.slice(3) : ''
    try {
      const answer = await this.#run(scripts['revoke-all'], partition, keys, [kept])
      const ended = (answer as Buffer[]).map((id) => idOf(partition, id))
      for (const id of ended) near.drop(id)
      return ended
    } catch (error) {
      // It may have been carried out, and then nobody tells us which sessions it has ended.
      near.clear()
      throw error
    }
  }

  async close(): Promise<void> {
    this.#link.close()
  }

  /** The link to the master of a partition. With a Sentinel or a Cluster there will be a choice. */
  #linkOf(_partition: string): TrackedLink {
    return this.#link
  }

  /** A script whose first key is the record of `id`, with what its success means to the near cache. */
  async #write(
    script: LuaScript,
    id: SessionId,
    keys: readonly string[],
    args: readonly Argument[],
    done: (hold: Hold, answer: unknown) => void,
  ): Promise<WriteResult> {
    const { near } = this.#linkOf(id)
    const hold = near.hold(id)
    try {
      const answer = await this.#run(script, id, keys, args)
      const result = writeResult(answer)
      if (result.status === 'done') done(hold, answer)
      else if (result.status === 'gone') near.drop(id)
      else near.keep(id, hold, result.stored.record, result.stored.ttl)
      return result
    } catch (error) {
      // It may be carried out all the same, and nobody would tell: not us, for it was our own.
      near.drop(id)
      throw error
    }
  }

  #run(
    script: LuaScript,
    at: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    return this.#linkOf(partitionOf(at)).call(script.name, (wire, isWanted) =>
      evaluate(wire, script, keys, args, isWanted),
    )
  }
}

function trailArguments(trail: Trail | undefined): Argument[] {
  return trail === undefined ? ['', '0'] : [bytes(trail.record), String(trail.ttl)]
}

/** The client writes strings and Buffers only. No copy. */
function bytes(data: Uint8Array): Buffer {
  return data instanceof Buffer ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
