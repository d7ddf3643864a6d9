import type { ConnectionOptions } from 'node:tls'
import { OptionError } from '../../core/errors.ts'

/** Who we are at a server, and how its connections are made. */
export interface RedisAccess {
  readonly username?: string
  /** A function is asked at each connect: a password can change without a restart. */
  readonly password?: string | (() => string | Promise<string>)
  /** `true`, or certificates: turns TLS on. The server's is verified unless `rejectUnauthorized` is false. */
  readonly tls?: boolean | RedisTlsOptions
}

/** One server. Exactly one of `url`, `socket` and `host` is needed. */
export interface RedisOptions extends RedisAccess {
  /** `redis://`, `rediss://` (TLS) or `unix://`, as `redis://user:password@host:6379/0`. */
  readonly url?: string
  /** Path of a unix socket. */
  readonly socket?: string
  readonly host?: string
  /** Beside `host`. Default 6379. */
  readonly port?: number
  /** Number of the database, 0 by default. */
  readonly database?: number
  /** Name of the connections in `CLIENT LIST`, `sojourn` by default. */
  readonly name?: string
}

/** The primary that Sentinels name, and its successor after a failover. */
export interface RedisSentinelOptions extends RedisAccess {
  /** Some of the Sentinels, `host:26379` or `{ host, port }`: the others are found through them. */
  readonly sentinels: readonly ServerAddress[]
  /** What the Sentinels call the primary. Default `mymaster`. */
  readonly masterName?: string
  /** Who we are at the Sentinels: nobody by default. TLS is as with the servers unless it is said here. */
  readonly sentinelAccess?: RedisAccess
  /** Where a server is from here: for the addresses that Sentinels tell behind NAT, or of containers. */
  readonly mapAddress?: MapAddress
  readonly database?: number
  readonly name?: string
}

/** The masters of a Cluster, and their successors. */
export interface RedisClusterOptions extends RedisAccess {
  /** Some of its nodes, `host:6379` or `{ host, port }`: the others are found through them. */
  readonly cluster: readonly ServerAddress[]
  /** Where a node is from here: for the addresses that nodes tell behind NAT, or of containers. */
  readonly mapAddress?: MapAddress
  readonly name?: string
}

/** `host:port`, `[ip6]:port`, or the parts. */
export type ServerAddress = string | HostAddress

export interface HostAddress {
  readonly host: string
  readonly port?: number
}

export type MapAddress = (address: Required<HostAddress>) => HostAddress

/** As Node takes them. */
export interface RedisTlsOptions
  extends Pick<
    ConnectionOptions,
    'passphrase' | 'servername' | 'minVersion' | 'rejectUnauthorized'
  > {
  /** Functions are asked at each connect: certificates can be renewed without a restart. */
  readonly ca?: Asked<ConnectionOptions['ca']>
  readonly cert?: Asked<ConnectionOptions['cert']>
  readonly key?: Asked<ConnectionOptions['key']>
}

type Asked<Value> = Value | (() => Value | Promise<Value>)

/** One server: the options, checked and with all defaults. */
export interface RedisTarget extends RedisLogin {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number }
}

/** A target without its address: what all servers of a deployment have in common. */
export interface RedisLogin {
  readonly tls: RedisTlsOptions | undefined
  readonly username: string | undefined
  readonly password: string | (() => string | Promise<string>) | undefined
  readonly database: number
  readonly name: string
}

/** Sentinels: the options, checked and with all defaults. */
export interface SentinelPlan {
  readonly sentinels: readonly Required<HostAddress>[]
  readonly masterName: string
  readonly servers: RedisLogin
  readonly atSentinels: RedisLogin
  readonly mapAddress: (address: Required<HostAddress>) => Required<HostAddress>
}

/** A Cluster: the options, checked and with all defaults. */
export interface ClusterPlan {
  readonly nodes: readonly Required<HostAddress>[]
  readonly servers: RedisLogin
  readonly mapAddress: (address: Required<HostAddress>) => Required<HostAddress>
}

export type RedisPlan =
  | { readonly kind: 'single'; readonly target: RedisTarget }
  | { readonly kind: 'sentinel'; readonly plan: SentinelPlan }
  | { readonly kind: 'cluster'; readonly plan: ClusterPlan }

