import { holdAddress } from '../../core/client-address.ts'
import { OptionError, ReadOnlySessionError } from '../../core/errors.ts'
import type { Exchange, SetCookies } from '../../core/exchange.ts'
import { checkOutagePolicy, type OutagePolicy } from '../../core/outage.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import { FetchMount } from '../fetch/mount.ts'
import { answerWith, keepCookie } from './answer.ts'
import { type CookieJar, isControlFlow, isSealed, type Platform } from './platform.ts'
import { ReadonlySession } from './readonly-session.ts'
import {
  addressIn,
  factsOf,
  type NextRequest,
  type Process,
  processOf,
  type Running,
} from './requests.ts'

export interface NextSessionsOptions {
  /** Tells several `nextSessions` of an application apart. Default `'sojourn'`. */
  readonly name?: string
  /** What becomes of requests while the store does not answer, instead of the `outage` of `createSessions`. */
  readonly outage?: OutagePolicy
}

export interface NextCallOptions {
  /** Reads the store, past the near cache. Default false. */
  readonly fresh?: boolean
}

export interface NextSessions<Data extends object> {
  /**
   * The request's session, to look at: for server components, and wherever else Next has a request. Read
   * once a request, whoever asks.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  readonly readSession: (options?: NextCallOptions) => Promise<ReadonlySession<Data>>
  /**
   * The request's session, to change: in server actions and route handlers. Stored, and its cookie set, when
   * `work` is done, also by `redirect()` and `notFound()`. Inside of itself it is the same session, stored
   * once.
   * @returns what `work` does
   * @throws ReadOnlySessionError where Next cannot set a cookie, as in a component; what `work` throws; as
   * `Session.commit`
   */
  readonly withSession: <T>(
    work: (session: Session<Data>) => T | Promise<T>,
    options?: NextCallOptions,
  ) => Promise<T>
  /** What the factory has made, once a process. */
  readonly sessions: () => Sessions<Data>
}

/** Nobody can be asked whether the client is still there. */
const NOBODY = { signal: undefined }

export function bindSessions<Data extends object>(
  platform: Platform,
  factory: () => Sessions<Data>,
  options: NextSessionsOptions,
): NextSessions<Data> {
  checkOptions(factory, options)
  const own = processOf<Data>(options.name ?? 'sojourn')
  const sessions = (): Sessions<Data> => (own.sessions ??= factory())
  const bound = new Bound<Data>(platform, own, sessions, options.outage)
  return {
    sessions,
    readSession: (call = {}) => bound.read(checkCall(call)),
    withSession: (work, call = {}) => bound.write(work, checkCall(call)),
  }
}

class Bound<Data extends object> {
  readonly #platform: Platform
  readonly #process: Process<Data>
  readonly #sessions: () => Sessions<Data>
  readonly #outage: OutagePolicy | undefined

  constructor(
    platform: Platform,
    process: Process<Data>,
    sessions: () => Sessions<Data>,
    outage: OutagePolicy | undefined,
  ) {
    this.#platform = platform
    this.#process = process
    this.#sessions = sessions
    this.#outage = outage
  }

  async read(fresh: boolean): Promise<ReadonlySession<Data>> {
    const request = await this.#request()
    const running = this.#runningOf(request)
    if (running !== undefined) return new ReadonlySession(running.session)
    const exchange = await this.#open(request, fresh)
    return new ReadonlySession(exchange.session)
  }

  async write<T>(work: (session: Session<Data>) => T | Promise<T>, fresh: boolean): Promise<T> {
    const request = await this.#request()
    const running = this.#runningOf(request)
    if (running !== undefined) return work(running.session)
    const jar = await this.#platform.cookies()
    if (isSealed(jar)) throw new ReadOnlySessionError('withSession')
    const turn = (): Promise<T> => this.#turn(request, jar, work, fresh)
    const result = request.tail === undefined ? turn() : request.tail.then(turn, turn)
    request.tail = result.catch(() => undefined)
    return result
  }

  async #request(): Promise<NextRequest<Data>> {
    // First of all: where Next makes pages ahead there is no request, which it learns by this.
    const headers = await this.#platform.headers()
    const { requests } = this.#process
    let request = requests.get(headers)
    if (request === undefined) {
      const cookie = headers.get('cookie') ?? undefined
      request = { headers, cookie, opened: undefined, tail: undefined }
      requests.set(headers, request)
    }
    return request
  }

  #runningOf(request: NextRequest<Data>): Running<Data> | undefined {
    const running = this.#process.running.getStore()
    return running?.isDone === false && running.request === request ? running : undefined
  }

  #open(request: NextRequest<Data>, fresh: boolean): Exchange<Data> | Promise<Exchange<Data>> {
    if (request.opened !== undefined && !fresh) return request.opened
    const sessions = this.#sessions()
    const options = { fresh, outage: this.#outage }
    const key = { headers: request.headers }
    holdAddress(key, () => addressIn(request.headers))
    const opened = sessions.exchange(key, factsOf(request), options)
    const report = (error: unknown): void => sessions.reportError('touch', error)
    request.opened = opened
    if (!(opened instanceof Promise)) {
      opened.afterResponse(report)
      return opened
    }
    return opened.then(
      (exchange) => {
        exchange.afterResponse(report)
        return exchange
      },
      (error: unknown) => {
        if (request.opened === opened) request.opened = undefined
        throw error
      },
    )
  }

  async #turn<T>(
    request: NextRequest<Data>,
    jar: CookieJar,
    work: (session: Session<Data>) => T | Promise<T>,
    fresh: boolean,
  ): Promise<T> {
    const exchange = await this.#open(request, fresh)
    const mount = new FetchMount(this.#sessions(), {})
    const own: Running<Data> = { request, session: exchange.session, isDone: false }
    let result: T
    try {
      result = await this.#process.running.run(own, async () => work(exchange.session))
    } catch (error) {
      own.isDone = true
      try {
        if (isControlFlow(error)) await mount.settle(exchange, NOBODY)
        // Next answers for it, with or without cookies.
        else await mount.leave(exchange)
      } finally {
        keepCookie(request, exchange, jar)
        mount.handOver(exchange, NOBODY)
        exchange.release()
      }
      throw error
    }
    own.isDone = true
    let cookie: SetCookies
    try {
      await mount.settle(exchange, NOBODY)
    } finally {
      cookie = keepCookie(request, exchange, jar)
      mount.handOver(exchange, NOBODY)
    }
    if (!(result instanceof Response)) {
      exchange.release()
      return result
    }
    return answerWith(result, exchange, mount, cookie) as T
  }
}

function checkOptions(factory: unknown, options: NextSessionsOptions): void {
  if (typeof factory !== 'function') {
    throw new OptionError('factory', 'takes a function that calls createSessions')
  }
  refuseUnknown(options, ['name', 'outage'])
  if (options.name !== undefined && typeof options.name !== 'string') {
    throw new OptionError('name', 'takes a string')
  }
  if (options.outage !== undefined) checkOutagePolicy(options.outage)
}

function checkCall(options: NextCallOptions): boolean {
  refuseUnknown(options, ['fresh'])
  const { fresh = false } = options
  if (typeof fresh !== 'boolean') throw new OptionError('fresh', 'takes true or false')
  return fresh
}
