import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Exchange, ExchangeRequest } from '../../core/exchange.ts'
import { addSessionHeaders, BODY_HEADERS, mergeHeadArguments } from './headers.ts'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Call = readonly [Method, readonly unknown[]]
type AnyMethod = (...args: readonly unknown[]) => unknown

/**
 * `open`: headers not asked for yet. `committing`: asked for, held back until the commit is done.
 * `sent`: passed on. `failed`: the commit failed, an error handler answers instead.
 */
type Phase = 'open' | 'committing' | 'sent' | 'failed'

export interface ResponseHookOptions {
  /** Answers the request when the session could not be stored; nothing has gone out then. */
  readonly fail: (error: unknown) => void
  /** Told of failures after the response's headers, when nobody can be answered any more. */
  readonly report: (operation: string, error: unknown) => void
}

/** What the session layer has to know of a request to a Node server. */
export function requestOf(request: IncomingMessage, secure: boolean): ExchangeRequest {
  const { headers } = request
  return {
    cookie: headers.cookie,
    secure,
    host: headers.host,
    proxied:
      headers['x-forwarded-for'] !== undefined ||
      headers['x-forwarded-proto'] !== undefined ||
      headers['forwarded'] !== undefined,
  }
}

/**
 * Holds a response's headers back until the session is stored, however the response is made: `end`,
 * `write`, `writeHead`, `flushHeaders`, a pipe, or a client that has gone. Where nothing is to be
 * stored everything passes straight through, in the same tick.
 */
export function hookResponse<Data extends object>(
  response: ServerResponse,
  exchange: Exchange<Data>,
  options: ResponseHookOptions,
): void {
  const original = {
    writeHead: response.writeHead as AnyMethod,
    write: response.write as AnyMethod,
    end: response.end as AnyMethod,
    flushHeaders: response.flushHeaders as AnyMethod,
  }
  let phase: Phase = 'open'
  let headSent = false
  let ended = false
  const queue: Call[] = []
  const sources = new Set<Readable>()

  const call = (method: Method, args: readonly unknown[]): unknown =>
    original[method].apply(response, [...args])

  const pass = (method: Method, args: readonly unknown[]): unknown => {
    if (phase === 'committing') return hold(method, args)
    if (phase === 'open' && exchange.dirty) {
      phase = 'committing'
      // To everybody else the headers are sent: what would be set now would come too late for them.
      Object.defineProperty(response, 'headersSent', { configurable: true, get: () => true })
      settle().then(release, refuse)
      return hold(method, args)
    }
    let rest = args
    if (!headSent) {
      headSent = true
      if (phase === 'open') phase = 'sent'
      const cookie = exchange.sendHeaders()
      if (method === 'writeHead') rest = mergeHeadArguments(response, args)
      addSessionHeaders(response, cookie, exchange.accessed)
    }
    return method === 'end' && !ended ? finish(rest) : call(method, rest)
  }

  /** The last chance to store what a handler has changed since the headers went out. */
  const finish = (args: readonly unknown[]): unknown => {
    ended = true
    if (phase === 'sent' && exchange.dirty) {
      exchange
        .commit()
        .catch((error: unknown) => options.report('commit', error))
        .then(() => call('end', args))
      return response
    }
    const result = call('end', args)
    exchange.afterResponse((error) => options.report('touch', error))
    return result
  }

  const hold = (method: Method, args: readonly unknown[]): unknown => {
    queue.push([method, args])
    return method === 'write' ? false : response
  }

  /** Changes that a handler makes while a commit is under way are stored too. */
  const settle = async (): Promise<void> => {
    while (exchange.dirty) await exchange.commit()
  }

  const release = (): void => {
    phase = 'sent'
    Reflect.deleteProperty(response, 'headersSent')
    let drained = false
    for (const [method, args] of queue.splice(0)) {
      const result = pass(method, args)
      if (method === 'write') drained = result !== false
    }
    // The writer was told to wait.
    if (drained && !ended) response.emit('drain')
  }

  const refuse = (error: unknown): void => {
    phase = 'failed'
    Reflect.deleteProperty(response, 'headersSent')
    queue.length = 0
    for (const source of sources) source.unpipe(response)
    if (response.destroyed) return options.report('commit', error)
    // The refused answer's body is gone; its description must not go out with the error's.
    for (const name of BODY_HEADERS) response.removeHeader(name)
    response.statusCode = 200
    response.statusMessage = ''
    options.fail(error)
  }

  response.writeHead = ((...args: unknown[]) => pass('writeHead', args)) as never
  response.write = ((...args: unknown[]) => pass('write', args)) as never
  response.end = ((...args: unknown[]) => pass('end', args)) as never
  response.flushHeaders = (() => pass('flushHeaders', [])) as never
  response.on('pipe', (source) => sources.add(source))
  response.on('unpipe', (source) => sources.delete(source))
  response.once('close', () => {
    // The client has gone before the handler was done: what it has changed so far counts all the same.
    if (ended || phase === 'committing' || phase === 'failed' || !exchange.dirty) return
    exchange.commit().catch((error: unknown) => options.report('commit', error))
  })
}
