import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../core/clock.ts'
import {
  isSojournError,
  type SojournError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../core/errors.ts'
import { fieldsOf, linesOf } from '../../engines/redis/fields.ts'
import { type Fleet, type FleetServer, findFleet } from '../../engines/redis/fleet.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import { certificateDaysOf } from './certificate.ts'
import type { MemoryHistory } from './history.ts'
import { type Host, readHost } from './host.ts'
import { type KeySample, sampleKeys } from './key-sample.ts'
import { librariesOf } from './libraries.ts'
import { type DefaultUser, defaultUserOf, type Rights, rightsOf } from './rights.ts'
import { type BusySlot, busySlotsOf } from './slots.ts'

/** What the application asks of its sessions, which decides what is amiss. */
export interface Wants {
  readonly prefix: string
  /** How expired sessions are told of. */
  readonly expiry: 'off' | 'notify' | 'reliable'
  /** Sign-outs and changes must survive the loss of a server. */
  readonly durable: boolean
  /** The application's user, if that is not the one who asks. */
  readonly user?: string | undefined
}

/** What one server says of itself; what it did not say is absent. */
export interface ServerFacts {
  readonly name: string
  readonly role: FleetServer['role']
  readonly target: FleetServer['target']
  /** Of a replica: the name of its primary, where that is told. */
  readonly primary: string | undefined
  /** Of a Cluster's primary: how many slots it has. One that has none has no sessions and no vote. */
  readonly slots: number | undefined
  /** Of a Cluster: the host by which the others know it. */
  readonly announced: string | undefined
  /** Why nothing is known of it. */
  readonly problem: SojournError | undefined
  readonly info: ReadonlyMap<string, string>
  /** The same at the begin of the window. */
  readonly before: ReadonlyMap<string, string>
  /** By name; absent where CONFIG is refused, as by managed services. */
  readonly config: ReadonlyMap<string, string> | undefined
  /** Milliseconds that its clock is ahead of this one's, roughly. */
  readonly clockOffset: number | undefined
  /** Round trips, milliseconds, in order of size. */
  readonly roundTrips: readonly number[]
  /** What it refused its user while looking, and since when it logs. */
  readonly slowCommands: number | undefined
  readonly aclLog: readonly ReadonlyMap<string, string>[] | undefined
  /** CLUSTER INFO. */
  readonly cluster: ReadonlyMap<string, string> | undefined
  /** SENTINEL MASTER, and what CKQUORUM has to say. */
  readonly sentinel: SentinelFacts | undefined
  /** Of the machine, where it is this one. */
  readonly host: Host | undefined
  /** Of the application's user where it is named, else of the one who asks. */
  readonly rights: Rights | undefined
  /** Who is in without a name. */
  readonly defaultUser: DefaultUser | undefined
  /** Of a Cluster's primary: those that have taken most of its time, where its release counts that. */
  readonly busySlots: readonly BusySlot[] | undefined
  /** Of ours that are connected: how many connections of each version. */
  readonly libraries: ReadonlyMap<string, number> | undefined
  /** Days until its certificate ends. */
  readonly certificateDays: number | undefined
}

export interface SentinelFacts {
  readonly master: ReadonlyMap<string, string>
  readonly quorum: string
}

export interface Facts {
  readonly kind: Fleet['kind']
  readonly servers: readonly ServerFacts[]
  readonly wants: Wants
  /** Milliseconds between `before` and now. */
  readonly window: number
  readonly keys: KeySample | undefined
  /** Of former looks, without this one. */
  readonly history: Pick<MemoryHistory, 'of'> | undefined
  readonly now: number
}

export interface GatherOptions extends Wants {
  /** Over which counters are compared, milliseconds. */
  readonly window: number
  /** Deadline of each command, milliseconds. */
  readonly commandTimeout: number
  readonly clock?: Clock
  /** Ends it, within its window at once. */
  readonly signal?: AbortSignal | undefined
  /** What was in use at former looks; this look is added to it. */
  readonly history?: MemoryHistory | undefined
  /** Reads a file of this machine; for tests. */
  readonly readFile?: (path: string) => string | undefined
}

const PINGS = 50

/**
 * Asks every server of a deployment. Reads only: nothing is changed, no MONITOR, no KEYS.
 * @throws OptionError; StoreUnavailableError, StoreRefusedError where nobody answers
 */
export async function gather(redis: RedisSource, options: GatherOptions): Promise<Facts> {
  const { clock = systemClock, window, signal } = options
  const fleet = await findFleet(redis, options)
  try {
    const started = clock.monotonic()
    const before = await infosOf(fleet.servers)
    const keys = sampleKeys(fleet, options.prefix)
    const rest = window - (clock.monotonic() - started)
    if (rest > 0) await waited(rest, signal)
    // Not with the looks below: they take long where a server is busy.
    const seen = clock.monotonic() - started
    const infos = await infosOf(fleet.servers)
    const servers = await Promise.all(
      fleet.servers.map((server) =>
        look(server, before.get(server), infos.get(server) ?? new Map(), fleet, options),
      ),
    )
    const { prefix, expiry, durable, user, history } = options
    return {
      kind: fleet.kind,
      servers,
      wants: { prefix, expiry, durable, user },
      window: seen,
      keys: await keys,
      history,
      now: clock.now(),
    }
  } finally {
    fleet.close()
  }
}

/** @throws StoreUnavailableError where it is ended */
async function waited(time: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(time, undefined, { signal }).catch(() => undefined)
  if (signal?.aborted === true) {
    throw new StoreUnavailableError('doctor: it was ended before it had looked twice', false)
  }
}

type Info = ReadonlyMap<string, string>

/** INFO, or why there is none. Servers may refuse it in whole or in part. */
async function infoOf(server: FleetServer): Promise<Info | SojournError> {
  try {
    return linesOf(await server.ask(['INFO', 'everything']))
  } catch (error) {
    if (error instanceof StoreRefusedError) return new Map()
    if (isSojournError(error)) return error
    throw error
  }
}

/** Replicas after their primaries: one that had less than its primary before is behind, whatever is written meanwhile. */
async function infosOf(
  servers: readonly FleetServer[],
): Promise<ReadonlyMap<FleetServer, Info | SojournError>> {
  const infos = new Map<FleetServer, Info | SojournError>()
  for (const isFirst of [true, false]) {
    const asked = servers.filter(({ role }) => (role === 'primary') === isFirst)
    await Promise.all(asked.map(async (server) => infos.set(server, await infoOf(server))))
  }
  return infos
}

async function look(
  server: FleetServer,
  before: Info | SojournError | undefined,
  info: Info | SojournError,
  fleet: Fleet,
  { clock = systemClock, readFile, prefix, user }: GatherOptions,
): Promise<ServerFacts> {
  const { name, role, target, primary, slots, announced } = server
  const isAway = !(info instanceof Map)
  const known: Info = isAway ? new Map() : info
  const ask = <T>(
    command: readonly string[],
    read: (answer: unknown) => T,
  ): Promise<T | undefined> =>
    isAway ? Promise.resolve(undefined) : orUnknown(server.ask(command).then(read))
  const isServer = role !== 'sentinel'
  const { kind } = fleet
  const isThere = isServer && !isAway
  const hasSlots = isThere && kind === 'cluster' && role === 'primary'
  const [config, clockOffset, slowCommands, aclLog, cluster, sentinel] = await Promise.all([
    isServer ? ask(['CONFIG', 'GET', '*'], fieldsOf) : undefined,
    isAway ? undefined : orUnknown(clockOffsetOf(server, clock)),
    isServer ? ask(['SLOWLOG', 'LEN'], Number) : undefined,
    ask(['ACL', 'LOG', '20'], (log) => (log as unknown[]).map(fieldsOf)),
    isServer && kind === 'cluster' ? ask(['CLUSTER', 'INFO'], linesOf) : undefined,
    isServer || isAway ? undefined : orUnknown(sentinelOf(server, fleet.masterName ?? '')),
  ])
  const [rights, defaultUser, libraries, busySlots] = await Promise.all([
    isThere ? orUnknown(rightsOf(server, { prefix, user, kind })) : undefined,
    isAway ? undefined : orUnknown(defaultUserOf(server, prefix)),
    isThere ? orUnknown(librariesOf(server)) : undefined,
    hasSlots ? orUnknown(busySlotsOf(server)) : undefined,
  ])
  return {
    ...{ name, role, target, primary, slots, announced },
    ...{ clockOffset, slowCommands, aclLog, cluster, sentinel },
    ...{ rights, defaultUser, libraries, busySlots },
    problem: isAway ? (info as SojournError) : undefined,
    info: known,
    before: before instanceof Map ? before : new Map(),
    // Managed services answer with nothing rather than with an error.
    config: config === undefined || config.size === 0 ? undefined : config,
    roundTrips: isAway ? [] : await roundTripsOf(server, clock),
    host: isAway ? undefined : readHost(target.address, known.get('process_id'), readFile),
    certificateDays: await certificateDaysOf(target, clock.now()),
  }
}

/** What is not permitted, or not known there, stays unknown. */
async function orUnknown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof StoreRefusedError || error instanceof StoreUnavailableError)
      return undefined
    throw error
  }
}

async function clockOffsetOf(server: FleetServer, clock: Clock): Promise<number> {
  const sent = clock.now()
  const [seconds, micros] = (await server.ask(['TIME'])) as [string, string]
  const received = clock.now()
  return Number(seconds) * 1_000 + Number(micros) / 1_000 - (sent + received) / 2
}

async function roundTripsOf(server: FleetServer, clock: Clock): Promise<number[]> {
  const trips: number[] = []
  for (let i = 0; i < PINGS; i++) {
    const sent = clock.monotonic()
    const isAnswered = await orUnknown(server.ask(['PING']).then(() => true))
    if (isAnswered === undefined) break
    trips.push(clock.monotonic() - sent)
  }
  return trips.sort((one, other) => one - other)
}

async function sentinelOf(server: FleetServer, masterName: string): Promise<SentinelFacts> {
  const master = fieldsOf(await server.ask(['SENTINEL', 'MASTER', masterName]))
  // Not enough of them is an error by its word, and what we want to know.
  const quorum = await server.ask(['SENTINEL', 'CKQUORUM', masterName]).then(String, (error) => {
    if (error instanceof StoreRefusedError) return error.reason
    throw error
  })
  return { master, quorum }
}
