import { sample } from '../../support/sample.mjs'

const NAME = 'session='
const LENGTH = 48
const HOUR = 3_600_000

class Session {
  #attributes
  constructor(attributes) {
    this.#attributes = attributes
  }
  get(name) {
    return this.#attributes[name]
  }
  set(name, value) {
    this.#attributes[name] = value
  }
}

/**
 * The least that a session costs: the cookie's token cut out, a Map, a look at the clock, an object for
 * the request, and `Vary` put on the response by a hook. Nothing is checked, stored or shared.
 */
export function mapSystem({ framework }) {
  const entries = new Map()
  const find = (cookie) => {
    if (cookie === undefined) return undefined
    const at = cookie.indexOf(NAME) + NAME.length
    const token = cookie.slice(at, at + LENGTH)
    let entry = entries.get(token)
    if (entry === undefined) {
      entry = { attributes: { ...sample }, expiresAt: performance.now() + HOUR }
      entries.set(token, entry)
    }
    return performance.now() < entry.expiresAt ? new Session(entry.attributes) : undefined
  }
  const ways = {
    fastify: () => ({ register: (app) => registerFastify(app, find) }),
    koa: () => ({ register: (app) => app.use(koaMiddleware(find)) }),
    hono: () => ({ register: (app) => app.use(honoMiddleware(find)), ...byVariable }),
    h3: () => ({ register: (app) => app.use(h3Middleware(find)), ...byContext }),
    fetch: () => wrapper(find),
  }
  return {
    get: (req, name) => req.session?.get(name),
    set: (req, name, value) => req.session?.set(name, value),
    ready: async () => undefined,
    ...(ways[framework]?.() ?? { middleware: middleware(find) }),
  }
}

const byVariable = {
  get: (c, name) => c.get('session')?.get(name),
  set: (c, name, value) => c.get('session')?.set(name, value),
}
const byContext = {
  get: (event, name) => event.context.session?.get(name),
  set: (event, name, value) => event.context.session?.set(name, value),
}

function hook(res) {
  const { writeHead } = res
  res.writeHead = function (...args) {
    this.setHeader('Vary', 'Cookie')
    return writeHead.apply(this, args)
  }
}

function middleware(find) {
  return (req, res, next) => {
    req.session = find(req.headers.cookie)
    hook(res)
    next()
  }
}

function koaMiddleware(find) {
  return (ctx, next) => {
    ctx.session = find(ctx.req.headers.cookie)
    hook(ctx.res)
    return next()
  }
}

function registerFastify(app, find) {
  app.decorateRequest('session', null)
  app.addHook('onRequest', (request, _, done) => {
    request.session = find(request.headers.cookie)
    done()
  })
  app.addHook('onSend', (_, reply, payload, done) => {
    reply.header('Vary', 'Cookie')
    done(null, payload)
  })
}

// Where responses are those of the web standards, a header costs more than a session.

function honoMiddleware(find) {
  return async (c, next) => {
    c.set('session', find(c.req.header('cookie')))
    await next()
    c.res.headers.set('Vary', 'Cookie')
  }
}

function h3Middleware(find) {
  return (event, next) => {
    event.context.session = find(event.req.headers.get('cookie') ?? undefined)
    event.res.headers.set('Vary', 'Cookie')
    return next()
  }
}

function wrapper(find) {
  const found = Symbol('session')
  return {
    wrap: (respond) => (request) => {
      request[found] = find(request.headers.get('cookie') ?? undefined)
      const response = respond(request)
      response.headers.set('Vary', 'Cookie')
      return response
    },
    get: (request, name) => request[found]?.get(name),
    set: (request, name, value) => request[found]?.set(name, value),
  }
}
