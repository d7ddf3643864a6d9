import { StoreUnavailableError } from 'sojourn'
import { describe, expect, it } from 'vitest'
import { codeOf, type NodeAdapter, type NodeBehaviour } from '../support/adapter.ts'
import { turns } from '../support/watched-engine.ts'
import { open } from '../support/world.ts'

export function lateChangeCases(adapter: NodeAdapter): void {
  describe('changes after the headers', () => {
    const late: Record<string, NodeBehaviour> = {
      '/begin': ({ session, reply }) => {
        session.n = 1
        return reply.text('begun')
      },
      '/write': ({ session, response }) => {
        response.write('early ')
        session.n = (session.n ?? 0) + 1
        response.end('late')
      },
      '/flush': async ({ session, response }) => {
        response.flushHeaders()
        await turns(3)
        session.n = (session.n ?? 0) + 1
        response.end('late')
      },
      '/twice': ({ session, response }) => {
        response.write('early ')
        session.n = (session.n ?? 0) + 1
        response.end('late')
        response.end()
        session.name = 'after the end'
      },
    }

    it.each(['/write', '/flush', '/twice'])(
      '%s: of a session that exists are stored before the end',
      async (path) => {
        const world = await open(adapter, late)
        const browser = world.browser()
        await browser.get('/begin')
        world.engine.delay = 15
        const answer = await browser.get(path)
        expect(answer.status).toBe(200)
        expect(answer.text).toMatch(/late$/)
        const after = path === '/twice' ? { name: 'after the end' } : {}
        expect(await world.stored(browser.token)).toEqual({ n: 2, ...after })
      },
    )

    it.each(['/write', '/flush'])(
      '%s: of a new session are dropped, with an event: its cookie is too late',
      async (path) => {
        const world = await open(adapter, late)
        const answer = await world.browser().get(path)
        expect(answer).toMatchObject({ status: 200, cookies: [] })
        expect(world.dropped).toEqual([
          { id: undefined, reason: 'headers-sent', attributes: ['n'] },
        ])
        expect(world.records()).toBe(0)
      },
    )

    it.skipIf(adapter.plain)(
      'login, rotate and setLifetime say that it is too late, and change nothing',
      async () => {
        const world = await open(adapter, {
          ...late,
          '/too-late': async ({ session, response }) => {
            response.write('[')
            const codes: string[] = []
            const tries = [
              () => session.login('ada'),
              () => session.rotate(),
              async () => session.setLifetime({ idleTimeout: '1m' }),
            ]
            for (const attempt of tries) {
              await attempt().then(
                () => codes.push('went through'),
                (error: unknown) => codes.push(codeOf(error)),
              )
            }
            response.end(codes.join())
          },
        })
        const browser = world.browser()
        await browser.get('/begin')
        const { text } = await browser.get('/too-late')
        expect(text).toBe(`[${Array(3).fill('ERR_SOJOURN_HEADERS_SENT').join()}`)
        expect(await world.stored(browser.token)).toEqual({ n: 1 })
      },
    )

    it('that cannot be stored end the connection: the response does not look complete', async () => {
      const world = await open(adapter, late)
      const browser = world.browser()
      await browser.get('/begin')
      const gate = world.engine.gate()
      const answering = browser.get('/write')
      await gate.reached
      // What was written before is on its way.
      await turns()
      world.engine.failure = new StoreUnavailableError('gone', true)
      gate.open()
      await expect(answering).rejects.toThrow('aborted')
      expect(world.failures).toMatchObject([{ operation: 'commit' }])
      expect(world.app.errors).toEqual([])
      world.engine.failure = undefined
      expect((await browser.get('/write')).status).toBe(200)
    })

    it('a change after the end is stored too', async () => {
      const world = await open(adapter, {
        ...late,
        '/after': ({ session, reply }) => {
          const result = reply.text('clean')
          session.name = 'after the end'
          return result
        },
      })
      const browser = world.browser()
      await browser.get('/begin')
      await browser.get('/after')
      await expect.poll(() => world.stored(browser.token)).toEqual({ n: 1, name: 'after the end' })
    })

    it('a change during the commit is stored before the response', async () => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          session.n = 1
          setImmediate(() => {
            session.name = 'meanwhile'
          })
          return reply.text('both')
        },
      })
      const gate = world.engine.gate()
      const answering = world.browser().get('/')
      await gate.reached
      await turns(3)
      world.engine.delay = 15
      gate.open()
      expect((await answering).seen).toEqual({ n: 1, name: 'meanwhile' })
    })
  })
}
