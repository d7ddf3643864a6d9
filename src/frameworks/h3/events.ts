import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is used of an event of h3 2. */
export interface WebEvent {
  readonly req: Request
  readonly res: {
    status?: number | undefined
    statusText?: string | undefined
    readonly headers: Headers
    readonly errHeaders: Headers
  }
  readonly context: object
  /** Its configuration may be frozen. */
  readonly app?: { readonly config: ErrorConfig } | undefined
}

export interface ErrorConfig {
  onError?: ((error: never, event: never) => unknown) | undefined
}

/** What is used of an event of h3 1. */
export interface NodeEvent {
  readonly node: { readonly req: IncomingMessage; readonly res: ServerResponse }
  readonly path: string
  /** Nitro puts another one here when the request begins. */
  readonly context: object
}

/** What is used of an application of h3 1. */
export interface NodeApp {
  handler: (event: never) => unknown
}
