import { once } from 'node:events'
import { createServer, type IncomingMessage, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  createSessions,
  memoryEngine,
  type Session,
  type Sessions,
  StoreUnavailableError,
} from 'sojourn'
import { sessionOfUpgrade } from 'sojourn/node'
import { manualClock } from 'sojourn/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { codeOf, type Data } from '../support/adapter.ts'
import { watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

/** A request for an upgrade as Node hands it out, sent with a cookie. */
async function upgrade(cookie: string): Promise<IncomingMessage> {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', cookie }
  const client = send({ host: '127.0.0.1', port, headers })
  client.on('error', () => undefined).end()
  const [request, socket] = (await once(server, 'upgrade')) as [
    IncomingMessage,
    { destroy(): void },
  ]
  onTestFinished(() => socket.destroy())
  return request
}

async function known(sessions: Sessions<Data>): Promise<Session<Data>> {
  const session = await sessions.open()
  session.set('n', 1)
  await session.commit()
  return session
}

export function upgradeCases(): void {
  function start() {
    const clock = manualClock()
    const engine = watchedEngine(memoryEngine({ clock }))
    onTestFinished(() => engine.close())
    const sessions = createSessions<Data>({ engine, clock, secrets: [SECRET] })
    const dropped: string[] = []
    sessions.on('dropped', ({ reason }) => dropped.push(reason))
    return { clock, engine, sessions, dropped }
  }

  describe('the session of an upgrade', () => {
    it('a client that resets the connection meanwhile harms nobody', async () => {
      const { sessions, engine } = start()
      const { token } = await known(sessions)
      engine.delay = 20
      const request = await upgrade(`session=${token}`)
      const opening = sessionOfUpgrade(sessions, request)
      // Without a listener this would be an uncaught exception.
      request.socket.emit('error', Object.assign(new Error('read'), { code: 'ECONNRESET' }))
      expect((await opening).get('n')).toBe(1)
      expect(request.socket.destroyed).toBe(true)
    })

    it('is that of the cookie, and keeps what is committed', async () => {
      const { sessions } = start()
      const { token } = await known(sessions)
      const request = await upgrade(`session=${token}`)
      const session = await sessionOfUpgrade(sessions, request)
      expect(session.get('n')).toBe(1)
      expect(sessions.from(request)).toBe(session)
      session.set('n', 2)
      await session.commit()
      expect((await sessions.open(token)).get('n')).toBe(2)
    })

    it('has the cookie of TLS behind a proxy that is trusted', async () => {
      const { sessions } = start()
      const { token } = await known(sessions)
      const request = await upgrade(`__Host-session=${token}`)
      request.headers['x-forwarded-proto'] = 'https'
      const session = await sessionOfUpgrade(sessions, request, { trustProxy: true })
      expect(session.get('n')).toBe(1)
    })

    it('of a browser without one is nobody’s, and is not stored: its cookie could not be set', async () => {
      const { sessions, engine, dropped } = start()
      const session = await sessionOfUpgrade(sessions, await upgrade('theme=dark'))
      expect(session.isNew).toBe(true)
      session.set('n', 2)
      await session.commit()
      expect(dropped).toEqual(['headers-sent'])
      expect(engine.calls).toEqual([])
    })

    it('refuses login and rotate, which need a cookie', async () => {
      const { sessions } = start()
      const { token } = await known(sessions)
      const session = await sessionOfUpgrade(sessions, await upgrade(`session=${token}`))
      for (const work of [session.login('ada'), session.rotate()]) {
        expect(await work.catch(codeOf)).toBe('ERR_SOJOURN_HEADERS_SENT')
      }
    })

    it.each(['later', 'already'])('its signal stops with the socket, closed %s', async (when) => {
      const { sessions } = start()
      const { token, id = '' } = await known(sessions)
      const request = await upgrade(`session=${token}`)
      const other = await sessionOfUpgrade(sessions, await upgrade(`session=${token}`))
      const closed = once(request.socket, 'close')
      if (when === 'already') {
        request.socket.destroy()
        await closed
      }
      const { signal } = await sessionOfUpgrade(sessions, request)
      request.socket.destroy()
      await closed
      await sessions.revoke(id)
      await expect.poll(() => other.signal.aborted).toBe(true)
      expect(signal.aborted).toBe(false)
    })

    it('is renewed by it when that is due', async () => {
      const { sessions, engine, clock } = start()
      const { token } = await known(sessions)
      clock.advance(20 * 60_000)
      await sessionOfUpgrade(sessions, await upgrade(`session=${token}`))
      await expect.poll(() => engine.calls).toContain('touch')
      clock.advance(20 * 60_000)
      expect((await sessions.open(token)).get('n')).toBe(1)
    })

    it('rejects when the store does not answer', async () => {
      const { sessions, engine } = start()
      const { token } = await known(sessions)
      engine.failure = new StoreUnavailableError('gone', false)
      await expect(sessionOfUpgrade(sessions, await upgrade(`session=${token}`))).rejects.toThrow(
        'gone',
      )
    })
  })
}
