import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import type { Express, NextFunction, Request, Response } from 'express'
import type { Sessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import {
  type App,
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  statusOf,
} from '../support/adapter.ts'

const ALL = { threshold: 0 }

/** The suite over one version of Express. */
export function expressAdapter(name: string, express: () => Express): NodeAdapter {
  return {
    name,
    start: async (sessions, behaviours, options) => {
      const app = express()
      if (options.trustProxy) app.set('trust proxy', true)
      if (options.compression === 'before') app.use(compression(ALL))
      app.use(expressSessions(sessions, { fresh: options.fresh ?? false }))
      if (options.compression === 'after') app.use(compression(ALL))
      const { freshBelow } = options
      if (freshBelow) app.use(freshBelow, expressSessions(sessions, { fresh: true }))
      for (const [path, behave] of Object.entries(behaviours)) {
        app.all(path, handler(behave, sessions))
      }
      const errors: unknown[] = []
      app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
        errors.push(error)
        if (response.headersSent) return next(error)
        const call = callOf(request, response, sessions)
        if (options.onError) return options.onError(error, call)
        return call.reply.json({ error: codeOf(error) }, statusOf(error))
      })
      return listen(app, errors)
    },
  }
}

/** Starts an Express app on a free port. */
export async function listen(app: Express, errors: unknown[] = []): Promise<App> {
  const server: Server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    errors,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function handler(behave: NodeBehaviour, sessions: Sessions<Data>) {
  return (request: Request, response: Response, next: NextFunction): void => {
    // Not `async`: what a handler throws at once must reach Express as it does in an application.
    const result = behave(callOf(request, response, sessions))
    if (result instanceof Promise) result.then(undefined, next)
  }
}

/** A call as a handler of Express sees it. */
export function callOf(request: Request, response: Response, sessions: Sessions<Data>): NodeCall {
  return {
    get session() {
      // After a failed load there is none; a handler that asks all the same learns so.
      return (request.session ?? sessions.from(request)) as unknown as NodeCall['session']
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
