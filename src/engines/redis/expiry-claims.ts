import { publishMeasure } from '../../core/diagnostics.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { PARTITIONS, partitionTag } from '../../core/partitions.ts'
import { evaluate } from './evaluate.ts'
import { type ExpiryListener, ExpiryListeners, type ExpirySource } from './expiry.ts'
import { awaitedKey, expiryListensKey, expiryTurnKey } from './keys.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import type { Place, Topology } from './topology.ts'

/** Milliseconds between two looks of a node at all partitions. In between it looks where something is due. */
const INTERVAL = 2_000
const JITTER = 0.2
/** So far a look sees: until the next one. */
const WINDOW = INTERVAL * (1 + JITTER)
/**
 * Milliseconds in which no other node looks: less than the shortest interval, or the next look of the same
 * node would fall out.
 */
const TURN = 1_500
/** Milliseconds until it is asked again whether another node's turn is over: it may have died. */
const ASK_AGAIN = 500
/** Milliseconds: what is due about the same time is looked at together. */
const STEP = 250
/**
 * Milliseconds in which an answered session is left to its node. One that dies holds up what it has in
 * hand until then: with the next look of another that is below 5 seconds.
 */
const LEASE = 2_000
/** Partitions that a call looks at: 0.1 to 0.4 ms of the server's time where nothing is due. */
const PARTITIONS_AT_ONCE = 128
/** Sessions that a call looks at: below a millisecond. */
const CLAIMED_AT_ONCE = 100
/** The same of a partition, where each is asked on its own, so many at once. */
const CLAIMED_OF_EACH = 2
/** Then a listener has failed for about a day: most leases are an hour. */
const MOST_LEASES = 32
/** Who has said that it listens is taken to come back for so long, and says it again after so long. Milliseconds. */
const LISTENS = 86_400_000
const LISTENS_AGAIN = 60_000
/** Who yields leaves to others what has been due for less: they may just be starting. Milliseconds. */
const YIELDED = 10_000
/** A node where nobody listens clears away what has waited for a listener in vain. Milliseconds. */
const OVERDUE = 86_400_000
const SWEEP_INTERVAL = 60_000
const ID_LENGTH = 22

interface Claims {
  readonly claimed: readonly Claimed[]
  /** Where there is more. */
  readonly rest: readonly string[]
}

interface Claimed {
  readonly key: string
  readonly member: Buffer
  readonly id: SessionId
  readonly ownerTag: string
  readonly descriptor: Buffer
  /** How often it has been told before. */
  readonly leases: number
}

/**
 * Tells of expired sessions at least once: they are claimed in batches, by whichever node looks first,
 * and acknowledged when the listeners have done with them.
 */
export class ExpiryClaims implements ExpirySource {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #listeners = new ExpiryListeners()
  readonly #keys: readonly string[]
  #timer: NodeJS.Timeout | undefined
  /** When all partitions are looked at next. */
  #lookAt = 0
  /** When it is said again that somebody listens here. */
  #sayAt = 0
  /** Where something will be due before, and when. */
  readonly #due = new Map<string, number>()
  /** Of one of several servers. */
  #problem: unknown
  #isWorking = false
  #closed = false
  #acknowledged: Claimed[] = []
  #acknowledging: Promise<void> | undefined

