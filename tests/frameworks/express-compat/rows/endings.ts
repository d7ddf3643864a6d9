import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import type { Row } from '../side-by-side.ts'
import type { Handler } from '../versions.ts'
import { count, look } from './storing.ts'

const text = 'one two three'
const chunks = (): Readable =>
  Readable.from(['one ', 'two ', 'three'].map((part) => Buffer.from(part)))

/** How a response may be made. */
const endings: Readonly<Record<string, Handler>> = {
  'end()': (_, res) => res.end(),
  'end(text)': (_, res) => res.end(text),
  'end(bytes)': (_, res) => res.end(Buffer.from(text)),
  'end(text, encoding)': (_, res) => res.end(Buffer.from(text).toString('hex'), 'hex'),
  'end of an empty text': (_, res) => res.end(''),
  'send and status': (_, res) => res.status(201).send(text),
  json: (_, res) => res.json({ a: 1 }),
  'jsonp and headers': (_, res) => res.set({ 'X-One': '1' }).jsonp({ a: 1 }),
  sendStatus: (_, res) => res.sendStatus(202),
  redirect: (_, res) => res.redirect(303, '/somewhere'),
  '204': (_, res) => res.status(204).end(),
  '304': (_, res) => res.status(304).end(),
  'write, end': (_, res) => {
    res.write('one ')
    res.write('two ')
    res.end('three')
  },
  'write, end without a chunk': (_, res) => {
    res.write(text)
    res.end()
  },
  'write, later end': (_, res) => {
    res.write('one ')
    setImmediate(() => res.end('two three'))
  },
  'Content-Length, end': (_, res) => {
    res.setHeader('Content-Length', String(text.length))
    res.end(text)
  },
  'Content-Length 0, end': (_, res) => {
    res.setHeader('Content-Length', '0')
    res.end()
  },
  'Content-Length, write, end': (_, res) => {
    res.setHeader('Content-Length', String(text.length))
    res.write('one ')
    res.end('two three')
  },
  'Content-Length, bytes of several to a character': (_, res) => {
    res.setHeader('Content-Length', '6')
    res.end('äöü')
  },
  'writeHead, end': (_, res) => {
    res.writeHead(202, { 'X-One': '1', 'Content-Type': 'text/plain' })
    res.end(text)
  },
  'writeHead with a reason and a list of headers': (_, res) => {
    res.writeHead(200, 'Fine', ['X-One', '1', 'X-Two', '2'])
    res.end(text)
  },
  'writeHead, later write and end': (_, res) => {
    res.writeHead(200)
    setImmediate(() => {
      res.write('one ')
      setImmediate(() => res.end('two three'))
    })
  },
  'flushHeaders, later end': (_, res) => {
    res.flushHeaders()
    setImmediate(() => res.end(text))
  },
  pipe: (_, res) => chunks().pipe(res),
  'pipe a file': (_, res) => createReadStream('package.json', { end: 20 }).pipe(res),
  pipeline: (_, res) => pipeline(chunks(), res, () => undefined),
  sendFile: (_, res) => res.sendFile('.npmrc', { root: '.', dotfiles: 'allow' }),
  'end twice': (_, res) => {
    res.end(text)
    res.end('again')
  },
  'end twice, later': (_, res) => {
    res.end(text)
    setImmediate(() => res.end('again'))
  },
  'next without an answer': (_, __, next) => next(),
  'an error': (_, __, next) => next(new RangeError('wrong')),
}

const changed =
  (end: Handler): Handler =>
  (req, res, next) => {
    req.session['n'] = (req.session['n'] ?? 0) + 1
    return end(req, res, next)
  }
const read =
  (end: Handler): Handler =>
  (req, res, next) => {
    void req.session['n']
    return end(req, res, next)
  }

/** New, changed, read and destroyed sessions, with each of the endings and for HEAD. */
export const endingRows: Readonly<Record<string, Row>> = Object.fromEntries(
  Object.entries(endings).map(([name, end]): [string, Row] => [
    name,
    {
      options: { cookie: { maxAge: 60_000 } },
      handlers: {
        '/change': changed(end),
        '/read': read(end),
        '/destroy': (req, res, next) => {
          req.session.destroy(() => end(req, res, next))
        },
        '/regenerate': (req, res, next) => {
          req.session.regenerate(() => end(req, res, next))
        },
        '/save': (req, res, next) => {
          req.session['saved'] = true
          req.session.save(() => end(req, res, next))
        },
        '/': look,
        '/count': count,
      },
      visit: async (client) => {
        for (const path of ['/read', '/change', '/', '/change', '/read', '/save', '/']) {
          await client.get(path)
        }
        await client.get('/change', { method: 'HEAD' })
        await client.get('/change', { method: 'POST' })
        for (const path of ['/', '/regenerate', '/', '/destroy', '/']) await client.get(path)
      },
    },
  ]),
)
