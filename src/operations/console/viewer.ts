import type { HistoryEntry } from '../sessions/catalogue.ts'
import type { LiveEvents } from './api.ts'

export interface ViewerOptions {
  readonly wantsEvents: boolean
  readonly mayGoOn: () => Promise<boolean>
  /** Told once. */
  readonly ended: () => void
}

const MOST_ENTRIES = 200
/** Between two messages about events, milliseconds. */
const BETWEEN_EVENTS = 250
/** How often it is looked whether somebody is still there, and may be, milliseconds. */
const BEAT = 15_000
/** Whoever takes nothing for so many of these is gone. */
const MOST_MISSED = 4
/** Proxies and browsers give up what is silent. */
const STILL_HERE: Uint8Array = Buffer.from(':\n\n')

/**
 * One page that watches. What it does not take in time is not kept for it: of looks it gets the newest, of events the
 * latest and how many are missing.
 */
export class Viewer {
  readonly wantsEvents: boolean
  readonly stream: ReadableStream<Uint8Array>
  readonly #options: ViewerOptions
  readonly #beat: NodeJS.Timeout
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  /** What it looks like now, or why nobody knows. */
  #look: Uint8Array | undefined
  #beatMessage: Uint8Array | undefined
  #entries: HistoryEntry[] = []
  #dropped = 0
  #skipped = false
  #eventsAt = Number.NEGATIVE_INFINITY
  #later: NodeJS.Timeout | undefined
  /** There is room for a message: the answer to `pull`. */
  #wake: (() => void) | undefined
  #missed = 0
  #isEnded = false

  constructor(options: ViewerOptions) {
    this.#options = options
    this.wantsEvents = options.wantsEvents
    this.#beat = setInterval(() => void this.#beats(), BEAT)
    this.#beat.unref()
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller
          // The page knows at once that it is connected; and when to come again if it is not.
          controller.enqueue(Buffer.from('retry: 1000\n\n'))
        },
        pull: () =>
          new Promise<void>((resolve) => {
            this.#missed = 0
            this.#wake = resolve
            this.#send()
          }),
        cancel: () => this.end(),
      },
      { highWaterMark: 0 },
    )
  }

  /** Instead of what it has not been sent yet. */
  show(message: Uint8Array): void {
    this.#look = message
    this.#send()
  }

  tell(entries: readonly HistoryEntry[], skipped: boolean): void {
    this.#skipped ||= skipped
    this.#entries.push(...entries.slice(-MOST_ENTRIES))
    this.#dropped += Math.max(0, entries.length - MOST_ENTRIES)
    const surplus = this.#entries.length - MOST_ENTRIES
    if (surplus > 0) {
      this.#entries.splice(0, surplus)
      this.#dropped += surplus
    }
    this.#send()
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#beat)
    clearTimeout(this.#later)
    try {
      this.#controller?.close()
    } catch {
      // It was cancelled.
    }
    this.#wake?.()
    this.#options.ended()
  }

  /** What there is, if there is room for it. */
  #send(): void {
    if (this.#wake === undefined || this.#isEnded) return
    const parts = [this.#beatMessage, this.#look, this.#eventsNow()]
    const message = Buffer.concat(parts.filter((part) => part !== undefined))
    if (message.length === 0) return
    this.#beatMessage = undefined
    this.#look = undefined
    const wake = this.#wake
    this.#wake = undefined
    this.#controller?.enqueue(message)
    wake()
  }

  #eventsNow(): Uint8Array | undefined {
    if (this.#entries.length + this.#dropped === 0) return undefined
    const now = performance.now()
    const rest = this.#eventsAt + BETWEEN_EVENTS - now
    if (rest > 0) {
      this.#later ??= setTimeout(() => {
        this.#later = undefined
        this.#send()
      }, rest)
      return undefined
    }
    const events: LiveEvents = {
      entries: this.#entries,
      dropped: this.#dropped,
      skipped: this.#skipped,
    }
    this.#entries = []
    this.#dropped = 0
    this.#skipped = false
    this.#eventsAt = now
    return messageOf('events', events)
  }

  async #beats(): Promise<void> {
    if (this.#wake === undefined && ++this.#missed >= MOST_MISSED) return this.end()
    const mayGoOn = await this.#options.mayGoOn().catch(() => false)
    if (!mayGoOn) return this.end()
    this.#beatMessage = STILL_HERE
    this.#send()
  }
}

/** Of server-sent events. JSON has no line breaks of its own. */
export function messageOf(event: string, data: unknown): Uint8Array {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
