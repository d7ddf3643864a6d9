import type { IncomingMessage } from 'node:http'
import type { ExchangeRequest } from '../../core/exchange.ts'

/**
 * What the session layer may ask of a request to a Node server. It is looked up when it is asked:
 * most of it is not, and some is dear.
 */
export class NodeRequest<Source extends object> implements ExchangeRequest {
  readonly #message: IncomingMessage
  readonly #source: Source
  readonly #isSecure: (source: Source) => boolean

  /**
   * @param source what the framework hands out for the request
   * @param isSecure whether its connection is TLS, by the framework's own rules of trust
   */
  constructor(message: IncomingMessage, source: Source, isSecure: (source: Source) => boolean) {
    this.#message = message
    this.#source = source
    this.#isSecure = isSecure
  }

  get cookie(): string | undefined {
    return this.#message.headers.cookie
  }

  get secure(): boolean {
    return this.#isSecure(this.#source)
  }

  get host(): string | undefined {
    const { headers } = this.#message
    // HTTP/2 has it under a name of its own.
    return headers.host ?? (headers[':authority'] as string | undefined)
  }

  get proxied(): boolean {
    const { headers } = this.#message
    return (
      headers['x-forwarded-for'] !== undefined ||
      headers['x-forwarded-proto'] !== undefined ||
      headers['forwarded'] !== undefined
    )
  }
}
