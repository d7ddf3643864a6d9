import { type Duration, parseDuration } from '../core/duration.ts'
import { OptionError, StoreUnavailableError } from '../core/errors.ts'

/**
 * The client of the old store: the application's own, of node-redis or ioredis. It is neither connected nor
 * closed here.
 */
export interface LegacyClient {
  get(key: string): PromiseLike<unknown>
  del(key: string): PromiseLike<unknown>
  /** Of node-redis. For `old: 'mirror'`. */
  pSetEx?(key: string, milliseconds: number, value: string): PromiseLike<unknown>
  /** Of ioredis. */
  psetex?(key: string, milliseconds: number, value: string): PromiseLike<unknown>
  /** Of node-redis. For springSession. */
  hGetAll?(key: string): PromiseLike<unknown>
  /** Of ioredis. */
  hgetall?(key: string): PromiseLike<unknown>
}

export interface StoreOptions {
  readonly client: LegacyClient
  /** Milliseconds or `'1s'`, the default: after so long the old store counts as away. */
  readonly timeout?: Duration | undefined
}

/** Node ends a process for an `error` event that nobody hears; who asks the client is told all the same. */
function ignoreErrors(given: object): void {
  const client: Partial<Emitter> = given
  if (client.listenerCount?.('error') === 0) client.on?.('error', () => undefined)
}

interface Emitter {
  listenerCount(event: 'error'): number
  on(event: 'error', listener: () => void): unknown
}

/** The old store. All methods throw StoreUnavailableError when it does not answer, or not in time. */
export class LegacyStore {
  readonly #client: LegacyClient
  readonly #timeout: number
  readonly #source: string

  /** @throws OptionError */
  constructor(source: string, { client, timeout = '1s' }: StoreOptions) {
    if (typeof client?.get !== 'function' || typeof client.del !== 'function') {
      throw new OptionError('client', 'takes a client of node-redis or ioredis')
    }
    this.#client = client
    ignoreErrors(client)
    this.#source = source
    this.#timeout = parseDuration('timeout', timeout, 60_000)
  }

  get canWrite(): boolean {
    return 'pSetEx' in this.#client || 'psetex' in this.#client
  }

  get canReadHashes(): boolean {
    return 'hGetAll' in this.#client || 'hgetall' in this.#client
  }

  async get(key: string): Promise<string | undefined> {
    const value = await this.#ask(() => this.#client.get(key))
    return value === null || value === undefined ? undefined : textOf(value)
  }

  async hash(key: string): Promise<Map<string, string>> {
    const client = this.#client
    const value = await this.#ask(() => client.hGetAll?.(key) ?? client.hgetall?.(key))
    const fields = typeof value === 'object' && value !== null ? Object.entries(value) : []
    return new Map(fields.map(([name, field]) => [name, textOf(field)]))
  }

  async set(key: string, value: string, ttl: number): Promise<void> {
    const client = this.#client
    await this.#ask(() => client.pSetEx?.(key, ttl, value) ?? client.psetex?.(key, ttl, value))
  }

  async remove(key: string): Promise<void> {
    await this.#ask(() => this.#client.del(key))
  }

  async #ask(send: () => PromiseLike<unknown> | undefined): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      const problem = `did not answer within ${this.#timeout} ms`
      timer = setTimeout(() => reject(new Error(problem)), this.#timeout)
    })
    try {
      return await Promise.race([send(), late])
    } catch (cause) {
      const problem = cause instanceof Error ? cause.message : String(cause)
      throw new StoreUnavailableError(`the old store of ${this.#source}: ${problem}`, true, {
        cause,
      })
    } finally {
      clearTimeout(timer)
    }
  }
}

function textOf(value: unknown): string {
  // Byte by byte, so that what is no text is still told by how it begins.
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const text = bytes.toString()
    return text.includes('\ufffd') ? bytes.toString('latin1') : text
  }
  return String(value)
}
