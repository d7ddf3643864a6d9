import { type WaitFor, waitTimeout } from '../../core/durability.ts'
import { closedError, isDemoted, leftError, sentError, unreachableError } from './errors.ts'
import type { Issue, Link } from './link.ts'
import { ErrorReply } from './resp.ts'
import type { TopologyOptions } from './topology.ts'
import type { Commands } from './wire.ts'

/** What is to have a write before its call is answered. */
export interface Confirming {
  readonly waitFor: WaitFor
  /** A key of the same partition, to be written behind it. */
  readonly fence: string
  /** Told before the call is answered, unless it rejects. */
  confirmed(isDurable: boolean): void
}

/** WAIT blocks its connection: while one waits in vain the next writes have another. For each kind of wait. */
const MOST_LANES = 2
/** Nobody reads it. Milliseconds. */
const FENCE_LIFETIME = '1000'

interface Entry {
  readonly operation: string
  readonly issue: Issue<unknown>
  readonly confirming: Confirming
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  answer: { readonly value: unknown } | undefined
  isRejected: boolean
  isDurable: boolean
  /** While it has to wait for a lane. */
  timer: NodeJS.Timeout | undefined
}

interface Lane {
  readonly link: Link
  readonly isForDisk: boolean
  isBusy: boolean
}

interface ConfirmerOptions extends Pick<TopologyOptions, 'commandTimeout' | 'confirmTimeout'> {
  /** @param patience the deadline of its calls, milliseconds */
  readonly connect: (patience: number) => Link
}

/**
 * Writes that wait for replicas or for the disk, on connections of their own.
 *
 * Each goes over the connection that waits for it. On two of them, one could lead to a server that was
 * promoted in between: it would confirm what it has never seen. What comes while one waits is sent
 * together, with one wait for all.
 */
export class Confirmer {
  readonly #options: ConfirmerOptions
  readonly #lanes: Lane[] = []
  #queue: Entry[] = []
  /** Why it takes no more. */
  #over: ((operation: string) => Error) | undefined

  constructor(options: ConfirmerOptions) {
    this.#options = options
  }

