/** Servers, sessions, proxies and processes that end with the test. */
import { afterAll, afterEach } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { type CreateSessionsOptions, createSessions } from '../../src/create-sessions.ts'
import { type Child, forgetPrograms, startChild } from '../support/child.ts'
import { type Proxy, startProxy } from '../support/proxy.ts'
import { type RedisServer, type RedisServerOptions, startRedis } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'

/** `npm run test:faults -- --long`: the numbers of the list of faults, where the usual run has smaller ones. */
export const FULL: boolean = process.env['SOJOURN_FULL'] === '1'

const ended: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

afterAll(forgetPrograms)

/** @param end runs after the test, before what was made earlier is ended */
export function atEnd(end: () => Promise<void>): void {
  ended.push(end)
}

export async function server(options?: RedisServerOptions): Promise<RedisServer> {
  const started = await startRedis(options)
  atEnd(() => started.stop())
  return started
}

export async function proxyOf(redis: RedisServer): Promise<Proxy> {
  const proxy = await startProxy(redis.socketPath)
  atEnd(() => proxy.stop())
  return proxy
}

export async function node<Data extends object = Record<string, unknown>>(
  redis: string,
  options: CreateSessionsOptions<Data> = {},
): Promise<Sessions<Data>> {
  const sessions = createSessions<Data>({ redis, secrets: [SECRET], ...options })
  atEnd(() => sessions.close())
  await sessions.ready()
  return sessions
}

export async function child(
  program: URL,
  argument: unknown,
  flags?: readonly string[],
): Promise<Child> {
  const started = await startChild(program, argument, flags)
  atEnd(() => started.stop())
  return started
}

/** How often the server has run a command since its start or the last reset. */
export async function callsOf(redis: RedisServer): Promise<Map<string, number>> {
  const info = await redis.cli('INFO', 'commandstats')
  const found = info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)
  return new Map([...found].map(([, name, calls]) => [String(name), Number(calls)]))
}
