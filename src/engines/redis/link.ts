import type { Clock } from '../../core/clock.ts'
import { isTimed, publishOperation, publishRetry } from '../../core/diagnostics.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { type Deadline, Deadlines } from './deadlines.ts'
import {
  closedError,
  isDemoted,
  isRefusal,
  lateError,
  leftError,
  replyError,
  sentError,
  unreachableError,
} from './errors.ts'
import { ErrorReply } from './resp.ts'
import type { Commands, Wire } from './wire.ts'

/** What only reads: where the connection was lost before the answer came it is asked once more. */
const READS: ReadonlySet<string> = new Set(['load'])

export interface LinkOptions extends ConnectionOptions {
  /** Deadline of each call, the wait for a connection included. Milliseconds. */
  readonly commandTimeout: number
  readonly clock: Clock
  /** There is a connection; before the calls that have waited for it are sent. */
  readonly onUp?: () => void
  /** The connection is given up; before its calls reject. */
  readonly onDown?: () => void
}

/**
 * Sends the commands of one call, all in the same turn. What it sends later it asks about first: after
 * its deadline nobody expects a command to be carried out.
 */
export type Issue<T> = (wire: Commands, isWanted: () => boolean) => Promise<T>

/**
 * Calls with a deadline over one connection to one server.
 *
 * A near cache gets its invalidations through a link whose `open` makes a tracked client.
 */
export class Link {
  readonly #connection: Connection
  readonly #deadlines: Deadlines
  readonly #commandTimeout: number
  readonly #clock: Clock
  readonly #waiting = new Set<Call>()
  /** Grows with each answer in time: shows whether a link that let a deadline pass is of any use. */
  #answers = 0
  /**
   * A call has waited for its whole time in vain, and there is no connection: the next ones fail at once, so
   * that a server that is away does not hold up whoever asks. Until there is a connection.
   */
  #isBroken = false
  #leaving: NodeJS.Timeout | undefined
  #isLeft = false
  #closed = false

  constructor(options: LinkOptions) {
    this.#commandTimeout = options.commandTimeout
    this.#clock = options.clock
    this.#deadlines = new Deadlines(options.commandTimeout, options.clock)
    this.#connection = new Connection(options, {
      up: (wire) => {
        this.#isBroken = false
        options.onUp?.()
        const waiting = [...this.#waiting]
        this.#waiting.clear()
        for (const call of waiting) this.#start(call, wire)
      },
      down: () => options.onDown?.(),
      refused: (reply) => this.#turnAway((operation) => replyError(reply, operation)),
    })
  }

  /** Calls fail at once. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  get isConnected(): boolean {
    return this.#connection.wire !== undefined
  }

  /**
   * Runs `issue` on the connection, waits for one if there is none. Rejects with a
   * StoreUnavailableError at the deadline, or with what the server refuses.
   */
  call<T>(operation: string, issue: Issue<T>): Promise<T> {
    const called = this.#call(operation, issue)
    return isTimed() ? this.#told(operation, called) : called
  }

  #call<T>(operation: string, issue: Issue<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isLeft) return reject(leftError(operation))
      if (this.#closed) return reject(closedError(operation, false))
      const { wire, problem } = this.#connection
      if (wire === undefined && isRefusal(problem)) return reject(replyError(problem, operation))
      if (wire === undefined && this.#isBroken) {
        // Not in this turn: who asks again and again must not keep the process from connecting.
        const error = unreachableError(problem, operation)
        return void setImmediate(() => reject(error))
      }
      const deadline = this.#deadlines.add(() => this.#late(call))
      const call: Call = {
        operation,
        issue,
        resolve: resolve as (value: unknown) => void,
        reject,
        deadline,
        sentOn: undefined,
        answers: 0,
        isLate: false,
        isRetried: false,
      }
      if (wire === undefined) this.#waiting.add(call)
      else this.#start(call, wire)
    })
  }

  async #told<T>(operation: string, called: Promise<T>): Promise<T> {
    const started = this.#clock.monotonic()
    let failure: unknown
    try {
      return await called
    } catch (error) {
      failure = error
      throw error
    } finally {
      const duration = this.#clock.monotonic() - started
      publishOperation({ operation, duration, error: failure })
    }
  }

  /** This is not the server that is meant, or not any more. */
  giveUp(wire: Commands, problem: unknown): void {
    this.#connection.drop(wire, problem)
  }

  /**
   * This server is not one of those that are meant any more: what waits for it is told so, and what is
   * under way is answered still. Then it is closed.
   */
  leave(): void {
    if (this.#isLeft || this.#closed) return
    this.#isLeft = true
    this.#turnAway(leftError)
    this.#leaving = setTimeout(() => this.close(), this.#commandTimeout)
  }

  /** Calls under way reject, further calls reject. Idempotent. */
  close(): void {
    clearTimeout(this.#leaving)
    this.#closed = true
    this.#connection.close()
    this.#turnAway((operation) => closedError(operation, false))
    this.#deadlines.clear()
  }

  #turnAway(why: (operation: string) => Error): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const call of waiting) {
      this.#deadlines.settle(call.deadline)
      call.reject(why(call.operation))
    }
  }

  #start(call: Call, wire: Wire): void {
    call.sentOn = wire
    call.answers = this.#answers
    call
      .issue(wire, () => !call.isLate)
      .then(
        (reply) => {
          if (!call.isLate) this.#answers++
          this.#deadlines.settle(call.deadline)
          call.resolve(reply)
        },
        (error: unknown) => {
          if (error instanceof ErrorReply && !call.isLate) this.#answers++
          const isLost = !(error instanceof ErrorReply) && READS.has(call.operation)
          if ((isLost || isDemoted(error)) && this.#again(call, wire)) {
            return publishRetry(isLost ? 'connection' : 'demoted')
          }
          this.#deadlines.settle(call.deadline)
          const { operation } = call
          call.reject(this.#closed ? closedError(operation, true) : sentError(error, operation))
        },
      )
  }

  /** Once more, at the server that is the primary now. @returns whether */
  #again(call: Call, wire: Wire): boolean {
    if (call.isLate || call.isRetried || this.#closed) return false
    if (!this.#connection.leave(wire, this.#commandTimeout)) return false
    call.isRetried = true
    call.sentOn = undefined
    const { wire: next } = this.#connection
    if (next === undefined) this.#waiting.add(call)
    else this.#start(call, next)
    return true
  }

  #late(call: Call): void {
    const { operation, sentOn } = call
    call.isLate = true
    if (sentOn === undefined) {
      this.#isBroken = true
      this.#waiting.delete(call)
      call.reject(unreachableError(this.#connection.problem, operation, this.#commandTimeout))
      return
    }
    call.reject(lateError(operation, this.#commandTimeout))
    // Not one answer in time since it was sent: hung, or so far behind that each is too late, and what
    // has piled up keeps it so. Given up, so that nothing piles up behind it and no late reply is read.
    if (call.answers === this.#answers) this.#connection.drop(sentOn)
  }
}

interface Call {
  readonly operation: string
  readonly issue: Issue<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
  readonly deadline: Deadline
  sentOn: Wire | undefined
  /** The link's count of answers when this was sent. */
  answers: number
  isLate: boolean
  isRetried: boolean
}
