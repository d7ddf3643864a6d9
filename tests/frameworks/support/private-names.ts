/** What an application on another framework keeps in the session that it shares with these. */
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { expect, it, onTestFinished } from 'vitest'
import { plant, recordOf, THEIRS } from '../../support/planted.ts'
import { Browser } from './http-client.ts'
import { SECRET } from './world.ts'

export type Values = Record<string, unknown>

/** One request, as code written for the framework's session library sees it. */
export interface Call {
  readonly path: string
  readonly session: Values
  readonly id: string
  /** Whole, where the library allows it. */
  readonly replace?: (values: Values) => void
  /** Of express-session: `req.sessionStore`. */
  readonly store?: {
    all(): Promise<unknown>
    get(id: string): Promise<object | undefined>
    set(id: string, record: object): Promise<void>
  }
}
export type Handle = (call: Call) => unknown

export interface Mounted {
  readonly port: number
  readonly close: () => unknown
}

/** An application that answers each request with what `handle` gives, as JSON. */
export type Mount = (sessions: Sessions, handle: Handle) => Promise<Mounted>

const handle: Handle = async ({ path, session, replace, store, id }) => {
  switch (path) {
    case '/count':
      session['n'] = Number(session['n'] ?? 0) + 1
      break
    case '/clear':
      replace?.({})
      for (const name of Object.keys(session)) if (name !== 'cookie') delete session[name]
      session['cleared'] = true
      break
    case '/set':
      session['n'] = 50
      session[THEIRS] = 'ours'
      break
    case '/undo': {
      session['undone'] = true
      let refused = false
      try {
        session[THEIRS] = 'ours'
        await (session as unknown as { save(): Promise<unknown> }).save()
      } catch {
        refused = true
      }
      delete session['undone']
      delete session[THEIRS]
      session['kept'] = true
      return { refused }
    }
    case '/all':
      return store?.all()
    case '/get':
      return store?.get(id)
    case '/put': {
      const record = { ...(await store?.get(id)), n: 60 } as Values
      await store?.set(id, record)
      return store?.set(id, { ...record, n: 70, [THEIRS]: 'ours' }).then(
        () => 'stored',
        (error: Error) => error.name,
      )
    }
  }
  return { id, text: JSON.stringify(session), keys: Object.keys(session) }
}

interface Site {
  readonly browser: Browser
  readonly ask: (path: string) => Promise<Values>
  /** What is stored of the browser's session. */
  readonly record: () => Promise<Values>
}

/** A session in which the other application has put something. */
export async function openShared(mount: Mount): Promise<Site> {
  const sessions = createSessions({ engine: memoryEngine(), secrets: [SECRET] })
  onTestFinished(() => sessions.close())
  const { port, close } = await mount(sessions, handle)
  onTestFinished(() => void close())
  const browser = new Browser(port)
  onTestFinished(() => browser.close())
  const ask = async (path: string): Promise<Values> =>
    JSON.parse((await browser.get(path)).text) as Values
  const { id } = await ask('/count')
  await plant(sessions, id as string)
  const record = (): Promise<Values> => recordOf(sessions, id as string, [SECRET])
  expect(await record()).toMatchObject({ n: 1, [THEIRS]: 'hash' })
  return { browser, ask, record }
}

export function privateNameCases(name: string, mount: Mount): void {
  it(`${name} does not show it, and keeps it`, async () => {
    const { ask, record } = await openShared(mount)
    const seen = await ask('/look')
    expect(seen['text']).toContain('"n":1')
    expect(JSON.stringify(seen)).not.toContain('django')
    await ask('/count')
    expect(await record()).toMatchObject({ n: 2, [THEIRS]: 'hash' })
    await ask('/clear')
    const cleared = await record()
    expect(cleared).toMatchObject({ cleared: true, [THEIRS]: 'hash' })
    expect(cleared).not.toHaveProperty('n')
  })

  it(`${name} stores nothing where it is set`, async () => {
    const { browser, ask, record } = await openShared(mount)
    expect((await browser.get('/set')).status).toBe(500)
    expect((await record())[THEIRS]).toBe('hash')
    await ask('/count')
    expect((await record())[THEIRS]).toBe('hash')
  })

  it.skipIf(name === 'koa-session')(
    `${name}: of a save that is refused nothing is stored later`,
    async () => {
      const { ask, record } = await openShared(mount)
      expect(await ask('/undo')).toEqual({ refused: true })
      expect(await record()).toMatchObject({ kept: true, [THEIRS]: 'hash' })
      expect(await record()).not.toHaveProperty('undone')
    },
  )
}
