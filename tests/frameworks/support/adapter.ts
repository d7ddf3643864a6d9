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
  /** Node's own objects. */
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly reply: Reply
}

/** The framework's own ways to answer. */
export interface Reply {
  header(name: string, value: string): void
  text(body: string, status?: number): unknown
  json(value: unknown, status?: number): unknown
  empty(status: number): unknown
  redirect(location: string): unknown
  stream(source: Readable): unknown
  file(path: string): unknown
}

export type Behaviour = (call: Call) => unknown

/** A value that no adapter can store. */
export function unstorable(): object {
  const cycle: { self?: object } = {}
  cycle.self = cycle
  return cycle
}

export interface AppOptions {
  /** Whether X-Forwarded-Proto is believed. */
  readonly trustProxy?: boolean
  /** The adapter's option. */
  readonly fresh?: boolean | ((request: { readonly url?: string | undefined }) => boolean)
  /** Paths that begin so have the adapter mounted once more, with `fresh: true`. */
  readonly freshBelow?: string
  /** Where the framework's own compression stands, next to the sessions. Default: nowhere. */
  readonly compression?: 'before' | 'after'
  /** What the error handler does. Default: the error's status and `{ error: code }`. */
  readonly onError?: (error: unknown, call: Call) => unknown
}

export interface App {
  readonly port: number
  /** What came to the error handler. */
  readonly errors: unknown[]
  close(): Promise<void>
}

/** A framework under test. */
export interface Adapter {
  readonly name: string
  /** `call.session` has attributes and none of a session's members, and values have JSON's meaning. */
  readonly plain?: boolean
  /** Serves each behaviour at its path, for every method. */
  start(
    sessions: Sessions<Data>,
    behaviours: Readonly<Record<string, Behaviour>>,
    options: AppOptions,
  ): Promise<App>
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : error.message
}

export function statusOf(error: unknown): number {
  const status: unknown =
    typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined
  return typeof status === 'number' ? status : 500
}
