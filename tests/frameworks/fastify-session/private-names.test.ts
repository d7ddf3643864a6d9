import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { fastifySession } from 'sojourn/fastify-session'
import { type Mount, privateNameCases, type Values } from '../support/private-names.ts'

const onFastifySession: Mount = async (sessions, handle) => {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(fastifySession, { sessions, cookie: { secure: false } })
  app.get('*', async ({ session, url: path }) =>
    handle({ path, session: session as unknown as Values, id: session.sessionId }),
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() }
}

privateNameCases('fastify-session', onFastifySession)
