/** Handshakes of sockets bring the plugin's cookie, and not that of the sessions. */
import type { AddressInfo } from 'node:net'
import fastifyCookie from '@fastify/cookie'
import Fastify from 'fastify'
import { createSessions, type Sessions } from 'sojourn'
import { type FastifySessionOptions, fastifySession } from 'sojourn/fastify-session'
import { describe, expect, it, onTestFinished } from 'vitest'
import { socketIoDriver } from '../sockets/socket.io-driver.ts'
import { wsDriver } from '../sockets/ws-driver.ts'
import type { Data } from '../support/adapter.ts'
import { SECRET } from '../support/world.ts'

const made = (): Sessions<Data> => createSessions<Data>({ secrets: [SECRET] })
const OPTIONS: Readonly<Record<string, () => FastifySessionOptions>> = {
  'sessions that were made before': () => ({ sessions: made() }),
  'another name, and a prefix': () => ({
    ...{ sessions: made(), cookieName: 'sid', cookiePrefix: 's:' },
  }),
  "the plugin's own": () => ({ secret: SECRET }),
}

describe.each(Object.entries(OPTIONS))('%s', (_, make) => {
  it.each([wsDriver, socketIoDriver('polling')])('$name lets in', async (driver) => {
    const app = Fastify()
    await app.register(fastifyCookie)
    await app.register(fastifySession, { ...make(), cookie: { secure: false } })
    let sessions: Sessions<Data> | undefined
    app.get('/login', async (request) => {
      sessions = request.sessionStore.sessions as unknown as Sessions<Data>
      await sessions.from(request).login('ada')
      return {}
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}/login`)
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
    if (sessions === undefined) throw new Error('nobody has come')
    const sockets = driver.serve(app.server, sessions, { require: 'login' })
    onTestFinished(async () => {
      await sockets.close()
      app.server.closeAllConnections()
      await app.close()
      await sessions?.close()
    })
    const client = await driver.connect(port, { cookie })
    expect(client.greeting).toBe('ada')
    client.close()
  })
})
