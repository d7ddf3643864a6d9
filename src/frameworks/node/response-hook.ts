import type { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { isSojournError } from '../../core/errors.ts'
import type { Exchange } from '../../core/exchange.ts'
import { headersSentError, lockHead } from './head-lock.ts'
import { addSessionHeaders, mergeHeadArguments, removeBodyHeaders } from './headers.ts'

type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders'
type Args = readonly unknown[]
type Pass = (method: Method, args: Args) => unknown
/** What is replaced at a response, free of the overloads. */
type Methods = Record<Method, (...args: Args) => unknown> & {
  readonly on: (event: string, listener: () => void) => EventEmitter
}

/** What the hook needs of an exchange, whatever the type of its session's data. */
type ResponseExchange = Pick<
  Exchange<object>,
  'accessed' | 'dirty' | 'failed' | 'commit' | 'sendHeaders' | 'abandon' | 'afterResponse'
>

export interface ResponseHookOptions {
  /** Answers the request when the session could not be stored; nothing has gone out then. */
  readonly fail: (error: unknown) => void
  /** Told of failures when nobody can be answered any more. */
  readonly report: (operation: string, error: unknown) => void
}

/** A value that is another one at each look (a getter) must not hold a response for ever. */
const MOST_ROUNDS = 3
const HOOK: unique symbol = Symbol('sojourn.response')

/**
 * Holds a response back until its session is stored, however the response is made: `end`, `write`,
 * `writeHead`, `flushHeaders`, a pipe, or a client that has gone. Where nothing is to be stored
 * everything passes straight through, in the same tick.
 */
export function hookResponse(
  response: ServerResponse & { [HOOK]?: ResponseHook },
  exchange: ResponseExchange,
  options: ResponseHookOptions,
): void {
  const hook = response[HOOK]
  if (hook === undefined) response[HOOK] = new ResponseHook(response, exchange, options)
  // Sessions under several cookies: one hook waits for all of them.
  else hook.join(exchange)
}

class ResponseHook {
  readonly #response: ServerResponse
  readonly #options: ResponseHookOptions
  readonly #exchanges: ResponseExchange[]
  readonly #original: Readonly<Methods>
  #sources: Readable[] | undefined
  /** What was called while a commit is under way, to be called when it is done. */
  #held: (readonly [Method, Args])[] | undefined
  /** Something has been passed on: the head is out, or somebody below is about to write it. */
  #passed = false
  #headWritten = false
  /** The commit failed before the head was out: what counts now is what the error handler says. */
  #refused = false
  /** After a refusal: whether `write` is the error handler's. */
  #mayWrite = false
  #answered = false

  constructor(response: ServerResponse, exchange: ResponseExchange, options: ResponseHookOptions) {
    this.#response = response
    this.#options = options
    this.#exchanges = [exchange]
    const { writeHead, write, end, flushHeaders, on } = response as unknown as Methods
    this.#original = { writeHead, write, end, flushHeaders, on }
    this.#install((method, args) =>
      this.#refused ? this.#discard(method) : this.#pass(method, args),
    )
    response.on('pipe', (source) => {
      ;(this.#sources ??= []).push(source)
      this.#mayWrite = this.#refused
    })
    response.once('close', () => this.#close())
  }

  join(exchange: ResponseExchange): void {
    this.#exchanges.push(exchange)
  }

  #install(pass: Pass): void {
    const response = this.#response as unknown as Methods
    response.writeHead = (...args) => pass('writeHead', args)
    response.write = (...args) => pass('write', args)
    response.end = (...args) => pass('end', args)
    response.flushHeaders = (...args) => pass('flushHeaders', args)
  }

  #pass(method: Method, args: Args): unknown {
    if (this.#held !== undefined) return this.#hold(this.#held, method, args)
    if (this.#mustWait(method)) {
      // Wrong headers are refused in the handler, as Node does, and not when the commit is done.
      const rest = method === 'writeHead' ? mergeHeadArguments(this.#response, args) : args
      this.#held = [[method, rest]]
      this.#commit()
      return this.#discard(method)
    }
    return this.#call(method, args)
  }

  /** For the head, and again at the end for what has changed since. */
  #mustWait(method: Method): boolean {
    // Node writes a head by itself inside `write` and `end`, where it is too late to wait.
    if (this.#passed && method !== 'end') return false
    for (const exchange of this.#exchanges) if (exchange.dirty) return true
    return false
  }

  #call(method: Method, args: Args): unknown {
    this.#passed = true
    let rest = args
    if (method === 'writeHead' && !this.#headWritten) {
      this.#headWritten = true
      for (const exchange of this.#exchanges) {
        const cookie = exchange.sendHeaders()
        if (cookie === undefined && !exchange.accessed) continue
        rest = mergeHeadArguments(this.#response, rest)
        addSessionHeaders(this.#response, cookie)
      }
    }
    return this.#original[method].call(this.#response, ...rest)
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

  #commit(): void {
    const hasEnded = (): boolean => this.#held?.some(([method]) => method === 'end') === true
    const unlock = lockHead(this.#response, hasEnded)
    // The application was told before, by a commit of its own, and this is its answer to that.
    const isKnown = this.#exchanges.some(({ failed }) => failed)
    this.#settle()
      .catch((error: unknown) => {
        if (!isKnown) throw error
        this.#options.report('commit', error)
      })
      .finally(unlock)
      .then(() => this.#release())
      .catch((error: unknown) => this.#refuse(error, hasEnded()))
      .catch((error: unknown) => this.#cut(error))
  }

  /** More than once where a handler goes on changing the session after `end`. */
  async #settle(): Promise<void> {
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const dirty = this.#exchanges.filter((exchange) => exchange.dirty)
      if (dirty.length === 0) return
      for (const exchange of dirty) await exchange.commit()
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
    const emitter = this.#original.on.call(this.#response, 'drain', nothing)
    emitter.off('drain', nothing)
    emitter.emit('drain')
  }

  #refuse(error: unknown, hasEnded: boolean): void {
    const response = this.#response
    this.#held = undefined
    if (response.destroyed || response.headersSent) return this.#cut(error)
    this.#refused = true
    for (const source of this.#sources ?? []) source.unpipe(response)
    removeBodyHeaders(response)
    response.statusCode = isSojournError(error) ? error.status : 500
    response.statusMessage = ''
    // What was put on top of us since, such as a compression, is busy with the refused answer.
    this.#install((method, args) => this.#answer(method, args))
    this.#mayWrite = true
    this.#options.fail(error)
    // A writer that is not done and does not wait for 'drain' must not write into the error's answer.
    this.#mayWrite = hasEnded
  }

  /** After a refusal, nothing is committed any more. */
  #answer(method: Method, args: Args): unknown {
    if (this.#answered) return this.#discard(method)
    if (method === 'write' && !this.#mayWrite && !this.#headWritten) return false
    const result = this.#call(method, args)
    if (method === 'end') this.#answered = true
    return result
  }

  /** A response whose head is out, but not its session stored, must not look complete. */
  #cut(error: unknown): void {
    this.#held = undefined
    this.#refused = true
    this.#options.report('commit', error)
    this.#response.destroy()
  }

  /** The response is done, or its client has gone: what the handler has changed counts all the same. */
  #close(): void {
    for (const exchange of this.#exchanges) {
      if (!this.#headWritten) exchange.abandon()
      if (this.#held !== undefined || this.#refused) continue
      if (exchange.dirty && !exchange.failed) {
        exchange.commit().catch((error: unknown) => this.#options.report('commit', error))
      } else {
        exchange.afterResponse((error) => this.#options.report('touch', error))
      }
    }
  }
}
