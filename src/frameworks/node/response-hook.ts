import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { isOutOfOrder, isSojournError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { hasReason, headersSentError, lockHead } from './head-lock.ts'
import {
  heldHeadArguments,
  mergeHeadArguments,
  removeBodyHeaders,
  withSessionHeaders,
} from './headers.ts'
import { addRetry } from './retry-after.ts'
import { warnSameCookie } from './same-cookie.ts'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Args = readonly unknown[]
/** What is replaced at a response, free of the overloads. */
type Methods = Record<Method, (...args: Args) => unknown>
interface Originals extends Methods {
  readonly on: (event: string, listener: () => void) => EventEmitter
}

/** An exchange, whatever the type of its session's data. */
export interface AnyExchange extends Omit<Exchange<object>, 'session' | 'attach'> {
  readonly session: object
}

/** What holds a response back: an exchange, or what stands before one. */
export type ResponseExchange = Pick<
  AnyExchange,
  | 'accessed'
  | 'dirty'
  | 'failed'
  | 'outOfOrder'
  | 'commit'
  | 'sendHeaders'
  | 'release'
  | 'abandon'
  | 'afterResponse'
> & {
  /** Of those alone whose cookie is known before there is an answer. */
  readonly place?: string | undefined
  /** The exchange of the sessions, where it is another object. */
  readonly beneath?: object
}

/** Told of failures when nobody can be answered any more. */
interface Reporter {
  reportError(operation: string, error: unknown): void
}

/** A value that is another one at each look (a getter) must not hold a response for ever. */
const MOST_ROUNDS = 3
const HOOK: unique symbol = Symbol('sojourn.response')

type HookedResponse = ServerResponse & { [HOOK]?: ResponseHook }

/**
 * Holds a response back until its session is stored, however the response is made: `end`, `write`,
 * `writeHead`, `flushHeaders`, a pipe, or a client that has gone. Where nothing is to be stored
 * everything passes straight through, in the same tick. What is no response is left as it is.
 * @param fail answers the request when the session could not be stored; nothing has gone out then
 * @returns whether there is a response
 */
export function hookResponse(
  response: ServerResponse,
  exchange: ResponseExchange,
  fail: (error: unknown) => void,
  reporter: Reporter,
): boolean {
  const isThere = isResponse(response)
  // No cookie goes out any more: a session that is new would be nobody's.
  if (!isThere || response.headersSent) exchange.sendHeaders()
  if (!isThere) return false
  const hooked: HookedResponse = response
  const hook = hooked[HOOK]
  // Sessions under several cookies: one hook waits for all of them.
  if (hook !== undefined) {
    hook.join(exchange, reporter)
    return true
  }
  hooked[HOOK] = new ResponseHook(response, exchange, fail, reporter)
  install(response, passing)
  response.on('pipe', notePipe)
  response.on('close', noteClose)
  return true
}

/**
 * A WebSocket's handshake has none: applications call middleware with `{}`, and Engine.IO with a stand-in that does
 * not wait, and takes no header later.
 */
function isResponse(response: ServerResponse): boolean {
  return typeof response.on === 'function' && typeof response.hasHeader === 'function'
}

/** The commit that a hooked response waits for; it never rejects: `fail` is told, before it resolves. */
export function commitUnderWay(response: ServerResponse): Promise<void> | undefined {
  return (response as HookedResponse)[HOOK]?.committing
}

class ResponseHook {
  committing: Promise<void> | undefined
  readonly #response: ServerResponse
  readonly #fail: (error: unknown) => void
  readonly #reporter: Reporter
  readonly #exchange: ResponseExchange
  #others: ResponseExchange[] | undefined
  // One field each: looking them up by name in an object is what a request would feel.
  readonly #writeHead: Methods['writeHead']
  readonly #write: Methods['write']
  readonly #end: Methods['end']
  readonly #flushHeaders: Methods['flushHeaders']
  readonly #on: Originals['on']
  #sources: Readable[] | undefined
  /** What was called while a commit is under way, to be called when it is done. */
  #held: (readonly [Method, Args])[] | undefined
  /** Something has been passed on: the head is out, or somebody below is about to write it. */
  #passed = false
  #headWritten = false
  /** The commit failed before the head was out: what counts now is what the error handler says. */
  #refused = false
  /** For which reason it was refused. */
  #refusal: unknown
  /** After a refusal: whether `write` is the error handler's. */
  #mayWrite = false
  #answered = false

  constructor(
    response: ServerResponse,
    exchange: ResponseExchange,
    fail: (error: unknown) => void,
    reporter: Reporter,
  ) {
    this.#response = response
    this.#exchange = exchange
    this.#fail = fail
    this.#reporter = reporter
    const { writeHead, write, end, flushHeaders, on } = response as unknown as Originals
    this.#writeHead = writeHead
    this.#write = write
    this.#end = end
    this.#flushHeaders = flushHeaders
    this.#on = on
  }

  join(exchange: ResponseExchange, reporter: Reporter): void {
    const { place } = exchange
    if (place !== undefined && reporter !== this.#reporter) {
      const first = [this.#exchange, ...(this.#others ?? [])].find((each) => each.place === place)
      if (first !== undefined)
        warnSameCookie(place, first.beneath ?? first, exchange.beneath ?? exchange)
    }
    ;(this.#others ??= []).push(exchange)
  }

  pass(method: Method, args: Args): unknown {
    if (this.#refused) return this.#discard(method)
    if (this.#held !== undefined) return this.#hold(this.#held, method, args)
    if (!this.#mustWait(method)) return this.#call(method, args)
    // Node writes the head inside, where what was put on top of us since decides about the body: its
    // next call comes to a head that looks sent.
    if (method === 'flushHeaders') this.#response.writeHead(this.#response.statusCode)
    return this.#wait(method, args)
  }

  /** After a refusal, nothing is committed any more. */
  answer(method: Method, args: Args): unknown {
    if (this.#answered) return this.#discard(method)
    if (method === 'write' && !this.#mayWrite && !this.#headWritten) return false
    const result = this.#call(method, args)
    if (method === 'end') this.#answered = true
    return result
  }

  piped(source: Readable): void {
    ;(this.#sources ??= []).push(source)
    this.#mayWrite = this.#refused
  }

  /** The response is done, or its client has gone: what the handler has changed counts all the same. */
  closed(): void {
    this.#finish(this.#exchange)
    if (this.#others !== undefined) for (const exchange of this.#others) this.#finish(exchange)
  }

  /** For the head, and again at the end for what has changed since. */
  #mustWait(method: Method): boolean {
    // Node writes a head by itself inside `write` and `end`, where it is too late to wait.
    if (this.#passed && method !== 'end') return false
    return this.#isDirty
  }

  get #isDirty(): boolean {
    if (this.#exchange.dirty) return true
    return this.#others?.some((exchange) => exchange.dirty) === true
  }

  #call(method: Method, args: Args): unknown {
    const response = this.#response
    this.#passed = true
    switch (method) {
      case 'end':
        return this.#end.apply(response, args as unknown[])
      case 'write':
        return this.#write.apply(response, args as unknown[])
      case 'flushHeaders':
        return this.#flushHeaders.call(response)
      case 'writeHead': {
        const rest = this.#headWritten ? args : this.#withHeaders(args)
        return this.#writeHead.apply(response, rest as unknown[])
      }
    }
  }

  #withHeaders(args: Args): Args {
    this.#headWritten = true
    if (this.#isOutOfOrder) addRetry(this.#response, args[0])
    const rest = this.#withHeadersOf(this.#exchange, args)
    return this.#others === undefined
      ? rest
      : this.#others.reduce((given, exchange) => this.#withHeadersOf(exchange, given), rest)
  }

  #withHeadersOf(exchange: ResponseExchange, args: Args): Args {
    const cookie = exchange.sendHeaders()
    if (cookie === undefined && !exchange.accessed) return args
    return withSessionHeaders(this.#response, args, cookie)
  }

  #wait(method: Method, args: Args): unknown {
    if (this.#held !== undefined) return this.#hold(this.#held, method, args)
    const rest = method === 'writeHead' ? heldHeadArguments(this.#response, args) : args
    this.#held = [[method, rest]]
    this.committing = this.#commit()
    return this.#discard(method)
  }

  #hold(held: (readonly [Method, Args])[], method: Method, args: Args): unknown {
    if (method !== 'writeHead') held.push([method, args])
    // Compression writes the head with each chunk until it sees it out; others get Node's answer.
    else if (args.length > 1) throw headersSentError()
    return this.#discard(method)
  }

  /** What the caller gets of a call that is not passed on now. */
  #discard(method: Method): unknown {
    return method === 'write' ? false : this.#response
  }

  async #commit(): Promise<void> {
    const hasEnded = (): boolean => this.#held?.some(([method]) => method === 'end') === true
    const unlock = lockHead(this.#response, hasEnded)
    // The application was told before, by a commit of its own, and this is its answer to that.
    const isKnown = this.#isFailed
    try {
      try {
        // Most responses have one session, which one commit settles: each further promise is a microsecond.
        if (this.#others === undefined) await this.#exchange.commit()
        if (this.#isDirty) await this.#settle()
      } catch (error) {
        if (!isKnown) throw error
        this.#reporter.reportError('commit', error)
      } finally {
        unlock()
      }
      this.#release()
    } catch (error) {
      try {
        this.#refuse(error, hasEnded())
      } catch (failure) {
        this.#cut(failure)
      }
    }
  }

  get #isFailed(): boolean {
    return this.#exchange.failed || this.#others?.some(({ failed }) => failed) === true
  }

  /** Then a 503 is for that, whoever answers with it. */
  get #isOutOfOrder(): boolean {
    const { outOfOrder } = this.#exchange
    if (outOfOrder || isOutOfOrder(this.#refusal)) return true
    return this.#others?.some((other) => other.outOfOrder) === true
  }

  /** More than once where a handler goes on changing the session after `end`. */
  async #settle(): Promise<void> {
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      let isSettled = !this.#exchange.dirty
      if (!isSettled) await this.#exchange.commit()
      for (const exchange of this.#others ?? []) {
        if (!exchange.dirty) continue
        isSettled = false
        await exchange.commit()
      }
      if (isSettled) return
    }
  }

  #release(): void {
    const calls = this.#held ?? []
    this.#held = undefined
    let waiting = false
    for (const [method, args] of calls) {
      const result = this.#call(method, args)
      if (method === 'write') waiting = result !== false
      else if (method === 'end') waiting = false
    }
    if (waiting) this.#drain()
  }

  /** Wakes the writer, who was told to wait, where the response itself has no reason to. */
  #drain(): void {
    const nothing = (): void => undefined
    // A compression below us keeps listeners of 'drain' at its own stream: `on` answers with it.
    const emitter = this.#on.call(this.#response, 'drain', nothing)
    emitter.off('drain', nothing)
    emitter.emit('drain')
  }

  #refuse(error: unknown, hasEnded: boolean): void {
    const response = this.#response
    const head = this.#held?.find(([method]) => method === 'writeHead')
    this.#held = undefined
    if (response.destroyed || response.headersSent) return this.#cut(error)
    // The error handler finds what was set, as it would have without us.
    if (head !== undefined) mergeHeadArguments(response, head[1])
    this.#refused = true
    this.#refusal = error
    for (const source of this.#sources ?? []) leave(source, response)
    // A refused writer that waits must not be woken by the error's answer. Where a compression below us
    // has replaced `on`, the listeners here are its own.
    if (this.#on === EventEmitter.prototype.on) response.removeAllListeners('drain')
    this.#sources = undefined
    removeBodyHeaders(response)
    response.statusCode = isSojournError(error) ? error.status : 500
    if (hasReason(response)) response.statusMessage = ''
    // What was put on top of us since, such as a compression, is busy with the refused answer.
    install(response, answering)
    // With them go their listeners of 'drain', which would never hear of the error's answer.
    response.on = this.#on as ServerResponse['on']
    this.#mayWrite = true
    this.#fail(error)
    // A writer that is not done and does not wait for 'drain' must not write into the error's answer;
    // what is piped by now is that answer.
    this.#mayWrite = hasEnded || this.#sources !== undefined
  }

  /** A response whose head is out, but not its session stored, must not look complete. */
  #cut(error: unknown): void {
    this.#held = undefined
    this.#refused = true
    this.#reporter.reportError('commit', error)
    this.#response.destroy()
  }

  #finish(exchange: ResponseExchange): void {
    exchange.release()
    if (!this.#headWritten) exchange.abandon()
    if (this.#held !== undefined || this.#refused) return
    if (exchange.dirty && !exchange.failed) {
      exchange.commit().catch((error: unknown) => this.#reporter.reportError('commit', error))
    } else {
      exchange.afterResponse((error) => this.#reporter.reportError('touch', error))
    }
  }
}

/** Nobody reads on: what a source holds, such as an open file, ends with the response. */
function leave(source: Readable, response: ServerResponse): void {
  source.unpipe(response)
  // The request ends by itself, and with it the connection would.
  if (source === response.req) return
  response.once('close', () => {
    if (source.listenerCount('data') === 0) source.destroy()
  })
}

type HookOf = { readonly [HOOK]: ResponseHook }

// The same functions for all responses: made anew for each they would cost more than they do.
const passing: Methods = {
  writeHead(this: HookOf, ...args) {
    return this[HOOK].pass('writeHead', args)
  },
  write(this: HookOf, ...args) {
    return this[HOOK].pass('write', args)
  },
  end(this: HookOf, ...args) {
    return this[HOOK].pass('end', args)
  },
  flushHeaders(this: HookOf, ...args) {
    return this[HOOK].pass('flushHeaders', args)
  },
}
const answering: Methods = {
  writeHead(this: HookOf, ...args) {
    return this[HOOK].answer('writeHead', args)
  },
  write(this: HookOf, ...args) {
    return this[HOOK].answer('write', args)
  },
  end(this: HookOf, ...args) {
    return this[HOOK].answer('end', args)
  },
  flushHeaders(this: HookOf, ...args) {
    return this[HOOK].answer('flushHeaders', args)
  },
}

function install(response: ServerResponse, { writeHead, write, end, flushHeaders }: Methods): void {
  const methods = response as unknown as Methods
  methods.writeHead = writeHead
  methods.write = write
  methods.end = end
  methods.flushHeaders = flushHeaders
}

function notePipe(this: HookOf, source: Readable): void {
  this[HOOK].piped(source)
}

function noteClose(this: HookOf): void {
  this[HOOK].closed()
}
