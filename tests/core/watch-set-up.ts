import type { Engine } from '../../src/core/engine.ts'
import { StoreUnavailableError } from '../../src/core/errors.ts'
import type { ExchangeRequest } from '../../src/core/exchange.ts'
import type { Session } from '../../src/core/session.ts'
import type { Sessions as AnySessions } from '../../src/core/sessions.ts'
import type { ManualClock } from '../../src/testing/index.ts'
import { setUp } from './session-set-up.ts'

export interface Data {
  n: number
  m: number
}
export type Sessions = AnySessions<Data>

export interface Watched {
  readonly sessions: Sessions
  /** Another node on the same store. */
  readonly other: Sessions
  /** Of the principal `ada`, opened on the first node. */
  readonly session: Session<Data>
  readonly request: ExchangeRequest
  readonly clock: ManualClock
  /** How often the first node has asked for a record since the session was opened. */
  readonly loads: () => number
  /** Whether the first node reaches the store. */
  readonly breakStore: (broken: boolean) => void
  /** Lets the engine clear away what has expired. */
  readonly sweep: () => Promise<unknown>
}

export async function hourLong(): Promise<Watched> {
  let loads = 0
  let isBroken = false
  const world = setUp<Data>({}, (engine): Engine => {
    const guarded =
      <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
      async (...args: Args): Promise<Result> => {
        if (isBroken) throw new StoreUnavailableError('broken for the test', false)
        return call(...args)
      }
    return {
      ...engine,
      create: guarded(engine.create.bind(engine)),
      load: guarded((id, options) => {
        loads++
        return engine.load(id, options)
      }),
    }
  })
  const { sessions, clock, engine } = world
  const other = setUp<Data>({}, undefined, clock, engine).sessions
  const made = await other.open()
  made.set('n', 1)
  await made.login('ada', { keep: ['n'] })
  const session = await sessions.open(made.token)
  loads = 0
  return {
    ...{ sessions, other, session, clock },
    request: {
      cookie: `__Host-session=${made.token}`,
      secure: true,
      host: 'example.org',
      proxied: false,
    },
    loads: () => loads,
    breakStore: (broken) => {
      isBroken = broken
    },
    sweep: () => engine.load('none'),
  }
}
