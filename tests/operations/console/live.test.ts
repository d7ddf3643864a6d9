import { getEventListeners, once } from 'node:events'
import { createServer } from 'node:http'
import { createConnection, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createSessions } from '../../../src/create-sessions.ts'
import type { LiveEvents } from '../../../src/operations/console/api.ts'
import { streamAnswer } from '../../../src/operations/console/headers.ts'
import { Live, type Source, type SourceListener } from '../../../src/operations/console/live.ts'
import { send } from '../../../src/operations/console/node.ts'
import type { Snapshot } from '../../../src/operations/observe/snapshot.ts'
import type { HistoryEntry } from '../../../src/operations/sessions/catalogue.ts'
import { startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn, until } from '../../support/requests.ts'
import { listening, openDesk } from './set-up.ts'

/** Shows what it is told to. */
class Stage implements Source {
  readonly listeners = new Set<SourceListener>()
  last: Snapshot | undefined

  watch(listener: SourceListener): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  show(at: number, filling = ''): void {
    const state = { operations: [{ name: 'load', perSecond: 5, p99: 2 }], errorsPerSecond: 1 }
    const nodes = [{ id: 'a', name: 'web', state }]
    this.last = { at, prefix: filling, servers: [], nodes, sessions: {} } as unknown as Snapshot
    for (const listener of this.listeners) listener.seen(this.last)
  }

  tell(from: number, to: number, skipped = false): void {
    const entries = Array.from({ length: to - from }, (_, i) => ({
      position: `${from + i}-0`,
      event: 'login',
    })) as unknown as HistoryEntry[]
    for (const listener of this.listeners) listener.events?.(entries, skipped)
  }
}

interface Message {
  readonly event: string
  readonly data: unknown
}

const messagesIn = (text: string): Message[] =>
  text.split('\n\n').flatMap((part) => {
    const [, event = '', data = ''] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? []
    return event === '' ? [] : [{ event, data: JSON.parse(data) as unknown }]
  })

const always = { operator: 'grace', mayGoOn: () => Promise.resolve(true) }

afterEach(() => {
  vi.useRealTimers()
})

async function read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const { done, value } = await reader.read()
  return done ? '(end)' : Buffer.from(value).toString()
}

describe('a stream', () => {
  it('tells of nodes only what is shown, and is written once for all', async () => {
    const stage = new Stage()
    stage.show(Date.now())
    const live = new Live(stage)
    const write = vi.spyOn(JSON, 'stringify')
    for (let i = 0; i < 5; i++) {
      const reader = live.open({ wantsEvents: false, ...always }).getReader()
      await read(reader)
      const [{ data } = { data: undefined }] = messagesIn(await read(reader))
      const nodes = [{ id: 'a', name: 'web', perSecond: 5, p99: 2, errorsPerSecond: 1 }]
      expect((data as { nodes: unknown }).nodes).toEqual(nodes)
    }
    expect(write).toHaveBeenCalledTimes(1)
    write.mockRestore()
    live.close()
  })

  it('begins with what is known, and looks only while somebody watches, once for all', async () => {
    const stage = new Stage()
    stage.show(Date.now())
    const live = new Live(stage)
    expect(stage.listeners.size).toBe(0)
    const readers = [false, false, true].map((wantsEvents) =>
      live.open({ wantsEvents, ...always }).getReader(),
    )
    // One for looks, one for events.
    expect(stage.listeners.size).toBe(2)
    for (const reader of readers) {
      expect(await read(reader)).toContain('retry:')
      expect(await read(reader)).toContain('event: snapshot')
    }
    await readers[2]?.cancel()
    expect(stage.listeners.size).toBe(1)
    stage.show(2)
    for (const reader of readers.slice(0, 2)) expect(await read(reader)).toContain('"at":2')
    await Promise.all(readers.map((reader) => reader.cancel()))
    expect(stage.listeners.size).toBe(0)
    expect(live.history.points.map(({ at }) => at)).toEqual([2])
  })

  it('ends when whoever watches may not any more, by a signal at once', async () => {
    vi.useFakeTimers()
    const live = new Live(new Stage())
    let mayGoOn = true
    const asked = live
      .open({ operator: 'grace', wantsEvents: false, mayGoOn: async () => mayGoOn })
      .getReader()
    const gone = new AbortController()
    const signalled = live.open({ wantsEvents: false, ...always, signal: gone.signal }).getReader()
    for (const reader of [asked, signalled]) await read(reader)
    const beat = read(asked)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await beat).toBe(':\n\n')
    gone.abort()
    expect(await read(signalled)).toBe('(end)')
    mayGoOn = false
    const end = read(asked)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await end).toBe('(end)')
  })

  it('leaves nothing behind at a signal that lives on, nor of one that was over before', async () => {
    const stage = new Stage()
    const live = new Live(stage)
    const { signal } = new AbortController()
    for (let i = 0; i < 5; i++) await live.open({ wantsEvents: false, ...always, signal }).cancel()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    const over = live.open({ wantsEvents: false, ...always, signal: AbortSignal.abort() })
    const reader = over.getReader()
    expect(await read(reader)).toContain('retry')
    expect(await read(reader)).toBe('(end)')
    expect(stage.listeners.size).toBe(0)
  })

  it('is given up where nobody takes anything for a minute', async () => {
    vi.useFakeTimers()
    const stage = new Stage()
    const live = new Live(stage)
    const stream = live.open({ wantsEvents: false, ...always })
    for (let i = 0; i < 61; i++) {
      stage.show(i)
      await vi.advanceTimersByTimeAsync(1_000)
    }
    expect(stage.listeners.size).toBe(0)
    await stream.cancel()
  })

  it('is not for more than 10 of one operator, who may come again when one has gone', async () => {
    const live = new Live(new Stage())
    const streams = Array.from({ length: 10 }, () => live.open({ wantsEvents: false, ...always }))
    expect(() => live.open({ wantsEvents: false, ...always })).toThrow(/10 pages already/)
    live.open({ wantsEvents: false, ...always, operator: 'ada' })
    await streams[0]?.cancel()
    live.open({ wantsEvents: false, ...always })
    live.close()
  })

  it('is not for more than 100 at a time', () => {
    const live = new Live(new Stage())
    for (let i = 0; i < 100; i++) {
      live.open({ wantsEvents: false, ...always, operator: `user ${i}` })
    }
    expect(() => live.open({ wantsEvents: false, ...always })).toThrow(/100 people/)
    live.close()
  })

  it('tells of events at most 4 times a second, of the latest, and how many are missing', async () => {
    vi.useFakeTimers()
    const stage = new Stage()
    const live = new Live(stage)
    const reader = live.open({ wantsEvents: true, ...always }).getReader()
    await read(reader)
    const seen: { at: number; events: LiveEvents }[] = []
    const reading = (async () => {
      for (;;) {
        const text = await read(reader)
        if (text === '(end)') return
        for (const { data } of messagesIn(text)) {
          seen.push({ at: Date.now(), events: data as LiveEvents })
        }
      }
    })()
    const [started, each] = [Date.now(), 150]
    for (let i = 0; i < 20; i++) {
      stage.tell(i * each, (i + 1) * each, i === 19)
      await vi.advanceTimersByTimeAsync(50)
    }
    await vi.advanceTimersByTimeAsync(250)
    live.close()
    await reading
    expect(seen.length).toBeLessThanOrEqual((Date.now() - started) / 250 + 1)
    for (const { events } of seen) expect(events.entries.length).toBeLessThanOrEqual(200)
    const shown = seen.flatMap(({ events }) => events.entries.map(({ position }) => position))
    const dropped = seen.reduce((sum, { events }) => sum + events.dropped, 0)
    expect(shown.length + dropped).toBe(20 * each)
    expect(shown.at(-1)).toBe(`${20 * each - 1}-0`)
    expect(seen.map(({ events }) => events.skipped)).toContain(true)
  })
})

