import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import type { ConnectionOptions } from '../node/connection.ts'
import { checkOptions, type MountOptions } from '../node/mount.ts'
import type { NodeApp, NodeEvent, WebEvent } from './events.ts'
import { NodeMount } from './node.ts'
import { WebMount } from './web.ts'

/**
 * The attributes of `event.context.session`, for applications to extend:
 * `declare module 'sojourn/h3' { interface SessionData { cart: Item[] } }`
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface SessionData {}

declare module 'h3' {
  interface H3EventContext {
    /** Absent for requests that have no session, and when it could not be loaded. */
    readonly session: Session<SessionData>
  }
}

/** With the session; a module has to be imported to be extended. */
export type { H3EventContext } from 'h3'
export type { NodeApp, NodeEvent, WebEvent } from './events.ts'

export interface H3SessionsOptions extends MountOptions<WebEvent>, ConnectionOptions {
  /**
   * Answers for what is thrown below, or because the session could not be loaded or stored, and may change
   * the session. Without it h3's own error handling answers.
   */
  readonly onError?: (error: unknown, event: WebEvent) => unknown
}

/** Fits `app.use` of h3 2, and Nitro 3's `server/middleware`. */
export type H3Middleware = (event: WebEvent, next: () => unknown) => unknown

/**
 * For h3 2: gives each request its session, `event.context.session` and `sessions.from(event)`, stores it
 * before the response is made, and keeps the cookie. Errors, such as `StoreUnavailableError` with `status`
 * 503, go to h3's error handling.
 * @throws OptionError
 */
export function h3Sessions<Data extends object>(
  sessions: Sessions<Data>,
  options: H3SessionsOptions = {},
): H3Middleware {
  checkOptions(sessions, options, ['fresh', 'outage', 'trustProxy', 'onError'])
  const mount = new WebMount(sessions, options)
  return (event, next) => mount.serve(event, next)
}

export interface NitroSessionsOptions extends MountOptions<NodeEvent>, ConnectionOptions {
  /** Which requests have a session. Default: all but Nuxt's own, `/_nuxt/…` and `/__nuxt…`. */
  readonly only?: (event: NodeEvent) => boolean
}

/** A plugin of Nitro 2, `server/plugins`; for h3 1 alone: called with `{ h3App: app }`. */
export type NitroPlugin = (nitroApp: { readonly h3App: NodeApp }) => void

/**
 * For Nuxt 3 and 4, Nitro 2 and h3 1: gives each request its session, `event.context.session` and
 * `sessions.from(event)`, stores it before the response goes out, and keeps the cookie. What a request calls
 * by `event.$fetch` has the same session. Errors, such as `StoreUnavailableError` with `status` 503, go to
 * the error handling of h3 and Nitro.
 * @throws OptionError
 */
export function nitroSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: NitroSessionsOptions = {},
): NitroPlugin {
  checkOptions(sessions, options, ['fresh', 'outage', 'trustProxy', 'only'])
  const mount = new NodeMount(sessions, options)
  return ({ h3App }) => {
    const handler = h3App.handler as (event: NodeEvent) => unknown
    const serve = (event: NodeEvent): Promise<void> => mount.serve(event, handler)
    // With what marks it as a handler of h3.
    h3App.handler = Object.assign(serve, handler)
  }
}
