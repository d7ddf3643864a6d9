import type { Clock } from './clock.ts'
import { type Duration, parseDuration } from './duration.ts'
import { OptionError, SecretsError } from './errors.ts'
import { createKeyring, type Key, type Keyring } from './keyring.ts'

/** At least 32 bytes each: the first signs and seals, the others still verify and open. */
export type Secrets = string | Uint8Array | readonly (string | Uint8Array | undefined)[]

/** Where secrets come from that change while the process runs. */
export interface SecretsSource {
  /** Those that hold from now on. Asked at the start, and then again and again. */
  readonly load: () => Secrets | Promise<Secrets>
  /** How often. Default 1 minute. */
  readonly every?: Duration
}

const EVERY: Duration = '1m'
/** A source that has not answered by then is asked anew, milliseconds: one that hangs must not keep the secrets of before for ever. */
const PATIENCE = 30_000

const NONE_OF_BEFORE =
  'have none of those of before among them: whoever is signed in is nobody now; put the former one behind the new one unless that is meant'

/** The secrets that a source has told last. */
export class LiveKeyring implements Keyring {
  readonly #load: SecretsSource['load']
  readonly #interval: number
  readonly #listeners: (() => void)[] = []
  #keys: readonly Key[] = []
  #onError: (error: unknown) => void = () => undefined
  #timer: NodeJS.Timeout | undefined
  #loading: Promise<void> | undefined
  /** How often the source has been asked, and which time has been answered last. */
  #turn = 0
  #taken = 0

  /** @throws OptionError at once where the source answers at once, and what it throws then */
  constructor({ load, every = EVERY }: SecretsSource) {
    this.#interval = parseDuration('secrets.every', every)
    if (typeof load !== 'function')
      throw new OptionError(
        'secrets',
        'takes a secret, a list of them, a function, or { load, every }',
      )
    this.#load = load
    const first = load()
    if (isPromise(first)) {
      // Whoever waits for it is told.
      this.#follow(first).catch(() => undefined)
    } else {
      this.#take(first)
    }
  }

  /**
   * Asks again and again from now on.
   * @param onError told when secrets cannot be had: those of before go on
   */
  start(onError: (error: unknown) => void): void {
    this.#onError = onError
    this.#timer = setInterval(() => void this.#asked().catch(onError), this.#interval).unref()
  }

  /** @throws SecretsError before there are any */
  get primary(): Key {
    return this.keys[0] as Key
  }

  /** @throws SecretsError before there are any */
  get keys(): readonly Key[] {
    if (this.#keys.length === 0) throw new SecretsError()
    return this.#keys
  }

  get ids(): readonly number[] {
    return this.#keys.map(({ id }) => id)
  }

  /** Told when other secrets hold. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /**
   * Waits for the first secrets. Rejects as `reload`, at once for what the source throws.
   * @param patience how long a source that does not answer is waited for, milliseconds
   * @param isClosed ends the wait
   */
  async ready(patience: number, clock: Clock, isClosed: () => boolean): Promise<void> {
    const end = clock.monotonic() + patience
    while (this.#keys.length === 0) {
      let isLate: boolean
      try {
        isLate = await Promise.race([this.#asked().then(() => false), pause()])
      } catch (error) {
        if (!(error instanceof SecretsError)) throw error
        isLate = true // And is asked anew.
      }
      if (isLate && (clock.monotonic() >= end || isClosed())) throw new SecretsError(patience, true)
    }
  }

  /**
   * Asks the source now, also while it has been asked: that may be answered with what was before. Rejects with what it throws,
   * or OptionError: then nothing has changed.
   */
  async reload(): Promise<void> {
    await this.#follow(this.#load())
  }

  #follow(asked: Secrets | Promise<Secrets>): Promise<void> {
    const loading = this.#answer(asked).finally(() => {
      if (this.#loading === loading) this.#loading = undefined
    })
    this.#loading = loading
    return loading
  }

  #asked(): Promise<void> {
    return this.#loading ?? this.reload()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #answer(asked: Secrets | Promise<Secrets>): Promise<void> {
    const turn = ++this.#turn
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () => reject(new SecretsError(PATIENCE, this.#keys.length === 0)),
        PATIENCE,
      ).unref()
    })
    try {
      const secrets = await Promise.race([asked, late])
      // Asked later and answered sooner: that holds.
      if (turn < this.#taken) return
      this.#take(secrets)
      this.#taken = turn
    } finally {
      clearTimeout(timer)
    }
  }

  #take(secrets: Secrets): void {
    const isOne = typeof secrets === 'string' || secrets instanceof Uint8Array
    if (!isOne && !Array.isArray(secrets)) {
      throw new OptionError('secrets', 'the source is to answer one secret or a list of them')
    }
    const asked = createKeyring((isOne ? [secrets] : secrets) as readonly (string | Uint8Array)[])
    // The same object for the same secret: what it has opened is recognised by it.
    const keys = asked.keys.map(
      (key) => this.#keys.find((known) => known.token.equals(key.token)) ?? key,
    )
    const isSame =
      keys.length === this.#keys.length && keys.every((key, place) => key === this.#keys[place])
    if (isSame) return
    const isOther = this.#keys.length > 0 && !keys.some((key) => this.#keys.includes(key))
    this.#keys = keys
    if (isOther) this.#onError(new OptionError('secrets', NONE_OF_BEFORE))
    for (const listener of this.#listeners) listener()
  }
}

function pause(): Promise<true> {
  return new Promise((resolve) => setTimeout(resolve, 100, true))
}

function isPromise(value: Secrets | Promise<Secrets>): value is Promise<Secrets> {
  return typeof (value as Partial<Promise<Secrets>>).then === 'function'
}
