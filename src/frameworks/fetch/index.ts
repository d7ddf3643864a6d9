import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { checkOptions, type MountOptions } from '../node/mount.ts'
import { type Answer, FetchMount } from './mount.ts'
import { peerOf } from './peer.ts'
import { RequestFacts } from './request-facts.ts'

export interface FetchSessionsOptions extends MountOptions<Request> {
  /**
   * Whether X-Forwarded-Proto is believed, which decides on the cookie's form, and of X-Forwarded-For the last address,
   * for `addressOf`. Only behind a proxy that sets them. Default false.
   */
  readonly trustProxy?: boolean
  /**
   * Answers for what is thrown: by the handler, or because the session could not be loaded or stored
   * (`StoreUnavailableError` with `status` 503). Without it the error is thrown on, to whatever serves.
   */
  readonly onError?: (error: unknown, request: Request) => Response | Promise<Response>
}

/** A handler with its request's session; what else the server gives comes after it. */
export type SessionHandler<Data extends object, Rest extends readonly unknown[]> = (
  request: Request,
  session: Session<Data>,
  ...rest: Rest
) => Response | Promise<Response>

/** What Deno, Bun, and others take as `fetch`. Answers without a promise where nothing is waited for. */
export type FetchHandler<Rest extends readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Makes wrappers for handlers of web standard requests: the session is loaded before, stored before the
 * response is handed out, and its cookie kept. `sessions.from(request)` has it too.
 * @throws OptionError
 */
export function fetchSessions<Data extends object>(
  sessions: Sessions<Data>,
  options: FetchSessionsOptions = {},
): <Rest extends readonly unknown[] = []>(
  handler: SessionHandler<Data, Rest>,
) => FetchHandler<Rest> {
  checkOptions(sessions, options, ['fresh', 'outage', 'trustProxy', 'onError'])
  const { trustProxy = false } = options
  const mount = new FetchMount(sessions, options)
  return (handler) =>
    (request, ...rest): Answer => {
      const facts = new RequestFacts(request, trustProxy, () => peerOf(request, rest[0]))
      return mount.serve(request, facts, (exchange) =>
        handler(request, exchange?.session ?? sessions.from(request), ...rest),
      )
    }
}
