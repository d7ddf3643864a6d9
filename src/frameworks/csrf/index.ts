import type { IncomingMessage, ServerResponse } from 'node:http'
import { CsrfError, isSojournError, OptionError } from '../../core/errors.ts'
import type { Session } from '../../core/session.ts'
import type { Sessions } from '../../core/sessions.ts'
import { refuseUnknown, requireObject } from '../../core/unknown-options.ts'
import { firstRequest } from '../fetch/first-request.ts'
import { type CsrfRequest, checkedOrigins, isSafe, originOf } from './check.ts'
import { formToken, nodeToken } from './token.ts'

export type { CsrfRequest } from './check.ts'

export interface CsrfOptions {
  /** Other origins whose pages may send requests here: `['https://app.example.org']`. One's own is known by `Host`. */
  readonly origins?: readonly string[]
  /**
   * Whether a token is asked for. `'fallback'`, the default: where the browser does not say which site a request comes
   * from. `'always'`: beside what it says, of every request of a session. `'never'`.
   */
  readonly token?: 'fallback' | 'always' | 'never'
  /** Name of the header that brings the token. Default `x-csrf-token`. */
  readonly header?: string
  /** Name of the form's field, or of the property of a JSON body, that brings it. Default `_csrf`. */
  readonly field?: string
  /** Requests that are not looked at: what other servers call, and proves itself otherwise. Default: none. */
  readonly ignore?: (request: CsrfRequest) => boolean
}

type NodeNext = (error?: unknown) => void

/** What is used of a Fastify application. */
interface FastifyLike {
  addHook(
    name: 'preHandler',
    hook: (request: FastifyRequestLike, reply: unknown, done: (error?: Error) => void) => void,
  ): unknown
}
interface FastifyRequestLike {
  readonly raw: IncomingMessage
  readonly body?: unknown
}
/** What is used of Koa's and Hono's contexts, h3's and SvelteKit's events. */
interface KoaLike {
  readonly req: IncomingMessage
  readonly request: { readonly body?: unknown }
}
interface HonoLike {
  readonly req: { readonly raw: Request }
}
interface H3Like {
  readonly req: Request
}
interface NitroLike {
  readonly node: { readonly req: IncomingMessage }
}
interface SvelteKitLike {
  readonly request: Request
}

/** Refuses requests that a page of another site makes a user's browser send. */
export interface Csrf {
  /** For a form's field or a header: good for this session only, and until the next login. */
  token(session: object): string
  /**
   * For anything else: looks at a request.
   * @param given the token that it has brought, if it has; without it that of the header
   * @throws CsrfError
   */
  check(request: CsrfRequest | Request, session: object | undefined, given?: string): void
  /** Middleware of Express, Nest on Express and Connect, behind the one of the sessions and that of bodies. */
  readonly express: (request: IncomingMessage, response: ServerResponse, next: NodeNext) => void
  /** A plugin of Fastify, behind that of the sessions. */
  readonly fastify: (app: object, options: object, done: (error?: Error) => void) => void
  /** Middleware of Koa, behind the one of the sessions and that of bodies. */
  readonly koa: (ctx: KoaLike, next: () => Promise<unknown>) => Promise<unknown>
  /** Middleware of Hono, behind the one of the sessions. A refused request gets a plain 403. */
  readonly hono: (c: HonoLike, next: () => Promise<void>) => Promise<Response | undefined>
  /**
   * For Nuxt, Nitro 2 and h3 1, in a handler of `server/middleware`. A refused request gets a plain 403.
   * @param readBody reads the body, if the token has to be looked for there
   */
  readonly nitro: (event: NitroLike, readBody?: () => unknown) => Promise<Response | undefined>
  /** Middleware of h3 2 and Nitro 3, behind the one of the sessions. A refused request gets a plain 403. */
  readonly h3: (event: H3Like, next: () => unknown) => Promise<unknown>
  /** `handle` of SvelteKit, behind that of the sessions in `sequence`. A refused request gets a plain 403. */
  readonly sveltekit: <Event extends SvelteKitLike>(input: {
    event: Event
    resolve: (event: Event) => Response | Promise<Response>
  }) => Promise<Response>
  /** Around a handler of web standard requests, inside of that of the sessions. A refused request gets a plain 403. */
  readonly fetch: <Rest extends readonly unknown[]>(
    handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  ) => (request: Request, ...rest: Rest) => Promise<Response>
}

