import compression from 'compression'
import type { NextFunction, Request, Response } from 'express'
import { compat } from 'sojourn/express-compat'
import { listen } from '../express/express-adapter.ts'
import { codeOf, type NodeAdapter, type NodeCall, statusOf } from '../support/adapter.ts'
import type { ExpressVersion } from './versions.ts'

const ALL = { threshold: 0 }

/** The suite of all adapters over compat, whose cookie looks like that of the others. */
export function compatAdapter({ name, express }: ExpressVersion): NodeAdapter {
  return {
    name,
    plain: true,
    start: async (sessions, behaviours, options) => {
      const app = express()
      if (options.trustProxy) app.set('trust proxy', true)
      if (options.compression === 'before') app.use(compression(ALL))
      app.use(
        compat({
          ...{ sessions, name: 'session', cookie: { sameSite: 'lax' } },
          ...{ resave: false, saveUninitialized: false },
        }),
      )
      if (options.compression === 'after') app.use(compression(ALL))
      for (const [path, behave] of Object.entries(behaviours)) {
        app.all(path, (request, response, next) => {
          const result = behave(callOf(request, response))
          if (result instanceof Promise) result.then(undefined, next)
        })
      }
      const errors: unknown[] = []
      app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
        errors.push(error)
        if (response.headersSent) return next(error)
        const call = callOf(request, response)
        if (options.onError) return options.onError(error, call)
        return call.reply.json({ error: codeOf(error) }, statusOf(error))
      })
      return listen(app, errors)
    },
  }
}

function callOf(request: Request, response: Response): NodeCall {
  return {
    get session() {
      return request.session as unknown as NodeCall['session']
    },
    key: request,
    request,
    response,
    reply: {
      header: (name, value) => response.append(name, value),
      text: (body, status = 200) => response.status(status).type('text').send(body),
      json: (value, status = 200) => response.status(status).json(value),
      empty: (status) => response.status(status).end(),
      redirect: (location) => response.redirect(location),
      stream: (source) => source.pipe(response),
      file: (path) => response.sendFile(path),
    },
  }
}
