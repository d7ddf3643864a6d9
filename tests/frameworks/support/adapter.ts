import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Session, Sessions } from 'sojourn'

/** The session data of all tests here. */
export interface Data {
  n: number
  name: string
  left: number
  right: number
  cart: string[]
  box: { a?: number | undefined; b?: number }
  any: unknown
}

/** One request, as a handler of the framework sees it. */
export interface Call {
  /** What the framework calls the request's session, with attributes as plain properties too. */
  readonly session: Session<Data> & Partial<Data>
  /** The framework's request: `sessions.from` takes it. */
  readonly key: object
  /** Node's own request, which is beneath all of them here. */
  readonly request: IncomingMessage
  readonly reply: Reply
}

/** Where the framework hands out Node's own response as well. */
export interface NodeCall extends Call {
  readonly response: ServerResponse
}

/** The framework's own ways to answer. What they give is the handler's to return. */
export interface Reply {
  header(name: string, value: string): void
  text(body: string, status?: number): unknown
  json(value: unknown, status?: number): unknown
  empty(status: number): unknown
  redirect(location: string): unknown
  stream(source: Readable): unknown
  file(path: string): unknown
}

export type Behaviour<C extends Call = Call> = (call: C) => unknown
export type NodeBehaviour = Behaviour<NodeCall>

/** A value that no adapter can store. */
export function unstorable(): object {
  const cycle: { self?: object } = {}
  cycle.self = cycle
  return cycle
}

export interface AppOptions<C extends Call = Call> {
  /** Whether X-Forwarded-Proto is believed. */
  readonly trustProxy?: boolean
  /** The adapter's option. */
  readonly fresh?: boolean | ((request: { readonly url?: string | undefined }) => boolean)
  /** Paths that begin so have the adapter mounted once more, with `fresh: true`. */
  readonly freshBelow?: string
  /** Where the framework's own compression stands, next to the sessions. Default: nowhere. */
  readonly compression?: 'before' | 'after'
  /** What the error handler does. Default: the error's status and `{ error: code }`. */
  readonly onError?: (error: unknown, call: C) => unknown
}

export interface App {
  readonly port: number
  /** What came to the error handler. */
  readonly errors: unknown[]
  close(): Promise<void>
}

/** A framework under test. */
export interface Adapter<C extends Call = Call> {
  readonly name: string
  /** Whether an error's answer is a response of its own, with none of the refused one's headers. */
  readonly answersErrorsAnew?: true
  /** Whether each change sets the cookie again, as other session libraries do. */
  readonly repeatsCookie?: true
  /** What a new session's cookie looks like that is not as ours are. */
  readonly cookie?: RegExp
  /** `call.session` has attributes and none of a session's members, and values have JSON's meaning. */
  readonly plain?: boolean
  /** Serves each behaviour at its path, for every method. */
  start(
    sessions: Sessions<Data>,
    behaviours: Readonly<Record<string, Behaviour<C>>>,
    options: AppOptions<C>,
  ): Promise<App>
}

export type NodeAdapter = Adapter<NodeCall>

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : error.message
}

export function statusOf(error: unknown): number {
  const status: unknown =
    typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status === 'number' ? status : 500
}
