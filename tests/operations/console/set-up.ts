import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Operator } from '../../../src/operations/console/access.ts'
import type { About } from '../../../src/operations/console/api.ts'
import { type ConsoleOptions, createConsole } from '../../../src/operations/console/console.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export interface Desk {
  readonly origin: string
  /** Who is there. */
  operator: Operator | undefined
  ask(path: string, asked?: Asked): Promise<Response>
  /** The body as JSON. */
  get<Answer>(path: string): Promise<Answer>
  /** With the token that the page sends. */
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response>
  close(): Promise<void>
}

/** A console on a server of its own, and somebody in front of it. */
export async function openDesk(options: Omit<ConsoleOptions, 'authorize'>): Promise<Desk> {
  const console = createConsole({ ...options, authorize: () => desk.operator })
  const server = createServer(console.node)
  const origin = await listening(server)
  const ask: Desk['ask'] = (path, { method, headers = {}, body, signal } = {}) =>
    fetch(origin + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body === undefined
        ? {}
        : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
  const desk: Desk = {
    origin,
    operator: { name: 'grace', access: 'write', values: true },
    ask,
    async get<Answer>(path: string) {
      const response = await ask(path)
      const answer = (await response.json()) as Answer
      if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(answer)}`)
      return answer
    },
    async post(path, body, headers = {}) {
      const { csrf } = await desk.get<About>('/api/about')
      return ask(path, { body, headers: { 'x-sojourn-console': csrf, ...headers } })
    },
    async close() {
      await console.close()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return desk
}

export async function listening(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
