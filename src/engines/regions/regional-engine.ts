import type { AuditLog } from '../../core/audit-log.ts'
import {
  descriptorHead,
  type Engine,
  type Held,
  type ListedSession,
  type RevokeOptions,
  type SessionId,
} from '../../core/engine.ts'
import type {
  Audits,
  ConnectionStats,
  Connections,
  Expired,
  ExpiryEvents,
  ExpiryOptions,
  Insights,
  Listing,
  NearCacheStats,
  NearReads,
  Permits,
  Regions,
  Reports,
  ScannedRecord,
} from '../../core/engine-abilities.ts'
import { OptionError, SessionElsewhereError, StoreUnavailableError } from '../../core/errors.ts'
import { partitionTag, placeOfTag } from '../../core/partitions.ts'
import { sumOfNearCaches } from '../near-cache-stats.ts'
import type { Region, RegionsPlan } from './options.ts'

/** What the engine of one region can. */
export type RegionEngine = Engine &
  Connections &
  NearReads &
  ExpiryEvents &
  Insights &
  Listing &
  Audits &
  Reports &
  Permits

/**
 * An engine for each region, chosen by the region in a session's id: nothing of a session goes to another
 * one. What is asked of all of a principal's sessions is asked of each region that can be reached.
 *
 * What has nothing to do with one session (the time, who is told of expired sessions, counters, reports) is that of the
 * home region: the others have nodes of their own.
 */
