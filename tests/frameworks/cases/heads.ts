import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { codeOf, type NodeAdapter, unstorable } from '../support/adapter.ts'
import { open } from '../support/world.ts'

const asObject: OutgoingHttpHeaders = {
  'Set-Cookie': ['a=1', 'b=2'],
  Vary: 'Accept',
  'Cache-Control': 'public, max-age=60',
  'X-Number': 7,
}
const asPairs: readonly (readonly [string, string | string[]])[] = [
  ['Set-Cookie', 'a=1'],
  ['Set-Cookie', 'b=2'],
  ['Vary', 'Accept'],
  ['Cache-Control', 'public, max-age=60'],
  ['X-Number', '7'],
]

/** `writeHead` in each form that Node takes. */
const forms: Readonly<Record<string, (res: ServerResponse) => void>> = {
  'headers object': (res) => res.writeHead(201, asObject),
  'reason and headers object': (res) => res.writeHead(201, 'Made', asObject),
  'no reason and headers object': (res) =>
    res.writeHead(201, undefined as unknown as string, asObject),
  'flat array': (res) => res.writeHead(201, asPairs.flat() as string[]),
  'reason and flat array': (res) => res.writeHead(201, 'Made', asPairs.flat() as string[]),
  'array of pairs': (res) => res.writeHead(201, asPairs as unknown as string[]),
  'headers set before': (res) => {
    for (const [name, value] of Object.entries(asObject)) res.setHeader(name, value ?? '')
    res.writeHead(201)
  },
  'headers set before, and replaced': (res) => {
    res.setHeader('Set-Cookie', 'old=1')
    res.setHeader('Vary', 'Old')
    res.writeHead(201, asObject)
  },
}

export function headCases(adapter: NodeAdapter): void {
  describe.each(['new', 'unchanged'])(
    'writeHead with the headers of the application, %s session',
    (kind) => {
      it.each(Object.entries(forms))('%s', async (name, writeHead) => {
        const world = await open(adapter, {
          '/': ({ session, response }) => {
            if (kind === 'new') session.n = 1
            else void session.n
            writeHead(response)
            response.end('made')
          },
        })
        const { status, message, headers, cookies, text, lines } = await world.browser().get('/')
        expect({ status, text }).toEqual({ status: 201, text: 'made' })
        expect(message).toBe(name.startsWith('reason') ? 'Made' : 'Created')
        expect(headers).toMatchObject({ vary: 'Accept, Cookie', 'x-number': '7' })
        const ours = expect.stringMatching(/^session=/)
        expect(cookies).toEqual(kind === 'new' ? ['a=1', 'b=2', ours] : ['a=1', 'b=2'])
        expect(headers['cache-control']).toBe(
          kind === 'new' ? 'private, max-age=60' : 'public, max-age=60',
        )
        // As the application has spelt them, and each once.
        expect(lines).toContain('X-Number: 7')
        for (const once of ['vary', 'cache-control', 'x-number']) {
          expect(lines.filter((line) => line.toLowerCase().startsWith(`${once}:`))).toHaveLength(1)
        }
      })
    },
  )

  describe('the head, while the commit is under way', () => {
    it('looks sent: late headers are refused, a late status is ignored', async () => {
      const codes: string[] = []
      const attempt = (work: () => unknown): void => {
        try {
          work()
          codes.push('nothing')
        } catch (error) {
          codes.push(codeOf(error))
        }
      }
      const world = await open(adapter, {
        '/': ({ session, response }) => {
          session.n = 1
          response.setHeader('X-Early', 'yes')
          response.end('as it was')
          expect(response).toMatchObject({ headersSent: true, writableEnded: true })
          attempt(() => response.setHeader('X-Late', 'yes'))
          attempt(() => response.appendHeader('X-Late', 'yes'))
          attempt(() => response.removeHeader('X-Early'))
          attempt(() => response.writeHead(404, { 'X-Late': 'yes' }))
          response.statusCode = 404
          response.statusMessage = 'Late'
        },
      })
      const answer = await world.browser().get('/')
      expect(answer).toMatchObject({ status: 200, message: 'OK', text: 'as it was' })
      expect(answer.headers).toMatchObject({ 'x-early': 'yes' })
      expect(answer.headers['x-late']).toBeUndefined()
      expect(codes).toEqual(Array(4).fill('ERR_HTTP_HEADERS_SENT'))
    })

    it('an error handler after a failed commit sees headers that are not sent', async () => {
      const world = await open(
        adapter,
        {
          '/': ({ session, response }) => {
            session.any = unstorable()
            response.statusMessage = 'Refused'
            response.writeHead(201, { 'X-App': 'stays' }).end('refused')
          },
        },
        {
          onError: (_, { response }) => {
            expect(response).toMatchObject({
              headersSent: false,
              writableEnded: false,
              statusCode: 500,
            })
            response.setHeader('X-Error', 'yes')
            response.end('sorry')
          },
        },
      )
      const answer = await world.browser().get('/')
      // The handler has set no status: that of the refused answer would be a lie.
      expect(answer).toMatchObject({ status: 500, message: 'Internal Server Error', text: 'sorry' })
      expect(answer.headers).toMatchObject({
        'x-app': 'stays',
        'x-error': 'yes',
        'content-length': '5',
        connection: 'keep-alive',
      })
    })

    it.each<[string, (res: ServerResponse) => void]>([
      ['a header name', (res) => void res.writeHead(200, { 'a b': 'x' })],
      ['a header value', (res) => void res.writeHead(200, { 'X-Break': 'a\r\nb' })],
      ['a status', (res) => void res.writeHead(99).end('x')],
      ['a chunk', (res) => void res.end(42)],
      ['a first chunk', (res) => void res.write({})],
    ])('%s that Node refuses goes to the error handler', async (_, answer) => {
      const world = await open(adapter, {
        '/': ({ session, response }) => {
          session.n = 1
          answer(response)
        },
      })
      const browser = world.browser()
      expect((await browser.get('/')).status).toBe(500)
      expect(world.app.errors).toHaveLength(1)
      expect((await browser.get('/')).status).toBe(500)
    })

    it('a second chunk that Node refuses ends the connection', async () => {
      const world = await open(adapter, {
        '/': ({ session, response }) => {
          session.n = 1
          response.write('one')
          response.write({})
        },
      })
      await expect(world.browser().get('/')).rejects.toThrow(/aborted|hang up|ECONNRESET/)
      expect(world.failures).toHaveLength(1)
    })

    it('informational answers pass', async () => {
      const world = await open(adapter, {
        '/': ({ session, response }) => {
          session.n = 1
          response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
          response.writeProcessing()
          response.end('final')
        },
      })
      expect(await world.browser().get('/')).toMatchObject({ status: 200, seen: { n: 1 } })
    })
  })
}
