import { OptionError } from '../../core/errors.ts'
import type { ExchangeRequest } from '../../core/exchange.ts'
import type { OpenOptions, Sessions } from '../../core/sessions.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import type { AnyExchange } from './response-hook.ts'

export interface MountOptions<Source extends object> {
  /**
   * Which requests read the store past the near cache: all, none, or as the function says. Mounted
   * again further down, as on a router, it reads once more what the first one has found at hand.
   * Default false.
   */
  readonly fresh?: boolean | ((request: Source) => boolean)
}

/** What an adapter needs of sessions. */
export interface Arrivals<Opened extends AnyExchange>
  extends Pick<Sessions, 'has' | 'refresh' | 'reportError'> {
  exchange(key: object, request: ExchangeRequest, options?: OpenOptions): Opened | Promise<Opened>
}

const FRESH = { fresh: true }

/** @throws OptionError */
export function checkOptions(sessions: unknown, options: object, names: readonly string[]): void {
  if (typeof (sessions as Partial<Sessions> | undefined)?.exchange !== 'function') {
    throw new OptionError('sessions', 'takes what createSessions has made')
  }
  refuseUnknown(options, names)
  const { fresh, trustProxy } = options as { fresh?: unknown; trustProxy?: unknown }
  if (fresh !== undefined && typeof fresh !== 'boolean' && typeof fresh !== 'function') {
    throw new OptionError('fresh', 'takes true, false or a function of the request')
  }
  if (trustProxy !== undefined && typeof trustProxy !== 'boolean') {
    throw new OptionError('trustProxy', 'takes true or false')
  }
}

/**
 * What middleware does with a request.
 * @param source what the framework hands out for the request: `sessions.from` takes it
 * @param start goes on with a request that is seen for the first time
 * @param next goes on with one that has been here before, or with an error
 */
export function enter<Opened extends AnyExchange, Source extends object>(
  sessions: Arrivals<Opened>,
  fresh: MountOptions<Source>['fresh'],
  source: Source,
  request: ExchangeRequest,
  start: (exchange: Opened) => void,
  next: (error?: unknown) => void,
): void {
  const isFresh = fresh === true || (typeof fresh === 'function' && fresh(source))
  // Mounted twice, or on a router below: the first one counts.
  if (sessions.has(source)) {
    if (!isFresh) return next()
    const goOn = (): void => next()
    sessions.refresh(source).then(goOn, next)
    return
  }
  const opened = sessions.exchange(source, request, isFresh ? FRESH : undefined)
  if (opened instanceof Promise) opened.then(start, next)
  else start(opened)
}
