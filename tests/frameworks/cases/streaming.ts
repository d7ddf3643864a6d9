import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { StoreUnavailableError } from 'sojourn'
import { describe, expect, it } from 'vitest'
import { codeOf, type NodeAdapter, type NodeBehaviour } from '../support/adapter.ts'
import { exchangeBytes } from '../support/http-client.ts'
import { signal, turns } from '../support/watched-engine.ts'
import { open } from '../support/world.ts'

const SIZE = 5 * 1024 * 1024

interface Source {
  readonly readable: Readable
  /** Bytes that were asked for so far. */
  taken(): number
}

/** Pseudo-random bytes in chunks of one size; the last may be shorter. */
function bytes(total: number, chunk: number): Source {
  let taken = 0
  const readable = new Readable({
    highWaterMark: chunk,
    read() {
      const size = Math.min(chunk, total - taken)
      if (size === 0) return void this.push(null)
      const block = Buffer.alloc(size)
      for (let i = 0; i < size; i += 997) block[i] = (taken + i) % 251
      taken += size
      this.push(block)
    },
  })
  return { readable, taken: () => taken }
}

async function digestOf(source: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of source) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

const writers: Readonly<Record<string, (source: Readable, res: ServerResponse) => unknown>> = {
  pipe: (source, res) => source.pipe(res),
  pipeline: (source, res) => pipeline(source, res),
  'pipeline of a generator': (source, res) =>
    pipeline(async function* () {
      yield* source
    }, res),
  'a loop that waits for drain': async (source, res) => {
    for await (const chunk of source) if (!res.write(chunk)) await once(res, 'drain')
    res.end()
  },
}

