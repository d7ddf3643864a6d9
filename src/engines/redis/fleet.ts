import { type Clock, systemClock } from '../../core/clock.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { fieldsOf, linesOf } from './fields.ts'
import { Link } from './link.ts'
import {
  type ClusterPlan,
  LOOKER,
  type RedisLogin,
  type RedisSource,
  type RedisTarget,
  redisPlan,
  type SentinelPlan,
} from './options.ts'
import { ErrorReply } from './resp.ts'
import { directRoute } from './route.ts'
import { type Address, addressIn, askSentinel } from './sentinel.ts'

/** What a server says that does not tell. */
const UNTOLD = new Set(['NOPERM', 'ERR'])

export type ServerRole = 'primary' | 'replica' | 'sentinel'

export type SlotRange = readonly [first: number, last: number]

/** One server of a deployment, as those who were asked for it tell of it. */
export interface FleetServer {
  /** `host:port` as it is reached from here, or the path of its socket. */
  readonly name: string
  role: ServerRole
  readonly target: RedisTarget
  /** Of a replica: the name of its primary, where that is told. */
  primary: string | undefined
  /** Of a Cluster's primary: how many slots it has, and which: from and to. */
  slots: number | undefined
  slotRanges: readonly SlotRange[] | undefined
  /** Of a Cluster: the host by which the others know it, before any mapping. */
  announced: string | undefined
  /** @throws StoreUnavailableError, StoreRefusedError */
  ask(command: readonly string[]): Promise<unknown>
  /**
   * Commands in one write. What one of them is refused is its answer: the error.
   * @param strings `BYTES`; text without it
   * @throws StoreUnavailableError
   */
  askEach(commands: readonly (readonly string[])[], strings?: object): Promise<unknown[]>
}

/** Every server of a deployment, replicas and Sentinels too: for those who look at it from outside. */
export interface Fleet {
  readonly kind: 'single' | 'sentinel' | 'cluster'
  readonly servers: readonly FleetServer[]
  /** What the Sentinels call the primary. */
  readonly masterName: string | undefined
  /**
   * Looks again which servers there are, on the connections that there are. Where that fails it stays as it was.
   * @throws StoreUnavailableError, StoreRefusedError
   */
  refresh(): Promise<void>
  close(): void
}

export interface FleetOptions {
  /** Deadline of each command, the connect included, milliseconds. */
  readonly commandTimeout: number
  readonly clock?: Clock
  /** Told of each `ask`, by the server's name: for who counts what others ask. */
  readonly asks?: (server: string, command: readonly string[]) => void
}

/**
 * @throws OptionError; StoreUnavailableError, StoreRefusedError where none of the servers that are named in `redis`
 * answers
 */
export async function findFleet(redis: RedisSource, options: FleetOptions): Promise<Fleet> {
  const plan = redisPlan(redis)
  const links = new Links(options)
  const look = async (known: readonly FleetServer[]): Promise<readonly FleetServer[]> => {
    const found = new Servers(links, options.asks)
    if (plan.kind === 'single') await findSingle(plan.target, found)
    else if (plan.kind === 'sentinel') await findBySentinels(plan.plan, found, known)
    else await findCluster(plan.plan, found, known)
    return found.all
  }
  let servers: readonly FleetServer[]
  try {
    servers = await look([])
  } catch (error) {
    links.close()
    throw error
  }
  links.keep(servers)
  return {
    kind: plan.kind,
    get servers() {
      return servers
    },
    masterName: plan.kind === 'sentinel' ? plan.plan.masterName : undefined,
    async refresh() {
      servers = await look(servers)
      links.keep(servers)
    },
    close: () => links.close(),
  }
}

/** One connection to each server, by its name. */
class Links {
  readonly #links = new Map<string, Link>()
  readonly #options: FleetOptions
  #closed = false

  constructor(options: FleetOptions) {
    this.#options = options
  }