const NAMES: readonly (keyof CsrfOptions)[] = ['origins', 'token', 'header', 'field', 'ignore']
/** RFC 9110, 5.6.2. */
const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** @throws OptionError */
export function createCsrf<Data extends object>(
  sessions: Sessions<Data>,
  options: CsrfOptions = {},
): Csrf {
  requireObject('options', options)
  refuseUnknown(options, NAMES)
  const { token: mode = 'fallback', header = 'x-csrf-token', field = '_csrf', ignore } = options
  const origins = checkedOrigins(options.origins ?? [])
  if (mode !== 'fallback' && mode !== 'always' && mode !== 'never') {
    throw new OptionError('token', "takes 'fallback', 'always' or 'never'")
  }
  if (typeof header !== 'string' || !HEADER.test(header)) {
    throw new OptionError('header', 'takes the name of a header')
  }
  if (typeof field !== 'string' || field === '') throw new OptionError('field', 'takes a name')
  if (ignore !== undefined && typeof ignore !== 'function') {
    throw new OptionError('ignore', 'takes a function')
  }
  const headerName = header.toLowerCase()

  /** Whether its headers leave it to the token. */
  const isForToken = (request: CsrfRequest): boolean => {
    if (isSafe(request) || ignore?.(request) === true) return false
    const origin = originOf(request, origins)
    if (origin === 'other') throw sessions.refuseRequest('cross-site')
    return mode === 'always' || (mode === 'fallback' && origin === 'unsure')
  }
  /** Without a session there is nothing that a forged request could use. */
  const hasSession = (session: object | undefined): session is object => {
    const { id, outage } = (session ?? {}) as Partial<Session>
    // While the store does not answer nobody knows which one it is: it may be found later in the request.
    return id !== undefined || outage === 'anonymous'
  }
  const checkToken = (session: object, given: string | undefined): void => {
    if (given === undefined) throw sessions.refuseRequest('token-missing', session)
    if (!sessions.isCsrfToken(session, given)) throw sessions.refuseRequest('token', session)
  }

  const checkNode = (key: object, raw: IncomingMessage, body: unknown): void => {
    const request = ofNode(raw)
    if (!isForToken(request)) return
    const session = sessions.from(key)
    if (!hasSession(session)) return
    checkToken(session, request.header(headerName) ?? nodeToken(body, field))
  }
  /** @param inBody asked where the header does not bring the token */
  const refusalOf = async (
    key: object,
    request: CsrfRequest,
    inBody: () => Promise<string | undefined>,
  ): Promise<Response | undefined> => {
    try {
      if (!isForToken(request)) return undefined
      const session = sessions.from(key)
      if (!hasSession(session)) return undefined
      checkToken(session, request.header(headerName) ?? (await inBody()))
      return undefined
    } catch (error) {
      if (!(error instanceof CsrfError)) throw error
      return new Response('Forbidden', { status: error.status })
    }
  }
  const fetchRefusal = (key: object, raw: Request): Promise<Response | undefined> =>
    refusalOf(key, ofFetch(raw), () => formToken(raw, field))

  const fastify: Csrf['fastify'] = (app, _options, done) => {
    ;(app as FastifyLike).addHook('preHandler', (request, _reply, next) => {
      try {
        checkNode(request, request.raw, request.body)
      } catch (error) {
        return next(error as Error)
      }
      next()
    })
    done()
  }
  // What fastify-plugin does: the hook reaches the instance that registers the plugin.
  Object.assign(fastify, {
    [Symbol.for('skip-override')]: true,
    [Symbol.for('fastify.display-name')]: 'sojourn-csrf',
  })

  return {
    token: (session) => sessions.csrfToken(session),
    check(given, session, token) {
      const request = 'header' in given ? given : ofFetch(given)
      if (!isForToken(request) || !hasSession(session)) return
      checkToken(session, token ?? request.header(headerName))
    },
    express(request, _response, next) {
      try {
        checkNode(request, request, (request as { body?: unknown }).body)
      } catch (error) {
        return next(error)
      }
      next()
    },
    fastify,
    async koa(ctx, next) {
      checkNode(ctx, ctx.req, ctx.request.body)
      return next()
    },
    async hono(c, next) {
      const refused = await fetchRefusal(firstRequest(c), c.req.raw)
      if (refused !== undefined) return refused
      await next()
      return undefined
    },
    nitro: (event, readBody) =>
      refusalOf(event, ofNode(event.node.req), async () => nodeToken(await readBody?.(), field)),
    async h3(event, next) {
      return (await fetchRefusal(event, event.req)) ?? next()
    },
    async sveltekit({ event, resolve }) {
      return (await fetchRefusal(event, event.request)) ?? resolve(event)
    },
    fetch:
      (handler) =>
      async (request, ...rest) =>
        (await fetchRefusal(request, request)) ?? handler(request, ...rest),
  }
}

/** For error handlers. */
export function isCsrfError(error: unknown): error is CsrfError {
  return isSojournError(error) && error.code === 'ERR_SOJOURN_CSRF'
}

function ofNode({ method = '', headers, socket }: IncomingMessage): CsrfRequest {
  return {
    method,
    secure: (socket as { encrypted?: boolean } | undefined)?.encrypted,
    header: (name) => {
      // HTTP/2 has it by another name.
      const value = headers[name] ?? (name === 'host' ? headers[':authority'] : undefined)
      return Array.isArray(value) ? value.join(', ') : value
    },
  }
}

function ofFetch({ method, headers, url }: Request): CsrfRequest {
  return {
    method,
    secure: url.startsWith('https:'),
    // Not all servers hand out `Host`; the URL is made of it then.
    header: (name) =>
      headers.get(name) ?? (name === 'host' && URL.canParse(url) ? new URL(url).host : undefined),
  }
}
