import type { WaitFor } from '../../core/durability.ts'
import { isDemoted, sentError } from './errors.ts'
import type { Issue, Link } from './link.ts'
import { ErrorReply } from './resp.ts'
import type { Commands } from './wire.ts'

/** What is to have a write before its call is answered. */
export interface Confirming {
  readonly waitFor: WaitFor
  /** A key of the same partition, to be written behind it. */
  readonly fence: string
  /** Told before the call is answered, unless it rejects. */
  confirmed(isDurable: boolean): void
}

/** WAIT blocks its connection: while one waits in vain the next writes have another. */
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
}

interface Lane {
  readonly link: Link
  isBusy: boolean
}

/**
 * Writes that wait for replicas or for the disk, on connections of their own.
 *
 * Each goes over the connection that waits for it. On two of them, one could lead to a server that was
 * promoted in between: it would confirm what it has never seen. What comes while one waits is sent
 * together, with one wait for all.
 */
export class Confirmer {
  readonly #connect: () => Link
  readonly #timeout: string
  readonly #lanes: Lane[] = []
  #queue: Entry[] = []

  /** @param timeout how long the server waits, milliseconds */
  constructor(connect: () => Link, timeout: number) {
    this.#connect = connect
    this.#timeout = String(timeout)
  }

  call<T>(operation: string, issue: Issue<T>, confirming: Confirming): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        ...{ operation, issue, confirming, reject },
        resolve: resolve as (value: unknown) => void,
        answer: undefined,
        isRejected: false,
        isDurable: false,
      })
      // What else comes in this turn goes with it.
      queueMicrotask(() => this.#next())
    })
  }

  /** See Link. */
  leave(): void {
    for (const { link } of this.#lanes) link.leave()
  }

  close(): void {
    for (const { link } of this.#lanes) link.close()
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const lane = this.#freeLane()
      if (lane === undefined) return
      lane.isBusy = true
      void this.#run(lane.link, this.#takeGroup()).finally(() => {
        lane.isBusy = false
        this.#next()
      })
    }
  }

  #freeLane(): Lane | undefined {
    const free = this.#lanes.find(({ isBusy }) => !isBusy)
    if (free !== undefined || this.#lanes.length === MOST_LANES) return free
    const lane = { link: this.#connect(), isBusy: false }
    this.#lanes.push(lane)
    return lane
  }

  /** The first, and all that wait for the same. */
  #takeGroup(): readonly [Entry, ...Entry[]] {
    const [first, ...others] = this.#queue as [Entry, ...Entry[]]
    const { replicas, disk } = first.confirming.waitFor
    const group: [Entry, ...Entry[]] = [first]
    this.#queue = []
    for (const entry of others) {
      const { waitFor } = entry.confirming
      const isAlike = waitFor.replicas === replicas && waitFor.disk === disk
      if (isAlike) group.push(entry)
      else this.#queue.push(entry)
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
    const waited = disk
      ? wire.sendCommand(['WAITAOF', '1', String(replicas), this.#timeout])
      : wire.sendCommand(['WAIT', String(replicas), this.#timeout])
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
