import type { ConnectionOptions } from 'node:tls'
import { OptionError } from '../../core/errors.ts'

/** Where Redis is and who we are there. Exactly one of `url` and `socket` is needed. */
export interface RedisOptions {
  /** `redis://`, `rediss://` (TLS) or `unix://`, as `redis://user:password@host:6379/0`. */
  readonly url?: string
  /** Path of a unix socket. */
  readonly socket?: string
  readonly username?: string
  /** A function is asked at each connect: a password can change without a restart. */
  readonly password?: string | (() => string | Promise<string>)
  /** Number of the database, 0 by default. */
  readonly database?: number
  /** `true`, or certificates: turns TLS on. Certificates are verified unless told otherwise. */
  readonly tls?: boolean | RedisTlsOptions
  /** Name of the connections in `CLIENT LIST`, `sojourn` by default. */
  readonly name?: string
}

export type RedisTlsOptions = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'minVersion' | 'rejectUnauthorized'
>

/** The options, checked and with all defaults. */
export interface RedisTarget {
  readonly address: { readonly path: string } | { readonly host: string; readonly port: number }
  readonly tls: RedisTlsOptions | undefined
  readonly username: string | undefined
  readonly password: string | (() => string | Promise<string>) | undefined
  readonly database: number
  readonly name: string
}

interface Location {
  readonly address: RedisTarget['address']
  readonly tls?: boolean
  readonly username?: string
  readonly password?: string
  readonly database?: number
}

const URL_FORMS =
  'takes redis://host:port, rediss://host:port (TLS), unix:///path or /path; ' +
  'percent-encode special characters in user name and password'
const KNOWN = ['url', 'socket', 'username', 'password', 'database', 'tls', 'name']

/** @throws OptionError, whose message never holds a value: it could be the password. */
export function redisTarget(redis: string | RedisOptions): RedisTarget {
  if (typeof redis === 'string') return checked('redis', { url: redis })
  if (typeof redis !== 'object' || redis === null) {
    throw new OptionError('redis', `takes a URL or an object with ${KNOWN.join(', ')}`)
  }
  for (const key of Object.keys(redis)) {
    if (!KNOWN.includes(key)) {
      throw new OptionError(
        `redis.${key}`,
        `there is no such option; known are ${KNOWN.join(', ')}`,
      )
    }
  }
  return checked('redis.url', redis)
}

function checked(urlOption: string, options: RedisOptions): RedisTarget {
  const location = locate(urlOption, options)
  const tls = tlsOf(options.tls, location.tls ?? false)
  const username = text('redis.username', options.username) ?? location.username
  const password =
    typeof options.password === 'function'
      ? options.password
      : (text('redis.password', options.password) ?? location.password)
  if (username !== undefined && password === undefined) {
    throw new OptionError('redis.password', 'is needed where there is a user name')
  }
  const database = options.database ?? location.database ?? 0
  if (!Number.isInteger(database) || database < 0 || database > 1_000_000) {
    throw new OptionError('redis.database', 'takes a whole number from 0')
  }
  const name = text('redis.name', options.name) ?? 'sojourn'
  if (!/^[!-~]{1,64}$/.test(name)) {
    throw new OptionError('redis.name', 'takes 1 to 64 printable ASCII characters without spaces')
  }
  return { address: location.address, tls, username, password, database, name }
}

function locate(urlOption: string, options: RedisOptions): Location {
  const url = text(urlOption, options.url)
  const socket = text('redis.socket', options.socket)
  if ((url === undefined) === (socket === undefined)) {
    throw new OptionError('redis', 'takes either `url` or `socket`')
  }
  if (socket !== undefined) return { address: { path: socket } }
  if (url?.startsWith('/')) return { address: { path: url } }
  try {
    return parseUrl(new URL(url as string))
  } catch {
    // Not passed on as the cause: it holds the URL, and the URL the password.
    throw new OptionError(urlOption, URL_FORMS)
  }
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
    address: { host, port: url.port === '' ? 6379 : Number(url.port) },
    tls: url.protocol === 'rediss:',
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    ...(database === '' ? {} : { database: Number(database) }),
  }
}

function tlsOf(tls: RedisOptions['tls'], byUrl: boolean): RedisTlsOptions | undefined {
  if (tls === undefined) return byUrl ? {} : undefined
  if (tls === false && byUrl) {
    throw new OptionError('redis.tls', 'is false, but a rediss:// URL asks for TLS')
  }
  if (typeof tls === 'boolean') return tls ? {} : undefined
  if (typeof tls !== 'object' || tls === null) {
    throw new OptionError('redis.tls', 'takes true or an object with ca, cert, key, servername')
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
