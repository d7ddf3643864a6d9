/** Clusters of real servers for tests, on loopback. */
import { freePort, type RedisServer, type RedisServerOptions, startRedis } from './redis-server.ts'
import { until } from './until.ts'

const SLOTS = 16_384
/** Milliseconds until a node that does not answer counts as failed. */
export const NODE_TIMEOUT = 1_000

export interface ClusterOptions {
  /** Default 3. */
  readonly masters?: number
  /** How many slots each master has. Default: as many as the others. */
  readonly shares?: readonly number[]
  /** Of each master. Default 0. */
  readonly replicas?: number
  /** Masters beside those, that have no slots. */
  readonly spare?: number
  readonly args?: readonly string[]
  /** The text of each node's configuration, and the password of its default user: as of `startRedis`. */
  readonly config?: string
  readonly password?: string
  /** All ports are by TLS, the bus too: as of `startRedis`. */
  readonly tls?: readonly string[]
}

export interface ClusterNode extends RedisServer {
  readonly port: number
  readonly id: string
}

export interface MoveHooks {
  readonly before?: () => Promise<unknown>
  readonly midway?: () => Promise<unknown>
  readonly first?: RegExp
}

export interface RedisCluster {
  /** Masters at the start, then their replicas in the same order. */
  readonly nodes: readonly ClusterNode[]
  /** For the option `redis.cluster`. */
  readonly addresses: readonly string[]
  /** Who has the slot, as far as the nodes that live are one. */
  masterOf(slot: number): Promise<ClusterNode>
  /**
   * Moves a slot with all its keys.
   * @param hooks what is done `before` any key has gone, and `midway`, when one has: the `first` such
   */
  moveSlot(slot: number, to: ClusterNode, hooks?: MoveHooks): Promise<void>
  /** Makes the replica of a master of the slot its master, as asked for, without a failure. */
  failover(slot: number): Promise<void>
  /** Resolves when the slot has another master than this. */
  succeeded(slot: number, former: ClusterNode): Promise<void>
  /** Resolves when all nodes that live see the same masters, and all slots served. */
  settled(): Promise<void>
  stop(): Promise<void>
}

export async function startCluster(options: ClusterOptions = {}): Promise<RedisCluster> {
  const { masters = 3, replicas = 0, spare = 0 } = options
  const count = masters * (1 + replicas) + spare
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode(options)))
  const first = nodes[0] as ClusterNode
  for (const other of nodes.slice(1)) {
    await first.cli('CLUSTER', 'MEET', '127.0.0.1', String(other.port), other.busPort)
  }
  const begin = (n: number): number =>
    options.shares?.slice(0, n).reduce((sum, share) => sum + share, 0) ??
    Math.round((n * SLOTS) / masters)
  for (let i = 0; i < masters; i++) {
    const range = [begin(i), begin(i + 1) - 1].map(String)
    await nodes[i]?.cli('CLUSTER', 'ADDSLOTSRANGE', ...range)
  }
  await until(async () => {
    const known = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')))
    return known.every((text) => text.split('\n').filter((line) => line !== '').length === count)
  })
  for (let i = 0; i < masters * replicas; i++) {
    const master = nodes[i % masters] as ClusterNode
    await retried(() => nodes[masters + i]?.cli('CLUSTER', 'REPLICATE', master.id))
  }
  const cluster = clusterOf(nodes)
  await cluster.settled()
  await until(async () => {
    const known = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')))
    return known.every(
      (text) => text.match(/\bslave\b/g)?.length === (masters * replicas || undefined),
    )
  })
  return cluster
}

