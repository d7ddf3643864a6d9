import { sample } from '../../support/sample.mjs'

const cookieOf = {
  fetch: (request) => request.headers.get('cookie') ?? undefined,
  h3: ({ req }) => req.headers.get('cookie') ?? undefined,
  hono: (c) => c.req.header('cookie'),
}
const byNode = (req) => req.headers.cookie

/** No sessions: the framework alone, with the same requests and the same answers. */
export function bareSystem({ framework } = {}) {
  const cookie = cookieOf[framework] ?? byNode
  return {
    get: (req, name) => (cookie(req) === undefined ? undefined : sample[name]),
    set: () => undefined,
    ready: async () => undefined,
  }
}
