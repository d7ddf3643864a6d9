import { afterEach } from 'vitest'
import type { Engine } from '../../src/core/engine.ts'
import { type SessionEventName, sessionEventNames } from '../../src/core/events.ts'
import type { Exchange } from '../../src/core/exchange.ts'
import type { Session } from '../../src/core/session.ts'
import type { Sessions } from '../../src/core/sessions.ts'
import { type CreateSessionsOptions, createSessions } from '../../src/create-sessions.ts'
import { type MemoryEngine, memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { type ManualClock, manualClock } from '../../src/testing/index.ts'

const SECRET = 'a secret for tests, of 32 bytes or more'
export const SECOND = 1_000
export const MINUTE: number = 60 * SECOND
export const HOUR: number = 60 * MINUTE

export interface Seen {
  readonly name: SessionEventName
  readonly event: unknown
}

export interface World<Data extends object> {
  readonly sessions: Sessions<Data>
  readonly engine: MemoryEngine
  readonly clock: ManualClock
  /** What was announced, in order. */
  readonly seen: Seen[]
  /** The payloads of one event. */
  readonly announced: (name: SessionEventName) => unknown[]
  readonly browser: (cookie?: string) => Browser<Data>
}

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((sessions) => sessions.close()))
})

/**
 * Sessions on a memory engine whose clock stands still; closed after the test.
 * @param wrap what the sessions see of the engine, to slip something in before one of its calls
 */
export function setUp<Data extends object = Record<string, unknown>>(
  options: CreateSessionsOptions<Data> = {},
  wrap: (engine: MemoryEngine) => Engine = (engine) => engine,
  clock: ManualClock = manualClock(),
  engine: MemoryEngine = memoryEngine({ clock }),
): World<Data> {
  const sessions = createSessions<Data>({
    secrets: [SECRET],
    engine: wrap(engine),
    clock,
    ...options,
  })
  open.push(sessions)
  const seen: Seen[] = []
  for (const name of sessionEventNames) sessions.on(name, (event) => seen.push({ name, event }))
  return {
    sessions,
    engine,
    clock,
    seen,
    announced: (name) => seen.filter((s) => s.name === name).map((s) => s.event),
    browser: (cookie) => new Browser(sessions, cookie),
  }
}

/** Keeps the session cookie between requests, as a browser does. */
export class Browser<Data extends object> {
  /** The Cookie header. */
  cookie: string | undefined
  readonly #sessions: Sessions<Data>

  constructor(sessions: Sessions<Data>, cookie?: string) {
    this.#sessions = sessions
    this.cookie = cookie
  }

  /** The cookie's value. */
  get token(): string | undefined {
    return this.cookie?.slice(this.cookie.indexOf('=') + 1)
  }

  /** Another one that holds the same cookie now. */
  copy(): Browser<Data> {
    return new Browser(this.#sessions, this.cookie)
  }

  /** The beginning of a request. */
  async request(): Promise<Exchange<Data>> {
    return this.#sessions.exchange(
      {},
      { secure: true, host: 'example.org', proxied: false, cookie: this.cookie },
    )
  }

  /** Its end: commit, then headers. @returns the Set-Cookie header, if there is one */
  async respond(exchange: Exchange<Data>): Promise<string | undefined> {
    if (exchange.dirty) await exchange.commit()
    // One: these sessions take none over.
    const header = exchange.sendHeaders() as string | undefined
    if (header !== undefined) {
      const pair = header.slice(0, header.indexOf(';'))
      this.cookie = pair.endsWith('=') ? undefined : pair
    }
    return header
  }

  /** A whole request. @returns the Set-Cookie header, if there is one */
  async visit(
    handler: (session: Session<Data>) => unknown = () => undefined,
  ): Promise<string | undefined> {
    const exchange = await this.request()
    await handler(exchange.session)
    return this.respond(exchange)
  }

  /** What a request finds. */
  async sees(): Promise<Record<string, unknown>> {
    return (await this.request()).session.toJSON()
  }
}

/** What happens in between. */
export type Slip = () => Promise<unknown>

/** The engine, with `slip` run before the next call of `method`, as another request would come between. */
export function interleaved(
  engine: Engine,
  method: 'commit' | 'destroy' | 'rotate' | 'create',
): { engine: Engine; next: (slip: Slip) => void } {
  let slip: Slip | undefined
  const before = async (): Promise<void> => {
    const run = slip
    slip = undefined
    await run?.()
  }
  const call = engine[method] as (...args: unknown[]) => Promise<unknown>
  const wrapped = {
    ...engine,
    [method]: async (...args: unknown[]) => {
      await before()
      return call(...args)
    },
  } as Engine
  return {
    engine: wrapped,
    next: (run) => {
      slip = run
    },
  }
}
