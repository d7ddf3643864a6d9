import { isOutOfOrder, isSojournError } from '../../core/errors.ts'
import type { Sessions } from '../../core/sessions.ts'
import { addSessionHeaders } from '../fetch/headers.ts'
import { FetchMount } from '../fetch/mount.ts'
import { peerOf } from '../fetch/peer.ts'
import { type FetchFacts, RequestFacts } from '../fetch/request-facts.ts'
import { discard, takesHeaders } from '../fetch/response.ts'
import { removeBodyHeaders } from '../node/body-headers.ts'
import type { ConnectionOptions } from '../node/connection.ts'
import type { MountOptions } from '../node/mount.ts'
import type { AnyExchange } from '../node/response-hook.ts'
import { addRetryIn } from '../node/retry-after.ts'
import type { WebEvent } from './events.ts'
import { retried, sayRetry } from './retry.ts'
import { addToPrepared, HANDLED, hold, isThenable, mayStream, withPrepared } from './values.ts'

export interface WebMountOptions extends MountOptions<WebEvent>, ConnectionOptions {
  readonly onError?: (error: unknown, event: WebEvent) => unknown
}

/** Sessions for h3 2, whose responses are made of what handlers return and of `event.res`. */
export class WebMount<Data extends object> {
  readonly #mount: FetchMount<AnyExchange, WebEvent>
  readonly #trustProxy: boolean
  readonly #onError: ((error: unknown, event: WebEvent) => unknown) | undefined

  constructor(sessions: Sessions<Data>, options: WebMountOptions) {
    const { onError, trustProxy = false, ...mounted } = options
    this.#mount = new FetchMount<AnyExchange, WebEvent>(sessions, mounted)
    this.#trustProxy = trustProxy
    this.#onError = onError
  }

  /** @throws what the handlers below throw, and when the session cannot be loaded or stored */
  serve(event: WebEvent, next: () => unknown): unknown {
    const { req } = event
    const facts = new RequestFacts(req, this.#trustProxy, () => peerOf(req, undefined))
    let opened: AnyExchange | undefined | Promise<AnyExchange | undefined>
    try {
      opened = this.#mount.open(event, facts)
    } catch (error) {
      return this.#answerFor(error, event)
    }
    if (!(opened instanceof Promise)) return this.#run(event, facts, opened, next)
    return opened.then(
      (exchange) => this.#run(event, facts, exchange, next),
      (error: unknown) => this.#answerFor(error, event),
    )
  }

  #run(
    event: WebEvent,
    facts: FetchFacts,
    exchange: AnyExchange | undefined,
    next: () => unknown,
  ): unknown {
    if (exchange === undefined) return next()
    hold(event, exchange)
    let value: unknown
    try {
      value = next()
    } catch (error) {
      return this.#thrown(event, facts, exchange, error)
    }
    if (!isThenable(value)) return this.#settle(event, facts, exchange, value)
    return value.then(
      (result) => this.#settle(event, facts, exchange, result),
      (error: unknown) => this.#thrown(event, facts, exchange, error),
    )
  }

  #settle(event: WebEvent, facts: FetchFacts, exchange: AnyExchange, value: unknown): unknown {
    // Where a handler has answered by Node's own response its headers are out.
    const takesCookie = value instanceof Response ? takesHeaders(value) : value !== HANDLED
    const settling = this.#mount.settle(exchange, facts, takesCookie)
    if (settling === undefined) return this.#finish(event, facts, exchange, value)
    return settling.then(
      () => this.#finish(event, facts, exchange, value),
      async (error: unknown) => {
        if (value instanceof Response) discard(value)
        const answer = await this.#answerOrLeave(error, event, facts, exchange)
        return this.#finish(event, facts, exchange, answer)
      },
    )
  }

  #finish(event: WebEvent, facts: FetchFacts, exchange: AnyExchange, value: unknown): unknown {
    if (value instanceof Response) {
      return this.#mount.finish(exchange, facts, withPrepared(event, value))
    }
    let result = value
    const isStream = value instanceof ReadableStream
    if (isStream && exchange.lasting && !facts.bodiless) {
      result = this.#mount.follow(exchange, value as ReadableStream<Uint8Array>)
    }
    addToPrepared(event, value, (headers) => {
      this.#mount.addHeaders(exchange, headers)
      if (exchange.outOfOrder) addRetryIn(headers, event.res.status)
    })
    this.#mount.handOver(exchange, facts)
    if (facts.bodiless || !mayStream(value)) exchange.release()
    return result
  }

  async #thrown(
    event: WebEvent,
    facts: FetchFacts,
    exchange: AnyExchange,
    error: unknown,
  ): Promise<unknown> {
    if (this.#onError !== undefined) {
      const answer = await this.#answerOrLeave(error, event, facts, exchange)
      return this.#settle(event, facts, exchange, answer)
    }
    try {
      await this.#mount.settle(exchange, facts)
    } catch (failure) {
      sayRetry(event, failure)
      throw failure
    } finally {
      this.#leave(event, facts, exchange)
    }
    throw error
  }

  async #answerOrLeave(
    error: unknown,
    event: WebEvent,
    facts: FetchFacts,
    exchange: AnyExchange,
  ): Promise<unknown> {
    try {
      return await this.#answerFor(error, event)
    } catch (failure) {
      this.#leave(event, facts, exchange)
      throw failure
    }
  }

  #answerFor(error: unknown, event: WebEvent): unknown {
    if (this.#onError === undefined) {
      sayRetry(event, error)
      throw error
    }
    const { res } = event
    removeBodyHeaders({
      hasHeader: (name) => res.headers.has(name),
      removeHeader: (name) => res.headers.delete(name),
      setHeader: (name, value) => res.headers.set(name, value),
    })
    res.status = isSojournError(error) ? error.status : 500
    res.statusText = undefined
    const answer = this.#onError(error, event)
    return isOutOfOrder(error) ? retried(answer, event, error) : answer
  }

  /** The answer is that of h3's own error handling, which takes the one headers or the other. */
  #leave(event: WebEvent, facts: FetchFacts, exchange: AnyExchange): void {
    const { headers, errHeaders } = event.res
    const cookie = exchange.sendHeaders()
    if (cookie !== undefined || exchange.accessed) {
      addSessionHeaders(headers, cookie)
      addSessionHeaders(errHeaders, cookie)
    }
    this.#mount.handOver(exchange, facts)
    exchange.release()
  }
}
