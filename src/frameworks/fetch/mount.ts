import { holdAddress } from '../../core/client-address.ts'
import { isOutOfOrder } from '../../core/errors.ts'
import type { SetCookies } from '../../core/exchange.ts'
import { type Arrivals, arrive, type MountOptions } from '../node/mount.ts'
import type { AnyExchange } from '../node/response-hook.ts'
import { withRetry } from '../node/retry-after.ts'
import { followedBody } from './body.ts'
import { addSessionHeaders } from './headers.ts'
import type { FetchFacts } from './request-facts.ts'
import { discard, takesHeaders, withBody, withHeaders } from './response.ts'

export type Answer = Response | Promise<Response>

export interface FetchMountOptions<Source extends object> extends MountOptions<Source> {
  /**
   * Answers for what is thrown: by the handler, or because the session could not be loaded or stored
   * (`StoreUnavailableError` with `status` 503). Without it the error is thrown on.
   */
  readonly onError?: ((error: unknown, source: Source) => Answer) | undefined
}

/** A value that is another one at each look (a getter) must not hold a response for ever. */
const MOST_ROUNDS = 3

/**
 * Sessions where a request becomes a `Response`: `serve` does all; its parts are for frameworks whose
 * response is made elsewhere. Nothing here makes a promise where nothing is waited for.
 */
export class FetchMount<Opened extends AnyExchange, Source extends object> {
  readonly #sessions: Arrivals<Opened>
  readonly #options: FetchMountOptions<Source>
  // One for all requests.
  readonly #reportCommit = (error: unknown): void => this.#sessions.reportError('commit', error)
  readonly #reportTouch = (error: unknown): void => this.#sessions.reportError('touch', error)

  /** @param options checked by `checkOptions` */
  constructor(sessions: Arrivals<Opened>, options: FetchMountOptions<Source>) {
    this.#sessions = sessions
    this.#options = options
  }

  /**
   * Opens the request's session, runs the handler, stores what has changed and adds the cookie.
   * @param source what the framework hands out for the request: `sessions.from` takes it
   */
  serve(
    source: Source,
    facts: FetchFacts,
    handle: (exchange: Opened | undefined) => Answer,
  ): Answer {
    let opened: Opened | undefined | Promise<Opened | undefined>
    try {
      opened = this.open(source, facts)
    } catch (error) {
      return this.#answerFor(error, source)
    }
    if (!isPromise(opened)) return this.#run(opened, source, facts, handle)
    return opened.then(
      (exchange) => this.#run(exchange, source, facts, handle),
      (error: unknown) => this.#answerFor(error, source),
    )
  }

