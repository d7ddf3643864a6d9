/** A misconfiguration of real servers, and how its remedy is carried out. */
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import type { RedisSource } from '../../../../src/engines/redis/options.ts'
import type { GatherOptions } from '../../../../src/operations/doctor/facts.ts'
import type { Severity } from '../../../../src/operations/doctor/finding.ts'
import { type ConfOptions, redisConf } from '../../../../src/operations/redis-conf/redis-conf.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  serverFolder,
  startRedis,
} from '../../../support/redis-server.ts'
import { until } from '../../../support/until.ts'

export interface Fault {
  readonly rule: string
  /** What is amiss, for the title. */
  readonly name: string
  readonly severity: Severity
  /** What is said to be seen, where a rule says several things. */
  readonly seen?: RegExp
  /** `rule severity` of errors and warnings that are rightly told of beside it. */
  readonly also?: readonly string[]
  /** The same of what now is, and now is not. */
  readonly passing?: readonly string[]
  /** Of what it starts everything is ended by `ends`, the last first. */
  readonly plant: (ends: Ends) => Promise<Planted>
}

export type Ends = (() => unknown)[]

/** What doctor is asked with. */
export interface Asked {
  readonly redis: RedisSource
  readonly options?: Partial<GatherOptions>
}

export interface Planted extends Asked {
  /** At which commands without an address are typed; the first is restarted for its configuration. */
  readonly servers: readonly RedisServer[]
  /** What goes on while doctor looks. Ended by what it answers with. */
  readonly during?: () => () => unknown
  /** What the remedy asks for in words before its commands: room on the disk, a new certificate. */
  readonly first?: () => unknown
  /** Until each command is known everywhere, where the remedy says that this is waited for. */
  readonly between?: () => Promise<unknown>
  /** Of the remedy's lines, those that are carried out; without it all but the alternatives, which begin with "or". */
  readonly lines?: RegExp
  /** What is put in the place of what the remedy leaves to the reader. */
  readonly fills?: Readonly<Record<string, string>>
  /** Lines of a configuration, where not that of the first server is meant. */
  readonly configure?: (lines: readonly string[]) => Promise<unknown>
  /** How the application asks from then on, if otherwise. */
  readonly mended?: Asked
}

/** A row whose remedy no command can carry out. */
export interface ByHand extends Omit<Fault, 'plant'> {
  /** Why no command of the remedy makes it vanish. */
  readonly reason: string
  /** What the remedy says is to be done. */
  readonly says: RegExp
  readonly plant: (ends: Ends) => Promise<MendedByHand>
}

/** Over which counters are compared, milliseconds. */
export const WINDOW = 40

export interface MendedByHand extends Asked {
  /** Does that. Without it, it is in how doctor is asked from then on. */
  readonly mend?: () => unknown
  readonly mended?: Asked
}

export const PASSWORD = 'Canary77'
/** Replicas begin to copy at once. */
export const QUICK: readonly string[] = ['repl-diskless-sync-delay 0']
const GIB = 2 ** 30

/** What `sojourn redis-conf` prints, and what is amiss in it. */
export const conf = (lines: readonly string[], of: Partial<ConfOptions> = {}): string =>
  [
    redisConf({
      ...{
        kind: 'single',
        memory: 2 * GIB,
        processes: 20,
        durable: false,
        expiry: 'off',
        tls: false,
      },
      ...of,
    }),
    ...lines,
    '',
  ].join('\n')

export async function start(ends: Ends, options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

/** A server by itself that is sound but for these lines of its configuration. */
export async function single(
  ends: Ends,
  lines: readonly string[],
  options: RedisServerOptions = {},
): Promise<Planted & { readonly server: RedisServer }> {
  const server = await start(ends, { config: conf(lines), ...options })
  const { password } = options
  const at = { socket: server.socketPath }
  return { server, servers: [server], redis: password === undefined ? at : { ...at, password } }
}

/** A primary that is sound but for these lines, and its replica, connected. */
export async function pair(
  ends: Ends,
  lines: readonly string[] = [],
  ofReplica: readonly string[] = [],
): Promise<Planted & { readonly primary: RedisServer; readonly replica: RedisServer }> {
  const of = { durable: true } as const
  const primary = await start(ends, { tcp: true, config: conf([...QUICK, ...lines], of) })
  const follow = `replicaof 127.0.0.1 ${primary.port}`
  const replica = await start(ends, {
    tcp: true,
    config: conf([...QUICK, follow, ...ofReplica], of),
  })
  await linked(replica)
  return { primary, replica, servers: [primary, replica], redis: primary.url }
}

export const linked = (replica: RedisServer): Promise<void> =>
  until(async () => (await replica.cli('INFO', 'replication')).includes('master_link_status:up'))

/** Which the server can read too. */
export function folder(ends: Ends): string {
  const path = serverFolder()
  ends.push(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export async function fill(server: RedisServer, bytes: number): Promise<void> {
  await server.cli(
    'EVAL',
    `for i = 1, ${bytes / 10_000} do redis.call('SET', 'sj:{000}:x:' .. i .. math.random(), string.rep('x', 9900), 'EX', 100) end`,
    '0',
  )
}

export async function connections(server: RedisServer, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ path: server.socketPath })
    socket.on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect')
  }
  return sockets
}

/** Every so many milliseconds, until it is ended. */
export function going(ends: Ends, every: number, work: () => Promise<unknown>): () => void {
  const timer = setInterval(() => void work().catch(() => undefined), every)
  const end = () => clearInterval(timer)
  ends.push(end)
  return end
}
