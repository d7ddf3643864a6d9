import type { AuditLog, AuditRecord } from './audit-log.ts'
import { randomBytes } from './crypto.ts'
import { StoreRefusedError, StoreUnavailableError } from './errors.ts'

/** Entries that could not be written yet and that nobody waits for; then the oldest are dropped. */
export const MOST_QUEUED = 10_000
/** Entries in one step of the store: short enough to hold nobody up. */
const MOST_IN_BATCH = 128
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000

export interface AuditWriterOptions {
  readonly log: AuditLog
  readonly maxLength: number
  /** Milliseconds. */
  readonly retention: number
  /** Entries could not be written, or had to be dropped. */
  readonly tell: (error: unknown) => void
}

interface Waiting {
  readonly record: AuditRecord
  /** Of whoever waits for it. */
  settle: ((isWritten: boolean) => void) | undefined
}

/**
 * Writes entries in the order in which they came, one batch at a time; what came meanwhile is the
 * next. A batch whose answer was lost is sent again as it was, and the log knows its number.
 */
export class AuditWriter {
  readonly #options: AuditWriterOptions
  readonly #writer = randomBytes(12).toString('base64url')
  /** Under way; also after a failure, when part of it may be what the log knows already. */
  #batch: readonly Waiting[] = []
  #number = 0
  #queue: Waiting[] = []
  #failures = 0
  /** Of the last failure. */
  #problem: unknown
  #dropped = 0
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined
  #closing = false

  constructor(options: AuditWriterOptions) {
    this.#options = options
  }

  /**
   * Resolves when the entry is written, and with it all those before. Never rejects: while entries
   * cannot be written nobody is held up, and `tell` is told.
   */
  async add(record: AuditRecord): Promise<void> {
    const entry: Waiting = { record, settle: undefined }
    this.#queue.push(entry)
    if (this.#failures > 0) this.#trim()
    const written = this.#failures > 0 ? undefined : settled(entry)
    this.#running ??= this.#run()
    await written
  }

  /**
   * For what is asked again until it is written: rejects when it is not, and keeps nothing while entries
   * cannot be written.
   */
  async write(record: AuditRecord): Promise<void> {
    if (this.#failures === 0) {
      const entry: Waiting = { record, settle: undefined }
      this.#queue.push(entry)
      const written = settled(entry)
      this.#running ??= this.#run()
      if (await written) return
    }
    // What the store refuses, such as a right, passes by nothing but somebody's doing: that is to be seen.
    if (this.#problem instanceof StoreRefusedError) throw this.#problem
    const problem = 'audit: entries cannot be written at the moment'
    throw new StoreUnavailableError(problem, false, { cause: this.#problem })
  }

  /** Writes what is left, if that can be done by one more attempt. */
  async close(): Promise<void> {
    this.#closing = true
    this.#wake?.()
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#batch.length > 0 || this.#queue.length > 0) {
      if (this.#batch.length === 0) {
        this.#batch = this.#queue.splice(0, MOST_IN_BATCH)
        this.#number++
      }
      if (!(await this.#write())) {
        if (this.#closing) break
        await this.#pause()
      }
    }
    this.#dropped += this.#batch.length + this.#queue.splice(0).length
    this.#batch = []
    this.#tellDropped()
    this.#running = undefined
  }

  async #write(): Promise<boolean> {
    const { log, maxLength, retention, tell } = this.#options
    const records = this.#batch.map(({ record }) => record)
    try {
      await log.append({
        ...{ writer: this.#writer, number: this.#number },
        ...{ records, maxLength, retention },
      })
    } catch (error) {
      this.#failures++
      this.#problem = error
      // Nobody waits for what may take long.
      release(this.#batch, false)
      release(this.#queue, false)
      this.#trim()
      tell(error)
      this.#tellDropped()
      return false
    }
    this.#failures = 0
    release(this.#batch, true)
    this.#batch = []
    return true
  }

  /** The queue may not grow for as long as it takes. Of the batch nothing goes: it may be written. */
  #trim(): void {
    const surplus = this.#batch.length + this.#queue.length - MOST_QUEUED
    if (surplus > 0) this.#dropped += this.#queue.splice(0, surplus).length
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return
    const problem = `audit: ${this.#dropped} entries are lost: they could not be written in time`
    this.#dropped = 0
    this.#options.tell(new StoreUnavailableError(problem, false))
  }

  async #pause(): Promise<void> {
    const longest = Math.min(FIRST_PAUSE * 2 ** Math.min(this.#failures - 1, 6), LONGEST_PAUSE)
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      // Jitter: a fleet whose store is back must not write all at once.
      setTimeout(resolve, longest * (0.5 + Math.random() / 2)).unref()
    })
    this.#wake = undefined
  }
}

function settled(entry: Waiting): Promise<boolean> {
  return new Promise((settle) => {
    entry.settle = settle
  })
}

function release(entries: readonly Waiting[], isWritten: boolean): void {
  for (const { settle } of entries) settle?.(isWritten)
}
