/** What it looks at, and stores. */
interface Changeable {
  readonly dirty: boolean
  commit(): Promise<void>
}

/** Who is there when a response has left the adapter's hands, and no commit comes any more. */
export class HandOver {
  readonly #onError: (error: unknown) => void
  readonly client: { readonly signal: AbortSignal | undefined }
  #isLooking = false

  constructor(onError: (error: unknown) => void, client: HandOver['client']) {
    this.#onError = onError
    this.client = client
  }

  /** Whoever touches the attributes may change them, also in place: looked at when they have. */
  look(state: Changeable): void {
    if (this.#isLooking) return
    this.#isLooking = true
    queueMicrotask(() => {
      let isDirty = true
      try {
        isDirty = state.dirty
      } catch {
        // A value that throws when it is compared: the commit refuses it, with an error to tell of.
      }
      this.#isLooking = false
      if (isDirty) state.commit().catch(this.#onError)
    })
  }
}
