import { describe, expect, it } from 'vitest'
import { type Adapter, type Behaviour, codeOf } from '../support/adapter.ts'
import { open, type World } from '../support/world.ts'

/** The session as code sees it that knows no names of its attributes. */
const loose = (session: object): Record<string, unknown> => session as Record<string, unknown>

/** What a function throws, by code or kind. */
function thrown(work: () => unknown): string {
  try {
    work()
    return 'nothing'
  } catch (error) {
    return error instanceof TypeError ? error.name : codeOf(error)
  }
}

const behaviours: Readonly<Record<string, Behaviour>> = {
  '/cart/:sku': ({ session, request, reply }) => {
    session.cart ??= []
    session.cart.push(request.url?.split('/').at(-1) ?? '')
    return reply.json(session.cart)
  },
  '/look': ({ session, reply }) => {
    void session.cart?.length
    return reply.text('looked')
  },
  '/delete': ({ session, reply }) => {
    delete session.cart
    return reply.json({ left: 'cart' in session })
  },
  '/fill': ({ session, reply }) => {
    Object.assign(session, { n: 1, name: 'ada' })
    return reply.text('filled')
  },
  '/show': ({ session, reply }) =>
    reply.json({
      keys: Object.keys(session),
      entries: Object.entries(session),
      spread: { ...loose(session) },
      json: JSON.stringify(session),
      has: ['n' in session, 'cart' in session, 'login' in session],
    }),
}

export function attributeCases(adapter: Adapter): void {
  describe('attributes as plain properties', () => {
    it('changes in place are stored; looking stores nothing', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      expect((await browser.get('/cart/a')).seen).toEqual({ cart: ['a'] })
      expect((await browser.get('/cart/b')).seen).toEqual({ cart: ['a', 'b'] })
      world.engine.calls.length = 0
      await browser.get('/look')
      expect(world.engine.calls).toEqual(['load'])
      const deleted = await browser.get('/delete')
      expect(deleted).toMatchObject({ text: '{"left":false}', seen: {} })
    })

    it('are seen by in, Object.keys, spread and JSON', async () => {
      const world = await open(adapter, behaviours)
      const browser = world.browser()
      await browser.get('/fill')
      expect(JSON.parse((await browser.get('/show')).text)).toEqual({
        keys: ['n', 'name'],
        entries: [
          ['n', 1],
          ['name', 'ada'],
        ],
        spread: { n: 1, name: 'ada' },
        json: '{"n":1,"name":"ada"}',
        has: [true, false, true],
      })
    })

    it('S24 members, prototype names and definitions are refused', async () => {
      const world = await open(adapter, {
        '/': ({ session, reply }) => {
          const open = loose(session)
          const set = (name: string) => thrown(() => (open[name] = 'mine'))
          return reply.json({
            members: ['login', 'logout', 'id', 'get', 'principal', 'toJSON'].map(set),
            prototype: ['__proto__', 'constructor', 'prototype', 'toString'].map(set),
            byName: ['__proto__', 'constructor', 'prototype'].map((name) =>
              thrown(() => session.set(name as never, 1 as never)),
            ),
            remove: thrown(() => delete open['login']),
            define: thrown(() => Object.defineProperty(session, 'n', { value: 1 })),
            parsed: thrown(() =>
              Object.assign(session, JSON.parse('{"__proto__":{"admin":true}}')),
            ),
            polluted: ({} as Record<string, unknown>)['admin'] ?? null,
            stillWorks: typeof session.login,
          })
        },
      })
      const answer = await world.browser().get('/')
      const attribute = 'ERR_SOJOURN_ATTRIBUTE'
      expect(JSON.parse(answer.text)).toEqual({
        members: Array(6).fill(attribute),
        prototype: Array(4).fill(attribute),
        byName: Array(3).fill(attribute),
        remove: 'TypeError',
        define: 'TypeError',
        parsed: attribute,
        polluted: null,
        stillWorks: 'function',
      })
      expect(answer.cookies).toEqual([])
    })

    it('is no promise by accident', async () => {
      const world = await open(adapter, {
        '/': async ({ session, reply }) => {
          const awaited = (await Promise.resolve(session)) === session
          return reply.json({
            awaited,
            next: loose(session)['then'] ?? null,
          })
        },
      })
      const answer = await world.browser().get('/')
      expect(JSON.parse(answer.text)).toEqual({
        awaited: true,
        next: null,
      })
    })

    it('are those of sessions.from(request)', async () => {
      const world: World = await open(adapter, {
        '/': ({ session, key, reply }) => {
          session.n = 1
          world.sessions.from(key).set('name', 'ada')
          return reply.json({ n: world.sessions.from(key).get('n'), name: session.name })
        },
      })
      const answer = await world.browser().get('/')
      expect(answer).toMatchObject({ text: '{"n":1,"name":"ada"}', seen: { n: 1, name: 'ada' } })
    })

    it('a request that no adapter has seen has no session', async () => {
      const world = await open(adapter, {})
      expect(() => world.sessions.from({})).toThrow(TypeError)
    })
  })

  describe('at the same time', () => {
    it('changes of different attributes are both kept, and none of a counter is lost', async () => {
      const world = await open(adapter, {
        '/set/:name': async ({ session, request, reply }) => {
          const name = request.url?.split('/').at(-1) as 'left' | 'right'
          session[name] = (session[name] ?? 0) + 1
          return reply.text('set')
        },
        '/count': async ({ session, reply }) => {
          await session.update('n', (n) => (n ?? 0) + 1)
          return reply.text('counted')
        },
      })
      const browser = world.browser()
      await browser.get('/set/left')
      const { cookie } = browser
      world.engine.delay = 5
      const others = Array.from({ length: 8 }, () => world.browser())
      const answers = await Promise.all([
        browser.get('/set/left'),
        world.browser().get('/set/right', { cookie }),
        ...others.map((other) => other.get('/count', { cookie })),
      ])
      for (const answer of answers) expect(answer).toMatchObject({ status: 200, cookies: [] })
      expect(await world.stored(browser.token)).toEqual({ left: 2, right: 1, n: 8 })
    })

    it('an operation that is not awaited is waited for', async () => {
      const world = await open(adapter, {
        '/login': ({ session, reply }) => {
          void session.login('ada')
          return reply.text('welcome')
        },
        '/commit': ({ session, reply }) => {
          session.n = 1
          void session.commit()
          setImmediate(() => reply.text('stored'))
        },
        '/who': ({ session, reply }) => reply.text(session.principal ?? 'nobody'),
      })
      world.engine.delay = 20
      const browser = world.browser()
      expect((await browser.get('/login')).cookies).toHaveLength(1)
      expect((await browser.get('/who')).text).toBe('ada')
      expect((await browser.get('/commit')).seen).toEqual({ n: 1 })
    })
  })
}
