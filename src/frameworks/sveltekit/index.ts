import { AsyncLocalStorage } from 'node:async_hooks'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { type Answer, FetchMount } from '../fetch/mount.ts'
import { RequestFacts } from '../fetch/request-facts.ts'
import { checkOptions, type MountOptions } from '../node/mount.ts'

/**
 * The attributes of `event.locals.session`, for applications to extend:
 * `declare module 'sojourn/sveltekit' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

declare global {
  namespace App {
    interface Locals {
      readonly session: Session<SessionData>
    }
  }
}

/** What is used of SvelteKit's `RequestEvent`. */
export interface SvelteKitEvent {
  readonly request: Request
  /** `App.Locals` */
  readonly locals: object
  /** Whether it is a call that SvelteKit makes by itself, for `event.fetch`. */
  readonly isSubRequest: boolean
  /** By the adapter's rules of which proxies are believed. */
  readonly getClientAddress?: () => string
}

export interface SvelteKitSessionsOptions extends MountOptions<SvelteKitEvent> {
  /**
   * Answers when the session could not be loaded or stored: by a `Response`, or by throwing SvelteKit's
   * `error(503)`. Without it the error is thrown on, which SvelteKit answers with status 500. A `Response` with status
   * 503 gets `Retry-After`; what is thrown does not: SvelteKit makes the answer after that, and takes no header along.
   */
  readonly onError?: (error: unknown, event: SvelteKitEvent) => Response | Promise<Response>
}

/** Fits `handle` of `hooks.server.ts`, and `sequence`. */
export type SvelteKitHandle = <Event extends SvelteKitEvent>(input: {
  event: Event
  resolve: (event: Event) => Response | Promise<Response>
}) => Response | Promise<Response>

/** Of a request that is being answered. */
interface Running {
  readonly event: SvelteKitEvent
  readonly session: object
  isDone: boolean
}

/**
 * Gives each request its session, `event.locals.session` and `sessions.from(event)`, stores it before the
 * response goes out, and keeps the cookie. What a request calls by `event.fetch` has the same session, unless it
 * gives the call another session cookie.
 * @throws OptionError
 */
export function sveltekitSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: SvelteKitSessionsOptions = {},
): SvelteKitHandle {
  checkOptions(sessions, options, ['fresh', 'outage', 'onError'])
  const mount = new FetchMount(sessions, options)
  const running = new AsyncLocalStorage<Running>()

  /** By whom SvelteKit calls itself; not where the call is to have no cookies, or those of somebody else. */
  const callerOf = ({ isSubRequest, request }: SvelteKitEvent): Running | undefined => {
    if (!isSubRequest || request.credentials === 'omit') return undefined
    const caller = running.getStore()
    if (caller?.isDone !== false) return undefined
    return sessions.isOfCaller(cookieOf(request), cookieOf(caller.event.request))
      ? caller
      : undefined
  }

  return ({ event, resolve }) => {
    const caller = callerOf(event)
    if (caller !== undefined) {
      sessions.alias(caller.event, event)
      hold(event, caller.session)
      return resolve(event)
    }
    // The scheme is that of the URL: SvelteKit's adapters know which proxy to believe.
    const facts = new RequestFacts(event.request, false, () => clientOf(event))
    return mount.serve(event, facts, (exchange): Answer => {
      if (exchange === undefined) return resolve(event)
      const { session } = exchange
      hold(event, session)
      const own: Running = { event, session, isDone: false }
      return running.run(own, async () => {
        try {
          return await resolve(event)
        } finally {
          own.isDone = true
        }
      })
    })
  }
}

function clientOf(event: SvelteKitEvent): string | undefined {
  try {
    return event.getClientAddress?.()
  } catch {
    return undefined // while pages are made ahead, and with an adapter that does not know it
  }
}

function cookieOf({ headers }: Request): string | undefined {
  return headers.get('cookie') ?? undefined
}

/** With sessions under several cookies the first is `session`; the others are at their own `from`. */
function hold({ locals }: SvelteKitEvent, session: object): void {
  const holder = locals as { session?: object }
  holder.session ??= session
}
