import { type Clock, systemClock } from '../../core/clock.ts'
import {
  checkDurabilityDefault,
  type DurabilityDefault,
  type WaitFor,
} from '../../core/durability.ts'
import {
  type CommitOptions,
  type ConfirmOptions,
  type CreateResult,
  type DestroyOptions,
  type DestroyResult,
  type Engine,
  type Held,
  isTrail,
  type Limit,
  type ListedSession,
  type LoadOptions,
  type Owner,
  type RevokeOptions,
  type RotateOptions,
  type SessionId,
  type Stamp,
  type Stored,
  type Trail,
  type WriteResult,
} from '../../core/engine.ts'
import type {
  Audits,
  ConnectionStats,
  Connections,
  Expired,
  ExpiryEvents,
  ExpiryOptions,
  InsightSample,
  Insights,
  Listing,
  NearCacheStats,
  NearReads,
  Permits,
  Reports,
  ScannedRecord,
} from '../../core/engine-abilities.ts'
import { OptionError } from '../../core/errors.ts'
import { sumOfNearCaches } from '../near-cache-stats.ts'
import {
  createResult,
  endedRecord,
  GONE,
  lifetime,
  writeResult,
  writtenLifetime,
} from './answers.ts'
import { AuditStream } from './audit-stream.ts'
import type { Confirming } from './confirmer.ts'
import { makeRoom } from './crowded.ts'
import { isUndone } from './errors.ts'
import { runScript } from './evaluate.ts'
import { checkExpiry, type ExpiryMode, type ExpirySource } from './expiry.ts'
import { ExpiryClaims } from './expiry-claims.ts'
import { ExpiryNotifications } from './expiry-notifications.ts'
import { RedisInsight } from './insight.ts'
import {
  checkPrefix,
  fenceKey,
  hashWithin,
  indexKey,
  partitionOf,
  permitKey,
  recordKey,
} from './keys.ts'
import { RedisListing } from './listing.ts'
import type { Hold } from './near-cache.ts'
import { type NearCacheOptions, nearCacheLimits } from './near-cache-options.ts'
import { type RedisPlan, type RedisSource, redisPlan, warnUnverified } from './options.ts'
import { PrincipalIndex } from './principal-index.ts'
import { probe } from './probe.ts'
import { Recent } from './recent.ts'
import { RedisReports } from './reports.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import { topologyOf } from './topologies.ts'
import type { Place, Topology, TopologyOptions, WorkOptions } from './topology.ts'
import { type Argument, BYTES } from './wire.ts'

/** As `create` numbers them. */
const POLICIES = { reject: '0', 'evict-oldest': '1', 'evict-idle': '2' } as const
/** From this attempt on a crowded index is looked through at once: better late than no login. */
const CROWDED_ATTEMPTS = 3
/** The last argument of scripts that make a session whose expiry is told of. */
const AWAITED = 'x'
/** What looks into an index looks at the records that it lists too. */
const ALL_KEYS = { allKeys: true } as const
/** Milliseconds that an index outlives its sessions, so that it can be said whose has expired. */
const TOLD_WITHIN = 86_400_000

export interface RedisEngineOptions {
  /** A URL, the path of a unix socket, or see RedisOptions, RedisSentinelOptions, RedisClusterOptions. */
  readonly redis: RedisSource
  /** Begins every key, `sj` by default: 1 to 64 characters of A-Z a-z 0-9 : _ . - */
  readonly prefix?: string
  /** Deadline of each command, the wait for a connection included. Milliseconds, default 500. */
  readonly commandTimeout?: number
  /** Records kept in this process; `false`: every read goes to Redis. See NearCacheOptions. */
  readonly nearCache?: boolean | NearCacheOptions
  /** Whether and how it is told of that sessions have expired. Default `'off'`. See ExpiryEvents. */
  readonly expiry?: ExpiryEvents['expiry']
  /** What writes wait for, touches excepted. Default `'async'`: nothing. See Durability. */
  readonly durability?: DurabilityDefault
  /** The number of the region whose sessions it has, 0 to 7. Default 0. See RegionOptions. */
  readonly region?: number
  readonly clock?: Clock
}