  to(name: string, target: RedisTarget): Link {
    const known = this.#links.get(name)
    if (known !== undefined) return known
    const { commandTimeout, clock = systemClock } = this.#options
    const link = new Link({
      route: directRoute({ ...target, name: `${target.name}${LOOKER}` }),
      ...{ clock, commandTimeout },
      // Who looks is no use of a key, where the server drops those that are used least.
      prepare: async (wire) => {
        await wire.sendCommand(['CLIENT', 'NO-TOUCH', 'ON']).catch(refusal)
      },
    })
    if (this.#closed) link.close()
    else this.#links.set(name, link)
    return link
  }

  /** Ends those to others. */
  keep(servers: readonly FleetServer[]): void {
    for (const [name, link] of this.#links) {
      if (servers.some((server) => server.name === name)) continue
      link.close()
      this.#links.delete(name)
    }
  }

  close(): void {
    this.#closed = true
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }
}

class Servers {
  readonly all: FleetServer[] = []
  readonly #links: Links
  readonly #asks: FleetOptions['asks']

  constructor(links: Links, asks: FleetOptions['asks']) {
    this.#links = links
    this.#asks = asks
  }

  /** Once, whoever tells of it. */
  add(target: RedisTarget, role: ServerRole): FleetServer {
    const name = nameOf(target.address)
    const known = this.all.find((server) => server.name === name)
    if (known !== undefined) return known
    const server = this.at(target, role)
    this.all.push(server)
    return server
  }

  addAt(address: Address, login: RedisLogin, role: ServerRole): FleetServer {
    return this.add({ ...login, address }, role)
  }

  /** To be asked only: it may be none of them. */
  at(target: RedisTarget, role: ServerRole): FleetServer {
    const name = nameOf(target.address)
    const link = () => this.#links.to(name, target)
    return {
      ...{ name, role, target, primary: undefined },
      ...{ slots: undefined, slotRanges: undefined, announced: undefined },
      ask: (command) =>
        link().call(String(command[0]), (wire) => {
          this.#asks?.(name, command)
          return wire.sendCommand(command)
        }),
      askEach: (commands, strings) =>
        link().call(String(commands[0]?.[0]), (wire) =>
          Promise.all(commands.map((each) => wire.sendCommand(each, strings).catch(refusal))),
        ),
    }
  }
}

async function findSingle(target: RedisTarget, found: Servers): Promise<void> {
  const given = found.add(target, 'primary')
  const info = linesOf(await given.ask(['INFO', 'replication']).catch(untold))
  let primary = given
  if (info.get('role') === 'slave') {
    given.role = 'replica'
    const host = info.get('master_host')
    if (host !== undefined) {
      primary = found.addAt({ host, port: Number(info.get('master_port')) }, target, 'primary')
      given.primary = primary.name
    }
  }
  for (const address of replicasIn(info)) {
    found.addAt(address, target, 'replica').primary = primary.name
  }
}

async function findBySentinels(
  plan: SentinelPlan,
  found: Servers,
  known: readonly FleetServer[],
): Promise<void> {
  const { masterName, servers, atSentinels, mapAddress } = plan
  const named = plan.sentinels.map((address) => found.addAt(address, atSentinels, 'sentinel'))
  const others = known.filter(({ role }) => role === 'sentinel')
  const asked = [
    ...named,
    ...others.filter(({ name }) => !named.some((each) => each.name === name)),
  ]
  const answers = await Promise.allSettled(
    asked.map((sentinel) =>
      Promise.all([
        askSentinel((command) => sentinel.ask(command), masterName),
        sentinel.ask(['SENTINEL', 'REPLICAS', masterName]),
      ]),
    ),
  )
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const [failed] = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as Error] : [],
  )
  if (views.length === 0 && failed !== undefined) {
    if (!(failed instanceof StoreRefusedError) || failed.reason !== 'ERR') throw failed
    throw new StoreRefusedError(
      'ERR',
      `the Sentinels know no primary "${masterName}": check redis.masterName, and that redis.sentinels are Sentinels`,
    )
  }
  // One that was cut off still names the former primary: who knows of the latest failover says which it is.
  views.sort(([one], [other]) => other.epoch - one.epoch)
  const [[latest]] = views as [(typeof views)[number]]
  const primary = found.addAt(mapAddress(latest.primary), servers, 'primary')
  for (const [view, replicas] of views) {
    // One that was the primary is still one of them: it is to follow the one that is.
    for (const address of [...listIn(replicas).map(addressIn), view.primary, view.listed]) {
      const replica = found.addAt(mapAddress(address), servers, 'replica')
      if (replica !== primary) replica.primary ??= primary.name
    }
    for (const address of view.others) found.addAt(mapAddress(address), atSentinels, 'sentinel')
  }
}