/** What `redis` takes. */
export type RedisSource = string | RedisOptions | RedisSentinelOptions | RedisClusterOptions

interface Location {
  readonly address: RedisTarget['address']
  readonly tls?: boolean
  readonly username?: string
  readonly password?: string
  readonly database?: number
}

const SERVER_PORT = 6379
const SENTINEL_PORT = 26_379
const URL_FORMS =
  'takes redis://host:port, rediss://host:port (TLS), unix:///path or /path; ' +
  'percent-encode special characters in user name and password'
const LOGIN = ['username', 'password', 'tls', 'database', 'name']
const SINGLE = ['url', 'socket', 'host', 'port', ...LOGIN]
const SENTINEL = ['sentinels', 'masterName', 'sentinelAccess', 'mapAddress', ...LOGIN]
const CLUSTER = ['cluster', 'mapAddress', 'username', 'password', 'tls', 'name']
const ACCESS = ['username', 'password', 'tls']
const TLS: readonly (keyof RedisTlsOptions)[] = [
  ...(['ca', 'cert', 'key', 'passphrase', 'servername', 'minVersion'] as const),
  'rejectUnauthorized',
]

/** Those that may be functions. */
const PEMS = ['ca', 'cert', 'key'] as const

/** After the name of the applications' connections: CLIENT LIST and ACL LOG tell who only looks. */
export const LOOKER = ':ops'
const LONGEST_NAME = 64

/** The same, by a name that says so. What is wrong with it is told where it is used. */
export function asLooker(redis: RedisSource): RedisSource {
  if (typeof redis === 'string') {
    return { [redis.startsWith('/') ? 'socket' : 'url']: redis, name: `sojourn${LOOKER}` }
  }
  if (typeof redis !== 'object' || redis === null || isClient(redis)) return redis
  const { name = 'sojourn' } = redis
  if (typeof name !== 'string') return redis
  return { ...redis, name: `${name.slice(0, LONGEST_NAME - LOOKER.length)}${LOOKER}` }
}

/** @throws OptionError, whose message never holds a value: it could be the password. */
export function redisPlan(redis: RedisSource): RedisPlan {
  if (typeof redis === 'object' && redis !== null && !isClient(redis)) {
    if ('sentinels' in redis) return { kind: 'sentinel', plan: sentinelPlan(redis) }
    if ('cluster' in redis) return { kind: 'cluster', plan: clusterPlan(redis) }
  }
  return { kind: 'single', target: redisTarget(redis) }
}

