import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gunzipSync } from 'node:zlib'
import { StoreUnavailableError } from 'sojourn'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type AppOptions,
  type NodeAdapter,
  type NodeBehaviour,
  type NodeCall,
  unstorable,
} from '../support/adapter.ts'
import type { Answer, Browser } from '../support/http-client.ts'
import { turns } from '../support/watched-engine.ts'
import { open } from '../support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-compression-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** More than a response and a compression buffer, so that writers have to wait for 'drain'. */
interface Page {
  readonly text: string
  readonly file: string
  readonly chunks: () => Readable
}

function page(word: string): Page {
  const text = Array.from({ length: 6_000 }, (_, i) => `${word} ${i}\n`).join('')
  const file = join(folder, `${word}.html`)
  writeFileSync(file, text)
  const size = 10_000
  const chunks = (): Readable =>
    Readable.from(
      (function* () {
        for (let i = 0; i < text.length; i += size) yield Buffer.from(text.slice(i, i + size))
      })(),
    )
  return { text, file, chunks }
}

const body = page('body')
const sorry = page('sorry')

/** A body in each of the ways that handlers and error handlers have. */
const ways: Readonly<Record<string, (call: NodeCall, page: Page) => unknown>> = {
  send: ({ reply, response }, { text }) => reply.text(text, response.statusCode),
  'write and end': ({ response }, { text }) => {
    response.write(text.slice(0, 10))
    response.end(text.slice(10))
  },
  'flushHeaders, write and end': ({ response }, { text }) => {
    response.flushHeaders()
    response.write(text.slice(0, 10))
    response.end(text.slice(10))
  },
  'writeHead, write and end': ({ response }, { text }) => {
    response.writeHead(response.statusCode, { 'X-App': 'yes' })
    response.write(text.slice(0, 10))
    response.end(text.slice(10))
  },
  pipe: ({ response }, { chunks }) => chunks().pipe(response),
  'stream reply': ({ reply }, { chunks }) => reply.stream(chunks()),
  file: ({ reply }, { file }) => reply.file(file),
}
/** Those that leave Node's own response to the handler. */
const raw: readonly string[] = [
  'write and end',
  'flushHeaders, write and end',
  'writeHead, write and end',
  'pipe',
]

const answering =
  (way: string, page: Page) =>
  (call: NodeCall): unknown => {
    if (raw.includes(way)) call.response.setHeader('Content-Type', 'text/html')
    else call.reply.header('Content-Type', 'text/html')
    return ways[way]?.(call, page)
  }

const faults: Readonly<Record<string, number>> = { '/refused': 500, '/down': 503 }
type Place = Pick<AppOptions, 'compression'>
const before: Place = { compression: 'before' }
const after: Place = { compression: 'after' }
const gzip: Readonly<Record<string, string>> = { 'Accept-Encoding': 'gzip' }
const none: Readonly<Record<string, string>> = {}
const situations: readonly (readonly [string, Place, Readonly<Record<string, string>>])[] = [
  ['no compression', {}, none],
  ['a compression before the sessions', before, gzip],
  ['a compression before the sessions, plain client', before, none],
  ['a compression after the sessions', after, gzip],
  ['a compression after the sessions, plain client', after, none],
]

/** With the compression that applications of the framework use, and without. */
export function compressionCases(adapter: NodeAdapter): void {
  const get = (
    browser: Browser,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Answer> => browser.get(path, { headers, signal: AbortSignal.timeout(5_000) })

  describe.each(situations)('with %s', (_, place, headers) => {
    it.each(Object.keys(ways))('%s: the answer is as without a change', async (way) => {
      const world = await open(
        adapter,
        {
          '/plain': answering(way, body),
          '/change': (call) => {
            call.session.n = (call.session.n ?? 0) + 1
            return answering(way, body)(call)
          },
        },
        place,
      )
      world.engine.delay = 15
      const browser = world.browser()
      const plain = await get(browser, '/plain', headers)
      const isRaw = raw.includes(way)
      const isZipped = plain.headers['content-encoding'] === 'gzip'
      // Fastify compresses what goes by its replies, and no more.
      expect(isRaw || isZipped).toBe(isRaw || headers === gzip)
      for (const n of [1, 2]) {
        const changed = await get(browser, '/change', headers)
        expect({ ...changed, text: decoded(changed) }).toMatchObject({
          status: 200,
          text: body.text,
          seen: { n },
        })
        expect(described(changed)).toEqual(described(plain))
        expect(changed.headers['vary']?.split(', ')).toContain('Cookie')
      }
    })

    it.each(Object.keys(ways))('%s: refused, the error handler answers', async (way) => {
      const behaviours: Record<string, NodeBehaviour> = {
        '/refused': (call) => {
          call.session.any = unstorable()
          return answering(way, body)(call)
        },
        '/down': (call) => {
          call.session.n = 1
          return answering(way, body)(call)
        },
      }
      for (const how of [...Object.keys(ways), 'pipe, late', 'file, late']) {
        const world = await open(adapter, behaviours, {
          ...place,
          onError: async (_, call) => {
            if (how.endsWith('late')) await turns(5)
            return answering(how.replace(', late', ''), sorry)(call)
          },
        })
        for (const [path, status] of Object.entries(faults)) {
          world.engine.failure =
            path === '/down' ? new StoreUnavailableError('gone', false) : undefined
          const answer = await get(world.browser(), path, headers).catch(String)
          const seen =
            typeof answer === 'string'
              ? { how, path, answer }
              : { how, path, status: answer.status, text: decoded(answer) }
          expect(seen).toEqual({ how, path, status, text: sorry.text })
        }
      }
    })
  })
}

function decoded({ headers, bytes }: Answer): string {
  return (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()
}

/** What an answer says of its body. */
function described({ headers }: Answer): (string | undefined)[] {
  const names = ['content-encoding', 'content-length', 'transfer-encoding', 'content-type']
  return names.map((name) => headers[name])
}
