import { Readable } from 'node:stream'
import { createGzip, gunzipSync } from 'node:zlib'
import type { NextFunction, Request, Response } from 'express'
import { StoreUnavailableError } from 'sojourn'
import { expressSessions } from 'sojourn/express'
import { describe, expect, it } from 'vitest'
import { count } from './endings.ts'
import { type ExpressVersion, report, site } from './site.ts'

type Method = (...args: unknown[]) => unknown

/**
 * Middleware of the kind of `compression`: replaces `write`, `end` and `on`, has the head written
 * until it sees it out, keeps the listeners of 'drain' at its own stream, and changes headers when
 * they are written.
 */
function compress(request: Request, response: Response, next: NextFunction): void {
  if (request.headers['accept-encoding'] !== 'gzip') return next()
  const raw = response as unknown as Record<
    'write' | 'end' | 'on' | 'writeHead' | '_implicitHeader',
    Method
  > & { _header: unknown }
  const below = { write: raw.write, end: raw.end, on: raw.on, writeHead: raw.writeHead }
  const gzip = createGzip()
  let waiting: unknown[] | undefined = []
  let isHeadAsked = false
  let ended = false
  raw.writeHead = (...args) => {
    if (!isHeadAsked) {
      isHeadAsked = true
      response.removeHeader('Content-Length')
      response.setHeader('Content-Encoding', 'gzip')
      for (const listener of waiting ?? []) gzip.on('drain', listener as () => void)
      waiting = undefined
    }
    return below.writeHead.call(response, ...args)
  }
  raw.write = (chunk) => {
    if (ended) return false
    if (!raw._header) raw._implicitHeader()
    return gzip.write(chunk)
  }
  raw.end = (chunk) => {
    if (ended) return response
    if (!raw._header) raw._implicitHeader()
    ended = true
    gzip.end(chunk)
    return response
  }
  raw.on = (type, listener) => {
    if (type !== 'drain') return below.on.call(response, type, listener)
    if (waiting === undefined) return gzip.on('drain', listener as () => void)
    waiting.push(listener)
    return response
  }
  gzip.on('data', (chunk) => {
    if (below.write.call(response, chunk) === false) gzip.pause()
  })
  gzip.on('end', () => below.end.call(response))
  below.on.call(response, 'drain', () => gzip.resume())
  next()
}

/** A source of small chunks that gives the next only when the last was taken. */
const trickle = (): Readable =>
  Readable.from(
    Array.from({ length: 2_000 }, (_, i) => Buffer.from(`${i} `)),
    { highWaterMark: 1 },
  )
const trickled = Array.from({ length: 2_000 }, (_, i) => `${i} `).join('')

/** Middleware that replaces methods of the response, above the sessions and below. */
export function expressWrapping(version: ExpressVersion): void {
  describe('with a compression', () => {
    const accept = { 'Accept-Encoding': 'gzip' }

    it.each(['above', 'below'])('%s: each answer arrives whole', async (where) => {
      const { browser, engine } = await site(version, (app, sessions) => {
        if (where === 'below') app.use(compress)
        app.use(expressSessions(sessions))
        if (where === 'above') app.use(compress)
        app.get('/send', (req, res) => {
          count(req)
          res.send(trickled)
        })
        app.get('/pipe', (req, res) => {
          count(req)
          trickle().pipe(res)
        })
        app.get('/write', (req, res) => {
          count(req)
          res.write('one ')
          res.write('two ')
          res.end('three')
        })
      })
      engine.delay = 15
      const expected = { '/send': trickled, '/pipe': trickled, '/write': 'one two three' }
      for (const [index, [path, body]] of Object.entries(expected).entries()) {
        const answer = await browser.get(path, { headers: accept })
        expect(answer.headers['content-encoding']).toBe('gzip')
        expect(gunzipSync(answer.bytes).toString()).toBe(body)
        expect(answer).toMatchObject({ status: 200, seen: { n: index + 1 } })
      }
    })

    it.each(['above', 'below'])('%s: a refused answer does not come through', async (where) => {
      const { browser, engine } = await site(version, (app, sessions) => {
        if (where === 'below') app.use(compress)
        app.use(expressSessions(sessions))
        if (where === 'above') app.use(compress)
        app.get('/send', (req, res) => {
          count(req)
          res.send(trickled)
        })
        app.get('/pipe', (req, res) => {
          count(req)
          trickle().pipe(res)
        })
        // Late, as one that renders a page: what the compression still does comes before it.
        app.use((error: unknown, req: Request, res: Response, next: NextFunction) => {
          setTimeout(() => report(error, req, res, next), 30)
        })
      })
      engine.failure = new StoreUnavailableError('gone', false)
      for (const path of ['/send', '/pipe']) {
        const answer = await browser.get(path, { headers: accept })
        const zipped = answer.headers['content-encoding'] === 'gzip'
        const text = zipped ? gunzipSync(answer.bytes).toString() : answer.text
        expect(answer.status).toBe(503)
        expect(text).toBe('{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}')
      }
    })
  })

  it('middleware that ends late does not answer for the error handler', async () => {
    const { browser, engine } = await site(version, (app, sessions) => {
      app.use(expressSessions(sessions))
      app.use((_, res, next) => {
        const end = res.end.bind(res) as (chunk: unknown) => void
        res.end = ((chunk: unknown) => {
          setTimeout(() => end(chunk), 10)
          return res
        }) as typeof res.end
        next()
      })
      app.get('/', (req, res) => {
        count(req)
        res.write('refused')
        res.end('refused')
      })
      app.use((error: unknown, req: Request, res: Response, next: NextFunction) => {
        setTimeout(() => report(error, req, res, next), 30)
      })
    })
    engine.failure = new StoreUnavailableError('gone', false)
    expect(await browser.get('/')).toMatchObject({
      status: 503,
      text: '{"error":"ERR_SOJOURN_STORE_UNAVAILABLE"}',
    })
  })

  describe('with middleware that waits for the head, as on-headers does', () => {
    it('what it reads of the session makes the response depend on it', async () => {
      const { browser } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.use((req, res, next) => {
          const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => Response
          res.writeHead = ((...args: unknown[]) => {
            res.setHeader('X-User', req.session.principal ?? 'nobody')
            res.setHeader('Cache-Control', 'public')
            return writeHead(...args)
          }) as typeof res.writeHead
          next()
        })
        app.get('/', (_, res) => void res.send('text'))
        app.get('/count', (req, res) => {
          count(req)
          res.send('counted')
        })
      })
      expect((await browser.get('/')).headers).toMatchObject({
        'x-user': 'nobody',
        vary: 'Cookie',
      })
      expect((await browser.get('/count')).headers).toMatchObject({ 'cache-control': 'private' })
    })

    it('what it changes is too late to be waited for, and is stored all the same', async () => {
      const { browser } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.get('/', (req, res) => {
          count(req)
          res.send('counted')
        })
        app.get('/late', (req, res) => {
          const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => Response
          res.writeHead = ((...args: unknown[]) => {
            count(req)
            return writeHead(...args)
          }) as typeof res.writeHead
          res.send('whole')
        })
      })
      await browser.get('/')
      expect(await browser.get('/late')).toMatchObject({ status: 200, text: 'whole' })
      expect((await browser.get('/')).seen).toEqual({ n: 3 })
    })
  })
}
