import { type Clock, systemClock } from '../../core/clock.ts'
import type {
  CreateResult,
  Engine,
  Limit,
  ListedSession,
  Owner,
  SessionId,
  Stamp,
  Stored,
  Trail,
  WriteResult,
} from '../../core/engine.ts'
import { OptionError } from '../../core/errors.ts'
import { createResult, GONE, idOf, lifetime, listedSessions, writeResult } from './answers.ts'
import { evaluate } from './evaluate.ts'
import { checkPrefix, indexKey, partitionOf, recordKey } from './keys.ts'
import { Link } from './link.ts'
import { type RedisOptions, type RedisTarget, redisTarget } from './options.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import { type Argument, BYTES } from './wire.ts'

export type { RedisOptions } from './options.ts'

export interface RedisEngineOptions {
  /** A URL, the path of a unix socket, or more: see RedisOptions. */
  readonly redis: string | RedisOptions
  /** Begins every key, `sj` by default: 1 to 64 characters of A-Z a-z 0-9 : _ . - */
  readonly prefix?: string
  /** Deadline of each command, the wait for a connection included. Milliseconds, default 500. */
  readonly commandTimeout?: number
  readonly clock?: Clock
}

/** @throws OptionError. Connects in the background: await `ready()` to know that it has. */
export function redisEngine(options: RedisEngineOptions): RedisEngine {
  const { prefix = 'sj', commandTimeout = 500, clock = systemClock } = options
  checkPrefix(prefix)
  if (!Number.isInteger(commandTimeout) || commandTimeout < 1 || commandTimeout > 600_000) {
    throw new OptionError('commandTimeout', 'takes whole milliseconds from 1 to 600000')
  }
  return new RedisEngine(redisTarget(options.redis), prefix, commandTimeout, clock)
}

/** Every session is a string, every principal with sessions a hash; see protocol/README.md. */
export class RedisEngine implements Engine {
  readonly name = 'redis'
  readonly #prefix: string
  readonly #link: Link

  constructor(target: RedisTarget, prefix: string, commandTimeout: number, clock: Clock) {
    this.#prefix = prefix
    this.#link = new Link({ target, commandTimeout, clock })
  }

  now(): number {
    return this.#link.now()
  }

  async ready(): Promise<void> {
    // A read of one of our keys: finds a missing permission and a loading server too.
    const key = recordKey(this.#prefix, '000')
    await this.#linkOf('000').call('ready', (wire) => wire.sendCommand(['GET', key], BYTES))
  }

  async load(id: SessionId): Promise<Stored | undefined> {
    const key = recordKey(this.#prefix, id)
    // One write, one round trip, a third of the server's time for a script. The record may expire or
    // be destroyed between the two: then it is gone.
    const [record, ttl] = await this.#linkOf(partitionOf(id)).call('load', (wire) =>
      Promise.all([wire.sendCommand(['GET', key], BYTES), wire.sendCommand(['PTTL', key])]),
    )
    if (record === null || ttl === GONE) return undefined
    return { record: record as Buffer, ttl: lifetime(ttl) }
  }

  async create(
    id: SessionId,
    record: Uint8Array,
    ttl: number,
    owner?: Owner,
    limit?: Limit,
  ): Promise<CreateResult> {
    const keys = [recordKey(this.#prefix, id)]
    const args: Argument[] = [bytes(record), String(ttl)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partitionOf(id), owner.tag))
      const evict = limit?.policy === 'evict-oldest' ? '1' : '0'
      args.push(bytes(owner.descriptor), String(owner.ttl), String(limit?.max ?? 0), evict)
    }
    return createResult(await this.#run(scripts.create, id, keys, args), partitionOf(id))
  }

  async commit(id: SessionId, base: Stamp, record: Uint8Array, ttl: number): Promise<WriteResult> {
    const args = [bytes(base), bytes(record), String(ttl)]
    return writeResult(await this.#run(scripts.commit, id, [recordKey(this.#prefix, id)], args))
  }

  async touch(id: SessionId, base: Stamp, ttl: number): Promise<WriteResult> {
    const args = [bytes(base), String(ttl)]
    return writeResult(await this.#run(scripts.touch, id, [recordKey(this.#prefix, id)], args))
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
    const keys = [recordKey(this.#prefix, from), recordKey(this.#prefix, to)]
    const args: Argument[] = [bytes(base), bytes(record), String(ttl), ...trailArguments(trail)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partitionOf(from), owner.tag))
      args.push(bytes(owner.descriptor), String(owner.ttl))
    }
    return writeResult(await this.#run(scripts.rotate, from, keys, args))
  }

  async destroy(
    id: SessionId,
    options: { readonly ownerTag?: string; readonly base?: Stamp; readonly trail?: Trail } = {},
  ): Promise<WriteResult> {
    const { ownerTag, base, trail } = options
    const keys = [recordKey(this.#prefix, id)]
    if (ownerTag !== undefined) keys.push(indexKey(this.#prefix, partitionOf(id), ownerTag))
    const args: Argument[] = trailArguments(trail)
    if (base !== undefined) args.push(bytes(base))
    return writeResult(await this.#run(scripts.destroy, id, keys, args))
  }

  async list(partition: string, ownerTag: string): Promise<ListedSession[]> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    return listedSessions(await this.#run(scripts.list, partition, keys, []), partition)
  }

  async revokeAll(partition: string, ownerTag: string, except?: SessionId): Promise<SessionId[]> {
    const keys = [indexKey(this.#prefix, partition, ownerTag)]
    // An id of another partition is not in this index; its last 22 characters could be, by malice.
    const kept = except !== undefined && partitionOf(except) === partition ? except.slice(3) : ''
    const ended = (await this.#run(scripts['revoke-all'], partition, keys, [kept])) as Buffer[]
    return ended.map((id) => idOf(partition, id))
  }

  async close(): Promise<void> {
    this.#link.close()
  }

  /** The link to the master of a partition. With a Sentinel or a Cluster there will be a choice. */
  #linkOf(_partition: string): Link {
    return this.#link
  }

  #run(
    script: LuaScript,
    at: string,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    return this.#linkOf(partitionOf(at)).call(script.name, (wire) =>
      evaluate(wire, script, keys, args),
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
