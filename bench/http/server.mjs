// One row as a process: server.mjs '{"framework": …, "system": …, "socket": …}'.
import { once } from 'node:events'
import { answer } from '../support/child.mjs'
import { keepTick } from '../support/keep-tick.mjs'
import { createHandlers } from './handlers.mjs'

const frameworks = {
  node: async () => (await import('./frameworks/node.mjs')).createNodeServer,
  express: async () => (await import('./frameworks/express.mjs')).createExpressServer,
  fastify: async () => (await import('./frameworks/fastify.mjs')).createFastifyServer,
  h3: async () => (await import('./frameworks/h3.mjs')).createH3Server,
  nest: async () => (await import('./frameworks/nest.mjs')).createNestServer,
  fetch: async () => (await import('./frameworks/fetch.mjs')).createFetchServer,
  hono: async () => (await import('./frameworks/hono.mjs')).createHonoServer,
  koa: async () => (await import('./frameworks/koa.mjs')).createKoaServer,
}
const systems = {
  bare: async () => (await import('./systems/bare.mjs')).bareSystem,
  map: async () => (await import('./systems/map.mjs')).mapSystem,
  dictionary: async () => (await import('./systems/dictionary.mjs')).dictionarySystem,
  'drop-in': async () => (await import('./systems/drop-in.mjs')).dropInSystem,
  'express-session': async () =>
    (await import('./systems/express-session.mjs')).expressSessionSystem,
  'fastify-session': async () =>
    (await import('./systems/fastify-session.mjs')).fastifySessionSystem,
  'koa-session': async () => (await import('./systems/koa-session.mjs')).koaSessionSystem,
  sojourn: async () => (await import('./systems/sojourn.mjs')).sojournSystem,
}

globalThis[Symbol.for('sojourn.bench.tick')] = keepTick()

const options = JSON.parse(process.argv[2])
const createSystem = await systems[options.system]()
const createServer = await frameworks[options.framework]()
const system = await createSystem(options)
await system.ready()
const handlers = createHandlers(system)
const server = await createServer(system, handlers)
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1')
await once(server, 'listening')

answer(
  {
    /** Taken together, so that time and requests are of the same window. */
    mark: () => ({
      cpu: process.cpuUsage(),
      at: performance.now(),
      ...handlers.counts(),
    }),
  },
  { port: server.address().port },
)
