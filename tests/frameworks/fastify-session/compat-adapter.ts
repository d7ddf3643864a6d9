import { createReadStream } from 'node:fs'
import type { AddressInfo } from 'node:net'
import compress from '@fastify/compress'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { Sessions } from 'sojourn'
import { fastifySession } from 'sojourn/fastify-session'
import {
  codeOf,
  type Data,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  statusOf,
} from '../support/adapter.ts'

/** Under the name that the suite's browser knows. */
const OPTIONS = {
  cookieName: 'session',
  cookie: { secure: false, sameSite: 'lax' },
  saveUninitialized: false,
  rolling: false,
} as const

/** The suite's sessions on the compat plugin: data by its plain object, all else by `sessions.from`. */
export const compatAdapter: NodeAdapter = {
  name: 'Fastify, as @fastify/session',
  repeatsCookie: true,
  start: async (sessions, behaviours, options) => {
    const app = Fastify({ trustProxy: options.trustProxy === true, forceCloseConnections: true })
    const errors: unknown[] = []
    const { fresh = false } = options
    if (options.compression === 'before') await app.register(compress, { threshold: 0 })
    await app.register(fastifySession, { ...OPTIONS, sessions, fresh })
    if (options.compression === 'after') await app.register(compress, { threshold: 0 })
    app.setErrorHandler((error, request, reply) => {
      errors.push(error)
      const call = callOf(request, reply, sessions)
      if (options.onError) void options.onError(error, call)
      else void call.reply.json({ error: codeOf(error) }, statusOf(error))
    })
    for (const [path, behave] of Object.entries(behaviours)) {
      app.all(path, handler(behave, sessions))
    }
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return { port, errors, close: () => app.close() }
  },
}

function handler(behave: NodeBehaviour, sessions: Sessions<Data>) {
  return (request: FastifyRequest, reply: FastifyReply): void => {
    const result = behave(callOf(request, reply, sessions))
    if (result instanceof Promise) result.catch((error: unknown) => void reply.send(error))
  }
}

function callOf(request: FastifyRequest, reply: FastifyReply, sessions: Sessions<Data>): NodeCall {
  return {
    get session() {
      return sessionOf(request, sessions)
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

function sessionOf(request: FastifyRequest, sessions: Sessions<Data>): NodeCall['session'] {
  const native = sessions.from(request)
  const data = (): Record<string, unknown> => request.session as unknown as Record<string, unknown>
  const own: Record<string, unknown> = {
    get: (name: string) => data()[name],
    set: (name: string, value: unknown) => {
      data()[name] = value
    },
    delete: (name: string) => {
      delete data()[name]
    },
    commit: () => request.session.save(),
  }
  const handlers: ProxyHandler<object> = {
    get: (_, name) => {
      if (typeof name === 'string' && name in own) return own[name]
      if (!(name in native)) return data()[name as string]
      const value: unknown = Reflect.get(native, name)
      return typeof value === 'function' ? value.bind(native) : value
    },
    // JSON leaves functions out, and the suite wants what cannot be stored.
    set: (_, name, value) =>
      Reflect.set(data(), name, typeof value === 'function' ? 1n : (value as unknown)),
    has: (_, name) => name in data(),
    deleteProperty: (_, name) => Reflect.deleteProperty(data(), name),
  }
  return new Proxy({}, handlers) as NodeCall['session']
}
