import { type Clock, systemClock } from '../../core/clock.ts'
import { fieldsOf, linesOf } from './fields.ts'
import { Link } from './link.ts'
import {
  type ClusterPlan,
  type HostAddress,
  type RedisLogin,
  type RedisSource,
  type RedisTarget,
  redisPlan,
  type SentinelPlan,
} from './options.ts'
import { directRoute } from './route.ts'

export type ServerRole = 'primary' | 'replica' | 'sentinel'

/** One server of a deployment, as those who were asked for it tell of it. */
export interface FleetServer {
  /** `host:port` as it is reached from here, or the path of its socket. */
  readonly name: string
  role: ServerRole
  readonly target: RedisTarget
  /** @throws StoreUnavailableError, StoreRefusedError */
  ask(command: readonly string[]): Promise<unknown>
}

/** Every server of a deployment, replicas and Sentinels too: for those who look at it from outside. */
export interface Fleet {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly servers: readonly FleetServer[]
  /** What the Sentinels call the primary. */
  readonly masterName: string | undefined
  close(): void
}

export interface FleetOptions {
  /** Deadline of each command, the connect included, milliseconds. */
  readonly commandTimeout: number
  readonly clock?: Clock
}

type Address = Required<HostAddress>

/**
 * @throws OptionError; StoreUnavailableError, StoreRefusedError where none of the servers that are named in `redis`
 * answers
 */
export async function findFleet(redis: RedisSource, options: FleetOptions): Promise<Fleet> {
  const plan = redisPlan(redis)
  const found = new Servers(options)
  try {
    if (plan.kind === 'single') await findSingle(plan.target, found)
    else if (plan.kind === 'sentinel') await findBySentinels(plan.plan, found)
    else await findCluster(plan.plan, found)
  } catch (error) {
    found.close()
    throw error
  }
  return {
    kind: plan.kind,
    servers: found.all,
    masterName: plan.kind === 'sentinel' ? plan.plan.masterName : undefined,
    close: () => found.close(),
  }
}

class Servers {
  readonly all: FleetServer[] = []
  readonly #links: Link[] = []
  readonly #options: FleetOptions

  constructor(options: FleetOptions) {
    this.#options = options
  }

  /** Once, whoever tells of it. */
  add(target: RedisTarget, role: ServerRole): FleetServer {
    const name = nameOf(target.address)
    const known = this.all.find((server) => server.name === name)
    if (known !== undefined) return known
    const server = { name, role, target, ask: this.#asking(target) }
    this.all.push(server)
    return server
  }

  addAt(address: Address, login: RedisLogin, role: ServerRole): FleetServer {
    return this.add({ ...login, address }, role)
  }

  close(): void {
    for (const link of this.#links) link.close()
  }

  #asking(target: RedisTarget): FleetServer['ask'] {
    const { commandTimeout, clock = systemClock } = this.#options
    let link: Link | undefined
    return (command) => {
      if (link === undefined) {
        link = new Link({ route: directRoute(target), clock, commandTimeout })
        this.#links.push(link)
      }
      return link.call(String(command[0]), (wire) => wire.sendCommand(command))
    }
  }
}

async function findSingle(target: RedisTarget, found: Servers): Promise<void> {
  const given = found.add(target, 'primary')
  const info = linesOf(await given.ask(['INFO', 'replication']))
  if (info.get('role') === 'slave') {
    given.role = 'replica'
    const host = info.get('master_host')
    if (host !== undefined) {
      found.addAt({ host, port: Number(info.get('master_port')) }, target, 'primary')
    }
  }
  for (const address of replicasIn(info)) found.addAt(address, target, 'replica')
}

async function findBySentinels(plan: SentinelPlan, found: Servers): Promise<void> {
  const { masterName, servers, atSentinels, mapAddress } = plan
  const named = plan.sentinels.map((address) => found.addAt(address, atSentinels, 'sentinel'))
  const answers = await Promise.allSettled(
    named.map((sentinel) =>
      Promise.all([
        sentinel.ask(['SENTINEL', 'MASTER', masterName]),
        sentinel.ask(['SENTINEL', 'REPLICAS', masterName]),
        sentinel.ask(['SENTINEL', 'SENTINELS', masterName]),
      ]),
    ),
  )
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const [failed] = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as Error] : [],
  )
  if (views.length === 0 && failed !== undefined) throw failed
  for (const [primary, replicas, others] of views) {
    found.addAt(mapAddress(addressIn(fieldsOf(primary))), servers, 'primary')
    for (const each of listIn(replicas))
      found.addAt(mapAddress(addressIn(each)), servers, 'replica')
    for (const each of listIn(others)) {
      found.addAt(mapAddress(addressIn(each)), atSentinels, 'sentinel')
    }
  }
}

async function findCluster(plan: ClusterPlan, found: Servers): Promise<void> {
  const { nodes, servers, mapAddress } = plan
  let failed: unknown
  for (const node of nodes) {
    try {
      const table = String(await found.addAt(node, servers, 'primary').ask(['CLUSTER', 'NODES']))
      found.all.length = 0
      for (const { address, role } of nodesIn(table, node)) {
        found.addAt(mapAddress(address), servers, role)
      }
      return
    } catch (error) {
      failed = error
    }
  }
  throw failed
}

/** Those that are expected to be there: what was given up by the others is none of them. */
function nodesIn(table: string, asked: Address): { address: Address; role: ServerRole }[] {
  return table.split('\n').flatMap((line) => {
    const [, where = '', flags = ''] = line.split(' ')
    const [, host = '', port = ''] = /^(.*):(\d+)@/.exec(where) ?? []
    if (port === '' || /handshake|noaddr/.test(flags)) return []
    const role = flags.includes('slave') ? 'replica' : 'primary'
    // A node that has not been met yet does not know its own address.
    return [{ address: { host: host === '' ? asked.host : host, port: Number(port) }, role }]
  })
}

function replicasIn(info: ReadonlyMap<string, string>): Address[] {
  return [...info].flatMap(([name, line]) => {
    if (!/^slave\d+$/.test(name)) return []
    const fields = new Map(line.split(',').map((pair) => pair.split('=') as [string, string]))
    return [{ host: fields.get('ip') ?? '', port: Number(fields.get('port')) }]
  })
}

function listIn(answer: unknown): Map<string, string>[] {
  return Array.isArray(answer) ? answer.map(fieldsOf) : []
}

function addressIn(fields: ReadonlyMap<string, string>): Address {
  return { host: fields.get('ip') ?? '', port: Number(fields.get('port')) }
}

function nameOf(address: RedisTarget['address']): string {
  if ('path' in address) return address.path
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}
