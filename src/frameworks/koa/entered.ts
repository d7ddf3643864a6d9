import type { Context } from 'koa'
import type { ExchangeRequest } from '../../core/exchange.ts'
import { type Arrivals, enter, type MountOptions } from '../node/mount.ts'
import type { AnyExchange } from '../node/response-hook.ts'

export type Next = () => Promise<unknown>

/**
 * `enter` for Koa, whose middleware is a promise. Where no I/O is needed that of the middleware below is
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
  let result: Promise<unknown> | undefined
  let resolve: ((result: Promise<unknown>) => void) | undefined
  const finish = (given: Promise<unknown>): void => {
    result = given
    resolve?.(given)
  }
  const goOn = (error?: unknown): void => finish(error === undefined ? next() : rejected(error))
  const begin = (exchange: Opened): void => {
    try {
      finish(start(exchange))
    } catch (error) {
      goOn(error)
    }
  }
  enter(sessions, options, ctx, request, begin, goOn)
  return result ?? new Promise((settle) => (resolve = settle))
}

async function rejected(error: unknown): Promise<never> {
  throw error as Error
}
