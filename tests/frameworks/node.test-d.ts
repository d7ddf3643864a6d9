import { createServer, type IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createSessions, type Session } from 'sojourn'
import { nodeSessions, sessionOfUpgrade } from 'sojourn/node'
import { describe, expectTypeOf, it } from 'vitest'

interface Own {
  visits: number
}

const sessions = createSessions<Own>()

describe('nodeSessions', () => {
  it('fits servers of node:http and node:http2', () => {
    const use = nodeSessions(sessions, { trustProxy: true, fresh: ({ url }) => url === '/' })
    expectTypeOf(use).returns.toBeVoid()
    createServer((request, response) => use(request, response, () => response.end()))
    createSecureServer((request, response) => use(request, response, () => response.end()))
  })

  it('takes its options only', () => {
    expectTypeOf(nodeSessions<Own>).toBeCallableWith(sessions, { trustProxy: false })
    // @ts-expect-error these are options
    nodeSessions({ secrets: ['x'] })
    // @ts-expect-error no such option
    nodeSessions(sessions, { proxy: true })
  })

  it('sessions.from(request) and the session of an upgrade are typed by the instance', () => {
    const request = {} as IncomingMessage
    expectTypeOf(sessions.from(request)).toEqualTypeOf<Session<Own>>()
    expectTypeOf(sessionOfUpgrade(sessions, request)).resolves.toEqualTypeOf<Session<Own>>()
  })
})