  /** @param region whose sessions it has */
  constructor(topology: Topology, prefix: string, region: number) {
    this.#topology = topology
    this.#prefix = prefix
    this.#keys = Array.from({ length: PARTITIONS }, (_, partition) =>
      awaitedKey(prefix, partitionTag(partition, region)),
    )
    this.#planLook(SWEEP_INTERVAL)
    this.#schedule()
  }

  add(listener: ExpiryListener): () => void {
    const before = this.#listeners.yields
    const remove = this.#listeners.add(listener)
    if (this.#listeners.size === 1 || this.#listeners.yields !== before) {
      this.#planLook(STEP)
      this.#schedule()
    }
    return remove
  }

  /** What is in hand is told again, by others. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #planLook(interval: number): void {
    this.#lookAt = performance.now() + interval * (1 - JITTER + Math.random() * 2 * JITTER)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#isWorking) return
    const now = performance.now()
    const due = Math.max(Math.min(...this.#due.values()), now + STEP)
    const delay = Math.ceil(Math.min(due, this.#lookAt) - now)
    this.#timer = setTimeout(() => void this.#work(), delay).unref()
  }

  async #work(): Promise<void> {
    this.#isWorking = true
    try {
      const now = performance.now()
      if (now >= this.#lookAt) await this.#look()
      // Those who listened here are gone: what is due soon is for other nodes.
      else if (this.#listeners.yields) this.#due.clear()
      else await this.#drain([...this.#due].flatMap(([key, at]) => (at <= now ? [key] : [])))
      if (this.#problem === undefined) this.#listeners.works()
      else this.#listeners.fails(this.#problem)
    } catch (error) {
      this.#listeners.fails(error)
    }
    this.#problem = undefined
    this.#isWorking = false
    this.#schedule()
  }

  async #look(): Promise<void> {
    this.#due.clear()
    const { size, yields } = this.#listeners
    if (size === 0 || (yields && (await this.#othersListen()))) {
      this.#planLook(SWEEP_INTERVAL)
      return this.#drain(this.#keys, OVERDUE)
    }
    this.#planLook(INTERVAL)
    if (!yields) await this.#sayThatOneListens()
    if (await this.#takeTurn()) return this.#drain(this.#keys, yields ? YIELDED : 0)
    this.#planLook(ASK_AGAIN)
  }

  async #othersListen(): Promise<boolean> {
    const command = ['EXISTS', expiryListensKey(this.#prefix)]
    return (await this.#ask(command)) === 1
  }

  async #sayThatOneListens(): Promise<void> {
    if (performance.now() < this.#sayAt) return
    const command = ['SET', expiryListensKey(this.#prefix), '1', 'PX', String(LISTENS)]
    await unlessFull(this.#ask(command))
    this.#sayAt = performance.now() + LISTENS_AGAIN
  }

  async #takeTurn(): Promise<boolean> {
    const key = expiryTurnKey(this.#prefix)
    const command = ['SET', key, '1', 'NX', 'PX', String(TURN)]
    return (await unlessFull(this.#ask(command))) !== null
  }

  /** @param overdue only what has been due for more milliseconds: nobody has listened */
  async #drain(all: readonly string[], overdue = 0): Promise<void> {
    for (const key of all) this.#due.delete(key)
    for (let i = 0; i < all.length; i += PARTITIONS_AT_ONCE) {
      let keys: readonly string[] = all.slice(i, i + PARTITIONS_AT_ONCE)
      while (keys.length > 0 && !this.#closed) {
        const { claimed, rest } = this.#topology.isSharded
          ? await this.#claimOfEach(keys, overdue)
          : await this.#claim(keys, overdue, CLAIMED_AT_ONCE)
        await this.#tell(claimed, overdue === OVERDUE)
        keys = rest
      }
    }
  }

  /** A server that does not answer does not hold up what others have. */
  async #claimOfEach(keys: readonly string[], overdue: number): Promise<Claims> {
    const all = await Promise.all(
      keys.map(async (key) => {
        try {
          return await this.#claim([key], overdue, CLAIMED_OF_EACH)
        } catch (error) {
          this.#problem ??= error
          return { claimed: [], rest: [] }
        }
      }),
    )
    return {
      claimed: all.flatMap(({ claimed }) => claimed),
      rest: all.flatMap(({ rest }) => rest),
    }
  }

  async #claim(keys: readonly string[], overdue: number, most: number): Promise<Claims> {
    const args = [most, LEASE, overdue, overdue > 0 ? 0 : WINDOW].map(String)
    const answer = (await this.#run(scripts.claim, keys, args)) as [
      ...[number, Array<number & Buffer>, number[], number],
    ]
    const [next, flat, coming, lag] = answer
    const now = performance.now()
    for (let i = 0; i + 1 < coming.length; i += 2) {
      this.#due.set(keys[(coming[i] ?? 0) - 1] ?? '', now + (coming[i + 1] ?? 0))
    }
    if (lag > 0 && overdue !== OVERDUE) publishMeasure('expiry.lag', lag)
    const claimed: Claimed[] = []
    for (let i = 0; i + 3 < flat.length; i += 4) {
      const [number, member, descriptor, leases] = flat.slice(i, i + 4) as unknown as [
        ...[number, Buffer, Buffer, number],
      ]
      const key = keys[number - 1] ?? ''
      const partition = this.#partitionOf(key)
      const text = member.toString('latin1')
      const id = partition + text.slice(0, ID_LENGTH)
      claimed.push({ key, member, id, ownerTag: text.slice(ID_LENGTH), descriptor, leases })
    }
    return { claimed, rest: next === 0 ? [] : keys.slice(next - 1) }
  }

  /**
   * Waits for the listeners, but for no longer than the lease: a slow one must not hold up what is due
   * next. When it has done with its session after all that is acknowledged then.
   */
  async #tell(claimed: readonly Claimed[], isOverdue: boolean): Promise<void> {
    if (claimed.length === 0) return
    const isSwept = isOverdue && this.#listeners.size === 0
    const told = claimed.map(async (one) => {
      if (isSwept || (await this.#tellOne(one))) this.#acknowledge(one)
    })
    let timer: NodeJS.Timeout | undefined
    const lease = new Promise((resolve) => {
      timer = setTimeout(resolve, LEASE).unref()
    })
    await Promise.race([Promise.all(told), lease])
    clearTimeout(timer)
    await this.#acknowledging
  }

  /** @returns whether it is done with */
  async #tellOne({ id, ownerTag, descriptor, leases }: Claimed): Promise<boolean> {
    // Those who listened are gone meanwhile: another node's will be told.
    if (this.#listeners.size === 0) return false
    const owner = descriptor.length === 0 ? undefined : { tag: ownerTag, descriptor }
    try {
      await this.#listeners.tell({ id, owner })
      return true
    } catch (error) {
      if (leases < MOST_LEASES) return false
      this.#listeners.report(
        new Error(`the expiry of ${id} is given up, its listeners have failed too often`, {
          cause: error,
        }),
      )
      return true
    }
  }

  /** Those that are done with in the same turn of the event loop share a call. */
  #acknowledge(one: Claimed): void {
    this.#acknowledged.push(one)
    this.#acknowledging ??= this.#sendAcknowledged()
  }

  async #sendAcknowledged(): Promise<void> {
    while (this.#acknowledged.length > 0) {
      await new Promise((resolve) => setImmediate(resolve))
      const batch = this.#acknowledged.splice(0, CLAIMED_AT_ONCE)
      // Otherwise they are told of once more.
      await this.#sendBatch(batch).catch((error: unknown) => this.#listeners.fails(error))
    }
    this.#acknowledging = undefined
  }

  async #sendBatch(batch: readonly Claimed[]): Promise<void> {
    const groups = this.#topology.isSharded ? batch.map((one) => [one]) : [batch]
    await Promise.all(
      groups.map((group) =>
        this.#run(
          scripts.ack,
          group.map(({ key }) => key),
          group.map(({ member }) => member),
        ),
      ),
    )
  }

  #run(
    script: LuaScript,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    const work = (place: Place) =>
      place.call('expiry', (wire, isWanted) => evaluate(wire, script, keys, args, isWanted))
    // Records and indexes are looked at too, and what has not arrived looks as if it had expired.
    return this.#topology.at(this.#partitionOf(keys[0] ?? ''), work, {
      beside: true,
      allKeys: true,
    })
  }

  /** Of the keys that all partitions share. */
  #ask(command: readonly string[]): Promise<unknown> {
    const work = (place: Place) => place.call('expiry', (wire) => wire.sendCommand(command))
    return this.#topology.at(partitionTag(0), work, { beside: true })
  }

  #partitionOf(key: string): string {
    return key.slice(this.#prefix.length + 2, -3)
  }
}

/** Sessions that are claimed take no memory, and leave some to the server when they are done with. */
async function unlessFull(asked: Promise<unknown>): Promise<unknown> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof StoreRefusedError && error.reason === 'OOM') return undefined
    throw error
  }
}
