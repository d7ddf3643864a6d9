import { createSecretKey } from 'node:crypto'
import { createSessions, memoryEngine, OptionError } from 'sojourn'
import { compat } from 'sojourn/express-compat'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Browser, SECRET, startNode } from './nodes.ts'
import { count } from './rows/storing.ts'
import { type ExpressVersion, on } from './versions.ts'

const quiet = { resave: false, saveUninitialized: false }

/** What is refused at the start, and with which words. */
const refused: Readonly<Record<string, readonly [options: object, message: RegExp]>> = {
  'no secret': [{}, /`secret`.*secret option required/],
  'an empty secret': [{ secret: '' }, /`secret`.*environment variable/],
  'a secret that is missing in the environment': [{ secret: [undefined] }, /`secret\[0\]`/],
  'no secret in a list': [{ secret: [] }, /secret option array must contain/],
  'a number for a secret': [{ secret: 42 }, /`secret`/],
  'a genid that is no function': [{ secret: SECRET, genid: 'x' }, /genid.*must be a function/],
  'a principal that is no function': [{ secret: SECRET, principal: 1 }, /principal.*must be/],
  'another unset': [{ secret: SECRET, unset: 'x' }, /unset.*must be "destroy" or "keep"/],
  'a name with a blank': [{ secret: SECRET, name: 'a b' }, /`name`/],
  'a text for a switch': [{ secret: SECRET, resave: 'false' }, /`resave`.*true or false/],
  'a text for the cookie': [{ secret: SECRET, cookie: 'x' }, /`cookie`/],
  'a misspelt option': [
    { secret: SECRET, saveUninitialised: true },
    /`saveUninitialised`.*did you mean `saveUninitialized`\?.*\brolling\b/,
  ],
  'a misspelt option of the cookie': [{ secret: SECRET, cookie: { maxage: 1 } }, /cookie.maxage/],
  'a maxAge that is none': [{ secret: SECRET, cookie: { maxAge: '1h' } }, /`cookie`.*maxAge/],
  'a maxAge that is not a number': [{ secret: SECRET, cookie: { maxAge: Number.NaN } }, /`cookie`/],
  'another sameSite': [{ secret: SECRET, cookie: { sameSite: 'x' } }, /`cookie`.*sameSite/],
  'another priority': [{ secret: SECRET, cookie: { priority: 'x' } }, /`cookie`.*priority/],
  'a path with a semicolon': [{ secret: SECRET, cookie: { path: '/;' } }, /`cookie`.*path/],
  'a domain that is none': [{ secret: SECRET, cookie: { domain: 'a b' } }, /`cookie`.*domain/],
  'a store of another library': [{ secret: SECRET, store: { get() {} } }, /`store`.*`adopt`/],
  'sessions that are none': [{ sessions: {} }, /`sessions`/],
  'options beside sessions': [
    { sessions: createSessions(), idleTimeout: '1h' },
    /`idleTimeout`.*`sessions`/,
  ],
  'a secret beside sessions': [{ sessions: createSessions(), secret: SECRET }, /`secret`/],
  'a store in this process beside redis': [
    { secret: SECRET, store: new compat.MemoryStore(), redis: 'redis://localhost' },
    /`store`.*`redis`/,
  ],
  'a store beside sessions': [
    { sessions: createSessions(), store: { sessions: createSessions() } },
    /`store`/,
  ],
}

export function optionCases(version: ExpressVersion): void {
  afterEach(() => {
    vi.restoreAllMocks()
  })

  describe('options', () => {
    it.each(Object.entries(refused))('refuses %s', (_, [options, message]) => {
      const make = (): unknown => compat({ ...quiet, ...options })
      expect(make).toThrow(OptionError)
      expect(make).toThrow(message)
    })

    it('takes a text, bytes, a key, a list, and `secrets` in front of it', async () => {
      const bytes = Buffer.from(SECRET)
      const secrets = 'a newer secret, of 32 bytes or more'
      const made = [
        ...[{ secret: bytes }, { secret: createSecretKey(bytes) }, { secret: [SECRET, 'x'] }],
        ...[{ secret: SECRET, secrets }, { secrets }, { secret: SECRET, secrets: [secrets] }],
        { secret: new DataView(new ArrayBuffer(32)) },
      ].map((options) => compat({ ...quiet, ...options }))
      for (const { sessions } of made) await expect(sessions.close()).resolves.toBeUndefined()
    })

    it('a secret that is put behind another one still opens, and one that is taken away does not', async () => {
      const engine = memoryEngine()
      const [first, second] = ['the first of two secrets', 'the second of two secrets']
      const browser = new Browser()
      const counted = async (options: object): Promise<string> => {
        const { origin } = await startNode(
          version,
          { engine, secret: undefined, ...options },
          (app) =>
            void app.get(
              '/',
              on((req, res) => void count(req, res, () => undefined)),
            ),
        )
        return (JSON.parse((await browser.get(`${origin}/`)).text) as { n: number }).n.toString()
      }
      const seen = [
        await counted({ secret: first }),
        await counted({ secret: [second, first] }),
        await counted({ secret: second }),
        await counted({ secrets: 'a newer secret, of 32 bytes or more', secret: second }),
        await counted({ secret: first }),
      ]
      // What was signed with the first is not signed anew by being opened.
      expect(seen).toEqual(['1', '2', '1', '2', '1'])
    })

    it('warns of what express-session warns of, and of a short secret once', async () => {
      const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
      const made = [compat({ secret: 'one that is short' }), compat({ secret: 'short as well' })]
      for (const { sessions } of made) await sessions.close()
      const told = warn.mock.calls.map(([message]) => String(message))
      expect(told.filter((text) => text.startsWith('undefined resave option'))).toHaveLength(2)
      expect(told.filter((text) => text.includes('saveUninitialized option'))).toHaveLength(2)
      // Other tests may have been first.
      expect(told.filter((text) => text.includes('32 random')).length).toBeLessThanOrEqual(1)
      expect(told.join('\n')).not.toContain('one that is short')
    })

    it.each(['store', 'genid', 'unset', 'name', 'cookie', 'proxy', 'rolling'])(
      'takes null for no %s, as there',
      async (name) => {
        const { sessions, store } = compat({ ...quiet, secret: SECRET, [name]: null })
        expect(await store.length()).toBe(0)
        await sessions.close()
      },
    )

    it('takes what has `sessions` as a store', async () => {
      const sessions = createSessions()
      const middleware = compat({ ...quiet, store: { sessions } })
      expect(middleware.sessions).toBe(sessions)
      await sessions.close()
    })
  })
}
