import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { pipeline as pipelinePromise } from 'node:stream/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Engine } from '../../../src/core/engine.ts'
import type { Adapter, Behaviour, Call, NodeCall } from '../support/adapter.ts'
import { open, type World } from '../support/world.ts'

export interface Ending<C extends Call = Call> {
  /** Answers; the session has been changed already. */
  readonly end: (call: C) => unknown
  readonly status?: number
  readonly body: string
}

const chunks = (): Readable =>
  Readable.from(['one ', 'two ', 'three'].map((part) => Buffer.from(part)))
const text = 'one two three'

/** By the framework's own means. */
export const replyEndings: Readonly<Record<string, Ending>> = {
  'reply: text': { end: ({ reply }) => reply.text(text), body: text },
  'reply: json': { end: ({ reply }) => reply.json({ a: 1 }), body: '{"a":1}' },
  'reply: 204': { end: ({ reply }) => reply.empty(204), status: 204, body: '' },
  'reply: 404': { end: ({ reply }) => reply.text('no', 404), status: 404, body: 'no' },
  'reply: stream': { end: ({ reply }) => reply.stream(chunks()), body: text },
}

const raw = (
  end: (response: ServerResponse) => unknown,
  body: string = text,
): Ending<NodeCall> => ({
  end: ({ response }) => end(response),
  body,
})

/** By Node's response itself, in every way that it knows. */
export const nodeEndings: Readonly<Record<string, Ending<NodeCall>>> = {
  'end()': raw((res) => res.end(), ''),
  'end(text)': raw((res) => res.end(text)),
  'end(bytes)': raw((res) => res.end(Buffer.from(text))),
  'end(text, encoding)': raw((res) => res.end(Buffer.from(text).toString('base64'), 'base64')),
  'end(callback)': raw((res) => new Promise<void>((done) => res.end(done)), ''),
  'end(text, callback)': raw((res) => new Promise<void>((done) => res.end(text, done))),
  'end(text, encoding, callback)': raw(
    (res) => new Promise<void>((done) => res.end(text, 'latin1', done)),
  ),
  'write and end': raw((res) => {
    res.write('one ')
    res.write('two ')
    res.end('three')
  }),
  'write with callback, then end': raw(async (res) => {
    await new Promise<unknown>((done) => res.write('one two ', done))
    res.end('three')
  }),
  'write, later end': raw((res) => {
    res.write('one two ')
    setImmediate(() => res.end('three'))
  }),
  pipe: raw((res) => chunks().pipe(res)),
  'pipeline with callback': raw(
    (res) =>
      new Promise<void>((resolve, reject) =>
        pipeline(chunks(), res, (error) => (error ? reject(error) : resolve())),
      ),
  ),
  'pipeline, awaited': raw((res) => pipelinePromise(chunks(), res)),
  'pipeline of an async generator': raw((res) =>
    pipelinePromise(async function* () {
      yield* ['one ', 'two ', 'three']
    }, res),
  ),
  'loop that waits for drain': raw(async (res) => {
    for await (const chunk of chunks()) if (!res.write(chunk)) await once(res, 'drain')
    res.end()
  }),
  'writeHead, end': raw((res) => res.writeHead(200).end(text)),
  'writeHead with length, end': raw((res) =>
    res.writeHead(200, { 'Content-Length': text.length }).end(text),
  ),
  'writeHead, later end': raw((res) => {
    res.writeHead(200)
    setImmediate(() => res.end(text))
  }),
  'flushHeaders, end': raw((res) => {
    res.flushHeaders()
    res.end(text)
  }),
  'flushHeaders, later end': raw((res) => {
    res.flushHeaders()
    setImmediate(() => res.end(text))
  }),
  'cork, write, uncork, end': raw((res) => {
    res.cork()
    res.write('one ')
    res.write('two ')
    res.uncork()
    res.end('three')
  }),
  trailers: raw((res) => {
    // Node refuses trailers of an answer without a body.
    if (res.req.method !== 'HEAD') {
      res.setHeader('Trailer', 'X-Sum')
      res.write('one two ')
      res.addTrailers({ 'X-Sum': '3' })
    }
    res.end('three')
  }),
  'end twice': raw((res) => {
    res.end(text)
    res.end()
  }),
  'end twice, while the commit is under way': raw((res) => {
    res.end(text)
    setImmediate(() => res.end())
  }),
  'end by a helper that looks at writableEnded': raw((res) => {
    res.end(text)
    setImmediate(() => {
      if (!res.writableEnded) res.end('again')
    })
  }),
}

const OUR_COOKIE = /^session=[\w-]{48}; Path=\/; HttpOnly; SameSite=Lax$/

/**
 * When a client has the headers of a response, the session is stored: from a second connection to
 * the store. For a new session, a known one, and one that was not changed.
 * @param engine where to store; the embedded engine else
 */
export function endingCases<C extends Call>(
  adapter: Adapter<C>,
  endings: Readonly<Record<string, Ending<C>>>,
  engine?: () => Engine,
): void {
  describe('the session is stored before the response, by', () => {
    let world: World
    const behaviours: Record<string, Behaviour<C>> = {}
    for (const [index, ending] of Object.values(endings).entries()) {
      behaviours[`/change/${index}`] = (call) => {
        call.session.n = (call.session.n ?? 0) + 1
        return ending.end(call)
      }
      behaviours[`/read/${index}`] = (call) => {
        void call.session.n
        return ending.end(call)
      }
    }
    beforeEach(async () => {
      world = await open(adapter, behaviours, engine === undefined ? {} : { engine: engine() })
      world.engine.delay = 15
    })

    it.each(Object.entries(endings).map(([name, ending], index) => ({ name, index, ending })))(
      '$name',
      async ({ index, ending }) => {
        const browser = world.browser()
        const { status = 200, body } = ending
        const created = await browser.get(`/change/${index}`)
        expect(created).toMatchObject({ status, text: body, seen: { n: 1 } })
        expect(created.cookies).toEqual([expect.stringMatching(adapter.cookie ?? OUR_COOKIE)])
        const changed = await browser.get(`/change/${index}`)
        expect(changed).toMatchObject({ status, text: body, seen: { n: 2 } })
        expect(changed.cookies).toHaveLength(adapter.repeatsCookie === true ? 1 : 0)
        const before = world.engine.calls.length
        const read = await browser.get(`/read/${index}`)
        expect(read).toMatchObject({ status, text: body, seen: { n: 2 }, cookies: [] })
        expect(world.engine.calls.slice(before)).toEqual(['load'])
        const head = await browser.get(`/change/${index}`, { method: 'HEAD' })
        expect(head).toMatchObject({ status, text: '', seen: { n: 3 } })
        expect(world.app.errors).toEqual([])
      },
    )
  })
}