/** Whether a server's certificate is not looked at: by the option, or by the environment, of which Node itself warns. */
export function isUnverified(tls: RedisTlsOptions | undefined): boolean {
  if (tls === undefined) return false
  return !(tls.rejectUnauthorized ?? process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0')
}

const NO_PEM = 'takes the text of a PEM file, not its name: readFileSync(…)'

/** Or a list of them; a key may be there with its passphrase. */
function isPem(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && value.every(isPem)
  if (typeof value === 'string') return value.includes('-----BEGIN ')
  if (value instanceof Uint8Array) return true
  return typeof value === 'object' && value !== null && 'pem' in value && isPem(value.pem)
}

/** A function has answered with something else. With nothing too: the connection would be another one than is meant. */
export class NoPem extends Error {}

/** For one connection. Rejects with NoPem, and with what the functions throw. */
export async function askTls(tls: RedisTlsOptions): Promise<ConnectionOptions> {
  const asked = PEMS.map(async (name) => {
    const value = tls[name]
    if (typeof value !== 'function') return [name, value]
    const answer = await value()
    if (!isPem(answer)) throw new NoPem()
    return [name, answer]
  })
  return { ...tls, ...Object.fromEntries(await Promise.all(asked)) } as ConnectionOptions
}

let isWarned = false

/** Told once a process, where an application connects; who only looks, such as doctor, finds it. */
export function warnUnverified(plan: RedisPlan): void {
  const logins =
    plan.kind === 'single'
      ? [plan.target]
      : plan.kind === 'cluster'
        ? [plan.plan.servers]
        : [plan.plan.servers, plan.plan.atSentinels]
  if (isWarned || !logins.some(({ tls }) => tls?.rejectUnauthorized === false)) return
  isWarned = true
  process.emitWarning(
    '`redis.tls.rejectUnauthorized` is false: who stands between here and Redis reads and changes what goes over the ' +
      'connection, the password too. Give the certificate of who signed the server’s as `ca` instead, and the name that ' +
      'it is made out to as `servername`: docs/redis.md',
    { code: 'SOJOURN_UNVERIFIED_TLS' },
  )
}

/** @throws OptionError, as redisPlan */
export function redisTarget(redis: string | RedisOptions): RedisTarget {
  if (typeof redis === 'string') return checked('redis', { url: redis })
  if (typeof redis !== 'object' || redis === null) {
    throw new OptionError('redis', `takes a URL or an object with ${SINGLE.join(', ')}`)
  }
  if (isClient(redis)) {
    throw new OptionError(
      'redis',
      'takes where the server is, not a client: a near cache needs a connection of its own; give ' +
        "the client's URL, or { host, port, username, password, tls }",
    )
  }
  refuseOthers('redis', redis, SINGLE)
  return checked('redis.url', redis)
}

function sentinelPlan(options: RedisSentinelOptions): SentinelPlan {
  refuseOthers('redis', options, SENTINEL)
  const { sentinels, sentinelAccess = {} } = options
  if (typeof sentinelAccess !== 'object' || sentinelAccess === null) {
    throw new OptionError('redis.sentinelAccess', `takes an object with ${ACCESS.join(', ')}`)
  }
  refuseOthers('redis.sentinelAccess', sentinelAccess, ACCESS)
  const servers = login('redis', options, {})
  return {
    sentinels: addresses('redis.sentinels', sentinels, SENTINEL_PORT),
    masterName: text('redis.masterName', options.masterName) ?? 'mymaster',
    servers,
    atSentinels: {
      ...login('redis.sentinelAccess', { tls: servers.tls ?? false, ...sentinelAccess }, {}),
      name: servers.name,
    },
    mapAddress: mapping(options.mapAddress),
  }
}

function clusterPlan(options: RedisClusterOptions): ClusterPlan {
  refuseOthers('redis', options, CLUSTER)
  return {
    nodes: addresses('redis.cluster', options.cluster, SERVER_PORT),
    servers: login('redis', options, {}),
    mapAddress: mapping(options.mapAddress),
  }
}

function addresses(option: string, given: unknown, port: number): Required<HostAddress>[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw new OptionError(option, 'takes a list of host:port, with at least one')
  }
  return given.map((address, i) => hostAddress(`${option}[${i}]`, address, port))
}

function mapping(mapAddress: MapAddress | undefined): SentinelPlan['mapAddress'] {
  if (mapAddress === undefined) return (address) => address
  if (typeof mapAddress !== 'function') {
    throw new OptionError('redis.mapAddress', 'takes a function from { host, port } to the same')
  }
  return (address) => hostAddress('redis.mapAddress', mapAddress(address), address.port)
}

function checked(urlOption: string, options: RedisOptions): RedisTarget {
  const location = locate(urlOption, options)
  return { address: location.address, ...login('redis', options, location) }
}

/** @param option the one that these are part of @param found what a URL says about it */
function login(
  option: string,
  options: Omit<RedisOptions, 'url'>,
  found: Omit<Location, 'address'>,
): RedisLogin {
  const tls = tlsOf(`${option}.tls`, options.tls, found.tls ?? false)
  const username = text(`${option}.username`, options.username) ?? found.username
  const password =
    typeof options.password === 'function'
      ? options.password
      : (text(`${option}.password`, options.password) ?? found.password)
  if (typeof password === 'string' && /[\r\n]$/.test(password)) {
    throw new OptionError(
      `${option}.password`,
      'has a line break at its end: trim what is read from a file',
    )
  }
  if (username !== undefined && password === undefined) {
    throw new OptionError(`${option}.password`, 'is needed where there is a user name')
  }
  const database = options.database ?? found.database ?? 0
  if (!Number.isInteger(database) || database < 0 || database > 1_000_000) {
    throw new OptionError(`${option}.database`, 'takes a whole number from 0')
  }
  const name = text(`${option}.name`, options.name) ?? 'sojourn'
  if (name.length > LONGEST_NAME || !/^[!-~]+$/.test(name)) {
    throw new OptionError(
      `${option}.name`,
      'takes 1 to 64 printable ASCII characters without spaces',
    )
  }
  return { tls, username, password, database, name }
}

