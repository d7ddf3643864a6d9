import type { Context } from 'koa'
import type { ExchangeRequest } from '../../core/exchange.ts'
import { type Arrivals, arrive, type MountOptions } from '../node/mount.ts'
import type { AnyExchange } from '../node/response-hook.ts'
import { sayRetry } from '../node/retry-after.ts'

export type Next = () => Promise<unknown>

/**
 * What middleware of Koa does with a request. Where no I/O is needed the promise of the middleware below is
 * handed on as it is.
 * @param start goes on with a request that is seen for the first time
 */
export function entered<Opened extends AnyExchange>(
  sessions: Arrivals<Opened>,
  options: MountOptions<Context>,
  ctx: Context,
  request: ExchangeRequest,
  start: (exchange: Opened) => Promise<unknown>,
  next: Next,
): Promise<unknown> {
  const proceed = (exchange: Opened | undefined): Promise<unknown> =>
    exchange === undefined ? next() : start(exchange)
  const opened = arrive(sessions, options, ctx, request)
  return opened instanceof Promise ? opened.then(proceed, refuserOf(ctx)) : proceed(opened)
}

/** What answers for the error that it throws on is to say when to come again. */
export function refuserOf({ res }: Context): (error: unknown) => never {
  return (error) => {
    sayRetry(res, error)
    throw error
  }
}
