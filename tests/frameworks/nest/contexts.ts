import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from '@nestjs/common'
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js'
import { createSessions, memoryEngine, SessionEndedError, StoreUnavailableError } from 'sojourn'
import { Session, SessionGuard } from 'sojourn/nest'
import { sessionOfUpgrade } from 'sojourn/node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SojournExceptionFilter } from '../../../src/frameworks/nest/exception-filter.ts'
import { SECRET } from '../support/world.ts'

/** A handshake's request, as a gateway sees it. */
async function handshake(cookie: string | undefined): Promise<IncomingMessage> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const headers = { Connection: 'Upgrade', Upgrade: 'websocket', ...(cookie ? { cookie } : {}) }
  const asking = request({ host: '127.0.0.1', port, headers })
  asking.on('error', () => undefined)
  asking.end()
  const [incoming] = (await once(server, 'upgrade')) as [IncomingMessage]
  onTestFinished(async () => {
    asking.destroy()
    incoming.socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return incoming
}

/** As Nest makes it for each kind of handler. */
export function contextOf(type: string, args: readonly unknown[]): ExecutionContext {
  class Handlers {}
  const handle = (): void => undefined
  return {
    getType: () => type,
    getArgs: () => args,
    getArgByIndex: (index: number) => args[index],
    getHandler: () => handle,
    getClass: () => Handlers,
    switchToWs: () => ({ getClient: () => args[0] }),
  } as unknown as ExecutionContext
}

/** What a parameter decorator gives in a context. */
export function decorated(decorator: ParameterDecorator, context: ExecutionContext): unknown {
  class Target {}
  decorator(Target.prototype, 'handle', 0)
  const metadata = Reflect.getMetadata(ROUTE_ARGS_METADATA, Target, 'handle') as Record<
    string,
    { factory: (data: unknown, context: ExecutionContext) => unknown; data: unknown }
  >
  const [parameter] = Object.values(metadata)
  return parameter?.factory(parameter.data, context)
}

/** Handlers that are not of HTTP. */
export function nestContexts(): void {
  describe.each<[string, string, (request: object) => readonly unknown[]]>([
    ['GraphQL by Apollo', 'graphql', (req) => [{}, {}, { req }, {}]],
    ['GraphQL by Mercurius', 'graphql', (request) => [{}, {}, { reply: { request } }, {}]],
    ['a GraphQL subscription', 'graphql', (request) => [{}, {}, { extra: { request } }, {}]],
    ['a gateway', 'ws', (request) => [{ request }, 'message']],
  ])('in %s', (_, type, argsOf) => {
    it('the session is that of the request, and the guard asks it', async () => {
      const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
      onTestFinished(() => sessions.close())
      const stored = await sessions.open()
      await stored.login('ada')
      const guard = new SessionGuard()
      const known = await handshake(`session=${stored.token}`)
      const session = await sessionOfUpgrade(sessions, known)
      const context = contextOf(type, argsOf(known))
      expect(await guard.canActivate(context)).toBe(true)
      expect(await decorated(Session(), context)).toMatchObject({
        principal: 'ada',
        id: session.id,
      })
      const stranger = await handshake(undefined)
      await sessionOfUpgrade(sessions, stranger)
      const refused = await guard
        .canActivate(contextOf(type, argsOf(stranger)))
        .catch((error: { status: number }) => error.status)
      // Nest makes its own error of false, where there is no status.
      expect(refused).toBe(type === 'ws' ? false : 401)
    })

    it('refuses from the sign-out on a connection that was let in before', async () => {
      const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
      onTestFinished(() => sessions.close())
      const stored = await sessions.open()
      await stored.login('ada')
      const guard = new SessionGuard()
      const known = await handshake(`session=${stored.token}`)
      await sessionOfUpgrade(sessions, known)
      const context = contextOf(type, argsOf(known))
      stored.set('theme', 'dark')
      await stored.commit()
      expect(await decorated(Session('theme'), context)).toBe('dark')
      await sessions.revoke(stored.id as string)
      const refused = await guard
        .canActivate(context)
        .catch((error: { status: number }) => error.status)
      expect(refused).toBe(type === 'ws' ? false : 401)
      await expect(decorated(Session(), context)).rejects.toThrow(SessionEndedError)
    })

    it('without a session: says what is missing', async () => {
      const context = contextOf(type, argsOf({}))
      await expect(new SessionGuard().canActivate(context)).rejects.toThrow(/SojournModule/)
    })
  })

  it('an error of sessions goes to the client of a socket, and on to GraphQL as it is', () => {
    const filter = new SojournExceptionFilter({ httpAdapter: {} } as never)
    const error = new StoreUnavailableError('gone', false)
    const told: unknown[] = []
    const client = { emit: (...args: unknown[]) => told.push(args) }
    filter.catch(error, contextOf('ws', [client]))
    expect(told).toEqual([
      [
        'exception',
        {
          ...{ status: 'error', message: 'Service Unavailable' },
          code: 'ERR_SOJOURN_STORE_UNAVAILABLE',
        },
      ],
    ])
    expect(filter.catch(error, contextOf('graphql', []))).toBeUndefined()
  })
}
