import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createKeyring } from '../../../src/core/keyring.ts'
import { parseToken } from '../../../src/core/token.ts'
import { asJson, compact, formsOfBytes, laidOpen } from '../../support/printed.ts'
import type { Adapter, Behaviour, Call, NodeCall } from '../support/adapter.ts'
import { open, SECRET, type World } from '../support/world.ts'

const PEPPER = 'canary pepper'

/** What things of ours may hang on: the request, and the response where the framework hands it out. */
const carriersOf = (call: Call): object[] => {
  const { response } = call as Partial<NodeCall>
  const all = [call.key, call.request, ...(response === undefined ? [] : [response])]
  return [...new Set(all)]
}

/** All that hangs on them because of us. */
const ours = (call: Call): unknown[] =>
  carriersOf(call).flatMap((carrier) =>
    Object.getOwnPropertySymbols(carrier)
      .filter((symbol) => String(symbol.description).startsWith('sojourn'))
      .map((symbol) => (carrier as Record<symbol, unknown>)[symbol]),
  )

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/begin': ({ session, reply }) => {
    session.name = 'canary value'
    return reply.text('begun')
  },
  '/print': (call) => {
    const { session, request, reply } = call
    const all = [
      ...ours(call).map((value) => inspect(value, { depth: 12, showHidden: true })),
      ...[inspect(session), inspect(session, { depth: 12 })],
    ]
    // Neither the whole request nor its session may make a logger fail.
    inspect(request, { depth: 12, showHidden: true })
    return reply.text(`${session.id} ${all.join('\n')}`)
  },
}

/** Token, keys and pepper, in each form in which they could be printed. */
function secretsOf(token: string): string[] {
  const keyring = createKeyring([SECRET])
  const secret = parseToken(keyring, token)?.secret
  if (secret === undefined) throw new Error('no token')
  const { token: signing, seal } = keyring.primary
  const bytes = [secret, signing.export(), seal.export()]
  return [
    token,
    ...[SECRET, PEPPER].flatMap((text) => [compact(text), ...formsOfBytes(Buffer.from(text))]),
    ...[...bytes, Buffer.from(token, 'base64url')].flatMap(formsOfBytes),
  ]
}

export function secrecyCases(adapter: Adapter): void {
  describe('what is printed of a request', () => {
    it('S07 names the session, and holds no token, secret or value', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/begin')
      const { text, status } = await browser.get('/print')
      expect(status).toBe(200)
      const [id = ''] = text.split(' ', 1)
      expect(text.split(id).length).toBeGreaterThan(2)
      // A plain object shows what it has.
      const values = adapter.plain === true ? [] : ['canary value']
      for (const canary of [browser.token ?? '', SECRET, 'keyring', ...values]) {
        expect(text).not.toContain(canary)
      }
    })

    it('S07 holds no secret when all is laid open that can be reached from it', async () => {
      let json: string[] = []
      let opened: string[] = []
      const layOpen: Behaviour = (call) => {
        const { session, request, reply } = call
        // What Node itself has put there, for the application to leave out.
        delete request.headers.cookie
        request.rawHeaders.length = 0
        const roots = [...carriersOf(call), ...[session, world.sessions, world.sessions.of('u1')]]
        const own = ours(call)
        expect(own.length).toBeGreaterThan(0)
        json = [...roots, ...own].map(asJson)
        opened = [...roots, ...own].map((thing) => laidOpen(thing))
        // Of our own things also what is not enumerable; of a request that is half of Node.
        opened.push(...[session, world.sessions, ...own].map((thing) => laidOpen(thing, true)))
        return reply.text('printed')
      }
      const world: World = await open(
        adapter,
        { ...behaviours, '/open': layOpen },
        { sessions: { pepper: PEPPER } },
      )
      const browser = world.browser()
      await browser.get('/begin')
      const { token = '' } = browser
      expect((await browser.get('/open')).text).toBe('printed')
      expect(browser.token).toBe(token)
      // The search finds what is there: JSON tells the attributes.
      expect(json.join('\n')).toContain('canary value')
      expect(opened.join('\n')).toContain('IncomingMessage')
      const values = adapter.plain === true ? [] : ['canary value']
      expect(values.filter((value) => opened.join('\n').includes(value))).toEqual([])
      const text = compact([...json, ...opened].join('\n'))
      expect(secretsOf(token).filter((secret) => text.includes(secret))).toEqual([])
    })
  })
}
