import { createReadStream } from 'node:fs'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import compress from 'koa-compress'
import type { Sessions } from 'sojourn'
import { koaSessions } from 'sojourn/koa'
import {
  type AppOptions,
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeCall,
  statusOf,
} from '../support/adapter.ts'
import { listen } from './koa-site.ts'

/** Where an application answers errors. */
export type ErrorPlace = 'middleware' | 'ctx.onerror'

type Mount = (app: Koa, sessions: Sessions<Data>, options: AppOptions<NodeCall>) => Middleware

const ownApi: Mount = (_, sessions, { fresh = false }) => koaSessions(sessions, { fresh })

/**
 * The suite over one version of Koa.
 * @param mount another API than that of `sojourn/koa`, whose `ctx.session` is plain
 */
export function koaAdapter(
  name: string,
  create: () => Koa,
  place: ErrorPlace,
  mount?: Mount,
): NodeAdapter {
  return {
    name,
    ...(mount === undefined ? {} : { plain: true }),
    start: async (sessions, behaviours, options) => {
      const app = create()
      app.proxy = options.trustProxy === true
      const routes = Object.entries(behaviours).map(
        ([path, behave]) => [new RegExp(`^${path.replace(/:\w+/g, '[^/]+')}$`), behave] as const,
      )
      const errors: unknown[] = []
      const answerError = async (error: unknown, call: NodeCall): Promise<void> => {
        errors.push(error)
        if (options.onError) await options.onError(error, call)
        else call.reply.json({ error: codeOf(error) }, statusOf(error))
      }
      // What comes when the middleware is done, as packages for error pages do it.
      const onerror = function (this: Context, error: unknown): void {
        if (error === null || error === undefined) return
        if (this.headerSent || !this.writable) return
        const call = callOf(this, sessions, () => true)
        void answerError(error, call)
      }
      Object.assign(app.context, { onerror })
      if (place === 'middleware') {
        app.use(async (ctx, next) => {
          try {
            await next()
          } catch (error) {
            await answerError(error, callOf(ctx, sessions))
          }
        })
      }
      if (options.compression === 'before') app.use(compress({ threshold: 0 }))
      const { freshBelow } = options
      app.use((mount ?? ownApi)(app, sessions, options))
      if (options.compression === 'after') app.use(compress({ threshold: 0 }))
      if (freshBelow !== undefined) {
        const again = koaSessions(sessions, { fresh: true })
        app.use((ctx, next) => (ctx.path.startsWith(freshBelow) ? again(ctx, next) : next()))
      }
      app.use((ctx) => {
        const behave = routes.find(([path]) => path.test(ctx.path))?.[1]
        if (behave === undefined) return
        // Until it replies: Koa answers by itself when the middleware is done.
        ctx.respond = false
        let isDone = false
        const result = behave(callOf(ctx, sessions, () => isDone))
        const finish = (): void => void (isDone = true)
        // What else a behaviour returns is of Express' interest.
        return result instanceof Promise ? result.then(finish) : finish()
      })
      return listen(app, errors)
    },
  }
}

/** What Koa does with a body, for answers that are made when the middleware is done. */
function respond(ctx: Context): void {
  const { body } = ctx
  ctx.respond = false
  if (isStream(body)) return void body.pipe(ctx.res)
  const text = typeof body === 'object' && body !== null ? JSON.stringify(body) : body
  if (typeof text === 'string') ctx.length = Buffer.byteLength(text)
  ctx.res.end(text)
}

function isStream(body: unknown): body is NodeJS.ReadableStream {
  return typeof (body as NodeJS.ReadableStream | undefined)?.pipe === 'function'
}

/** @param isLate whether the middleware is done, and Koa answers no more */
function callOf(
  ctx: Context,
  sessions: Sessions<Data>,
  isLate: () => boolean = () => false,
): NodeCall {
  const replied = (): void => {
    ctx.respond = true
    if (isLate()) respond(ctx)
  }
  const answer = (body: unknown, status?: number, type?: string): void => {
    if (status !== undefined) ctx.status = status
    if (type !== undefined) ctx.type = type
    ctx.body = body
    replied()
  }
  return {
    get session() {
      // After a failed load there is none; middleware that asks all the same learns so.
      return (ctx.session ?? sessions.from(ctx)) as unknown as NodeCall['session']
    },
    key: ctx,
    request: ctx.req,
    get response() {
      ctx.respond = false
      // Koa's own word for an answer that nobody has given.
      if (ctx.res.statusCode === 404) ctx.res.statusCode = 200
      return ctx.res
    },
    reply: {
      header: (name, value) => ctx.append(name, value),
      text: (body, status = 200) => answer(body, status, 'text/plain'),
      json: (value, status = 200) => answer(value, status),
      empty: (status) => answer(null, status),
      redirect: (location) => {
        ctx.redirect(location)
        replied()
      },
      stream: (source) => answer(source),
      file: (path) => answer(createReadStream(path)),
    },
  }
}