async function findCluster(
  plan: ClusterPlan,
  found: Servers,
  known: readonly FleetServer[],
): Promise<void> {
  const { nodes, servers, mapAddress } = plan
  const primaries = known.filter(({ role, slots = 0 }) => role === 'primary' && slots > 0)
  const named = nodes.map((address) => found.at({ ...servers, address }, 'primary'))
  let failed: unknown
  for (const node of [...primaries, ...named]) {
    try {
      const table = String(await node.ask(['CLUSTER', 'NODES']))
      const names = new Map<string, string>()
      const listed = nodesIn(table, node.target.address).map((each) => {
        const server = found.addAt(mapAddress(each.address), servers, each.role)
        names.set(each.id, server.name)
        server.announced = each.address.host
        if (each.role === 'primary') {
          server.slots = each.slots
          server.slotRanges = each.slotRanges
        }
        return { server, of: each.of }
      })
      for (const { server, of } of listed) server.primary = names.get(of)
      return
    } catch (error) {
      failed = error
    }
  }
  throw failed
}

interface ListedNode {
  readonly id: string
  readonly address: Address
  readonly role: ServerRole
  /** The id of its primary. */
  readonly of: string
  readonly slots: number
  readonly slotRanges: readonly SlotRange[]
}

/** Those that are expected to be there: what was given up by the others is none of them. */
function nodesIn(table: string, asked: RedisTarget['address']): ListedNode[] {
  const own = 'host' in asked ? asked.host : ''
  return table.split('\n').flatMap((line) => {
    const [id = '', where = '', flags = '', of = '', , , , , ...ranges] = line.split(' ')
    const [, host = '', port = ''] = /^(.*):(\d+)@/.exec(where) ?? []
    if (port === '' || /handshake|noaddr/.test(flags)) return []
    const role = flags.includes('slave') ? 'replica' : 'primary'
    // A node that has not been met yet does not know its own address.
    const address = { host: host === '' ? own : host, port: Number(port) }
    const slotRanges = slotRangesIn(ranges)
    const slots = slotRanges.reduce((sum, [first, last]) => sum + last - first + 1, 0)
    return [{ id, address, role, of, slots, slotRanges }]
  })
}

/** `0-5460 7000`; what is on the way stands in brackets. */
function slotRangesIn(ranges: readonly string[]): SlotRange[] {
  return ranges.flatMap((range) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? []
    return first === undefined ? [] : [[Number(first), Number(last)] as const]
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

/** A user may lack INFO, or a managed server refuse it: then there is this server, as far as can be seen. */
function untold(error: unknown): string {
  if (error instanceof StoreRefusedError && UNTOLD.has(error.reason)) return ''
  throw error
}

function refusal(error: unknown): unknown {
  if (error instanceof ErrorReply) return error
  throw error
}

/** `host:port`, or the path of a socket. */
export function nameOf(address: RedisTarget['address']): string {
  if ('path' in address) return address.path
  return address.host.includes(':')
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`
}
