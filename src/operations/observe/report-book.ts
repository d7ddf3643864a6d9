import type { Clock } from '../../core/clock.ts'
import { parseReport, type ReportMessage } from '../metrics/report-message.ts'
import { Rates } from './rates.ts'
import type { ApplicationState, NodeState, ReportsState } from './snapshot.ts'

/** A node that has said nothing for so long is gone. Milliseconds. */
const SILENCE = 10_000
/** Applications report every two seconds, unless they are told otherwise: by then one that does has done so. Milliseconds. */
const FIRST_REPORT = 2_500
/** And by then twice. */
const SECOND_REPORT = 4_500
const MOST_NODES = 2_000

interface Node {
  message: ReportMessage
  /** By the monotonic clock. */
  heardAt: number
  /** Since its report before; undefined: there was none. */
  rates: Rates | undefined
}

/** What the processes of the applications have told of themselves lately. */
export class ReportBook {
  readonly #clock: Clock
  readonly #nodes = new Map<string, Node>()
  /** Since when it has been listened, by the monotonic clock. */
  #since: number
  #isRefused = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** It is listened from now on. */
  begin(): void {
    this.#since = this.#clock.monotonic()
  }

  /** It may not be listened. */
  refuse(): void {
    this.#isRefused = true
  }

  get state(): ReportsState {
    if (this.#isRefused) return 'refused'
    return this.#listened < FIRST_REPORT ? 'awaited' : 'heard'
  }

  get #listened(): number {
    return this.#clock.monotonic() - this.#since
  }

  /** @param text whatever somebody has published */
  add(text: string): void {
    const message = parseReport(text)
    if (message === undefined) return
    this.#isRefused = false
    const known = this.#nodes.get(message.id)
    if (known === undefined) {
      this.#forget()
      if (this.#nodes.size >= MOST_NODES) return
    }
    this.#nodes.set(message.id, {
      message,
      heardAt: this.#clock.monotonic(),
      rates: known && (Rates.between(known.message, message) ?? known.rates),
    })
  }

  /** Whether each that has reported has done so twice. */
  get isCompared(): boolean {
    return [...this.#nodes.values()].every(({ rates }) => rates !== undefined)
  }

  /** Those that have been heard: all of them where `state` says so. */
  nodes(): NodeState[] {
    this.#forget()
    const now = this.#clock.monotonic()
    return [...this.#nodes.values()]
      .map(({ message: { id, name, version, pid, startedAt }, heardAt, rates = new Rates() }) => ({
        ...{ id, name, version, pid, startedAt },
        age: now - heardAt,
        state: rates.state(),
      }))
      .sort(({ name, pid }, other) => compare(name, other.name) || pid - other.pid)
  }

  /** Of all together; nothing where none has reported twice, nor at first while one has not: all would be too little. */
  application(): ApplicationState | undefined {
    this.#forget()
    if (!this.isCompared && this.#listened < SECOND_REPORT) return undefined
    const rates = [...this.#nodes.values()].flatMap((node) => node.rates ?? [])
    return rates.length === 0 ? undefined : Rates.together(rates).state()
  }

  clear(): void {
    this.#nodes.clear()
    this.#isRefused = false
  }

  #forget(): void {
    const since = this.#clock.monotonic() - SILENCE
    for (const [id, { heardAt }] of this.#nodes) if (heardAt < since) this.#nodes.delete(id)
  }
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