  /**
   * Opens the session of a request: at once where no I/O is needed.
   * @returns nothing for a request that has been here before: whoever saw it first answers for it
   */
  open(source: Source, facts: FetchFacts): Opened | undefined | Promise<Opened | undefined> {
    holdAddress(source, () => facts.address)
    return arrive(this.#sessions, this.#options, source, facts)
  }

  /**
   * Stores what has changed, before the headers go out.
   * @param takesCookie whether the response can carry one: else no session is made
   * @returns nothing where nothing is to be stored
   * @throws as `Session.commit`; not where the application has been told before that it failed
   */
  settle(
    exchange: Opened,
    facts: Pick<FetchFacts, 'signal'>,
    takesCookie = true,
  ): Promise<void> | undefined {
    if (!exchange.dirty) return undefined
    // A session that is new would be nobody's.
    if (!takesCookie || facts.signal?.aborted === true) exchange.abandon()
    return this.#commit(exchange)
  }

  /** What the handler did before it threw is stored; a new session, whose cookie nobody gets, is not. */
  async leave(exchange: Opened): Promise<void> {
    exchange.abandon()
    try {
      if (exchange.dirty) await this.#commit(exchange)
    } catch (error) {
      this.#reportCommit(error)
    }
    exchange.release()
  }

  /**
   * Adds the session's headers, once, after `settle`: from now on no cookie can be set.
   * @throws TypeError for headers that cannot be changed
   */
  addHeaders(exchange: Opened, headers: Headers): void {
    const cookie = exchange.sendHeaders()
    if (cookie !== undefined || exchange.accessed) addSessionHeaders(headers, cookie)
  }

  /**
   * The response goes out: what is changed from now on is stored by itself, and the idle timeout renewed
   * where that is due. The session's signal lives on; `exchange.release()` where the end of the body is known.
   */
  handOver(exchange: Opened, facts: Pick<FetchFacts, 'signal'>): void {
    exchange.handOver(this.#reportCommit, facts)
    exchange.afterResponse(this.#reportTouch)
  }

  /**
   * All that is left to do when a response has been made and `settle` is through.
   * @returns the same response, or one that stands for it
   */
  finish(exchange: Opened, facts: FetchFacts, response: Response): Response {
    const cookie = exchange.sendHeaders()
    let result = response
    if (takesHeaders(response)) {
      if (exchange.outOfOrder) result = withRetry(response)
      const isFollowed = exchange.lasting && !facts.bodiless
      // Objects by `session.data` or the signal are in the application's hands: only then is it worth
      // a stream around the body, which costs as much as the rest of a request and ends fast paths.
      if (isFollowed) result = this.#followed(exchange, result, cookie)
      else if (cookie !== undefined || exchange.accessed) result = withHeaders(result, cookie)
      if (isFollowed ? response.body === null : facts.bodiless) exchange.release()
    }
    this.handOver(exchange, facts)
    return result
  }

  /** @returns a body whose end releases the session, and stores what has been changed until then */
  follow(exchange: Opened, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    // Then this is the answer to that, and what was refused is not tried again.
    const { failed } = exchange
    const ended = async (): Promise<void> => {
      exchange.release()
      try {
        if (exchange.dirty && !failed) await exchange.commit()
      } catch (error) {
        // A response that has begun, but not its session stored, must not look complete.
        this.#reportCommit(error)
        throw error
      }
    }
    const left = (): void => {
      exchange.release()
      if (exchange.dirty && !failed) exchange.commit().catch(this.#reportCommit)
    }
    return followedBody(body, ended, left)
  }

  #run(
    exchange: Opened | undefined,
    source: Source,
    facts: FetchFacts,
    handle: (exchange: Opened | undefined) => Answer,
  ): Answer {
    if (exchange === undefined) return handle(undefined)
    let answer: Answer
    try {
      answer = handle(exchange)
    } catch (error) {
      return this.#thrown(error, exchange, source, facts)
    }
    if (!isPromise(answer)) return this.#finish(answer, exchange, source, facts)
    return answer.then(
      (response) => this.#finish(response, exchange, source, facts),
      (error: unknown) => this.#thrown(error, exchange, source, facts),
    )
  }

  #finish(response: Response, exchange: Opened, source: Source, facts: FetchFacts): Answer {
    const settling = this.settle(exchange, facts, takesHeaders(response))
    if (settling === undefined) return this.finish(exchange, facts, response)
    return settling.then(
      () => this.finish(exchange, facts, response),
      async (error: unknown) => {
        discard(response)
        const answer = await this.#orRelease(exchange, () => this.#answerFor(error, source))
        return this.finish(exchange, facts, answer)
      },
    )
  }

  async #thrown(
    error: unknown,
    exchange: Opened,
    source: Source,
    facts: FetchFacts,
  ): Promise<Response> {
    if (this.#options.onError === undefined) {
      await this.leave(exchange)
      throw error
    }
    const answer = await this.#orRelease(exchange, () => this.#answerFor(error, source))
    return this.#finish(answer, exchange, source, facts)
  }

  async #orRelease(exchange: Opened, answer: () => Answer): Promise<Response> {
    try {
      return await answer()
    } catch (error) {
      exchange.release()
      throw error
    }
  }

  #answerFor(error: unknown, source: Source): Answer {
    const { onError } = this.#options
    if (onError === undefined) throw error
    const answer = onError(error, source)
    return isOutOfOrder(error) ? retried(answer) : answer
  }

  async #commit(exchange: Opened): Promise<void> {
    // The application was told before, by a commit of its own, and this is its answer to that.
    const isKnown = exchange.failed
    try {
      for (let round = 1; round <= MOST_ROUNDS && exchange.dirty; round++) await exchange.commit()
    } catch (error) {
      if (!isKnown) throw error
      this.#reportCommit(error)
    }
  }

  #followed(exchange: Opened, response: Response, cookie: SetCookies): Response {
    const { body } = response
    if (body === null) return withHeaders(response, cookie)
    return withBody(response, this.follow(exchange, body), cookie)
  }
}

function retried(answer: Answer): Answer {
  return isPromise(answer) ? answer.then(withRetry) : withRetry(answer)
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return (
    value instanceof Promise || typeof (value as Partial<Promise<T>> | null)?.then === 'function'
  )
}