export function streamingCases(adapter: NodeAdapter): void {
  describe('streaming', () => {
    describe.each(Object.entries(writers))('by %s', (name, write) => {
      it.each([
        ['5 MB in large chunks', SIZE, 64 * 1024],
        ['many small chunks, which never fill a buffer', 20_000, 10],
        ['a single chunk', 10, 10],
      ])('%s: held back without being read on, then delivered whole', async (_, size, chunk) => {
        let source = bytes(0, 1)
        const world = await open(adapter, {
          '/': ({ session, response }) => {
            session.n = 1
            source = bytes(size, chunk)
            return write(source.readable, response)
          },
        })
        const gate = world.engine.gate()
        let answered = false
        const answering = world
          .browser()
          .get('/')
          .finally(() => (answered = true))
        await gate.reached
        await turns()
        expect(answered).toBe(false)
        // One chunk written, one or two buffered by the source.
        expect(source.taken()).toBeLessThanOrEqual(3 * chunk)
        gate.open()
        const answer = await answering
        expect(answer).toMatchObject({ status: 200, seen: { n: 1 } })
        expect(answer.bytes).toHaveLength(size)
        const hash = createHash('sha256').update(answer.bytes).digest('hex')
        expect(hash).toBe(await digestOf(bytes(size, chunk).readable))
      })

      it('stops when the commit fails, and nothing of it is sent', async () => {
        let source = bytes(0, 1)
        const world = await open(adapter, {
          '/': ({ session, response }) => {
            session.n = 1
            response.setHeader('Content-Length', SIZE)
            response.setHeader('Content-Type', 'application/x-refused')
            source = bytes(SIZE, 64 * 1024)
            source.readable.on('error', () => undefined)
            // A writer that is not let finish may fail; that is not what is tested here.
            void Promise.resolve(write(source.readable, response)).catch(() => undefined)
          },
        })
        world.engine.failure = new StoreUnavailableError('gone', false)
        const browser = world.browser()
        const answer = await browser.get('/')
        expect(answer).toMatchObject({
          status: 503,
          text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
        })
        expect(answer.headers['content-type']).toContain('application/json')
        await turns()
        const isPiped = name === 'pipe' || name === 'pipeline'
        await expect.poll(() => source.readable.destroyed || !isPiped).toBe(true)
        // A pipeline goes on by one when the response is done.
        expect(source.taken()).toBeLessThanOrEqual(4 * 64 * 1024)
      })

      it('a refused source does not flow into a large answer of the error handler', async () => {
        const block = Buffer.alloc(64 * 1024, 'e')
        const world = await open(
          adapter,
          {
            '/': ({ session, response }) => {
              session.n = 1
              const { readable } = bytes(SIZE, 64 * 1024)
              readable.on('error', () => undefined)
              void Promise.resolve(write(readable, response)).catch(() => undefined)
            },
          },
          {
            // So much that the response emits 'drain', which the source was waiting for.
            onError: async (_, { response }) => {
              response.writeHead(503)
              for (let i = 0; i < 64; i++) if (!response.write(block)) await once(response, 'drain')
              response.end()
            },
          },
        )
        world.engine.failure = new StoreUnavailableError('gone', false)
        const answer = await world.browser().get('/')
        expect(answer.status).toBe(503)
        expect(answer.bytes.equals(Buffer.alloc(64 * block.length, 'e'))).toBe(true)
      })
    })

    it('a refused source that is the request, or that another one reads too, goes on', async () => {
      const answered = signal()
      let copied = 0
      const ports = new Set<unknown>()
      const world = await open(adapter, {
        '/copied': ({ session, response }) => {
          session.n = 1
          const source = Readable.from(
            (async function* () {
              yield Buffer.alloc(10)
              await answered.promise
              yield Buffer.alloc(10)
            })(),
          )
          source.on('data', (chunk: Buffer) => (copied += chunk.length))
          source.pipe(response)
        },
        '/echo': ({ session, request, response }) => {
          session.n = 1
          ports.add(request.socket.remotePort)
          request.pipe(response)
        },
      })
      world.engine.failure = new StoreUnavailableError('gone', false)
      const browser = world.browser()
      expect((await browser.get('/copied')).status).toBe(503)
      await turns()
      answered.fire()
      await expect.poll(() => copied).toBe(20)
      const headers = { 'Content-Type': 'text/plain' }
      const echo = { method: 'POST', body: 'x', headers }
      for (let i = 0; i < 3; i++) {
        const answer = await browser.get('/echo', echo)
        expect(answer.status).toBe(503)
      }
      expect(ports.size).toBe(1)
    })

    it('a writer that does not wait for drain does not write into the answer of the error handler', async () => {
      const done = signal()
      const world = await open(
        adapter,
        {
          '/': async ({ session, response }) => {
            session.n = 1
            for (let i = 0; i < 20; i++) {
              response.write(`refused ${i}\n`)
              await turns(1)
            }
            response.end('refused')
            done.fire()
          },
        },
        {
          onError: async (error, { reply }) => {
            await turns(5)
            return reply.text(codeOf(error), 503)
          },
        },
      )
      world.engine.failure = new StoreUnavailableError('gone', false)
      const answer = await world.browser().get('/')
      expect(answer).toMatchObject({ status: 503, text: 'ERR_SOJOURN_STORE_UNAVAILABLE' })
      await done.promise
    })

    it('what a refused writer does once the error handler has answered is without effect', async () => {
      const world = await open(
        adapter,
        {
          '/': ({ session, response }) => {
            session.n = 1
            response.write('refused')
          },
        },
        {
          onError: (_, { response, reply }) => {
            const result = reply.text('sorry', 503)
            response.write('refused')
            response.end('refused')
            return result
          },
        },
      )
      world.engine.failure = new StoreUnavailableError('gone', false)
      expect(await world.browser().get('/')).toMatchObject({ status: 503, text: 'sorry' })
    })

    it('an error handler may stream its answer', async () => {
      const answer: NodeBehaviour = ({ session, response }) => {
        session.n = 1
        response.write('refused')
      }
      const page = async (res: ServerResponse, write: (res: ServerResponse) => void) => {
        await turns(2)
        res.statusCode = 500
        write(res)
      }
      const forms: ((res: ServerResponse) => void)[] = [
        (res) => Readable.from(['so', 'rry']).pipe(res),
        (res) => {
          res.writeHead(500)
          res.write('so')
          res.end('rry')
        },
        (res) => {
          res.flushHeaders()
          res.write('so')
          res.end('rry')
        },
      ]
      for (const form of forms) {
        const world = await open(
          adapter,
          { '/': answer },
          { onError: (_, { response }) => page(response, form) },
        )
        world.engine.failure = new StoreUnavailableError('gone', false)
        expect(await world.browser().get('/')).toMatchObject({ status: 500, text: 'sorry' })
      }
    })
  })

  describe('connections', () => {
    it('pipelined requests of one session are answered in order, and both are stored', async () => {
      const world = await open(adapter, {
        '/left': ({ session, reply }) => {
          session.left = 1
          return reply.text('<left>')
        },
        '/right': ({ session, reply }) => {
          session.right = 2
          return reply.text('<right>')
        },
        '/big': ({ session, response }) => {
          session.n = 3
          bytes(300_000, 10_000).readable.pipe(response)
        },
      })
      const browser = world.browser()
      await browser.get('/left')
      world.engine.delay = 10
      const request = (path: string, more = '') =>
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${browser.cookie}\r\n${more}\r\n`
      const answer = await exchangeBytes(
        world.app.port,
        request('/left') + request('/big') + request('/right', 'Connection: close\r\n'),
      )
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
      expect(answer.indexOf('<left>')).toBeGreaterThan(0)
      expect(answer.indexOf('<right>')).toBeGreaterThan(300_000)
      expect(await world.stored(browser.token)).toEqual({ left: 1, right: 2, n: 3 })
    })
  })
}
