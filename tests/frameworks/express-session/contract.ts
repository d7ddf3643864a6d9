import type { SessionData } from 'express-session'
import type { SojournStore } from 'sojourn/express-session'
import { describe, expect, it } from 'vitest'
import { plant, recordOf, THEIRS } from '../../support/planted.ts'
import type { Place } from './place.ts'
import { openStore, SECRETS } from './site.ts'

const COOKIE = { originalMaxAge: 60_000, httpOnly: true, path: '/', secure: true }

function data(values: object, cookie: object = COOKIE): SessionData {
  return { cookie, ...values } as unknown as SessionData
}

async function valuesOf(store: SojournStore, sid: string): Promise<unknown> {
  const found = await store.get(sid)
  if (found === undefined) return undefined
  const { cookie: _, ...values } = found
  return values
}

function nested(depth: number): object {
  return depth === 1 ? {} : { deeper: nested(depth - 1) }
}

/** What express-session asks of a store, and its readme promises. */
export function contractCases(place: () => Place): void {
  describe('the contract of a store', () => {
    const open = () => openStore(place().options())

    it('a session comes back as it was stored, by promises', async () => {
      const { store } = open()
      expect(await store.get('sid')).toBeUndefined()
      await store.set('sid', data({ n: 1, cart: [{ id: 'a', count: 2 }] }))
      const found = await store.get('sid')
      expect(found).toMatchObject({ n: 1, cart: [{ id: 'a', count: 2 }], cookie: COOKIE })
      expect(await store.get('another')).toBeUndefined()
    })

    it('what another framework keeps in a session is not handed out, and stays', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1 }))
      const id = store.idOf('sid')
      await plant(store.sessions, id)
      const theirs = async (): Promise<unknown> =>
        (await recordOf(store.sessions, id, SECRETS))[THEIRS]
      expect(await theirs()).toBe('hash')
      expect(await valuesOf(store, 'sid')).toEqual({ n: 1 })
      const found = (await store.get('sid')) as SessionData
      found.n = 2
      await store.set('sid', found)
      expect(await valuesOf(store, 'sid')).toEqual({ n: 2 })
      expect(await theirs()).toBe('hash')
      // By an object that the store has not made: all is replaced.
      await store.set('sid', data({ name: 'ada' }))
      expect(await valuesOf(store, 'sid')).toEqual({ name: 'ada' })
      expect(await theirs()).toBe('hash')
      // Others have written in between: it is replaced once more.
      await Promise.all([1, 2, 3].map((n) => store.set('sid', data({ n }))))
      expect(await theirs()).toBe('hash')
      const [listed] = await store.all()
      expect(listed).not.toHaveProperty(THEIRS)
    })

    it.each([
      ['that is too long', 'x'.repeat(300)],
      ['of another framework', THEIRS],
    ])(
      'of a save that is refused for a name %s nothing is stored, and of the next one all',
      async (_, name) => {
        const { store } = open()
        await store.set('sid', data({ n: 1 }))
        const session = (await store.get('sid')) as SessionData & Record<string, unknown>
        Object.assign(session, { n: 2, [name]: 1, name: 'ada' })
        await expect(store.set('sid', session)).rejects.toMatchObject({ name: 'AttributeError' })
        expect(await valuesOf(store, 'sid')).toEqual({ n: 1 })
        await store.touch('sid', session)
        expect(await valuesOf(store, 'sid')).toEqual({ n: 1 })
        delete session[name]
        session.any = 5
        await store.set('sid', session)
        expect(await valuesOf(store, 'sid')).toEqual({ n: 2, name: 'ada', any: 5 })
        // One that the store has not made.
        const other = data({ n: 3, [name]: 1 })
        await expect(store.set('sid', other)).rejects.toMatchObject({ name: 'AttributeError' })
        expect(await valuesOf(store, 'sid')).toEqual({ n: 2, name: 'ada', any: 5 })
      },
    )

    it('and by callbacks', async () => {
      const { store } = open()
      const asked: unknown[][] = []
      const call = (work: (done: (...answer: unknown[]) => void) => void) =>
        new Promise<void>((resolve) =>
          work((...answer) => {
            asked.push(answer)
            resolve()
          }),
        )
      await call((done) => store.get('sid', done))
      await call((done) => store.set('sid', data({ n: 1 }), done))
      await call((done) => store.touch('sid', data({ n: 1 }), done))
      await call((done) => store.get('sid', done))
      await call((done) => store.length(done))
      await call((done) => store.ids(done))
      await call((done) => store.all(done))
      await call((done) => store.destroy('sid', done))
      await call((done) => store.get('sid', done))
      await call((done) => store.clear(done))
      const listed = expect.stringMatching(/^[A-Za-z0-9_-]{25}$/) as unknown
      expect(asked).toEqual([
        [null, undefined],
        [null, undefined],
        [null, undefined],
        [null, expect.objectContaining({ n: 1 })],
        [null, 1],
        [null, [listed]],
        [null, [expect.objectContaining({ n: 1, id: listed })]],
        [null, undefined],
        [null, undefined],
        [null, undefined],
      ])
    })

    it('values have the meaning that JSON gives them', async () => {
      const { store } = open()
      const odd = {
        any: new Date(0),
        name: { toJSON: () => 'made' },
        n: Number.NaN,
        gone: undefined,
        call: () => 1,
        list: [undefined, -0, new Map([[1, 2]])],
      }
      await store.set('sid', data(odd))
      expect(await valuesOf(store, 'sid')).toEqual(JSON.parse(JSON.stringify(odd)))
    })

    it('what cannot be JSON is an error, and nothing is stored', async () => {
      const { store } = openStore({ ...place().options(), maxBytes: 65_536 })
      const ring: Record<string, unknown> = {}
      ring['any'] = ring
      await expect(store.set('sid', data(ring))).rejects.toThrow(TypeError)
      await expect(store.set('sid', data({ any: 'x'.repeat(70_000) }))).rejects.toMatchObject({
        code: 'ERR_SOJOURN_TOO_LARGE',
      })
      expect(await store.get('sid')).toBeUndefined()
    })

    it('what a callback is told of is an event too: express-session answers as if it had been stored', async () => {
      const { store, failures } = open()
      const odd = {
        lone: '\ud83d',
        deep: nested(65),
        many: Array.from({ length: 100_001 }, () => 0),
      }
      for (const value of Object.values(odd)) {
        const told = await new Promise((resolve) => {
          store.set('sid', data({ n: 1, any: value }), resolve)
        })
        expect(told).toMatchObject({ code: 'ERR_SOJOURN_ATTRIBUTE' })
        expect(failures.splice(0)).toEqual([{ operation: 'set', error: told }])
      }
      expect(await store.get('sid')).toBeUndefined()
      // Who is given a promise hears of it there.
      await expect(store.set('sid', data({ any: odd.lone }))).rejects.toThrow('any')
      expect(failures).toEqual([])
    })

    it('a session as large as any can be is stored', async () => {
      const { store } = open()
      await store.set('sid', data({ name: 'x'.repeat(4_000_000) }))
      expect((await store.get('sid'))?.name).toHaveLength(4_000_000)
    })

    it('an object of nobody knows where replaces all that is there', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1, name: 'ada' }))
      await store.set('sid', data({ n: 2 }))
      expect(await valuesOf(store, 'sid')).toEqual({ n: 2 })
    })

    it('such objects that are stored at once replace each other as wholes', async () => {
      const [one, two] = [open().store, open().store]
      await one.set('sid', data({ name: 'before' }))
      for (let round = 0; round < 20; round++) {
        await Promise.all([
          one.set('sid', data({ a1: round, a2: round })),
          two.set('sid', data({ a3: round, a4: round })),
          one.set('other', data({ a1: round, a2: round })),
          two.set('other', data({ a3: round, a4: round })),
        ])
        for (const sid of ['sid', 'other']) {
          const stored = Object.keys((await valuesOf(place().fresh(), sid)) as object)
          expect([['a1', 'a2'].join(), ['a3', 'a4'].join()]).toContain(stored.toSorted().join())
        }
      }
    })

    it('what `get` gives is nobody else’s', async () => {
      const { store } = open()
      await store.set('sid', data({ cart: [{ id: 'a', count: 1 }] }))
      const [mine, theirs] = [await store.get('sid'), await store.get('sid')]
      mine?.cart?.push({ id: 'b', count: 1 })
      if (mine !== undefined) mine.cookie.path = '/mine'
      expect(theirs?.cart).toHaveLength(1)
      expect(await store.get('sid')).toMatchObject({ cart: [{ id: 'a' }], cookie: { path: '/' } })
    })

    it('an object that `get` gave is stored by what was done to it', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1, name: 'ada', any: 1 }))
      const [one, two] = [await store.get('sid'), await store.get('sid')]
      Object.assign(one ?? {}, { n: 2 })
      delete two?.name
      await Promise.all([
        store.set('sid', one as SessionData),
        store.set('sid', two as SessionData),
      ])
      expect(await valuesOf(store, 'sid')).toEqual({ n: 2, any: 1 })
    })

    it('what is changed is stored however often another node is first', async () => {
      const { store } = open()
      const other = place().fresh()
      await store.set('sid', data({ n: 0 }))
      const held = (await store.get('sid')) as SessionData
      const { engine } = store.sessions
      const commit = engine.commit.bind(engine)
      let n = 0
      let isOthers = false
      engine.commit = async (...args) => {
        if (n < 40 && !isOthers) {
          isOthers = true
          await other.set('sid', data({ n: ++n }))
          isOthers = false
        }
        return commit(...args)
      }
      await store.set('sid', Object.assign(held, { name: 'ada' }))
      expect(await valuesOf(store, 'sid')).toEqual({ n: 40, name: 'ada' })
    })

    it('destroy ends it for good, whoever stores it afterwards', async () => {
      const { store, dropped } = open()
      const other = place().fresh()
      await store.set('sid', data({ n: 1 }))
      const held = (await other.get('sid')) as SessionData
      await store.destroy('sid')
      await store.destroy('sid')
      held.n = 2
      await other.set('sid', held)
      await other.touch('sid', held)
      await store.set('sid', { ...held })
      expect(await store.get('sid')).toBeUndefined()
      expect(await other.get('sid')).toBeUndefined()
      expect(dropped).toHaveLength(1)
    })

    it('all, ids, length and clear are of this store alone', async () => {
      const { store } = open()
      const { sessions } = store
      const theirs = await sessions.open()
      theirs.set('name', 'not of this store')
      await theirs.commit()
      for (let i = 0; i < 3; i++) await store.set(`sid${i}`, data({ n: i }))
      expect(await store.length()).toBe(3)
      const all = await store.all()
      expect(new Set(all.map(({ n }) => n))).toEqual(new Set([0, 1, 2]))
      expect((await store.ids()).toSorted()).toEqual(all.map(({ id }) => id).toSorted())
      expect(await store.ids()).toContain(store.idOf('sid0'))
      const first = all.find(({ n }) => n === 0)
      await sessions.revoke(first?.id ?? '')
      expect(await store.get('sid0')).toBeUndefined()
      await store.clear()
      expect(await store.length()).toBe(0)
      expect(await store.get('sid2')).toBeUndefined()
      expect((await sessions.open(theirs.token)).get('name')).toBe('not of this store')
    })

    it('sessions that the application makes are shared with it', async () => {
      const { store } = open()
      const shared = openStore({ sessions: store.sessions })
      await store.set('sid', data({ n: 1 }))
      expect(await shared.store.get('sid')).toMatchObject({ n: 1 })
      expect(shared.store.sessions).toBe(store.sessions)
    })

    it('an end that has passed ends the session', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1 }))
      await store.set('sid', data({ n: 2 }, { expires: new Date(Date.now() - 1) }))
      expect(await store.get('sid')).toBeUndefined()
      await store.set('never', data({ n: 2 }, { maxAge: 0 }))
      expect(await store.get('never')).toBeUndefined()
    })

    it('touch renews by any object, and takes the end that its cookie names', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1 }, { path: '/shop', maxAge: 60_000 }))
      await store.touch('sid', data({ n: 2, name: 'not stored' }, { maxAge: 3_600_000 }))
      const renewed = (await store.get('sid')) as SessionData
      expect(renewed).toMatchObject({ n: 1, cookie: { path: '/shop', originalMaxAge: 3_600_000 } })
      expect(renewed).not.toHaveProperty('name')
      expect(renewed.cookie.expires?.getTime()).toBeGreaterThan(Date.now() + 3_500_000)
      await store.touch('sid', { n: 2 } as unknown as SessionData)
      await store.touch('sid', data({}, {}))
      expect((await store.get('sid'))?.cookie.originalMaxAge).toBe(3_600_000)
      await store.touch('sid', data({}, { expires: new Date(0) }))
      expect(await store.get('sid')).toBeUndefined()
      await store.touch('sid', data({}, { maxAge: 1_000 }))
      expect(await store.get('sid')).toBeUndefined()
    })

    it('a cookie without an end, or none at all, is one that goes with the browser', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1 }, { path: '/shop', originalMaxAge: null, expires: null }))
      expect((await store.get('sid'))?.cookie).toEqual({
        ...{ path: '/shop', originalMaxAge: null, expires: null },
      })
      await store.set('bare', { n: 1 } as unknown as SessionData)
      expect((await store.get('bare'))?.cookie).toEqual({ originalMaxAge: null, expires: null })
    })

    it('an error of a callback is the caller’s own, and calls it only once', async () => {
      const { store } = open()
      await store.set('sid', data({ n: 1 }))
      for (const sid of ['sid', 'none']) {
        const thrown = new Promise((resolve) => {
          const others = process.listeners('uncaughtException')
          process.removeAllListeners('uncaughtException')
          process.once('uncaughtException', (error) => {
            for (const other of others) process.on('uncaughtException', other)
            resolve(error)
          })
        })
        let calls = 0
        store.get(sid, () => {
          calls++
          throw new Error('of the callback')
        })
        expect(await thrown).toMatchObject({ message: 'of the callback' })
        expect(calls).toBe(1)
      }
    })
  })
}
