import type { IncomingMessage, ServerResponse } from 'node:http'
import { OptionError } from '../../core/errors.ts'
import { refuseUnknown } from '../../core/unknown-options.ts'
import type { RedisSource } from '../../index.ts'
import type { GatherOptions } from '../doctor/facts.ts'
import { Observer } from '../observe/observer.ts'
import { Catalogue } from '../sessions/catalogue.ts'
import { type Authorized, CsrfTokens, checkOperator, OriginCheck } from './access.ts'
import { Api } from './answers.ts'
import { Doctor } from './doctor.ts'
import { jsonAnswer, SECURITY_HEADERS, textAnswer } from './headers.ts'
import { Live } from './live.ts'
import { requestOf, send } from './node.ts'
import { PageFiles } from './page.ts'
import { badRequest, notFound, Problem, problemOf } from './problem.ts'

export interface ConsoleOptions<Context = unknown> {
  /** As given to `createSessions`, and so are `prefix`, `secrets` and `pepper`. */
  readonly redis: RedisSource | undefined
  /** Default `sj`. */
  readonly prefix?: string
  /** Without them no principal is found, and no attribute named. */
  readonly secrets?: string | readonly (string | undefined)[] | undefined
  readonly pepper?: string | undefined
  /** Shown in the header: `production`. */
  readonly environment?: string | undefined
  /** Where it is mounted: `/admin/sessions`. Express tells by itself. */
  readonly basePath?: string | undefined
  /**
   * Where the page is to be found: `https://ops.example.com`. Then it is nowhere else. Needed behind a proxy that changes
   * Host, and where `authorize` goes by anything but cookies or headers of your own, such as addresses: without it any name
   * that leads here is taken (DNS rebinding).
   */
  readonly origins?: readonly string[] | undefined
  /**
   * Who may look: your application's own rules. Asked for each request. Nothing: nobody is signed in; false: they may not.
   * @param context what `fetch` was called with beside the request, such as Hono's context; of `node` its request
   */
  readonly authorize: (request: Request, context: Context) => Authorized | Promise<Authorized>
  /** Whether operators for whom `authorize` says so may see what attributes hold. Default false. */
  readonly values?: boolean | undefined
  /** For the doctor, as in `createSessions`. */
  readonly expiry?: GatherOptions['expiry'] | undefined
  /** For the doctor: sign-outs and changes must survive the loss of a server. */
  readonly durable?: boolean | undefined
}

/** The console, to be mounted. Everything but `close` may be passed on without it. */
export interface SessionConsole<Context = unknown> {
  /** Never rejects. */
  readonly fetch: (request: Request, context?: Context) => Promise<Response>
  /**
   * For servers of Node, and frameworks that hand out their requests.
   * @param body where it has been read already; what Express has read is found
   */
  readonly node: (request: IncomingMessage, response: ServerResponse, body?: unknown) => void
  /** Ends streams and connections; what is asked after it is answered with 503. Idempotent. */
  readonly close: () => Promise<void>
}

const OPTIONS: readonly (keyof ConsoleOptions)[] = [
  ...(['redis', 'prefix', 'secrets', 'pepper', 'environment', 'basePath', 'origins'] as const),
  ...(['authorize', 'values', 'expiry', 'durable'] as const),
]
/** Of each command, milliseconds: somebody waits for it. */
const COMMAND_TIMEOUT = 2_000

