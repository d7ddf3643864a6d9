import { type CreateSessionsOptions, createSessions, memoryEngine, type Sessions } from 'sojourn'
import { type ManualClock, manualClock } from 'sojourn/testing'
import { afterEach } from 'vitest'
import type { Engine } from '../../../src/core/engine.ts'
import type { SessionEvents } from '../../../src/core/events.ts'
import type { Adapter, App, AppOptions, Behaviour, Call, Data } from './adapter.ts'
import { Browser } from './http-client.ts'
import { type WatchedEngine, watchedEngine } from './watched-engine.ts'

export const SECRET = 'a secret for tests, of 32 bytes or more'

export interface WorldOptions<C extends Call = Call> extends AppOptions<C> {
  readonly sessions?: Omit<CreateSessionsOptions<Data>, 'engine' | 'secrets'>
  /** Where the sessions are. Default: the embedded engine on the world's clock. */
  readonly engine?: Engine
}

export interface World {
  readonly app: App
  readonly sessions: Sessions<Data>
  readonly engine: WatchedEngine
  readonly clock: ManualClock
  readonly dropped: SessionEvents['dropped'][]
  readonly failures: SessionEvents['error'][]
  browser(): Browser
  /** The attributes of a token's session, as another node finds them; nothing when there is none. */
  stored(token: string | undefined): Promise<Record<string, unknown> | undefined>
  /** Sessions in the embedded engine. */
  records(): number
}

const closing: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** An app with these behaviours, on an engine that the test can slow down and look into. */
export async function open<C extends Call>(
  adapter: Adapter<C>,
  behaviours: Readonly<Record<string, Behaviour<C>>>,
  options: WorldOptions<C> = {},
): Promise<World> {
  const clock = manualClock()
  const memory = memoryEngine({ clock })
  const store = options.engine ?? memory
  const engine = watchedEngine(store)
  const timed = options.engine === undefined ? { clock } : {}
  const sessions = createSessions<Data>({
    ...timed,
    ...options.sessions,
    engine,
    secrets: [SECRET],
  })
  const observer = createSessions<Data>({ ...timed, engine: store, secrets: [SECRET] })
  const dropped: SessionEvents['dropped'][] = []
  const failures: SessionEvents['error'][] = []
  sessions.on('dropped', (event) => dropped.push(event))
  sessions.on('error', (event) => failures.push(event))
  const app = await adapter.start(sessions, behaviours, options)
  closing.push(
    () => memory.close(),
    () => app.close(),
  )
  const stored = async (
    token: string | undefined,
  ): Promise<Record<string, unknown> | undefined> => {
    if (token === undefined) return undefined
    const session = await observer.open(token)
    return session.isNew ? undefined : session.toJSON()
  }
  return {
    ...{ app, sessions, engine, clock, dropped, failures, stored },
    browser: () => {
      const browser = new Browser(app.port, (asking) =>
        // On a real store that is out of order this must not hide the answer.
        stored(asking.token).catch((error: unknown) => error),
      )
      closing.push(() => browser.close())
      return browser
    },
    records: () => memory.stats().records,
  }
}
