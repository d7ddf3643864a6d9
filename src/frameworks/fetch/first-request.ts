interface Context {
  readonly req: { readonly raw: Request }
}

const REQUEST: unique symbol = Symbol('sojourn.request')

/** Of a context of Hono, where middleware may put another request in the place of the one that the session was opened for: that one. */
export function firstRequest(c: Context): Request {
  return ((c as Context & { [REQUEST]?: Request })[REQUEST] ??= c.req.raw)
}
