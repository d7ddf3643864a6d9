import { createServer, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Server } from 'socket.io'
import { createSessions, memoryEngine } from 'sojourn'
import { SojournStore } from 'sojourn/express-session'
import { sessionOfUpgrade } from 'sojourn/node'
import { socketIoSessions } from 'sojourn/socket.io'
import { wsSessions } from 'sojourn/ws'
import { expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { afterwards, SECRETS } from './site.ts'

function refusal(options: object): unknown {
  try {
    const store = new SojournStore(options)
    afterwards(() => store.sessions.close())
    return undefined
  } catch (error) {
    return error
  }
}

export function optionCases(): void {
  it.each([
    ['options', 'text' as never],
    ['options', null as never],
    ['ttl', { ttl: 1 }],
    ['redis', { redis: { regions: { eu: { number: 0, redis: 'redis://x' } } } }],
    ['cookie', { cookie: { name: 'x' } }],
    ['rotateEvery', { rotateEvery: '1h' }],
    ['maxSessions', { maxSessions: 2 }],
    ['region', { region: () => 'eu' }],
    ['adopt', { adopt: [] }],
    ['outage', { outage: 'anonymous' }],
    ['sessions', { sessions: {} }],
    ['former', { former: {} }],
    ['prefix', { sessions: createSessions(), prefix: 'x' }],
    ['idleTimeout', { idleTimeout: '2h', absoluteTimeout: '1h' }],
    ['absoluteTimeout', { absoluteTimeout: 'never' }],
  ])('%s is refused by its name', (name, options) => {
    expect(refusal(options)).toMatchObject({ code: 'ERR_SOJOURN_OPTION', option: name })
  })

  it('without any it is as createSessions', () => {
    const store = new SojournStore()
    afterwards(() => store.sessions.close())
    expect(store.sessions.engine).toBeDefined()
  })

  it('sockets are not let in by a cookie that these sessions do not have', async () => {
    const store = new SojournStore({ engine: memoryEngine(), secrets: SECRETS })
    afterwards(() => store.sessions.close())
    const error = { code: 'ERR_SOJOURN_OPTION', option: 'sessions' }
    const sockets = new WebSocketServer({ noServer: true })
    expect(() => wsSessions(sockets, store.sessions)).toThrow(expect.objectContaining(error))
    const io = new Server(createServer())
    expect(() => socketIoSessions(io, store.sessions)).toThrow(expect.objectContaining(error))
    const request = new IncomingMessage(new Socket())
    await expect(sessionOfUpgrade(store.sessions, request)).rejects.toMatchObject(error)
    // The application's own have the cookie of another adapter.
    const sessions = createSessions({ engine: memoryEngine(), secrets: SECRETS })
    const other = new SojournStore({ sessions })
    expect(() => wsSessions(sockets, other.sessions)).not.toThrow()
  })

  it('absoluteTimeout alone bounds the idle timeout of the store', () => {
    expect(refusal({ absoluteTimeout: '1h' })).toBeUndefined()
  })

  it('with `seal: token` sessions serve, and cannot be listed', async () => {
    const engine = memoryEngine()
    const store = new SojournStore({ engine, secrets: SECRETS, seal: 'token' })
    afterwards(() => store.sessions.close())
    await store.set('sid', { cookie: {}, n: 1 } as never)
    expect(await store.get('sid')).toMatchObject({ n: 1 })
    await expect(store.all()).rejects.toMatchObject({ option: 'seal' })
    await expect(store.clear()).rejects.toMatchObject({ option: 'seal' })
  })

  it('under other secrets nothing opens, and nothing is listed', async () => {
    const engine = memoryEngine()
    const store = new SojournStore({ engine, secrets: SECRETS })
    const former = new SojournStore({ engine, secrets: ['another secret, of 32 bytes or more'] })
    const both = new SojournStore({
      ...{ engine, secrets: ['a third one, first of two, of 32 bytes', ...SECRETS] },
    })
    for (const each of [store, former, both]) afterwards(() => each.sessions.close())
    await store.set('sid', { cookie: {}, n: 1 } as never)
    expect([await former.get('sid'), await former.length()]).toEqual([undefined, 0])
    // With a new first secret the session goes on.
    expect([(await both.get('sid'))?.n, await both.length()]).toEqual([1, 1])
    await both.set('sid', Object.assign((await both.get('sid'))!, { n: 2 }))
    expect((await both.get('sid'))?.n).toBe(2)
  })
}
