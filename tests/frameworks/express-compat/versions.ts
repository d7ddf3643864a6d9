import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express'
import express from 'express'
import express4 from 'express4'
import type { CompatSession, CompatStore } from 'sojourn/express-compat'

// Without its types: they and ours would both say what `req.session` is, in one program.
const require = createRequire(import.meta.url)

type Middleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** express-session itself. */
export const expressSession = require('express-session') as {
  (options: object): Middleware
  MemoryStore: new () => { readonly sessions: Record<string, string> }
}

export interface ExpressVersion {
  readonly name: string
  readonly express: (() => Express) & Pick<typeof express, 'Router'>
}

export const versions: readonly ExpressVersion[] = [
  { name: 'Express 5', express },
  { name: 'Express 4', express: express4 as never },
]

/** What express-session and ours both make of a request. */
export interface SessionRequest extends Omit<Request, 'session' | 'sessionStore'> {
  // biome-ignore lint/suspicious/noExplicitAny: what applications without types see
  // oxlint-disable-next-line typescript/no-explicit-any
  session: CompatSession & Record<string, any>
  sessionID: string
  sessionStore: CompatStore
}

export type Handler = (request: SessionRequest, response: Response, next: NextFunction) => unknown

/** A handler of an application on express-session's API. */
export function on(handler: Handler): RequestHandler {
  // Not `async`: what it throws at once must reach Express as it does in an application.
  return (request, response, next) => {
    const result = handler(request as unknown as SessionRequest, response, next)
    if (result instanceof Promise) result.then(undefined, next)
  }
}
