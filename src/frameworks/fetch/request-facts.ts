import type { ExchangeRequest } from '../../core/exchange.ts'
import { isForwardedHttps, lastForwarded } from '../node/forwarded.ts'

/** What the shared core asks of a request. All of it is looked up when it is asked: most is not. */
export interface FetchFacts extends ExchangeRequest {
  /** Fires when the client goes, where that is known. */
  readonly signal: AbortSignal | undefined
  /** Whether the response's body is not sent. */
  readonly bodiless: boolean
  /** The client's, where that is known. */
  readonly address: string | undefined
}

/** The facts of a `Request`. */
export class RequestFacts implements FetchFacts {
  readonly #request: Request
  readonly #trustProxy: boolean
  readonly #peer: (() => string | undefined) | undefined

  /**
   * @param trustProxy whether X-Forwarded-Proto and the last of X-Forwarded-For are believed
   * @param peer the address of who is connected
   */
  constructor(request: Request, trustProxy: boolean, peer?: () => string | undefined) {
    this.#request = request
    this.#trustProxy = trustProxy
    this.#peer = peer
  }

  get cookie(): string | undefined {
    return this.#request.headers.get('cookie') ?? undefined
  }

  get secure(): boolean {
    const proto = this.#trustProxy ? this.#request.headers.get('x-forwarded-proto') : null
    return proto === null ? this.#request.url.startsWith('https:') : isForwardedHttps(proto)
  }

  get host(): string {
    // A request that no server has made, such as a test's, has its host in the URL only.
    return this.#request.headers.get('host') ?? new URL(this.#request.url).host
  }

  get proxied(): boolean {
    const { headers } = this.#request
    return (
      headers.has('x-forwarded-for') || headers.has('x-forwarded-proto') || headers.has('forwarded')
    )
  }

  get address(): string | undefined {
    const header = this.#trustProxy ? this.#request.headers.get('x-forwarded-for') : null
    return lastForwarded(header ?? '') ?? this.#peer?.()
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get bodiless(): boolean {
    return this.#request.method === 'HEAD'
  }
}