export class RegionalEngine
  implements
    Engine,
    Connections,
    NearReads,
    ExpiryEvents,
    Insights,
    Listing,
    Audits,
    Regions,
    Reports,
    Permits
{
  readonly name = 'regions'
  readonly #plan: RegionsPlan
  readonly #engines = new Map<number, RegionEngine>()
  readonly #home: RegionEngine

  /** @param open makes the engine of a region that can be reached */
  constructor(plan: RegionsPlan, open: (region: Region) => RegionEngine) {
    this.#plan = plan
    for (const region of plan.regions) {
      if (region.redis !== undefined) this.#engines.set(region.number, open(region))
    }
    this.#home = this.#engines.get(plan.home.number) as RegionEngine
  }

  now(): number {
    return this.#home.now()
  }

  /** Of the home region: another one that is down does not keep this one from starting. */
  ready(): Promise<void> {
    return this.#home.ready()
  }

  regionForNew(name?: string): number {
    const { regions, home } = this.#plan
    const wanted = name === undefined ? home : regions.find((each) => each.name === name)
    if (wanted === undefined) {
      throw new OptionError('region', `returned none of ${regions.map((r) => r.name).join(', ')}`)
    }
    if (!wanted.isDraining) return wanted.number
    const others = [home, ...regions].filter((each) => !each.isDraining && each.redis !== undefined)
    return (others[0] as Region).number
  }

  get beyond(): string | undefined {
    return this.#plan.regions.find(({ redis }) => redis === undefined)?.name
  }

  auditOf(id: SessionId): AuditLog {
    return this.#of(id).audit
  }

  get audit(): AuditLog {
    return this.#home.audit
  }

  async load(...[id, options]: Parameters<Engine['load']>): ReturnType<Engine['load']> {
    return this.#of(id).load(id, options)
  }

  async create(...args: Parameters<Engine['create']>): ReturnType<Engine['create']> {
    return this.#of(args[0]).create(...args)
  }

  async commit(...args: Parameters<Engine['commit']>): ReturnType<Engine['commit']> {
    return this.#of(args[0]).commit(...args)
  }

  async touch(...args: Parameters<Engine['touch']>): ReturnType<Engine['touch']> {
    return this.#of(args[0]).touch(...args)
  }

  async rotate(...args: Parameters<Engine['rotate']>): ReturnType<Engine['rotate']> {
    return this.#of(args[0]).rotate(...args)
  }

  async settle(...args: Parameters<Engine['settle']>): ReturnType<Engine['settle']> {
    return this.#of(args[0]).settle(...args)
  }

  async destroy(...args: Parameters<Engine['destroy']>): ReturnType<Engine['destroy']> {
    return this.#of(args[0]).destroy(...args)
  }

  /** Of the regions that can be reached. */
  async list(partition: string, ownerTag: string): Promise<ListedSession[]> {
    const all = await this.#all(partition, (engine, tag) => engine.list(tag, ownerTag))
    const created = ({ descriptor }: ListedSession): number => descriptorHead(descriptor).createdAt
    return all.flat().sort((one, other) => created(one) - created(other))
  }

  /** Ends those that can be reached. */
  async revokeAll(
    partition: string,
    ownerTag: string,
    options?: RevokeOptions,
  ): Promise<SessionId[]> {
    const ended = await this.#all(partition, (engine, tag) =>
      engine.revokeAll(tag, ownerTag, options),
    )
    return ended.flat()
  }

  get mostHeld(): number {
    return [...this.#engines.values()].reduce((sum, { mostHeld }) => sum + mostHeld, 0)
  }

  get connections(): ConnectionStats {
    const sum = { servers: 0, connected: 0, broken: 0 }
    for (const { connections } of this.#engines.values()) {
      sum.servers += connections.servers
      sum.connected += connections.connected
      sum.broken += connections.broken
    }
    return sum
  }

  get nearCache(): NearCacheStats {
    return sumOfNearCaches([...this.#engines.values()].map(({ nearCache }) => nearCache))
  }

  /** By the clock of the session's own region: what was told there, and when, is counted by that. */
  peek(id: SessionId): Held | undefined {
    const engine = this.#engineOf(id)
    return engine?.peek(id, engine.now())
  }

  holds(id: SessionId, held: Held): boolean {
    const engine = this.#engineOf(id)
    return engine?.holds(id, held, engine.now()) === true
  }

  peekLate(id: SessionId, _: number, grace: number): Held | undefined {
    const engine = this.#engineOf(id)
    return engine?.peekLate(id, engine.now(), grace)
  }

  held(id: SessionId): Held | undefined {
    return this.#engineOf(id)?.held(id)
  }

  remember(id: SessionId, held: Held, opened: unknown, bytes: number): void {
    this.#engineOf(id)?.remember(id, held, opened, bytes)
  }

  watch(id: SessionId, listener: () => void): () => void {
    return this.#of(id).watch(id, listener)
  }

  get expiry(): ExpiryEvents['expiry'] {
    return this.#home.expiry
  }

  onExpired(
    listener: (session: Expired) => unknown,
    failed?: (error: unknown) => void,
    options?: ExpiryOptions,
  ): () => void {
    return this.#home.onExpired(listener, failed, options)
  }

  permit(...args: Parameters<Permits['permit']>): ReturnType<Permits['permit']> {
    return this.#home.permit(...args)
  }

  addGaps(...args: Parameters<Insights['addGaps']>): ReturnType<Insights['addGaps']> {
    return this.#home.addGaps(...args)
  }

  gaps(...args: Parameters<Insights['gaps']>): ReturnType<Insights['gaps']> {
    return this.#home.gaps(...args)
  }

  sampleTtls(...args: Parameters<Insights['sampleTtls']>): ReturnType<Insights['sampleTtls']> {
    return this.#home.sampleTtls(...args)
  }

  publishReport(text: string): Promise<void> {
    return this.#home.publishReport(text)
  }

  onReport(...args: Parameters<Reports['onReport']>): ReturnType<Reports['onReport']> {
    return this.#home.onReport(...args)
  }

  /** Of the regions that can be reached, one after the other. */
  async *scan(): AsyncGenerator<readonly ScannedRecord[]> {
    for (const engine of this.#engines.values()) yield* engine.scan()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#engines.values()].map((engine) => engine.close()))
  }

  /** @throws SessionElsewhereError */
  #of(id: SessionId): RegionEngine {
    const engine = this.#engineOf(id)
    if (engine !== undefined) return engine
    const number = regionOf(id)
    const region = this.#plan.regions.find((each) => each.number === number)
    throw new SessionElsewhereError('session', region?.name ?? `number ${number}`)
  }

  #engineOf(id: SessionId): RegionEngine | undefined {
    return this.#engines.get(regionOf(id))
  }

  /** All regions at once; when one of them has failed, after the others are done. */
  async #all<T>(
    partition: string,
    ask: (engine: RegionEngine, tag: string) => Promise<T>,
  ): Promise<T[]> {
    const of = placeOfTag(partition)?.partition ?? 0
    const asked = await Promise.allSettled(
      [...this.#engines].map(([region, engine]) => ask(engine, partitionTag(of, region))),
    )
    const isPartlyDone = asked.some(({ status }) => status === 'fulfilled')
    return asked.map((answer, i) => {
      if (answer.status === 'fulfilled') return answer.value
      const number = [...this.#engines.keys()][i]
      const name = this.#plan.regions.find((each) => each.number === number)?.name
      const { reason } = answer
      if (!(reason instanceof StoreUnavailableError)) throw reason
      const isUnknown = reason.indeterminate || isPartlyDone
      throw new StoreUnavailableError(`region ${name}: ${reason.message}`, isUnknown, {
        cause: reason,
      })
    })
  }
}

function regionOf(id: SessionId): number {
  return placeOfTag(id.slice(0, 3))?.region ?? 0
}
