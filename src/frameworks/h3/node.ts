import type { IncomingMessage, ServerResponse } from 'node:http'
import { holdAddress } from '../../core/client-address.ts'
import { isOutOfOrder, isSojournError, OUT_OF_ORDER } from '../../core/errors.ts'
import type { ExchangeRequest } from '../../core/exchange.ts'
import type { Sessions } from '../../core/sessions.ts'
import { FetchMount } from '../fetch/mount.ts'
import { type ConnectionOptions, holdForwarded, securityOf } from '../node/connection.ts'
import { removeBodyHeaders, withSessionHeaders } from '../node/headers.ts'
import { arrive, type MountOptions } from '../node/mount.ts'
import { NodeRequest } from '../node/request.ts'
import { type AnyExchange, commitUnderWay, hookResponse } from '../node/response-hook.ts'
import { addRetry, sayRetry } from '../node/retry-after.ts'
import type { NodeEvent } from './events.ts'

export interface NodeMountOptions extends MountOptions<NodeEvent>, ConnectionOptions {
  readonly only?: (event: NodeEvent) => boolean
}

/** Nuxt's development server is a proxy, and tells of plain HTTP: no proxy whose scheme is to be guessed. */
class NitroRequest extends NodeRequest<IncomingMessage> {
  readonly #request: IncomingMessage

  constructor(request: IncomingMessage, isSecure: (request: IncomingMessage) => boolean) {
    super(request, request, isSecure)
    this.#request = request
  }

  override get proxied(): boolean {
    return super.proxied && this.#request.headers['x-forwarded-proto'] !== 'http'
  }
}

/** Of a request that goes on: a call of the application by itself belongs to the one that it comes from. */
interface Outer {
  readonly event: NodeEvent
  readonly session: object
  isDone: boolean
}

type Handler = (event: NodeEvent) => unknown

/** Events that h3 has made for calls which come by no connection: `event.$fetch`, servers other than Node's. */
type InnerRequest = IncomingMessage & { readonly __unenv__?: object }
type InnerResponse = ServerResponse & { _data?: unknown }

/** Nobody can go away from a response that is made in one piece. */
const NOBODY = { signal: undefined }

/** Sessions for h3 1, which writes to Node's response or, for calls by itself, to one like it. */
export class NodeMount<Data extends object> {
  readonly #sessions: Sessions<Data>
  readonly #mount: FetchMount<AnyExchange, NodeEvent>
  readonly #options: NodeMountOptions
  readonly #isSecure: (request: IncomingMessage) => boolean
  readonly #only: (event: NodeEvent) => boolean
  readonly #outer = Symbol('sojourn.outer')

  constructor(sessions: Sessions<Data>, options: NodeMountOptions) {
    this.#sessions = sessions
    this.#mount = new FetchMount<AnyExchange, NodeEvent>(sessions, options)
    this.#options = options
    this.#isSecure = securityOf(options)
    this.#only = options.only ?? isApplications
  }

