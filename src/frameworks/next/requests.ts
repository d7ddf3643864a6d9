import { AsyncLocalStorage } from 'node:async_hooks'
import type { Exchange, ExchangeRequest } from '../../core/exchange.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { isForwardedHttps, lastForwarded } from '../node/forwarded.ts'

const PROCESS: unique symbol = Symbol.for('sojourn.next') as never

/** One request, in all its phases: an action, and the components that render after it. */
export interface NextRequest<Data extends object> {
  readonly headers: Headers
  /** The Cookie header, with what has been set since. */
  cookie: string | undefined
  opened: Exchange<Data> | Promise<Exchange<Data>> | undefined
  /** The last `withSession`: they run one after the other, for each may make the session that the next finds. */
  tail: Promise<unknown> | undefined
}

/** A `withSession` that is under way. */
export interface Running<Data extends object> {
  readonly request: NextRequest<Data>
  readonly session: Session<Data>
  isDone: boolean
}

/** What there is once a process, in whichever of Next's bundles and however often they are loaded. */
export interface Process<Data extends object> {
  sessions: Sessions<Data> | undefined
  readonly requests: WeakMap<Headers, NextRequest<Data>>
  readonly running: AsyncLocalStorage<Running<Data>>
}

/** What the session layer asks of a request. Next believes X-Forwarded-Proto, and sets it itself. */
export function factsOf({
  headers,
  cookie,
}: Pick<NextRequest<object>, 'headers' | 'cookie'>): ExchangeRequest {
  return {
    cookie,
    host: headers.get('host') ?? undefined,
    secure: isForwardedHttps(headers.get('x-forwarded-proto') ?? ''),
    // Next says so of all requests; it decides only in development.
    proxied: false,
  }
}

/** Next sets the header itself where there is none; a client's own comes through where no proxy adds to it. */
export function addressIn(headers: Headers): string | undefined {
  return lastForwarded(headers.get('x-forwarded-for') ?? '')
}

/** @param name tells several `nextSessions` apart */
export function processOf<Data extends object>(name: string): Process<Data> {
  const holder = globalThis as { [PROCESS]?: Map<string, Process<Data>> }
  const all = (holder[PROCESS] ??= new Map())
  let own = all.get(name)
  if (own === undefined) {
    own = { sessions: undefined, requests: new WeakMap(), running: new AsyncLocalStorage() }
    all.set(name, own)
  }
  return own
}
