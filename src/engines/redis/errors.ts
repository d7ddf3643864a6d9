import {
  isSojournError,
  type SojournError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../core/errors.ts'
import { Redirection, redirectionOf } from './redirection.ts'
import { ErrorReply } from './resp.ts'

/**
 * Refusals: the server is there and says no. A retry does not help before somebody acts, except
 * for READONLY, where the topology has to be asked again.
 */
const REFUSED: Readonly<Record<string, string>> = {
  OOM: 'its memory is full: raise maxmemory, or set maxmemory-policy to volatile-ttl',
  READONLY: 'it is a replica: connect to the primary, or to the Sentinels',
  NOPERM:
    'the user lacks a permission: ACL LOG on the server says which command or key; docs/redis.md has the ' +
    'commands and the pattern of the keys',
  NOAUTH: 'it asks for a password: set redis.password, or put it into redis.url',
  WRONGPASS: 'user name or password is wrong, or the user is disabled: check redis.password',
  NOPROTO: 'it does not speak RESP3: Redis 7.0 or newer, or Valkey, is needed',
  MISCONF: 'it cannot save to disk and takes no writes: see its log, free disk space',
  NOREPLICAS: 'it has fewer replicas than min-replicas-to-write asks for: restore them',
  WRONGTYPE: 'another application uses the same keys: choose another prefix or database',
  DENIED: 'protected mode is on: set a password for the server, or connect by loopback',
  EXECABORT: 'it could not carry out the command: see its log',
  MOVED: 'it is part of a Cluster: set redis.cluster instead of one address',
  ASK: 'it is part of a Cluster: set redis.cluster instead of one address',
  NOCLUSTER: 'it is no Cluster: set redis.url, or redis.host, instead of redis.cluster',
  NOWAITAOF: "it has no WAITAOF, which durability 'disk' needs: Redis 7.2 or newer, or Valkey",
  NOAOF: "its append-only file is off, which durability 'disk' needs: set appendonly yes",
  NOSCRIPT: 'it does not keep scripts: is there a proxy in between that does not know EVAL?',
}

/** Passing conditions: the command was not carried out, and works again by itself. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  LOADING: 'it is loading its data; it serves when that is done',
  MASTERDOWN: 'it is a replica without its primary: wait for the failover, or restore the primary',
  CLUSTERDOWN: 'the cluster does not cover this slot: restore the failed node',
  BUSY: 'a script of another application has been running too long: end it with SCRIPT KILL',
  TRYAGAIN: 'the slot is being moved to another node; try again',
  MAXCLIENTS: 'it has as many clients as maxclients allows: raise it, or close connections',
  UNBLOCKED: 'it has just become a replica: wait for the failover',
}

const DEMOTED = new Set(['READONLY', 'MASTERDOWN', 'UNBLOCKED'])

/** Answers that begin with ERR or with none of our words, by what they say. */
const TEXTS: ReadonlyArray<readonly [RegExp, string]> = [
  [/cluster support disabled/, 'NOCLUSTER'],
  [/non local key/, 'TRYAGAIN'],
  [/max number of clients/, 'MAXCLIENTS'],
  [/can't run this command|has no permission|no permissions to/i, 'NOPERM'],
  [/wrong number of arguments for 'hello'|unknown command .?hello/i, 'NOPROTO'],
  [/without any password configured/, 'WRONGPASS'],
  [/unknown command .?waitaof/i, 'NOWAITAOF'],
  [/WAITAOF .*appendonly is disabled/, 'NOAOF'],
  // Redis 6 wraps the error of a command in a script: "ERR Error running script (…): -OOM …".
  ...Object.keys({ ...REFUSED, ...UNAVAILABLE }).map(
    (word) => [new RegExp(`[-: ]${word} `), word] as const,
  ),
]

const ENDS =
  'it ends the connection: is maxclients reached, or does only one side speak TLS (redis:// without, rediss:// with)?'

/** Network errors by code: what to do. Everything else is told as "the connection was lost". */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: start the server, or check the address',
  NO_SENTINEL: 'no Sentinel answers: check redis.sentinels, redis.sentinelAccess, and the network',
  NO_SUCH_MASTER: 'the Sentinels know no primary of this name: check redis.masterName',
  NOT_PRIMARY: 'the server that the Sentinels name is not the primary: wait for the failover',
  ENOENT: 'there is no such socket: start the server, or check the path',
  EACCES: 'this process may not open the socket: check its permissions',
  ENOTFOUND: 'the host name does not resolve: check the address',
  EAI_AGAIN: 'the host name could not be resolved at the moment: check DNS',
  EHOSTUNREACH: 'the host cannot be reached: check the network',
  ENETUNREACH: 'the network cannot be reached: check routes',
  ECONNRESET: ENDS,
  EPIPE: ENDS,
  NO_PASSWORD:
    'the function of redis.password has failed, with the error in `cause`, or does not answer',
  NO_TEXT: 'the function of redis.password has answered with something else than a text',
  LINE_BREAK: 'the function of redis.password has answered with a line break at the end: trim it',
  NO_CERTIFICATE:
    'a function of redis.tls (ca, cert or key) has failed, with the error in `cause`, or does not answer',
  NO_PEM:
    'a function of redis.tls (ca, cert or key) has answered with something else than the text of a PEM file',
  ERR_OSSL_X509_KEY_VALUES_MISMATCH:
    'redis.tls.key is not the key of redis.tls.cert: are both of the same time?',
  NO_TLS:
    'it takes the connection and does not answer TLS: use redis:// (or leave redis.tls out) where the port speaks none; else look whether the server hangs',
  NO_HELLO:
    'it takes the connection and does not answer: use rediss:// where the port speaks TLS; else look whether the server hangs',
  EPROTO: 'TLS failed: does the port speak TLS?',
  SILENT: 'it takes the connection and does not answer: look whether the server hangs',
  ERR_SSL_WRONG_VERSION_NUMBER: 'TLS failed: the port does not speak TLS; use redis://',
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is another host's: check redis.tls.servername",
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed: name its CA in redis.tls.ca',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is not trusted: name its CA in redis.tls.ca',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is not trusted: name its CA in redis.tls.ca',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is not trusted: name its CA in redis.tls.ca',
  CERT_HAS_EXPIRED: "the server's certificate has expired: renew it",
}

/** How OpenSSL names what a server says that misses a client certificate, or does not trust it. */
const CLIENT_CERTIFICATE =
  /^ERR_SSL_.*ALERT_(?:CERTIFICATE_\w+|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|UNKNOWN_CA)$/

/** A command as the server's own table spells it; some servers do not name what a script may not run. */
const DENIED_COMMAND = / permissions to run the '([a-z]{1,16}(?:\|[a-z]{1,16})?)' command/

/**
 * The first word of a server's error, or the word it stands for. Only words of our own lists and
 * plain upper-case words come out: the text of an answer can hold keys and arguments.
 */
function replyReason(error: ErrorReply): string {
  const word = /^-?([A-Z][A-Z0-9_]{1,31})(?= |$)/.exec(error.message)?.[1] ?? 'ERR'
  if (word !== 'ERR') return word
  return TEXTS.find(([pattern]) => pattern.test(error.message))?.[1] ?? 'ERR'
}

/** True for answers to a connection attempt that waiting does not change. */
export function isRefusal(error: unknown): error is ErrorReply {
  return error instanceof ErrorReply && UNAVAILABLE[replyReason(error)] === undefined
}

const DATABASE = /^ERR (?:invalid )?DB index\b/

/**
 * What a server's error means to the caller. The answer is not kept as the cause: NOPERM and
 * unknown-command answers quote keys and arguments.
 */
export function replyError(error: ErrorReply, operation: string): SojournError {
  const reason = replyReason(error)
  const passing = UNAVAILABLE[reason]
  const cause = redirectionOf(error)
  const options = cause === undefined ? undefined : { cause }
  if (passing !== undefined) {
    return new StoreUnavailableError(
      `${operation}: Redis cannot serve (${reason}): ${passing}`,
      false,
      options,
    )
  }
  const advice = DATABASE.test(error.message)
    ? 'it has no database of this number: check the address, and `databases` in its configuration'
    : (REFUSED[reason] ?? "its log, and MONITOR on a test server, show the answer's text")
  const command = reason === 'NOPERM' ? DENIED_COMMAND.exec(error.message)?.[1] : undefined
  const what = command === undefined ? reason : `${reason} for ${command}`
  return new StoreRefusedError(reason, `${operation}: Redis refused (${what}): ${advice}`, options)
}

/** What a failure of the client or the network means to a caller whose command was sent. */
export function sentError(error: unknown, operation: string): SojournError {
  if (error instanceof ErrorReply) return replyError(error, operation)
  if (isSojournError(error)) return error
  return new StoreUnavailableError(
    `${operation}: the connection to Redis was lost before the answer came; ` +
      'whether it was carried out is unknown',
    true,
    { cause: error },
  )
}

/** Sent, and no answer until the deadline. `waited`: milliseconds. */
export function lateError(operation: string, waited: number): SojournError {
  return new StoreUnavailableError(
    `${operation}: Redis did not answer within ${waited} ms; whether it was carried out is unknown`,
    true,
  )
}

/** What has to go on at the same run of the same server cannot. */
export function restlessError(operation: string, times: number): SojournError {
  return new StoreUnavailableError(
    `${operation}: Redis was another one ${times} times: try again when the servers have come to rest`,
    false,
  )
}

/** `sent`: the command was under way when the engine was closed. */
export function closedError(operation: string, sent: boolean): SojournError {
  return new StoreUnavailableError(`${operation}: the Redis engine is closed`, sent)
}

/** It has not been sent: the server is none of those that are meant any more. */
export function leftError(operation: string): SojournError {
  return new StoreUnavailableError(`${operation}: the Redis server was replaced`, false, {
    cause: new Redirection('LEFT'),
  })
}

/**
 * What the last failed attempt to connect means to a caller.
 * @param waited in vain, milliseconds; without it others have waited, and this one has not
 */
export function unreachableError(
  problem: unknown,
  operation: string,
  waited?: number,
): SojournError {
  if (problem instanceof ErrorReply) return replyError(problem, operation)
  if (isSojournError(problem)) return problem
  const code = codeOf(problem)
  const advice = code === undefined ? undefined : adviceOf(code)
  const why =
    advice === undefined
      ? `no answer${code === undefined ? '' : ` (${code})`}: check address, network and server`
      : `${advice} (${code})`
  const what =
    waited === undefined ? 'cannot be reached' : `could not be reached within ${waited} ms`
  return new StoreUnavailableError(
    `${operation}: Redis ${what}: ${why}`,
    false,
    problem === undefined ? undefined : { cause: (problem as Partial<Error>).cause ?? problem },
  )
}

function adviceOf(code: string): string | undefined {
  if (/^ERR_SSL_.*ALERT_CERTIFICATE_EXPIRED$/.test(code)) {
    return 'the server says that the certificate of redis.tls.cert has ended: renew it'
  }
  if (code.startsWith('ERR_OSSL_') && NETWORK[code] === undefined) {
    return 'redis.tls.ca, cert or key cannot be used: they take the text of PEM files, a key with its passphrase'
  }
  if (/^ERR_SSL_.*ALERT_HANDSHAKE_FAILURE$/.test(code)) {
    return 'TLS failed: the server wants a client certificate (redis.tls.cert, redis.tls.key), or another name (redis.tls.servername), or knows no version or cipher in common'
  }
  if (!CLIENT_CERTIFICATE.test(code)) return NETWORK[code]
  return 'the server wants a client certificate that it trusts: check redis.tls.cert and redis.tls.key'
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined
}

/** The server is not the primary any more; nothing was carried out. */
export function isDemoted(error: unknown): boolean {
  return error instanceof ErrorReply && DEMOTED.has(replyReason(error))
}

/** The server does not know this script (yet, or any more): it was not run. */
export function noScript(error: unknown): boolean {
  return error instanceof ErrorReply && error.message.startsWith('NOSCRIPT')
}

/** Nothing was carried out: the server has not even been asked, or has said so. */
export function isUndone(error: unknown): boolean {
  return error instanceof StoreUnavailableError && !error.indeterminate
}
