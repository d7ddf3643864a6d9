import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Request, Response } from 'express'
import { expressSessions } from 'sojourn/express'
import { afterAll, describe, expect, it } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { type ExpressVersion, site } from './site.ts'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-express-'))
const file = join(folder, 'page.txt')
writeFileSync(file, 'the page. '.repeat(20_000))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

export function count(request: Request): void {
  const data = request.session as unknown as Partial<Data>
  data.n = (data.n ?? 0) + 1
}

/** What a response says of its body. */
function described(headers: Readonly<Record<string, string>>): (string | undefined)[] {
  const names = ['content-type', 'content-length', 'etag', 'location', 'content-range']
  return names.map((name) => headers[name])
}

/** By each of Express' own ways to answer. */
export function expressEndings(version: ExpressVersion): void {
  describe('the session is stored before the response, by', () => {
    const answers: Readonly<Record<string, (response: Response, request: Request) => unknown>> = {
      'res.send(text)': (res) => res.send('text'),
      'res.send(bytes)': (res) => res.send(Buffer.from('text')),
      'res.json': (res) => res.json({ a: 1 }),
      'res.jsonp': (res) => res.jsonp({ a: 1 }),
      'res.sendStatus': (res) => res.sendStatus(202),
      'res.redirect': (res) => res.redirect('/elsewhere'),
      'res.redirect(303)': (res) => res.redirect(303, '/elsewhere'),
      'res.status(204).end()': (res) => res.status(204).end(),
      'res.format': (res) => res.format({ text: () => res.send('text') }),
      'res.sendFile': (res) => res.sendFile(file),
      'res.sendFile with callback': (res) =>
        new Promise((done) => res.sendFile(file, {}, done as () => void)),
      'res.download': (res) => res.download(file, 'page.txt'),
      'res.sendFile of a part': (res, req) => {
        req.headers.range = 'bytes=0-9'
        res.sendFile(file)
      },
      'res.sendFile of a part that is not there': (res, req) => {
        req.headers.range = 'bytes=9999999-'
        res.sendFile(file)
      },
    }

    it.each(Object.entries(answers))('%s', async (_, answer) => {
      const { browser, engine } = await site(version, (app, sessions) => {
        app.get('/plain', (req, res) => void answer(res, req))
        app.use(expressSessions(sessions))
        app.get('/', (req, res) => {
          count(req)
          void answer(res, req)
        })
      })
      engine.delay = 15
      const plain = await browser.get('/plain')
      for (const n of [1, 2]) {
        const { status, text, headers, seen, cookies } = await browser.get('/')
        expect({ status, text, seen }).toEqual({
          status: plain.status,
          text: plain.text,
          seen: { n },
        })
        expect(cookies).toHaveLength(n === 1 ? 1 : 0)
        expect(described(headers)).toEqual(described(plain.headers))
      }
      const head = await browser.get('/', { method: 'HEAD' })
      expect(head).toMatchObject({ status: plain.status, text: '', seen: { n: 3 } })
    })

    it('304, and the cookie goes with it', async () => {
      const { browser, newBrowser } = await site(version, (app, sessions) => {
        app.use(expressSessions(sessions))
        app.get('/', (req, res) => {
          count(req)
          res.send('always the same')
        })
      })
      const { headers } = await browser.get('/')
      const etag = headers['etag'] ?? ''
      expect(etag).not.toBe('')
      const known = await browser.get('/', { headers: { 'If-None-Match': etag } })
      expect(known).toMatchObject({ status: 304, text: '', seen: { n: 2 }, cookies: [] })
      const fresh = await newBrowser().get('/', { headers: { 'If-None-Match': etag } })
      expect(fresh.status).toBe(304)
      expect(fresh.cookies).toHaveLength(1)
      expect(fresh.headers).toMatchObject({ 'cache-control': 'private', vary: 'Cookie' })
    })
  })
}
