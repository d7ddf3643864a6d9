import Fastify from 'fastify'

export async function createFastifyServer(system, handlers) {
  const app = Fastify()
  const text = (handler) => (request, reply) => {
    reply.type('text/plain; charset=utf-8').send(handler(request))
  }
  await system.register?.(app)
  app.get('/read', text(handlers.read))
  app.get('/views', text(handlers.views))
  app.post('/write', text(handlers.write))
  app.post(
    '/seed',
    text((request) => handlers.seed(request, 0)),
  )
  app.post(
    '/seed-4k',
    text((request) => handlers.seed(request, 4096)),
  )
  await app.ready()
  return app.server
}
