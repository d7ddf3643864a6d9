/** A primary with replicas and Sentinels for tests, on loopback. */
import { type RedisServer, startRedis } from './redis-server.ts'
import { until } from './until.ts'

/** Milliseconds until a server that does not answer counts as down. */
export const DOWN_AFTER = 500
export const MASTER_NAME = 'sojourn-test'

export interface Sentineled {
  readonly servers: readonly RedisServer[]
  readonly sentinels: readonly RedisServer[]
  /** For the option `redis.sentinels`. */
  readonly addresses: readonly string[]
  /** The one that a majority of the Sentinels names. */
  primary(): Promise<RedisServer>
  /** Asked for, without a failure. Resolves when the Sentinels name another one. */
  failover(): Promise<void>
  /** Resolves when they name another than this. */
  succeeded(former: RedisServer): Promise<RedisServer>
  stop(): Promise<void>
}

export interface SentinelOptions {
  /** Default 2. */
  readonly replicas?: number
  readonly args?: readonly string[]
  /** The text of the servers' configuration: as of `startRedis`. */
  readonly config?: string
  /** Of the Sentinels. */
  readonly password?: string
  /** All ports are by TLS: as of `startRedis`. */
  readonly tls?: readonly string[]
}

export async function startSentinels(options: SentinelOptions = {}): Promise<Sentineled> {
  const { replicas = 2, config, password } = options
  const secured = options.tls && { tls: ['--tls-replication', 'yes', ...options.tls] }
  const args = ['--repl-diskless-sync-delay', '0', ...(options.args ?? [])]
  const own = { tcp: true, ...secured, ...(config === undefined ? {} : { config }) }
  const first = await startRedis({ ...own, args })
  const rest = Array.from({ length: replicas }, () =>
    startRedis({ ...own, args: [...args, '--replicaof', '127.0.0.1', String(first.port)] }),
  )
  const servers = [first, ...(await Promise.all(rest))]
  const sentinel = [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${first.port} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${DOWN_AFTER}`,
    ...Object.entries(first.admin).map(
      ([name, value]) => `sentinel auth-${name.slice(0, 4)} ${MASTER_NAME} ${value}`,
    ),
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
    '',
  ].join('\n')
  const secret = password === undefined ? {} : { password }
  const sentinels = await Promise.all(
    [0, 1, 2].map(() => startRedis({ tcp: true, sentinel, ...secret, ...secured })),
  )

  const named = async (): Promise<RedisServer | undefined> => {
    const ports = await Promise.all(
      sentinels
        .filter(({ pid }) => pid > 0)
        .map(async (one) => {
          const at = await one.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)
          return Number(at.split('\n')[1])
        }),
    )
    return servers.find(({ port }) => ports.filter((one) => one === port).length >= 2)
  }
  const succeeded = async (former: RedisServer): Promise<RedisServer> => {
    let next: RedisServer | undefined
    await until(async () => {
      next = await named()
      return next !== undefined && next !== former
    })
    return next as RedisServer
  }
  const primary = async (): Promise<RedisServer> => {
    const server = await named()
    if (server === undefined) throw new Error('the Sentinels do not agree')
    return server
  }
  // A Sentinel also promotes a replica that has never caught up, which then has nothing.
  await Promise.all(
    servers
      .slice(1)
      .map((replica) =>
        until(async () =>
          (await replica.cli('INFO', 'replication')).includes('master_link_status:up'),
        ),
      ),
  )
  // A failover needs all of them to know each other, and the replicas.
  await until(async () => {
    const known = sentinels.map(async (one) => {
      const text = await one.cli('SENTINEL', 'MASTER', MASTER_NAME)
      const of = (field: string) => Number(new RegExp(`^${field}\n(\\d+)`, 'm').exec(text)?.[1])
      return of('num-other-sentinels') === 2 && of('num-slaves') === replicas
    })
    return (await Promise.all(known)).every(Boolean)
  })
  return {
    servers,
    sentinels,
    addresses: sentinels.map(({ port }) => `127.0.0.1:${port}`),
    primary,
    succeeded,
    async failover() {
      const before = await primary()
      await until(async () => {
        const asked = sentinels[0]?.cli('SENTINEL', 'FAILOVER', MASTER_NAME)
        return (await asked?.catch(() => '')) === 'OK'
      })
      await succeeded(before)
    },
    async stop() {
      await Promise.all([...sentinels, ...servers].map((server) => server.stop()))
    },
  }
}
