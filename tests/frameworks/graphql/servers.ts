import type { AddressInfo } from 'node:net'
import express from 'express'
import Fastify from 'fastify'
import { createHandler as httpOnExpress } from 'graphql-http/lib/use/express'
import { createHandler as httpOnFastify } from 'graphql-http/lib/use/fastify'
import { createHandler as sseOnExpress } from 'graphql-sse/lib/use/express'
import { createHandler as sseOnFastify } from 'graphql-sse/lib/use/fastify'
import type { Sessions } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { fastifySessions } from 'sojourn/fastify'
import type { Data } from '../support/adapter.ts'
import type { Context, Resolvers } from './schema.ts'

export interface Site {
  readonly port: number
  close(): Promise<void>
}

export type Serve = (sessions: Sessions<Data>, resolvers: Resolvers) => Promise<Site>

export const serveExpress: Serve = async (sessions, { schema, root }) => {
  const context = (request: { raw: object }): Context => ({ session: sessions.from(request.raw) })
  const app = express()
  app.use(expressSessions(sessions))
  app.all('/graphql', httpOnExpress({ schema, rootValue: root, context }))
  app.all('/graphql/stream', sseOnExpress({ schema, context }))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { port: (server.address() as AddressInfo).port, close }
}

export const serveFastify: Serve = async (sessions, { schema, root }) => {
  const context = (request: { raw: object }): Context => ({ session: sessions.from(request.raw) })
  const app = Fastify({ forceCloseConnections: true })
  await app.register(fastifySessions, { sessions })
  app.all('/graphql', httpOnFastify({ schema, rootValue: root, context }))
  app.all('/graphql/stream', sseOnFastify({ schema, context }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}