  async serve(event: NodeEvent, handler: Handler): Promise<void> {
    const { req, res } = event.node
    const outer = this.#outerOf(req)
    if (outer !== undefined) {
      this.#sessions.alias(outer.event, event)
      this.#hold(event, outer)
      await handler(event)
      return
    }
    if (!this.#only(event)) return void (await handler(event))
    const facts = new NitroRequest(req, this.#isSecure)
    holdAddress(event, () => req.socket?.remoteAddress)
    holdForwarded(event, req, this.#isSecure)
    const exchange = await this.#open(event, facts)
    if (exchange === undefined) return void (await handler(event))
    const own: Outer = { event, session: exchange.session, isDone: false }
    this.#hold(event, own)
    try {
      if (isInner(req)) await this.#runInner(event, exchange, res, handler)
      else await this.#run(event, exchange, res, handler)
    } finally {
      own.isDone = true
    }
  }

  async #open(event: NodeEvent, facts: ExchangeRequest): Promise<AnyExchange | undefined> {
    try {
      return await arrive<AnyExchange, NodeEvent>(this.#sessions, this.#options, event, facts)
    } catch (error) {
      const { req, res } = event.node
      if (!isInner(req)) sayRetry(res, error)
      else if (isOutOfOrder(error)) addRetry(res, OUT_OF_ORDER)
      throw asCause(error)
    }
  }

  /** By the context: `event.$fetch` gives it along. Not where the call has the cookie of somebody else. */
  #outerOf(req: InnerRequest): Outer | undefined {
    const outer = (req.__unenv__ as Record<symbol, Outer> | undefined)?.[this.#outer]
    if (outer?.isDone !== false) return undefined
    const { cookie } = outer.event.node.req.headers
    return this.#sessions.isOfCaller(req.headers.cookie, cookie) ? outer : undefined
  }

  #hold(event: NodeEvent, outer: Outer): void {
    const context = event.context as Record<symbol | 'session', unknown>
    context[this.#outer] = outer
    // With sessions under several cookies the first is `session`; the others are at their own `from`.
    context.session ??= outer.session
  }

  async #run(
    event: NodeEvent,
    exchange: AnyExchange,
    response: ServerResponse,
    handler: Handler,
  ): Promise<void> {
    let refuse = (_error: unknown): void => undefined
    const refused = new Promise<never>((_, reject) => {
      refuse = reject
    })
    let isRunning = true
    const fail = (error: unknown): void => {
      if (!isRunning) return this.#refuse(response, error)
      isRunning = false
      unhandle(event)
      refuse(asCause(error))
    }
    hookResponse(response, exchange, fail, this.#sessions)
    try {
      await Promise.race([this.#handle(event, response, handler), refused])
    } catch (error) {
      // Here, where the error handler is still told of a failure.
      if (isRunning && exchange.dirty && !exchange.failed) await exchange.commit().catch(rethrow)
      throw error
    } finally {
      isRunning = false
    }
  }

  /** Until nothing can be refused any more for which h3's error handler has not answered. */
  async #handle(event: NodeEvent, response: ServerResponse, handler: Handler): Promise<void> {
    await handler(event)
    // A pipe goes on by itself, and may have to wait only then.
    if (!response.writableEnded && !response.destroyed) {
      await new Promise<void>((resolve) => response.once('close', resolve))
    }
    await commitUnderWay(response)
  }

  /** h3's error handler has answered, and changed the session, which could not be stored. */
  #refuse(response: ServerResponse, error: unknown): void {
    this.#sessions.reportError('commit', error)
    response.end()
  }

  /** Its response is read when the handler is through, in one piece. */
  async #runInner(
    event: NodeEvent,
    exchange: AnyExchange,
    response: ServerResponse,
    handler: Handler,
  ): Promise<void> {
    try {
      try {
        await handler(event)
      } catch (error) {
        await this.#mount
          .settle(exchange, NOBODY)
          ?.catch((failure: unknown) => this.#sessions.reportError('commit', failure))
        throw error
      }
      await this.#mount.settle(exchange, NOBODY)?.catch((error: unknown) => {
        takeBack(event, response, error)
        throw asCause(error)
      })
    } finally {
      const cookie = exchange.sendHeaders()
      if (cookie !== undefined || exchange.accessed) {
        withSessionHeaders(response, [response.statusCode], cookie)
      }
      this.#mount.handOver(exchange, NOBODY)
      exchange.release()
    }
  }
}

/** h3 gives error handlers an error of its own, whose cause is that of ours, where ours has one. */
function asCause(error: unknown): unknown {
  if (!isSojournError(error)) return error
  const { message, status } = error
  return Object.assign(new Error(message, { cause: error }), { status })
}

function rethrow(error: unknown): never {
  throw asCause(error)
}

/** Not Nuxt's own files, nor its error page, for which it calls itself: the store may be what has failed. */
function isApplications({ path }: NodeEvent): boolean {
  return !/^\/__?nuxt/.test(path)
}

function isInner(request: InnerRequest): boolean {
  return '__unenv__' in request
}

/** h3's listener answers for an error only where it believes that nobody has. */
function unhandle(event: NodeEvent): void {
  ;(event as { _handled?: boolean })._handled = false
}

function takeBack(event: NodeEvent, response: InnerResponse, error: unknown): void {
  unhandle(event)
  removeBodyHeaders(response)
  // Nothing writes the head of such a response.
  if (isOutOfOrder(error)) addRetry(response, OUT_OF_ORDER)
  const state = { headersSent: false, writableEnded: false, writableFinished: false }
  Object.assign(response, state, { _data: undefined })
  response.statusCode = isSojournError(error) ? error.status : 500
}