/** A console for those who run sessions. It connects when somebody looks. @throws OptionError */
export function createConsole<Context = unknown>(
  options: ConsoleOptions<Context>,
  /** What is told to whom `authorize` knows nothing of. */
  refusal?: string,
): SessionConsole<Context> {
  refuseUnknown(options, OPTIONS)
  const { prefix = 'sj', pepper, environment, authorize, values = false } = options
  // Variables that are not set are refused by those who need them.
  const redis = options.redis as RedisSource
  const secrets = options.secrets as string | readonly string[] | undefined
  const { expiry = 'off', durable = false } = options
  if (typeof authorize !== 'function') {
    throw new OptionError(
      'authorize',
      'takes a function that says who may look: nobody may by default',
    )
  }
  if (typeof values !== 'boolean') throw new OptionError('values', 'takes true or false')
  const basePath = checkBasePath(options.basePath)
  const origins = new OriginCheck(options.origins)
  const source = { redis, prefix, secrets, pepper }
  const observer = new Observer(source)
  const catalogue = new Catalogue({ ...source, commandTimeout: COMMAND_TIMEOUT })
  const live = new Live(observer)
  const doctor = new Doctor(redis, { prefix, expiry, durable })
  const api = new Api({
    ...{ catalogue, live, doctor, prefix, environment, values },
    csrf: new CsrfTokens([secrets ?? []].flat()[0], [prefix, environment ?? '']),
  })
  const page = new PageFiles()
  let closing: Promise<void> | undefined

  /** What comes after the end is answered all the same, so that a page does not keep its connection, and the server, open. */
  async function answer(...asked: Parameters<typeof answerOpen>): Promise<Response> {
    const response = await answerOpen(...asked)
    if (closing !== undefined) response.headers.set('connection', 'close')
    return response
  }

  async function answerOpen(request: Request, context: Context, base: string): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === base && base !== '') return toFolder(url)
    const path = url.pathname.startsWith(`${base}/`)
      ? url.pathname.slice(base.length + 1)
      : undefined
    const isApi = path?.startsWith('api/') === true
    try {
      if (closing !== undefined) throw new Problem(503, 'CLOSING', 'The console is closing.')
      origins.check(request, !isApi)
      const ask = async (): Promise<Authorized> => authorize(request, context)
      const operator = checkOperator(await ask(), refusal)
      if (path === undefined) throw notFound(`The console is at ${base}/.`)
      if (isApi) return await api.answer(path.slice('api/'.length), url, request, operator, ask)
      if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET, HEAD')
      const file = await page.answer(path, request)
      if (file === undefined) throw notFound('There is no such page.')
      return file
    } catch (error) {
      const problem = problemOf(error)
      return isApi
        ? jsonAnswer(problem, problem.status)
        : textAnswer(`${problem.message}\n`, problem.status)
    }
  }

  return {
    fetch: (request, context) => answer(request, context as Context, basePath ?? ''),
    node: (message, response, body) => {
      const gone = new AbortController()
      response.once('close', () => gone.abort())
      void (async () => {
        try {
          const { request, mountedAt } = asked(message, body, gone.signal)
          const context = message as unknown as Context
          await send(await answer(request, context, basePath ?? mountedAt ?? ''), response)
        } catch (error) {
          const { status, message: text } = problemOf(error)
          await send(textAnswer(`${text}\n`, status), response)
        }
      })()
    },
    close: () =>
      (closing ??= (async () => {
        live.close()
        await Promise.all([doctor.close(), observer.close(), catalogue.close()])
      })()),
  }
}

/** @throws Problem for what HTTP allows and no browser sends */
function asked(...given: Parameters<typeof requestOf>): ReturnType<typeof requestOf> {
  try {
    return requestOf(...given)
  } catch {
    throw badRequest('The console does not understand this request.')
  }
}

/** Its own links are relative, so that it is at home under any path: they need the slash. */
function toFolder({ pathname, search }: URL): Response {
  const location = `${pathname.slice(pathname.lastIndexOf('/') + 1)}/${search}`
  return new Response(null, { status: 307, headers: { ...SECURITY_HEADERS, location } })
}

const notAllowed = (allow: string): Response =>
  textAnswer('The console does not take this method here.\n', 405, { allow })

/** @throws OptionError */
function checkBasePath(path: string | undefined): string | undefined {
  if (path === undefined || path === '/') return path === undefined ? undefined : ''
  if (
    typeof path === 'string' &&
    /^(?:\/[\w.~-]+)+\/?$/.test(path) &&
    !/\/\.\.?(?:\/|$)/.test(path)
  )
    return path.replace(/\/$/, '')
  throw new OptionError('basePath', "takes a path such as '/admin/sessions'")
}
