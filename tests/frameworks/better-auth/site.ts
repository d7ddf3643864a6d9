/** Nodes of an application with better-auth, its users in one database, its sessions in a secondary storage. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from '@redis/client'
import { type BetterAuthOptions, betterAuth } from 'better-auth'
import { type MemoryDB, memoryAdapter } from 'better-auth/adapters/memory'
import { toNodeHandler } from 'better-auth/node'
import { type SojournStorage, sojournStorage } from 'sojourn/better-auth'
import { afterEach } from 'vitest'
import type { RedisServer } from '../../support/redis-server.ts'
import { type Answer, Browser } from '../support/http-client.ts'

export const SECRETS: readonly string[] = ['a secret for tests, of 32 bytes or more']
export type Storage = NonNullable<BetterAuthOptions['secondaryStorage']>

const closing: (() => unknown)[] = []

/** After the test, the last first. */
export function later(close: () => unknown): void {
  closing.push(close)
}

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
})

export function database(): MemoryDB {
  return { user: [], account: [], session: [], verification: [] }
}

export interface Node {
  readonly port: number
  readonly auth: { readonly api: Readonly<Record<string, unknown>> }
}

export async function node(
  users: MemoryDB,
  secondaryStorage: Storage,
  options: Partial<BetterAuthOptions> = {},
): Promise<Node> {
  const auth = betterAuth({
    database: memoryAdapter(users),
    secondaryStorage,
    secret: 'of better-auth, which signs its cookies',
    baseURL: 'http://127.0.0.1',
    trustedOrigins: ['http://127.0.0.1'],
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    ...options,
  })
  const handler = toNodeHandler(auth)
  const server = createServer((request, response) => void handler(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  later(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, auth }
}

/** Ours, a node's own, on that server. */
export function ours(server: RedisServer, prefix = 'sj', former?: Storage): SojournStorage {
  const storage = sojournStorage({ redis: server.url, secrets: [...SECRETS], prefix, former })
  later(() => storage.sessions.close())
  return storage
}

/** As applications write it. */
export async function plain(server: RedisServer): Promise<Storage> {
  const client = createClient({
    ...server.admin,
    socket: { path: server.socketPath, reconnectStrategy: false },
  })
  client.on('error', () => undefined)
  await client.connect()
  later(() => client.destroy())
  return {
    get: (key) => client.get(key),
    set: (key, value, ttl) => (ttl ? client.setEx(key, ttl, value) : client.set(key, value)),
    delete: async (key) => void (await client.del(key)),
    getAndDelete: (key) => client.getDel(key),
    increment: async (key, ttl) => {
      const count = await client.incr(key)
      if (count === 1) await client.expire(key, ttl)
      return count
    },
  }
}

/** Somebody's browser, at whichever node. */
export class Visitor {
  readonly jar: Map<string, string> = new Map()
  readonly #browsers = new Map<number, Browser>()

  post(node: Node, path: string, body: object = {}): Promise<Answer> {
    const headers = { 'content-type': 'application/json', origin: 'http://127.0.0.1' }
    return this.ask(node, path, { method: 'POST', headers, body: JSON.stringify(body) })
  }

  async get(node: Node, path: string): Promise<unknown> {
    return JSON.parse((await this.ask(node, path, {})).text)
  }

  signUp(node: Node, name: string): Promise<Answer> {
    return this.post(node, '/sign-up/email', { name, ...credentials(name) })
  }

  signIn(node: Node, name: string): Promise<Answer> {
    return this.post(node, '/sign-in/email', credentials(name))
  }

  signOut(node: Node): Promise<Answer> {
    return this.post(node, '/sign-out')
  }

  /** Who is signed in. */
  async name(node: Node): Promise<string | undefined> {
    const found = (await this.get(node, '/get-session')) as { user: { name: string } } | null
    return found?.user.name
  }

  /** Tokens, sorted. */
  async sessions(node: Node): Promise<string[]> {
    const list = (await this.get(node, '/list-sessions')) as { token: string }[]
    return list.map(({ token }) => token).toSorted()
  }

  /** Without its signature. */
  get token(): string {
    return decodeURIComponent(this.jar.get('better-auth.session_token') ?? '').split('.')[0] ?? ''
  }

  copy(): Visitor {
    const copy = new Visitor()
    for (const [name, value] of this.jar) copy.jar.set(name, value)
    return copy
  }

  async ask({ port }: Node, path: string, options: object = {}): Promise<Answer> {
    let browser = this.#browsers.get(port)
    if (browser === undefined) {
      const made = new Browser(port)
      browser = made
      this.#browsers.set(port, made)
      later(() => made.close())
    }
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await browser.get(`/api/auth${path}`, { ...options, cookie })
    for (const line of answer.cookies) {
      const [pair = '', ...attributes] = line.split('; ')
      const equals = pair.indexOf('=')
      if (attributes.includes('Max-Age=0')) this.jar.delete(pair.slice(0, equals))
      else this.jar.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    return answer
  }
}

function credentials(name: string): object {
  return { email: `${name}@example.com`, password: `the password of ${name}` }
}

/** Resolves for all once so many have come. */
export function meeting(count: number): () => Promise<void> {
  let come = 0
  let open: () => void = () => undefined
  const met = new Promise<void>((resolve) => {
    open = resolve
  })
  return () => {
    come++
    if (come === count) open()
    return met
  }
}

/** The storage, where a write of what `isMeant` says waits first. */
export function waiting(
  storage: Storage,
  isMeant: (key: string) => boolean,
  wait: () => Promise<void>,
): Storage {
  return {
    ...storage,
    set: async (key, value, ttl) => {
      if (isMeant(key)) await wait()
      return storage.set(key, value, ttl)
    },
  }
}