function clusterOf(nodes: readonly ClusterNode[]): RedisCluster {
  const living = () => nodes.filter(({ pid }) => pid > 0)

  async function tables(): Promise<string[][]> {
    return Promise.all(living().map(async (node) => mastersIn(await node.cli('CLUSTER', 'NODES'))))
  }

  async function masterOf(slot: number): Promise<ClusterNode> {
    for (const table of await tables()) {
      const node = nodes.find(({ id }) => id === table[slot])
      if (node !== undefined && node.pid > 0) return node
    }
    throw new Error(`nobody has slot ${slot}`)
  }

  async function settled(): Promise<void> {
    await until(async () => {
      const infos = await Promise.all(living().map((node) => node.cli('CLUSTER', 'INFO')))
      if (!infos.every((info) => info.includes('cluster_state:ok'))) return false
      const [one = [], ...others] = await tables()
      if (one.filter(Boolean).length < SLOTS) return false
      return others.every((table) => table.every((id, slot) => id === one[slot]))
    })
  }

  async function succeeded(slot: number, former: ClusterNode): Promise<void> {
    await until(async () => {
      const master = await masterOf(slot).catch(() => former)
      return master !== former
    })
  }

  async function replicaOf({ id }: ClusterNode): Promise<ClusterNode> {
    for (const node of living()) {
      const text = await node.cli('CLUSTER', 'NODES')
      const [, , , master] =
        text
          .split('\n')
          .find((line) => line.startsWith(node.id))
          ?.split(' ') ?? []
      if (master === id) return node
    }
    throw new Error('it has no replica')
  }

  return {
    nodes,
    addresses: nodes.map(({ port }) => `127.0.0.1:${port}`),
    masterOf,
    settled,
    succeeded,
    async failover(slot) {
      const master = await masterOf(slot)
      const replica = await replicaOf(master)
      await until(async () => {
        // The others may not vote for the same pair again so soon.
        await replica.cli('CLUSTER', 'FAILOVER').catch(() => undefined)
        const end = Date.now() + NODE_TIMEOUT
        while (Date.now() < end) {
          if ((await masterOf(slot)) === replica) return true
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
        return false
      })
    },
    async moveSlot(slot, to, { before, midway, first = /./ } = {}) {
      const from = await masterOf(slot)
      const text = String(slot)
      const { username, password } = to.admin
      const auth = username === undefined ? [] : ['AUTH2', username, String(password)]
      await to.cli('CLUSTER', 'SETSLOT', text, 'IMPORTING', from.id)
      await from.cli('CLUSTER', 'SETSLOT', text, 'MIGRATING', to.id)
      await before?.()
      for (let moved = 0; ; moved++) {
        if (moved === 1) await midway?.()
        const there = (await from.cli('CLUSTER', 'GETKEYSINSLOT', text, '100')).split('\n')
        const isFirst = moved === 0 && midway !== undefined
        const keys = isFirst ? there.filter((key) => first.test(key)).slice(0, 1) : there
        if (isFirst && keys.length === 0) throw new Error(`no key of the slot is ${first}`)
        if (keys[0] === '') break
        const at = ['127.0.0.1', String(to.port), '', '0', '5000', ...auth]
        await from.cli('MIGRATE', ...at, 'REPLACE', 'KEYS', ...keys)
      }
      // The new one first: it must never be that nobody has it.
      for (const node of [to, from]) await node.cli('CLUSTER', 'SETSLOT', text, 'NODE', to.id)
    },
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

async function startNode(options: ClusterOptions): Promise<ClusterNode & { busPort: string }> {
  for (let tries = 1; ; tries++) {
    try {
      return await startNodeOnce(options)
    } catch (error) {
      // Between the look for a free port and its use anybody may take it.
      if (tries === 5 || !String(error).includes('Address already in use')) throw error
    }
  }
}

async function startNodeOnce({
  args = [],
  config,
  password,
  tls,
}: ClusterOptions): Promise<ClusterNode & { busPort: string }> {
  const busPort = String(await freePort())
  const options: RedisServerOptions = {
    tcp: true,
    ...(config === undefined ? {} : { config }),
    ...(password === undefined ? {} : { password }),
    ...(tls && { tls: ['--tls-cluster', 'yes', '--tls-replication', 'yes', ...tls] }),
    args: [
      ...['--cluster-enabled', 'yes', '--cluster-port', busPort],
      ...['--cluster-node-timeout', String(NODE_TIMEOUT), '--repl-diskless-sync-delay', '0'],
      ...(password === undefined ? [] : ['--masterauth', password]),
      ...args,
    ],
  }
  const server = await startRedis(options)
  const id = await server.cli('CLUSTER', 'MYID')
  // Not spread: its pid changes.
  return Object.assign(Object.create(server) as RedisServer, {
    ...{ id, busPort, port: server.port as number },
  })
}

/** Ids of the masters by slot. */
function mastersIn(text: string): string[] {
  const table: string[] = []
  for (const line of text.split('\n')) {
    const [id, , flags, , , , , , ...slots] = line.split(' ')
    if (id === undefined || flags?.includes('master') !== true || /fail/.test(flags)) continue
    for (const range of slots) {
      if (range.startsWith('[')) continue
      const [from, to = from] = range.split('-').map(Number)
      for (let slot = from as number; slot <= (to as number); slot++) table[slot] = id
    }
  }
  return table
}

async function retried(work: () => Promise<unknown> | undefined): Promise<void> {
  await until(async () => {
    try {
      await work()
      return true
    } catch {
      return false
    }
  })
}
