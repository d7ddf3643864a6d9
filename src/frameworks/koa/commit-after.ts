import type { Context } from 'koa'
import { isSojournError } from '../../core/errors.ts'
import { removeBodyHeaders } from '../node/headers.ts'
import type { ResponseExchange } from '../node/response-hook.ts'

/**
 * Stores the session when the middleware below is done. The response's hook would do it too, but by then
 * no middleware is left that could catch what fails.
 */
export function commitAfter(
  ctx: Context,
  exchange: ResponseExchange,
  result: Promise<unknown>,
): Promise<unknown> {
  return result.then((value) =>
    exchange.dirty && !exchange.failed && isKoas(ctx) ? commit(ctx, exchange, value) : value,
  )
}

/** An answer by Node's response is the hook's, which knows when it begins. */
function isKoas(ctx: Context): boolean {
  return ctx.respond !== false && !ctx.headerSent && ctx.writable
}

async function commit(ctx: Context, exchange: ResponseExchange, value: unknown): Promise<unknown> {
  try {
    await exchange.commit()
  } catch (error) {
    if (isKoas(ctx)) takeBack(ctx, error)
    throw error
  }
  return value
}

/** Middleware above that catches the error must not answer with what was refused. */
function takeBack(ctx: Context, error: unknown): void {
  removeBodyHeaders(ctx.res)
  ctx.body = undefined
  setStatus(ctx, error)
}

/** The session could not be stored, nothing has gone out, and the middleware is done. */
export function refuse(ctx: Context, error: unknown): void {
  setStatus(ctx, error)
  ctx.onerror(error as Error)
}

/** That of the error also for a body that is set without one: Koa would make it 200. */
function setStatus(ctx: Context, error: unknown): void {
  ctx.status = isSojournError(error) ? error.status : 500
}