/** @throws OptionError. Connects in the background: await `ready()` to know that it has. */
export function redisEngine(options: RedisEngineOptions): RedisEngine {
  const { prefix = 'sj', commandTimeout = 500, clock = systemClock, region = 0 } = options
  checkPrefix(prefix)
  if (!Number.isInteger(commandTimeout) || commandTimeout < 1 || commandTimeout > 600_000) {
    throw new OptionError('commandTimeout', 'takes whole milliseconds from 1 to 600000')
  }
  const expiry = checkExpiry(options.expiry)
  const { waitFor, timeout: confirmTimeout } = checkDurabilityDefault(options.durability)
  const plan = redisPlan(options.redis)
  warnUnverified(plan)
  return new RedisEngine({
    plan,
    prefix,
    commandTimeout,
    clock,
    nearCache: nearCacheLimits(options.nearCache),
    expiry,
    waitFor,
    confirmTimeout,
    region,
  })
}

interface EngineSettings extends TopologyOptions {
  readonly plan: RedisPlan
  readonly expiry: ExpiryMode
  /** What all writes wait for that do not say otherwise. */
  readonly waitFor: WaitFor
  readonly region: number
}

/** Every session is a string, every principal with sessions a hash; see protocol/README.md. */
export class RedisEngine
  implements
    Engine,
    Connections,
    NearReads,
    ExpiryEvents,
    Insights,
    Listing,
    Audits,
    Reports,
    Permits
{
  readonly name = 'redis'
  readonly audit: AuditStream
  /** What is repeated to a server that may lack it. */
  readonly recent: Recent
  readonly expiry: ExpiryMode
  readonly #prefix: string
  readonly #topology: Topology
  readonly #index: PrincipalIndex
  readonly #insight: RedisInsight
  readonly #listing: RedisListing
  readonly #reports: RedisReports
  readonly #expired: ExpirySource | undefined
  readonly #trails: ExpiryNotifications | undefined
  readonly #nearLimit: number
  readonly #waitFor: WaitFor
  #isProbed = false
  /** At the end of the arguments that make a session. */
  readonly #awaited: readonly string[]
  /** Whose expiry is told of is entered in a key of the partition. */
  readonly #scope: WorkOptions

  constructor({ plan, expiry, waitFor, region, ...options }: EngineSettings) {
    const { prefix } = options
    this.#waitFor = waitFor
    this.#prefix = prefix
    this.#nearLimit = options.nearCache?.maxEntries ?? 0
    this.expiry = expiry
    this.#awaited = expiry === 'reliable' ? [AWAITED] : []
    this.#scope = expiry === 'reliable' ? ALL_KEYS : {}
    this.recent = new Recent(prefix, () => options.clock.monotonic())
    this.#topology = topologyOf(plan, {
      ...options,
      connected: (place, has) => void this.recent.repeat(place, has),
    })
    this.#index = new PrincipalIndex(this.#topology, prefix)
    const { database } = plan.kind === 'single' ? plan.target : plan.plan.servers
    this.#trails =
      expiry === 'notify' ? new ExpiryNotifications(this.#topology, prefix, database) : undefined
    this.#expired =
      expiry === 'reliable' ? new ExpiryClaims(this.#topology, prefix, region) : this.#trails
    this.#insight = new RedisInsight(this.#topology, prefix)
    this.#listing = new RedisListing(this.#topology, prefix)
    this.#reports = new RedisReports(this.#topology, prefix, database)
    this.audit = new AuditStream(this.#topology, options)
  }

  now(): number {
    return this.#topology.now()
  }

  async ready(): Promise<void> {
    // A read of one of our keys: finds a loading server too.
    const ask = (partition: string) => {
      const key = recordKey(this.#prefix, partition)
      return this.#topology.at(partition, (place) =>
        place.call('ready', (wire) => wire.sendCommand(['GET', key], BYTES)),
      )
    }
    const servers = await this.#topology.servers()
    await Promise.all(servers.map(ask))
    if (this.#isProbed) return
    await Promise.all(servers.map((partition) => this.#tryWaiting(partition)))
    const probes = await Promise.all(servers.map((partition) => probe(this, partition)))
    this.recent.forget(probes.flat())
    this.#isProbed = true
  }

  /** Whether the server can wait at all for what writes are to wait for. */
  async #tryWaiting(partition: string): Promise<void> {
    const { replicas, disk } = this.#waitFor
    if (replicas === 0 && !disk) return
    // For nothing, and for one millisecond.
    const command = disk ? ['WAITAOF', '1', '0', '1'] : ['WAIT', '0', '1']
    await this.#topology.at(partition, (place) =>
      place.call('durability', (wire) => wire.sendCommand(command)),
    )
  }

  get mostHeld(): number {
    return this.#nearLimit
  }

  get nearCache(): NearCacheStats {
    return sumOfNearCaches([...this.#topology.nears].map(({ stats }) => stats))
  }

  get connections(): ConnectionStats {
    const links = [...this.#topology.links]
    return {
      servers: links.length,
      connected: links.filter(({ isConnected }) => isConnected).length,
      broken: links.filter(({ isBroken }) => isBroken).length,
    }
  }

  peek(id: SessionId, now: number): Held | undefined {
    return this.#topology.nearOf(id).peek(id, now)
  }

  holds(id: SessionId, held: Held, now: number): boolean {
    return this.#topology.nearOf(id).holds(held, now)
  }

  peekLate(id: SessionId, now: number, grace: number): Held | undefined {
    return this.#topology.nearOf(id).peekLate(id, now, grace)
  }

  held(id: SessionId): Held | undefined {
    return this.#topology.nearOf(id).held(id)
  }

  remember(id: SessionId, held: Held, opened: unknown, bytes: number): void {
    this.#topology.nearOf(id).remember(id, held, opened, bytes)
  }

  watch(id: SessionId, listener: () => void): () => void {
    return this.#topology.nearOf(id).watch(id, listener)
  }

  load(id: SessionId, options: LoadOptions = {}): Promise<Stored | undefined> {
    return this.#topology.at(id, (place) => {
      const { near } = place
      near.miss()
      const underWay = options.fresh === true ? undefined : near.underWay(id)
      if (underWay !== undefined) return underWay as Promise<Stored | undefined>
      const hold = near.hold(id)
      const answer = this.#read(id, place, hold)
      hold.answer = answer
      return answer
    })
  }

  async #read(id: SessionId, place: Place, hold: Hold): Promise<Stored | undefined> {
    const { near } = place
    const key = recordKey(this.#prefix, id)
    try {
      // One write, one round trip, a third of the server's time for a script. The record may expire
      // or be destroyed between the two: then it is gone.
      const [record, ttl] = await place.call('load', (wire) =>
        Promise.all([wire.sendCommand(['GET', key], BYTES), wire.sendCommand(['PTTL', key])]),
      )
      if (record === null || ttl === GONE) {
        near.release(id, hold)
        return undefined
      }
      const stored = { record: record as Buffer, ttl: lifetime(ttl) }
      near.keep(id, hold, stored.record, stored.ttl)
      return stored
    } catch (error) {
      near.forgo(id, hold)
      throw error
    }
  }

  async create(
    id: SessionId,
    record: Uint8Array,
    ttl: number,
    owner?: Owner,
    limit?: Limit,
    options: ConfirmOptions = {},
  ): Promise<CreateResult> {
    const partition = partitionOf(id)
    const confirming = this.#confirming(id, options)
    const keys = [recordKey(this.#prefix, id)]
    const args: Argument[] = [bytes(record), String(ttl)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partition, owner.tag))
      args.push(bytes(owner.descriptor), this.#indexLifetime(owner))
      if (limit !== undefined) args.push(...limitArguments(limit, partition))
    }
    const evicted: SessionId[] = []
    for (let attempt = 1; ; attempt++) {
      if (attempt === CROWDED_ATTEMPTS) args.push('1')
      // What stands for another session has no end of its own to tell of.
      const all = isTrail(record) ? args : [...args, ...this.#awaited]
      const result = await this.#create(id, record, keys, all, limit, confirming)
      if (result?.status === 'created') {
        evicted.push(...result.evicted)
        for (const other of evicted) this.recent.ended(other, owner?.tag)
        return { status: 'created', evicted }
      }
      if (result !== undefined) return result
      if (owner === undefined || limit === undefined) throw new Error('no limit, and crowded')
      const sessions = await this.list(partition, owner.tag)
      const room = await makeRoom(sessions, owner, limit, (ids) =>
        this.#index.evict(partition, owner.tag, ids, confirming),
      )
      if (room.status === 'rejected') return room
      evicted.push(...room.evicted)
    }
  }

  /** @returns nothing for a crowded index */
  #create(
    id: SessionId,
    record: Uint8Array,
    keys: readonly string[],
    args: readonly Argument[],
    limit: Limit | undefined,
    confirming: Confirming | undefined,
  ): Promise<CreateResult | undefined> {
    const work = async (place: Place) => {
      const { near } = place
      const hold = near.hold(id)
      try {
        const answer = await runScript(place, scripts.create, keys, args, keys[0])
        const result = createResult(answer, partitionOf(id))
        if (result?.status === 'created') {
          near.keep(id, hold, record, writtenLifetime(answer))
          for (const other of result.evicted) near.drop(other)
        } else {
          near.release(id, hold)
        }
        return result
      } catch (error) {
        // It may be carried out all the same, and nobody tells us which sessions it has evicted.
        if (limit === undefined) near.drop(id)
        else if (!isUndone(error)) near.clear()
        throw error
      }
    }
    const scope = keys.length > 1 ? ALL_KEYS : this.#scope
    return this.#topology.at(id, work, { ...scope, confirming })
  }

  commit(
    id: SessionId,
    base: Stamp,
    record: Uint8Array,
    ttl: number | undefined,
    options: CommitOptions = {},
  ): Promise<WriteResult> {
    const args: Argument[] = [ttl === undefined ? '' : String(ttl), [base, record]]
    if (options.sooner === true) args.push(...this.#awaited)
    const key = recordKey(this.#prefix, id)
    const confirming = this.#confirming(id, options)
    const done: Done = ({ near }, hold, answer) => {
      near.keep(id, hold, record, writtenLifetime(answer))
      near.notify(id)
      this.recent.committed([key], args)
    }
    return this.#write(scripts.commit, id, [key], args, key, done, confirming)
  }

  touch(id: SessionId, base: Stamp, ttl: number): Promise<WriteResult> {
    const args = [bytes(base), String(ttl)]
    const key = recordKey(this.#prefix, id)
    return this.#write(scripts.touch, id, [key], args, key, ({ near }, hold, answer) => {
      near.renew(id, hold, base, writtenLifetime(answer))
    })
  }

  async rotate(
    from: SessionId,
    base: Stamp,
    to: SessionId,
    record: Uint8Array,
    ttl: number,
    options: RotateOptions = {},
  ): Promise<WriteResult> {
    const { trail, owner } = options
    const keys = [recordKey(this.#prefix, from), recordKey(this.#prefix, to)]
    const args: Argument[] = [bytes(base), bytes(record), String(ttl), ...trailArguments(trail)]
    if (owner !== undefined) {
      keys.push(indexKey(this.#prefix, partitionOf(from), owner.tag))
      args.push(bytes(owner.descriptor), this.#indexLifetime(owner))
    }
    args.push(...this.#awaited)
    const work = async (place: Place) => {
      const { near } = place
      const successor = near.hold(to)
      let isKept = false
      const done: Done = (_, hold, answer) => {
        near.keep(to, successor, record, writtenLifetime(answer))
        isKept = true
        near.release(from, hold)
        near.notify(from)
        if (trail !== undefined) this.#trails?.leftTrail(from)
      }
      try {
        return await writeAt(place, scripts.rotate, from, keys, args, keys[1], done)
      } finally {
        if (!isKept) near.drop(to)
      }
    }
    return this.#topology.at(from, work, { confirming: this.#confirming(from, options) })
  }

  settle(id: SessionId, until: number): Promise<void> {
    return this.#topology.at(id, async (place) => {
      const hold = place.near.hold(id)
      try {
        await runScript(place, scripts.settle, [recordKey(this.#prefix, id)], [String(until)])
      } finally {
        place.near.release(id, hold)
      }
    })
  }

  async destroy(id: SessionId, options: DestroyOptions = {}): Promise<DestroyResult> {
    const { ownerTag, base, spareTrail, trail } = options
    const keys = [recordKey(this.#prefix, id)]
    if (ownerTag !== undefined) keys.push(indexKey(this.#prefix, partitionOf(id), ownerTag))
    const args: Argument[] = trailArguments(trail)
    if (base !== undefined) args.push(bytes(base))
    else if (spareTrail === true) args.push('record')
    let ended: Uint8Array | undefined
    const done: Done = ({ near }, hold, answer) => {
      ended = endedRecord(answer)
      near.release(id, hold)
      near.notify(id)
      if (trail !== undefined) this.#trails?.leftTrail(id)
      this.recent.ended(id, ownerTag, trailArguments(trail))
    }
    const confirming = this.#confirming(id, options)
    const { destroy } = scripts
    const result = await this.#write(destroy, id, keys, args, undefined, done, confirming)
    return ended === undefined ? result : { status: 'done', ended }
  }

  list(partition: string, ownerTag: string): Promise<ListedSession[]> {
    return this.#index.list(partition, ownerTag)
  }

  /** See PrincipalIndex. */
  some(partition: string, ownerTag: string, most: number): ReturnType<PrincipalIndex['some']> {
    return this.#index.some(partition, ownerTag, most)
  }

  revokeAll(
    partition: string,
    ownerTag: string,
    options: RevokeOptions = {},
  ): Promise<SessionId[]> {
    const confirming = this.#confirming(partition, options)
    return this.#index.revokeAll(partition, ownerTag, options.except, confirming, (ended) => {
      for (const id of ended) this.recent.ended(id, ownerTag)
      options.ended?.(ended)
    })
  }

  onExpired(
    tell: (session: Expired) => unknown,
    failed: (error: unknown) => void = () => undefined,
    { yields }: ExpiryOptions = {},
  ): () => void {
    return this.#expired?.add({ tell, failed, yields }) ?? (() => undefined)
  }

  permit(partition: string, name: string, max: number, per: number): Promise<number> {
    const keys = [permitKey(this.#prefix, partition, name)]
    // Beside: what is read on the other connection is tracked for the near cache.
    return this.#topology.at(
      partition,
      async (place) => {
        const args = [String(per), String(max)]
        const [, wait = 0] = (await runScript(place, scripts.permit, keys, args)) as number[]
        return wait
      },
      { beside: true },
    )
  }

  addGaps(counts: ReadonlyMap<number, number>): Promise<void> {
    return this.#insight.addGaps(counts)
  }

  gaps(days: number): Promise<ReadonlyMap<number, number>> {
    return this.#insight.gaps(days)
  }

  sampleTtls(most: number): Promise<InsightSample> {
    return this.#insight.sampleTtls(most)
  }

  /** For those who look from outside: all records in pieces, and how many keys there are. */
  get listing(): RedisListing {
    return this.#listing
  }

  scan(): AsyncIterable<readonly ScannedRecord[]> {
    return this.#listing.scan()
  }

  publishReport(text: string): Promise<void> {
    return this.#reports.publishReport(text)
  }

  onReport(...args: Parameters<Reports['onReport']>): () => void {
    return this.#reports.onReport(...args)
  }

  async close(): Promise<void> {
    this.#topology.close()
    this.#insight.close()
    this.#listing.close()
    this.#reports.close()
    this.#expired?.close()
    this.audit.close()
  }

  #indexLifetime(owner: Owner): string {
    return String(owner.ttl + (this.expiry === 'reliable' ? TOLD_WITHIN : 0))
  }

  #write(
    script: LuaScript,
    id: SessionId,
    keys: readonly string[],
    args: readonly Argument[],
    written: string | undefined,
    done: Done,
    confirming?: Confirming,
  ): Promise<WriteResult> {
    const work = (place: Place) => writeAt(place, script, id, keys, args, written, done)
    const scope = confirming === undefined ? this.#scope : { ...this.#scope, confirming }
    return this.#topology.at(id, work, scope)
  }

  /** Nothing where nothing is to be waited for. */
  #confirming(at: string, { confirmation }: ConfirmOptions): Confirming | undefined {
    const waitFor = confirmation?.waitFor ?? this.#waitFor
    if (waitFor.replicas === 0 && !waitFor.disk) return undefined
    return {
      waitFor,
      fence: fenceKey(this.#prefix, partitionOf(at)),
      confirmed: (isDurable) => confirmation?.confirmed(isDurable),
    }
  }
}

/** What a write's success means to what is known near. @param hold that of the first key's record */
type Done = (place: Place, hold: Hold, answer: unknown) => void

/**
 * A script whose first key is the record of `id`.
 * @param written the record's key that it leaves written and read
 */
async function writeAt(
  place: Place,
  script: LuaScript,
  id: SessionId,
  keys: readonly string[],
  args: readonly Argument[],
  written: string | undefined,
  done: Done,
): Promise<WriteResult> {
  const { near } = place
  const hold = near.hold(id)
  try {
    const answer = await runScript(place, script, keys, args, written)
    const result = writeResult(answer)
    if (result.status === 'done') done(place, hold, answer)
    else if (result.status === 'gone') near.drop(id)
    else near.keep(id, hold, result.stored.record, result.stored.ttl)
    return result
  } catch (error) {
    // It may be carried out all the same, and nobody would tell: not us, for it was our own.
    if (isUndone(error)) near.forgo(id, hold)
    else near.drop(id)
    throw error
  }
}

function limitArguments(limit: Limit, partition: string): Argument[] {
  const { max, maxOfKind = 0, policy, replaces } = limit
  return [String(max), String(maxOfKind), POLICIES[policy], hashWithin(partition, replaces)]
}

function trailArguments(trail: Trail | undefined): Argument[] {
  return trail === undefined ? ['', '0'] : [bytes(trail.record), String(trail.ttl)]
}

/** The client writes strings and Buffers only. No copy. */
function bytes(data: Uint8Array): Buffer {
  return data instanceof Buffer ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
