import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Adapter, Behaviour } from '../support/adapter.ts'
import { open, SECRET } from '../support/world.ts'

/** All that hangs on the request and the response because of us, as a careless logger prints it. */
const printed = (...carriers: object[]): string =>
  carriers
    .flatMap((carrier) =>
      Object.getOwnPropertySymbols(carrier)
        .filter((symbol) => String(symbol.description).startsWith('sojourn'))
        .map((symbol) => (carrier as Record<symbol, unknown>)[symbol]),
    )
    .map((value) => inspect(value, { depth: 12, showHidden: true }))
    .join('\n')

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/begin': ({ session, reply }) => {
    session.name = 'canary value'
    return reply.text('begun')
  },
  '/print': ({ session, request, response, reply }) => {
    const all = [printed(request, response), inspect(session), inspect(session, { depth: 12 })]
    // Neither the whole request nor its session may make a logger fail.
    inspect(request, { depth: 12, showHidden: true })
    return reply.text(`${session.id} ${all.join('\n')}`)
  },
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
      for (const canary of [browser.token ?? '', SECRET, 'canary value', 'keyring']) {
        expect(text).not.toContain(canary)
      }
    })
  })
}
