/** Applications of several nodes on one Redis, and browsers that go to any of them. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express, NextFunction, Request, Response } from 'express'
import { type CompatMiddleware, type CompatOptions, compat } from 'sojourn/express-compat'
import { onTestFinished } from 'vitest'
import type { ExpressVersion } from './versions.ts'

export interface Node {
  readonly origin: string
  readonly middleware: CompatMiddleware<Record<string, unknown>>
}

export const SECRET = 'keyboard cat, and thirty-two bytes more'

/** Starts one, on real time. It is ended with the test. */
export async function startNode(
  { express }: ExpressVersion,
  options: CompatOptions<Record<string, unknown>>,
  build: (app: Express, origin: string) => void,
): Promise<Node> {
  const app = express()
  app.set('env', 'test')
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const secret = options.sessions === undefined ? { secret: SECRET } : {}
  const middleware = compat({ ...secret, resave: false, saveUninitialized: false, ...options })
  app.use(middleware)
  build(app, origin)
  app.use((error: unknown, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error)
    const { status, message, code } = error as Error & { status?: number; code?: string }
    // As Express' own: some set the status, and pass on an error without one.
    const given = response.statusCode >= 400 ? response.statusCode : 500
    response.status(status ?? given).json({ failed: code ?? message })
  })
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await middleware.sessions.close()
  })
  return { origin, middleware }
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly location: string | null
  readonly cookies: readonly string[]
}

/** Keeps cookies, and follows nothing by itself. */
export class Browser {
  readonly jar: Map<string, string> = new Map()

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async get(url: string, init: RequestInit & { readonly cookie?: string } = {}): Promise<Answer> {
    const headers = new Headers(init.headers)
    headers.set('Cookie', init.cookie ?? this.cookie)
    const response = await fetch(url, { redirect: 'manual', ...init, headers })
    const cookies = response.headers.getSetCookie()
    for (const cookie of cookies) {
      const [pair = ''] = cookie.split('; ', 1)
      const equals = pair.indexOf('=')
      this.jar.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    const { status } = response
    const location = response.headers.get('location')
    return { status, text: await response.text(), location, cookies }
  }

  post(
    url: string,
    form: Readonly<Record<string, string>> = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return this.get(url, { method: 'POST', body: new URLSearchParams(form), headers })
  }
}
