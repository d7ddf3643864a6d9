import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { createSessions, memoryEngine, type Sessions } from 'sojourn'
import { afterEach } from 'vitest'
import type { Data } from '../support/adapter.ts'
import { Browser } from '../support/http-client.ts'
import { type WatchedEngine, watchedEngine } from '../support/watched-engine.ts'
import { SECRET } from '../support/world.ts'

export interface FastifySite {
  readonly app: FastifyInstance
  readonly sessions: Sessions<Data>
  readonly engine: WatchedEngine
  readonly browser: Browser
  /** What Fastify has logged as a warning or an error. */
  readonly logged: string[]
  /** Operations that failed when nobody could be answered. */
  readonly failures: string[]
}

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

/** An application of which the test writes every line, on the embedded engine. */
export async function fastifySite(
  build: (app: FastifyInstance, sessions: Sessions<Data>) => unknown,
): Promise<FastifySite> {
  const store = memoryEngine()
  const engine = watchedEngine(store)
  const sessions = createSessions<Data>({ engine, secrets: [SECRET], maxBytes: 2_000 })
  const observer = createSessions<Data>({ engine: store, secrets: [SECRET] })
  const failures: string[] = []
  sessions.on('error', ({ operation }) => failures.push(operation))
  const logged: string[] = []
  const stream = { write: (line: string) => void logged.push(line) }
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'warn', stream } })
  await build(app, sessions)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const browser = new Browser(port, async ({ token }) => (await observer.open(token)).toJSON())
  closing.push(
    () => store.close(),
    () => app.close(),
    () => browser.close(),
  )
  return { app, sessions, engine, browser, logged, failures }
}

export function count(request: FastifyRequest): number {
  const data = request.session as unknown as Partial<Data>
  data.n = (data.n ?? 0) + 1
  return data.n
}