it('a browser that does not read holds nothing up, and gets the newest when it does', async () => {
  const stage = new Stage()
  const live = new Live(stage)
  const server = createServer((_, response) => {
    void send(streamAnswer(live.open({ wantsEvents: true, ...always })), response)
  })
  const { port } = new URL(await listening(server))
  const socket: Socket = createConnection(Number(port), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('it watches', () => stage.listeners.size > 0)
  socket.pause()
  // 400 MB, that nobody takes.
  const filling = 'x'.repeat(200_000)
  const before = process.memoryUsage().rss
  for (let i = 0; i < 2_000; i++) {
    stage.show(i, filling)
    stage.tell(i * 10, (i + 1) * 10)
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000)
  let text = ''
  socket.on('data', (data) => {
    text = (text + data.toString()).slice(-5_000_000)
  })
  socket.resume()
  await until('the newest has come', () => text.includes('"at":1999'))
  await until('and of events the rest', () => text.includes('"19999-0"'))
  expect(text).toMatch(/"dropped":[1-9]\d{3}/)
  socket.destroy()
  await until('nobody watches', () => stage.listeners.size === 0)
  server.close()
  await once(server, 'close')
})

it('shows a deployment as it is, and says when it is away', async () => {
  const redis = await startRedis()
  const sessions = createSessions({ redis: redis.url, secrets: [SECRET], audit: true })
  const desk = await openDesk({ redis: redis.url, secrets: SECRET })
  const looking = new AbortController()
  let text = ''
  const response = await desk.ask('/api/live?events=1', { signal: looking.signal })
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString()
  })().catch(() => undefined)
  const seen = (event: string): Message[] => messagesIn(text).filter((each) => each.event === event)
  try {
    await until('a first look', () => seen('snapshot').length > 0)
    await signIn(sessions, { theme: 'x' }, 'ada')
    await until('the login', () => seen('events').length > 0)
    expect(seen('events')[0]?.data).toMatchObject({
      entries: [{ event: 'login', details: { principal: 'ada' } }],
      ...{ dropped: 0, skipped: false },
    })
    const { points } = await desk.get<{ points: object[] }>('/api/history')
    expect(points.length).toBeGreaterThan(0)
    await redis.kill()
    await until('that it is away', () => seen('trouble').length > 0)
    expect(seen('trouble')[0]?.data).toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE' })
    expect((await desk.ask('/api/sessions')).status).toBe(503)
    const looks = seen('snapshot').length
    await redis.restart()
    await until('it is back', () => seen('snapshot').length > looks, 10_000)
  } finally {
    looking.abort()
    await reading
    await desk.close()
    await sessions.close()
    await redis.stop()
  }
})
