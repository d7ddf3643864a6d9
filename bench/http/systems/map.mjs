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
  const common = {
    get: (req, name) => req.session?.get(name),
    set: (req, name, value) => req.session?.set(name, value),
    ready: async () => undefined,
  }
  return framework === 'fastify'
    ? { ...common, register: (app) => register(app, find) }
    : { ...common, middleware: middleware(find) }
}

function middleware(find) {
  return (req, res, next) => {
    req.session = find(req.headers.cookie)
    const { writeHead } = res
    res.writeHead = function (...args) {
      this.setHeader('Vary', 'Cookie')
      return writeHead.apply(this, args)
    }
    next()
  }
}

function register(app, find) {
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
