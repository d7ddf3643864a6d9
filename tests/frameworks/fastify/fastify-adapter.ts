import { createReadStream } from 'node:fs'
import type { AddressInfo } from 'node:net'
import compress from '@fastify/compress'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Sessions } from 'sojourn'
import { fastifySessions } from 'sojourn/fastify'
import {
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  statusOf,
} from '../support/adapter.ts'

const ALL = { threshold: 0 }

export const fastifyAdapter: NodeAdapter = {
  name: 'Fastify',
  start: async (sessions, behaviours, options) => {
    const app = Fastify({ trustProxy: options.trustProxy === true, forceCloseConnections: true })
    const errors: unknown[] = []
    const { fresh = false, freshBelow = 'nowhere' } = options
    if (options.compression === 'before') await app.register(compress, ALL)
    await app.register(fastifySessions, { sessions, fresh })
    if (options.compression === 'after') await app.register(compress, ALL)
    app.setErrorHandler((error, request, reply) => {
      errors.push(error)
      const call = callOf(request, reply, sessions)
      if (options.onError) void options.onError(error, call)
      else void call.reply.json({ error: codeOf(error) }, statusOf(error))
    })
    const routes = Object.entries(behaviours)
    for (const [path, behave] of routes) {
      if (!path.startsWith(freshBelow)) app.all(path, handler(behave, sessions))
    }
    await app.register(async (below) => {
      await below.register(fastifySessions, { sessions, fresh: true })
      for (const [path, behave] of routes) {
        if (path.startsWith(freshBelow)) below.all(path, handler(behave, sessions))
      }
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return { port, errors, close: () => app.close() }
  },
}

function handler(behave: NodeBehaviour, sessions: Sessions<Data>) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    // Not `async`, which would end replies that the behaviour ends by Node's own response.
    const result = behave(callOf(request, reply, sessions))
    if (result instanceof Promise) result.catch((error: unknown) => void reply.send(error))
  }
}

/** A call as a handler of Fastify sees it. */
export function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  sessions: Sessions<Data>,
): NodeCall {
  return {
    get session() {
      // After a failed load there is none; a handler that asks all the same learns so.
      return (request.session ?? sessions.from(request)) as unknown as NodeCall['session']
    },
    key: request,
    request: request.raw,
    response: reply.raw,
    reply: {
      header: (name, value) => void reply.header(name, value),
      text: (body, status = 200) => reply.code(status).type('text/plain').send(body),
      json: (value, status = 200) => reply.code(status).send(value),
      empty: (status) => reply.code(status).send(),
      redirect: (location) => reply.redirect(location, 302),
      stream: (source) => reply.send(source),
      file: (path) => reply.send(createReadStream(path)),
    },
  }
}
