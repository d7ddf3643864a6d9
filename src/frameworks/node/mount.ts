import type { ServerResponse } from 'node:http'
import { OptionError } from '../../core/errors.ts'
import type { ExchangeOptions, ExchangeRequest } from '../../core/exchange.ts'
import { checkOutagePolicy, type OutagePolicy } from '../../core/outage.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import type { AnyExchange } from './response-hook.ts'
import { retryOf } from './retry-after.ts'

export interface MountOptions<Source extends object> {
  /**
   * Which requests read the store past the near cache: all, none, or as the function says. Mounted
   * again further down, as on a router, it reads once more what the first one has found at hand.
   * Default false.
   */
  readonly fresh?: boolean | ((request: Source) => boolean)
  /**
   * What becomes of requests while the store does not answer, instead of the `outage` of `createSessions`; also by
   * a function of the request, which may leave it to that. Mounted again further down, `'fail'` asks the store
   * once more for a request that went on without its answer.
   */
  readonly outage?: OutagePolicy | ((request: Source) => OutagePolicy | undefined)
}

/** What an adapter needs of sessions. */
export interface Arrivals<Opened extends AnyExchange>
  extends Pick<Sessions, 'has' | 'refresh' | 'outageOf' | 'reportError'> {
  exchange(
    key: object,
    request: ExchangeRequest,
    options?: ExchangeOptions,
  ): Opened | Promise<Opened>
}

/** @throws OptionError */
export function checkOptions(sessions: unknown, options: object, names: readonly string[]): void {
  if (typeof (sessions as Partial<Sessions> | undefined)?.exchange !== 'function') {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  refuseUnknown(options, names)
  checkValues(options)
}

/** @throws OptionError */
export function checkValues(options: object): void {
  const { fresh, outage, trustProxy, onError, only } = options as Record<string, unknown>
  if (outage !== undefined && typeof outage !== 'function') checkOutagePolicy(outage)
  if (fresh !== undefined && typeof fresh !== 'boolean' && typeof fresh !== 'function') {
    throw new OptionError('fresh', 'takes true, false or a function of the request')
  }
  if (trustProxy !== undefined && typeof trustProxy !== 'boolean') {
    throw new OptionError('trustProxy', 'takes true or false')
  }
  if (onError !== undefined && typeof onError !== 'function') {
    throw new OptionError('onError', 'takes a function')
  }
  if (only !== undefined && typeof only !== 'function') {
    throw new OptionError('only', 'takes a function of the request')
  }
}

/**
 * What middleware does with a request, in the manner of callbacks.
 * @param source what the framework hands out for the request: `sessions.from` takes it
 * @param start goes on with a request that is seen for the first time
 * @param next goes on with one that has been here before, or with an error
 * @param response what answers for that error is to say when to come again
 */
export function enter<Opened extends AnyExchange, Source extends object>(
  sessions: Arrivals<Opened>,
  options: MountOptions<Source>,
  source: Source,
  request: ExchangeRequest,
  start: (exchange: Opened) => void,
  next: (error?: unknown) => void,
  response: ServerResponse,
): void {
  let arrived: Opened | undefined | Promise<Opened | undefined>
  try {
    arrived = arrive(sessions, options, source, request)
  } catch (error) {
    return next(error)
  }
  if (!(arrived instanceof Promise)) return goOn(arrived, start, next)
  arrived.then((exchange) => goOn(exchange, start, next), retryOf(response, next))
}

function goOn<Opened>(
  exchange: Opened | undefined,
  start: (exchange: Opened) => void,
  next: (error?: unknown) => void,
): void {
  if (exchange === undefined) next()
  else start(exchange)
}

/**
 * Opens the session of a request: at once where no I/O is needed.
 * @param source what the framework hands out for the request: `sessions.from` takes it
 * @returns nothing for a request that has been here before: whoever saw it first answers for it
 * @throws what the options' functions throw, OptionError for what they answer
 */
export function arrive<Opened extends AnyExchange, Source extends object>(
  sessions: Arrivals<Opened>,
  { fresh, outage }: MountOptions<Source>,
  source: Source,
  request: ExchangeRequest,
): Opened | undefined | Promise<Opened | undefined> {
  const isFresh = fresh === true || (typeof fresh === 'function' && fresh(source))
  const policy = typeof outage === 'function' ? policyOf(outage(source)) : outage
  // Mounted twice, or on a router below: the first one counts.
  if (sessions.has(source)) {
    const isToFail = policy === 'fail' && sessions.outageOf(source) !== undefined
    return isFresh || isToFail ? sessions.refresh(source).then(nothing) : undefined
  }
  const options = isFresh || policy !== undefined ? { fresh: isFresh, outage: policy } : undefined
  return sessions.exchange(source, request, options)
}

function nothing(): undefined {
  return undefined
}

function policyOf(answer: unknown): OutagePolicy | undefined {
  return answer === undefined ? undefined : checkOutagePolicy(answer)
}
