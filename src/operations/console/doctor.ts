import type { RedisSource } from '../../index.ts'
import { examine } from '../doctor/examine.ts'
import type { GatherOptions } from '../doctor/facts.ts'
import { MemoryHistory } from '../doctor/history.ts'
import type { DoctorAnswer } from './api.ts'

/** Over which counters are compared, milliseconds: somebody waits for it. */
const WINDOW = 3_000
const COMMAND_TIMEOUT = 5_000
/** How long an answer is told again, milliseconds. */
const KEPT = 60_000
/** Whoever asks again sooner is told the same. */
const AT_ONCE = 2_000

export type DoctorOptions = Pick<GatherOptions, 'prefix' | 'expiry' | 'durable'>

/** One examination at a time, whoever asks. */
export class Doctor {
  readonly #redis: RedisSource
  readonly #options: DoctorOptions
  readonly #history = new MemoryHistory()
  #running: Promise<DoctorAnswer> | undefined
  #last: DoctorAnswer | undefined
  readonly #closed = new AbortController()

  constructor(redis: RedisSource, options: DoctorOptions) {
    this.#redis = redis
    this.#options = options
  }

  /** What was found last, if that is not long ago. */
  recent(within: number = KEPT): DoctorAnswer | undefined {
    const last = this.#last
    return last === undefined || Date.now() - last.at > within ? undefined : last
  }

  /** @throws as `examine` */
  look(): Promise<DoctorAnswer> {
    const recent = this.recent(AT_ONCE)
    if (recent !== undefined) return Promise.resolve(recent)
    this.#running ??= this.#look().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Who waits for an answer is told that there is none. */
  async close(): Promise<void> {
    this.#closed.abort()
    await this.#running?.catch(() => undefined)
  }

  async #look(): Promise<DoctorAnswer> {
    const examination = await examine(this.#redis, {
      ...this.#options,
      history: this.#history,
      window: WINDOW,
      commandTimeout: COMMAND_TIMEOUT,
      signal: this.#closed.signal,
    })
    this.#last = { at: Date.now(), window: WINDOW, examination }
    return this.#last
  }
}