  call<T>(operation: string, issue: Issue<T>, confirming: Confirming): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over(operation))
      this.#queue.push({
        ...{ operation, issue, confirming, reject },
        resolve: resolve as (value: unknown) => void,
        answer: undefined,
        isRejected: false,
        isDurable: false,
        timer: undefined,
      })
      // What else comes in this turn goes with it.
      queueMicrotask(() => this.#next())
    })
  }

  /** See Link. */
  leave(): void {
    this.#end(leftError)
    for (const { link } of this.#lanes) link.leave()
  }

  close(): void {
    this.#end((operation) => closedError(operation, false))
    for (const { link } of this.#lanes) link.close()
  }

  #end(why: (operation: string) => Error): void {
    this.#over ??= why
    for (const entry of this.#queue.splice(0)) {
      clearTimeout(entry.timer)
      reject(entry, why(entry.operation))
    }
  }

  #next(): void {
    while (this.#queue[0] !== undefined) {
      const lane = this.#freeLane(this.#queue[0].confirming.waitFor.disk)
      if (lane === undefined) return this.#limit()
      lane.isBusy = true
      void this.#run(lane.link, this.#takeGroup()).finally(() => {
        lane.isBusy = false
        this.#next()
      })
    }
  }

  /** What waits for a lane has a deadline too. Then it has not been sent. */
  #limit(): void {
    for (const entry of this.#queue) {
      if (entry.timer !== undefined) continue
      const patience = this.#patience(entry.confirming.waitFor.disk)
      entry.timer = setTimeout(() => {
        this.#queue = this.#queue.filter((each) => each !== entry)
        reject(entry, unreachableError(undefined, entry.operation, patience))
      }, patience)
    }
  }

  #timeout(disk: boolean): number {
    return this.#options.confirmTimeout ?? waitTimeout(disk)
  }

  #patience(disk: boolean): number {
    return this.#options.commandTimeout + this.#timeout(disk)
  }

  #freeLane(isForDisk: boolean): Lane | undefined {
    const lanes = this.#lanes.filter((lane) => lane.isForDisk === isForDisk)
    const free = lanes.find(({ isBusy }) => !isBusy)
    if (free !== undefined || lanes.length === MOST_LANES) return free
    const link = this.#options.connect(this.#patience(isForDisk))
    const lane = { link, isForDisk, isBusy: false }
    this.#lanes.push(lane)
    return lane
  }

  /** The first, and all that wait for the same. */
  #takeGroup(): readonly [Entry, ...Entry[]] {
    const [first, ...others] = this.#queue as [Entry, ...Entry[]]
    const { replicas, disk } = first.confirming.waitFor
    const group: [Entry, ...Entry[]] = [first]
    this.#queue = []
    clearTimeout(first.timer)
    for (const entry of others) {
      const { waitFor } = entry.confirming
      const isAlike = waitFor.replicas === replicas && waitFor.disk === disk
      if (!isAlike) {
        this.#queue.push(entry)
        continue
      }
      clearTimeout(entry.timer)
      group.push(entry)
    }
    return group
  }

  /** Never rejects. */
  async #run(link: Link, group: readonly [Entry, ...Entry[]]): Promise<void> {
    try {
      const { operation } = group[0]
      await link.call(operation, (wire, isWanted) => this.#send(link, wire, isWanted, group))
    } catch (error) {
      for (const entry of group) if (entry.answer === undefined) reject(entry, error)
    }
    for (const { answer, confirming, isDurable, resolve } of group) {
      if (answer === undefined) continue
      confirming.confirmed(isDurable)
      resolve(answer.value)
    }
  }

  async #send(
    link: Link,
    wire: Commands,
    isWanted: () => boolean,
    group: readonly [Entry, ...Entry[]],
  ): Promise<void> {
    // Sent to a server that turned out to be a replica, and now to its successor.
    const entries = group.filter(({ answer, isRejected }) => answer === undefined && !isRejected)
    let isBehind = true
    const watched: Commands = {
      sendCommand: (...args) => {
        isBehind = false
        return wire.sendCommand(...args)
      },
    }
    const answers = Promise.allSettled(entries.map((entry) => issue(entry, watched, isWanted)))
    const { waitFor, fence } = group[0].confirming
    for (;;) {
      isBehind = true
      const confirmed = this.#wait(link, wire, waitFor, fence)
      confirmed.catch(() => undefined)
      const failed = (await answers).find(({ status }) => status === 'rejected')
      if (failed?.status === 'rejected') throw failed.reason
      const { isWaitedFor, isFenced } = await confirmed
      // A script that the server did not know was sent once more, behind the wait.
      if (!isBehind && isWanted()) continue
      for (const entry of entries) {
        // What has written nothing rests on what others have written: only the fence is behind that.
        entry.isDurable = isBehind && isWaitedFor && (isFenced || hasWritten(entry))
      }
      return
    }
  }

  async #wait(
    link: Link,
    wire: Commands,
    { replicas, disk }: WaitFor,
    fence: string,
  ): Promise<{ isWaitedFor: boolean; isFenced: boolean }> {
    // WAIT waits for what its own connection has written last: with the fence that is behind all there is.
    const fenced = wire.sendCommand(['SET', fence, '', 'PX', FENCE_LIFETIME])
    const timeout = String(this.#timeout(disk))
    const waited = disk
      ? wire.sendCommand(['WAITAOF', '1', String(replicas), timeout])
      : wire.sendCommand(['WAIT', String(replicas), timeout])
    const [set, counts] = await Promise.allSettled([fenced, waited])
    const isFenced = set.status === 'fulfilled'
    if (counts.status === 'rejected') {
      const { reason } = counts
      if (!(reason instanceof ErrorReply)) throw reason
      // It has become a replica while it waited.
      if (isDemoted(reason)) link.giveUp(wire, reason)
      return { isFenced, isWaitedFor: false }
    }
    const [local, there] = disk ? (counts.value as [number, number]) : [1, Number(counts.value)]
    return { isFenced, isWaitedFor: local >= 1 && there >= replicas }
  }
}

/** Rejects with what concerns all of them, and not with what the server says of this one. */
async function issue(entry: Entry, wire: Commands, isWanted: () => boolean): Promise<void> {
  try {
    entry.answer = { value: await entry.issue(wire, isWanted) }
  } catch (error) {
    if (!(error instanceof ErrorReply) || isDemoted(error)) throw error
    reject(entry, sentError(error, entry.operation))
  }
}

function reject(entry: Entry, error: unknown): void {
  entry.isRejected = true
  entry.reject(error)
}

/** What our scripts answer first when they have written. */
function hasWritten({ answer }: Entry): boolean {
  const value = answer?.value
  return Array.isArray(value) && value[0] === 1
}
