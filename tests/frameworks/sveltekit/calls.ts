import { createSessions, memoryEngine, OptionError, type Sessions } from 'sojourn'
import { type SvelteKitHandle, sveltekitSessions } from 'sojourn/sveltekit'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'
import { eventOf } from './handle-adapter.ts'

interface Site {
  readonly engine: WatchedEngine
  readonly sessions: Sessions<Data>
  readonly handle: SvelteKitHandle
  /** As `event.fetch`: `/count` counts. */
  readonly call: (init?: RequestInit) => Promise<Response>
}

function site(): Site {
  const store = memoryEngine()
  onTestFinished(() => store.close())
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET] })
  const handle = sveltekitSessions(sessions)
  const call: Site['call'] = async (init) => {
    const event = eventOf(new Request('https://site/count', init), true)
    return handle({
      event,
      resolve: () => {
        const session = sessions.from(event)
        session.set('n', (session.get('n') ?? 0) + 1)
        return Response.json({ n: session.get('n'), isSame: session === event.locals.session })
      },
    })
  }
  return { engine, sessions, handle, call }
}

/** What SvelteKit calls by itself while it answers a request. */
export function callCases(): void {
  describe('calls by event.fetch', () => {
    it('have the caller’s session: one write, and one cookie', async () => {
      const { handle, call, sessions, engine } = site()
      const event = eventOf(new Request('https://site/page'))
      const answers: unknown[] = []
      const response = await handle({
        event,
        resolve: async () => {
          sessions.from(event).set('name', 'ada')
          for (const each of await Promise.all([call(), call()])) {
            expect(each.headers.getSetCookie()).toEqual([])
            answers.push(await each.json())
          }
          return new Response(String(event.locals.session?.get('n')))
        },
      })
      expect(answers).toEqual([
        { n: 1, isSame: true },
        { n: 2, isSame: true },
      ])
      expect(await response.text()).toBe('2')
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(engine.calls).toEqual(['create'])
    })

    it('without credentials have none of it', async () => {
      const { handle, call, sessions, engine } = site()
      const response = await handle({
        event: eventOf(new Request('https://site/page')),
        resolve: () => call({ credentials: 'omit' }),
      })
      expect(await response.json()).toEqual({ n: 1, isSame: true })
      // That of the call, which SvelteKit passes on; the page has none.
      expect(response.headers.getSetCookie()).toHaveLength(1)
      expect(engine.calls).toEqual(['create'])
      const event = eventOf(new Request('https://site/page'))
      await handle({
        event,
        resolve: async () => {
          sessions.from(event).set('n', 9)
          const answer = await call({ credentials: 'omit' })
          expect(await answer.json()).toEqual({ n: 1, isSame: true })
          return new Response()
        },
      })
    })

    it('with the session cookie of somebody else have that session, whatever other cookies they have', async () => {
      const { handle, call, sessions } = site()
      const cookieOf = async (name: string): Promise<string> => {
        const stored = await sessions.open()
        await stored.login(name)
        return `__Host-session=${stored.token}`
      }
      const [ada, bob] = [await cookieOf('ada'), await cookieOf('bob')]
      const asked: unknown[] = []
      const event = eventOf(
        new Request('https://site/page', { headers: { cookie: `${ada}; a=1` } }),
      )
      await handle({
        event,
        resolve: async () => {
          sessions.from(event).set('n', 5)
          for (const cookie of [ada, `b=2; ${ada}`, bob, '', undefined]) {
            const headers: Record<string, string> = cookie === undefined ? {} : { cookie }
            asked.push(((await (await call({ headers })).json()) as { n: number }).n)
          }
          return new Response()
        },
      })
      expect(asked).toEqual([6, 7, 1, 1, 1])
      expect((await sessions.open(bob.slice('__Host-session='.length))).get('n')).toBe(1)
    })

    it('of one request are never those of another, also when both are under way', async () => {
      const { handle, call } = site()
      const page = (): Promise<Response> =>
        Promise.resolve(
          handle({ event: eventOf(new Request('https://site/page')), resolve: () => call() }),
        )
      const [one, two] = await Promise.all([page(), page()])
      expect([await one.json(), await two.json()]).toMatchObject([{ n: 1 }, { n: 1 }])
      expect(one.headers.getSetCookie()).not.toEqual(two.headers.getSetCookie())
    })

    it('after the answer have a session of their own, which is stored', async () => {
      const { handle, call, engine } = site()
      let late: Promise<Response> | undefined
      let answered = (): void => undefined
      const answer = new Promise<void>((resolve) => {
        answered = resolve
      })
      await handle({
        event: eventOf(new Request('https://site/page')),
        resolve: () => {
          late = answer.then(() => call())
          return new Response('streams on')
        },
      })
      answered()
      expect((await late)?.headers.getSetCookie()).toHaveLength(1)
      expect(engine.calls).toEqual(['create'])
    })
  })

  it('a copy of the event, such as `load` gets, leads to the session too', async () => {
    const { handle, sessions } = site()
    const event = eventOf(new Request('https://site/page'))
    await handle({
      event,
      resolve: () => {
        expect(sessions.from({ ...event })).toBe(event.locals.session)
        return new Response()
      },
    })
  })

  it('errors are thrown on without an `onError`', async () => {
    const { handle, engine, call } = site()
    engine.failure = new Error('gone')
    await expect(call()).rejects.toBe(engine.failure)
    engine.failure = undefined
    const failure = new Error('boom')
    const resolve = (): never => {
      throw failure
    }
    const event = eventOf(new Request('https://site/page'))
    await expect(async () => handle({ event, resolve })).rejects.toBe(failure)
  })

  it('refuses options that it does not know', () => {
    const { sessions } = site()
    for (const options of [{ trustProxy: true }, { fresh: 'yes' }, { onError: 503 }]) {
      expect(() => sveltekitSessions(sessions, options as never)).toThrow(OptionError)
    }
  })
}
