/** What a wire makes of what comes from the server, by a server that says what the test wants. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { BYTES, Wire } from '../../../src/engines/redis/wire.ts'

const ends: Array<() => void> = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

const news = (key: string): string => `>2\r\n+invalidate\r\n*1\r\n$${key.length}\r\n${key}\r\n`
const done = '*2\r\n:1\r\n:60000\r\n'
const conflict = '*3\r\n:2\r\n$1\r\nx\r\n:60000\r\n'

/** A wire, the server's end of it, and what it has told: keys, and `untold`. */
async function connected(): Promise<{ wire: Wire; server: Socket; told: string[] }> {
  const listener = createServer()
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const told: string[] = []
  const target = {
    address: { host: '127.0.0.1', port },
    ...{ tls: undefined, username: undefined, password: undefined, database: 0, name: 'test' },
  }
  const wire = new Wire(target, {
    invalidated: (key) => told.push(String(key)),
    untold: () => told.push('untold'),
  })
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const opened = wire.connect()
  const [server] = await accepted
  // To HELLO, and to what is said of the library.
  server.write('%0\r\n+OK\r\n+OK\r\n')
  await opened
  ends.push(() => {
    wire.destroy()
    server.destroy()
    listener.close()
  })
  return { wire, server, told }
}

it('the news of an own write, right behind its answer, is none; the next one is', async () => {
  const { wire, server, told } = await connected()
  const answers = [
    wire.sendCommand(['EVALSHA', 'a'], undefined, 'mine'),
    wire.sendCommand(['GET', 'b']),
  ]
  server.write(`${done}${news('mine')}${news('mine')}$1\r\nb\r\n`)
  await Promise.all(answers)
  expect(told).toEqual(['mine'])
})

it('news of other keys in between are told, and do not use up the own one', async () => {
  const { wire, server, told } = await connected()
  const answers = [
    wire.sendCommand(['EVALSHA', 'a'], undefined, 'mine'),
    wire.sendCommand(['GET', 'b']),
  ]
  server.write(`${news('mine')}${done}${news('other')}${news('mine')}$1\r\nb\r\n`)
  await Promise.all(answers)
  // The first one came before the answer: somebody else's, or an eviction.
  expect(told).toEqual(['mine', 'other'])
})

it('a write that was not carried out has no news: what comes then is somebody else’s', async () => {
  const { wire, server, told } = await connected()
  const answers = [
    wire.sendCommand(['EVALSHA', 'a'], undefined, 'mine'),
    wire.sendCommand(['GET', 'b']),
  ]
  server.write(`${conflict}${news('mine')}$1\r\nb\r\n`)
  await Promise.all(answers)
  expect(told).toEqual(['mine'])
})

it('a server that tells nothing of an own write is found out by the next answer', async () => {
  const { wire, server, told } = await connected()
  const answers = [
    wire.sendCommand(['EVALSHA', 'a'], undefined, 'mine'),
    wire.sendCommand(['GET', 'b']),
    wire.sendCommand(['GET', 'c']),
  ]
  server.write(`${done}$1\r\nb\r\n${news('mine')}$1\r\nc\r\n`)
  await Promise.all(answers)
  expect(told).toEqual(['untold', 'mine'])
})

it('an answer stays what it was when the next ones come', async () => {
  const { wire, server } = await connected()
  const first = wire.sendCommand(['GET', 'a'], BYTES)
  server.write('$4\r\naaaa\r\n')
  const held = (await first) as Buffer
  const second = wire.sendCommand(['GET', 'b'], BYTES)
  server.write('$4\r\nbbbb\r\n')
  expect(String(await second)).toBe('bbbb')
  expect(String(held)).toBe('aaaa')
})

it('a long answer comes whole, whatever pieces it comes in', async () => {
  const { wire, server } = await connected()
  const text = Array.from({ length: 40_000 }, (_, i) => i).join(' ')
  const answer = wire.sendCommand(['GET', 'a'], BYTES)
  const next = wire.sendCommand(['GET', 'b'])
  const all = `$${text.length}\r\n${text}\r\n$2\r\nok\r\n`
  const cut = 100_001
  server.write(all.slice(0, cut))
  await new Promise((resolve) => setImmediate(resolve))
  server.write(all.slice(cut))
  expect(String(await answer)).toBe(text)
  expect(await next).toBe('ok')
})
