import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { PARTITIONS, partitionTag } from '../../core/partitions.ts'
import { evaluate } from './evaluate.ts'
import { type ExpiryListener, ExpiryListeners, type ExpirySource } from './expiry.ts'
import { awaitedKey, expiryTurnKey } from './keys.ts'
import { Link } from './link.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import type { TrackedLinkOptions } from './tracked-link.ts'

/** Milliseconds between two looks of a node. */
const INTERVAL = 500
/** Milliseconds in which no other node looks: less than the shortest interval, or the next look of the same would fall out. */
const TURN = 350
/**
 * Milliseconds in which an answered session is left to its node. One that dies holds up what it has in
 * hand by this: with two intervals it is below 5 seconds.
 */
const LEASE = 2_500
/** Partitions that a call looks at: 0.3 ms of the server's time where nothing is due. */
const PARTITIONS_AT_ONCE = 256
/** Sessions that a call looks at: below a millisecond. */
const CLAIMED_AT_ONCE = 100
/** A listener has failed so often, in about a day: the hours between the last leases. */
const MOST_LEASES = 32
/** A node where nobody listens clears away what has waited for a listener in vain. Milliseconds. */
const OVERDUE = 86_400_000
const SWEEP_INTERVAL = 60_000
const ID_LENGTH = 22

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
 * and acknowledged when the listeners have done with them. On a connection of its own: on the other the
 * server would track for the near cache whatever is looked at, and requests would wait behind it.
 */
export class ExpiryClaims implements ExpirySource {
  readonly #options: TrackedLinkOptions
  readonly #listeners = new ExpiryListeners()
  readonly #groups: readonly (readonly string[])[]
  #link: Link | undefined
  #timer: NodeJS.Timeout | undefined
  #isLooking = false
  #closed = false
  #acknowledged: Claimed[] = []
  #acknowledging: Promise<void> | undefined

  constructor(options: TrackedLinkOptions) {
    this.#options = options
    const keys = Array.from({ length: PARTITIONS }, (_, partition) =>
      awaitedKey(options.prefix, partitionTag(partition)),
    )
    this.#groups = chunks(keys, PARTITIONS_AT_ONCE)
    this.#schedule()
  }

  add(listener: ExpiryListener): () => void {
    const remove = this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#schedule()
    return remove
  }

  /** What is in hand is told again, by others. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#listeners.clear()
    this.#link?.close()
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#closed || this.#isLooking) return
    const interval = this.#listeners.size > 0 ? INTERVAL : SWEEP_INTERVAL
    const delay = interval * (0.8 + Math.random() * 0.4)
    this.#timer = setTimeout(() => void this.#look(), delay).unref()
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      this.#link ??= new Link(this.#options)
      if (this.#listeners.size === 0) await this.#drain(OVERDUE)
      else if (await this.#takeTurn(this.#link)) await this.#drain(0)
      this.#listeners.works()
    } catch (error) {
      this.#listeners.fails(error)
    }
    this.#isLooking = false
    this.#schedule()
  }

  async #takeTurn(link: Link): Promise<boolean> {
    const key = expiryTurnKey(this.#options.prefix)
    const command = ['SET', key, '1', 'NX', 'PX', String(TURN)]
    try {
      return (await link.call('expiry', (wire) => wire.sendCommand(command))) !== null
    } catch (error) {
      // Sessions that are claimed take no memory, and leave some to the server when they are done with.
      if (error instanceof StoreRefusedError && error.reason === 'OOM') return true
      throw error
    }
  }

  /** @param overdue only what has been due for more milliseconds: nobody has listened */
  async #drain(overdue: number): Promise<void> {
    for (const group of this.#groups) {
      let keys = group
      while (keys.length > 0 && !this.#closed) {
        const { claimed, rest } = await this.#claim(keys, overdue)
        await this.#tell(claimed, overdue > 0)
        keys = rest
      }
    }
  }

  async #claim(
    keys: readonly string[],
    overdue: number,
  ): Promise<{ readonly claimed: Claimed[]; readonly rest: readonly string[] }> {
    const args = [CLAIMED_AT_ONCE, LEASE, overdue].map(String)
    const [next, flat] = (await this.#run(scripts.claim, keys, args)) as [
      number,
      Array<number & Buffer>,
    ]
    const claimed: Claimed[] = []
    for (let i = 0; i + 3 < flat.length; i += 4) {
      const [number, member, descriptor, leases] = flat.slice(i, i + 4) as unknown as [
        ...[number, Buffer, Buffer, number],
      ]
      const key = keys[number - 1] ?? ''
      const partition = key.slice(this.#options.prefix.length + 2, -3)
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
  async #tell(claimed: readonly Claimed[], isSwept: boolean): Promise<void> {
    if (claimed.length === 0) return
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
      const keys = batch.map(({ key }) => key)
      const members = batch.map(({ member }) => member)
      // Otherwise they are told of once more.
      await this.#run(scripts.ack, keys, members).catch((error: unknown) =>
        this.#listeners.fails(error),
      )
    }
    this.#acknowledging = undefined
  }

  async #run(
    script: LuaScript,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    this.#link ??= new Link(this.#options)
    return this.#link.call('expiry', (wire, isWanted) =>
      evaluate(wire, script, keys, args, isWanted),
    )
  }
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const found: T[][] = []
  for (let i = 0; i < items.length; i += size) found.push(items.slice(i, i + size))
  return found
}