function locate(urlOption: string, options: RedisOptions): Location {
  const url = text(urlOption, options.url)
  const socket = text('redis.socket', options.socket)
  const { host, port } = options
  const given = [url, socket, host].filter((way) => way !== undefined)
  if (given.length !== 1 || (port !== undefined && host === undefined)) {
    throw new OptionError('redis', 'takes one of `url`, `socket` and `host` (with `port`)')
  }
  if (host !== undefined) return { address: hostAddress('redis', { host, port }, SERVER_PORT) }
  if (socket !== undefined) return { address: { path: socket } }
  if (url?.startsWith('/')) return { address: { path: url } }
  try {
    return parseUrl(new URL(url as string))
  } catch {
    // Not passed on as the cause: it holds the URL, and the URL the password.
    throw new OptionError(urlOption, URL_FORMS)
  }
}

/** @param port where the address says none */
function hostAddress(option: string, address: unknown, port: number): Required<HostAddress> {
  const parts = typeof address === 'string' ? partsOf(address) : (address as Partial<HostAddress>)
  const { host } = parts ?? {}
  const number = parts?.port ?? port
  const isPort = Number.isInteger(number) && number >= 1 && number <= 65_535
  if (typeof host !== 'string' || host === '' || !isPort) {
    throw new OptionError(option, 'takes host:port or { host, port }, the port a number')
  }
  return { host, port: number }
}

/** Throws for anything that is not one of the forms. */
function parseUrl(url: URL): Location {
  if (url.search !== '' || url.hash !== '') throw new Error('query')
  if (url.protocol === 'unix:') {
    if (url.host !== '' || url.pathname.length < 2) throw new Error('path')
    return { address: { path: decodeURIComponent(url.pathname) } }
  }
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw new Error('protocol')
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const database = url.pathname.replace(/^\//, '')
  if (host === '' || !/^\d*$/.test(database)) throw new Error('host or database')
  return {
    address: { host, port: url.port === '' ? SERVER_PORT : Number(url.port) },
    tls: url.protocol === 'rediss:',
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { database: Number(database) }),
  }
}

function tlsOf(
  option: string,
  tls: RedisAccess['tls'],
  byUrl: boolean,
): RedisTlsOptions | undefined {
  if (tls === undefined) return byUrl ? {} : undefined
  if (tls === false && byUrl) {
    throw new OptionError(option, 'is false, but a rediss:// URL asks for TLS')
  }
  if (typeof tls === 'boolean') return tls ? {} : undefined
  if (typeof tls !== 'object' || tls === null) {
    throw new OptionError(option, `takes true or an object with ${TLS.join(', ')}`)
  }
  refuseOthers(option, tls, TLS)
  for (const name of PEMS) {
    const value = tls[name]
    if (value !== undefined && typeof value !== 'function' && !isPem(value))
      throw new OptionError(`${option}.${name}`, NO_PEM)
  }
  const { rejectUnauthorized } = tls
  if (rejectUnauthorized !== undefined && typeof rejectUnauthorized !== 'boolean') {
    throw new OptionError(`${option}.rejectUnauthorized`, 'takes true or false')
  }
  return tls
}

function text(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '') {
    throw new OptionError(option, 'takes a string that is not empty')
  }
  return value
}

function partsOf(address: string): Partial<HostAddress> | undefined {
  const form = /^(?:\[([\da-f:.]+)\]|([^:/@\s]+))(?::(\d{1,5}))?$/i
  const [, v6, name, port] = form.exec(address) ?? []
  const host = v6 ?? name
  if (host === undefined) return undefined
  return port === undefined ? { host } : { host, port: Number(port) }
}

function refuseOthers(option: string, given: object, known: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) {
      throw new OptionError(
        `${option}.${key}`,
        `there is no such option; known are ${known.join(', ')}`,
      )
    }
  }
}

/** Of the common packages: each has one of these. */
function isClient(value: object): boolean {
  const { sendCommand, call } = value as { sendCommand?: unknown; call?: unknown }
  return typeof sendCommand === 'function' || typeof call === 'function'
}
