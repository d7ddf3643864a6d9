import type { SojournError } from '../../core/errors.ts'
import type { Snapshot } from '../observe/snapshot.ts'
import type { HistoryEntry } from '../sessions/catalogue.ts'
import { SeenHistory } from './history.ts'
import { pageSnapshot } from './page-snapshot.ts'
import { Problem, problemOf } from './problem.ts'
import { messageOf, Viewer } from './viewer.ts'

/** What there is to see: an `Observer`. */
export interface Source {
  watch(listener: SourceListener): () => void
  readonly last: Snapshot | undefined
}

export interface SourceListener {
  seen(snapshot: Snapshot): void
  failed?(error: SojournError): void
  events?(entries: readonly HistoryEntry[], skipped: boolean): void
}

export interface LiveOptions {
  /** Whose it is. */
  readonly operator: string
  readonly wantsEvents: boolean
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
  /** Rejects, or says no, when whoever looks may not do so any more. Asked now and then. */
  readonly mayGoOn: () => Promise<boolean>
}

const MOST_VIEWERS = 100
/** Of one operator: the others want to look too. */
const MOST_OF_ONE = 10
/** What is older than that is not shown at first, milliseconds. */
const FRESH = 5_000

/** One look at the deployment for all who watch it; none while nobody does. */
export class Live {
  readonly history: SeenHistory = new SeenHistory()
  readonly #source: Source
  readonly #viewers = new Map<Viewer, string>()
  #endLooks: (() => void) | undefined
  #endEvents: (() => void) | undefined
  #written: { snapshot: Snapshot; message: Uint8Array } | undefined
  #closed = false

  constructor(source: Source) {
    this.#source = source
  }

  /** Server-sent events. @throws Problem where too many watch already */
  open({ operator, wantsEvents, signal, mayGoOn }: LiveOptions): ReadableStream<Uint8Array> {
    if (this.#closed) throw new Problem(503, 'CLOSING', 'The console is closing.')
    if (this.#viewers.size >= MOST_VIEWERS) {
      throw new Problem(503, 'TOO_MANY', `${MOST_VIEWERS} people look already: close some pages.`)
    }
    const own = [...this.#viewers.values()].filter((name) => name === operator)
    if (own.length >= MOST_OF_ONE) {
      throw new Problem(503, 'TOO_MANY', `You look by ${MOST_OF_ONE} pages already: close some.`)
    }
    const end = (): void => viewer.end()
    const viewer = new Viewer({
      ...{ wantsEvents, mayGoOn },
      ended: () => {
        // It may live much longer: a session's does.
        signal?.removeEventListener('abort', end)
        this.#viewers.delete(viewer)
        this.#follow()
      },
    })
    this.#viewers.set(viewer, operator)
    signal?.addEventListener('abort', end, { once: true })
    if (signal?.aborted === true) end()
    const { last } = this.#source
    if (last !== undefined && Date.now() - last.at < FRESH) viewer.show(this.#messageOf(last))
    this.#follow()
    return viewer.stream
  }

  /** All streams end at once. */
  close(): void {
    this.#closed = true
    for (const viewer of [...this.#viewers.keys()]) viewer.end()
  }

  /** Written once for all who get it. */
  #messageOf(snapshot: Snapshot): Uint8Array {
    if (this.#written?.snapshot !== snapshot) {
      this.#written = { snapshot, message: messageOf('snapshot', pageSnapshot(snapshot)) }
    }
    return this.#written.message
  }

  /** As much is asked for as somebody wants. */
  #follow(): void {
    const isWatched = this.#viewers.size > 0
    const wantsEvents = [...this.#viewers.keys()].some((viewer) => viewer.wantsEvents)
    if (isWatched) this.#endLooks ??= this.#source.watch(this.#looks)
    if (wantsEvents) this.#endEvents ??= this.#source.watch(this.#events)
    if (!isWatched) {
      this.#endLooks?.()
      this.#endLooks = undefined
    }
    if (!wantsEvents) {
      this.#endEvents?.()
      this.#endEvents = undefined
    }
  }

  readonly #looks: SourceListener = {
    seen: (snapshot) => {
      this.history.add(snapshot)
      const message = this.#messageOf(snapshot)
      for (const viewer of this.#viewers.keys()) viewer.show(message)
    },
    failed: (error) => {
      const message = messageOf('trouble', problemOf(error))
      for (const viewer of this.#viewers.keys()) viewer.show(message)
    },
  }

  readonly #events: SourceListener = {
    seen: () => undefined,
    events: (entries, skipped) => {
      for (const viewer of this.#viewers.keys())
        if (viewer.wantsEvents) viewer.tell(entries, skipped)
    },
  }
}
