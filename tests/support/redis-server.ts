/**
 * Real servers for tests. Each listens on a unix socket in a directory of its own (and on a free
 * loopback port where asked for), keeps nothing on disk unless told to, and is ended by its own pid,
 * also when the test process dies: a watchdog reads from a pipe that only closes with us.
 *
 * `SOJOURN_REDIS_SERVER` names another server: a path, or `chroot DIR redis-server`.
 *
 * With `SOJOURN_TEST_ACL=1` who connects as nobody may only do what `sojourn acl` gives an application;
 * tests themselves, by `cli` and `admin`, may do everything.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createClient } from '@redis/client'
import { aclRules } from '../../src/operations/acl/acl.ts'
import { PERMISSIONS } from '../../src/operations/acl/permissions.ts'

export interface RedisServerOptions {
  /** Listen on a free port of 127.0.0.1 too; `url` then names it. */
  readonly tcp?: boolean
  /** Password of the default user; `url` does not hold it, `cli` uses it. */
  readonly password?: string
  /** Its port is by TLS, with these arguments: `['--tls-cert-file', …]`. Of a server with `tcp`. */
  readonly tls?: readonly string[]
  /** Further arguments: `['--maxmemory', '4mb']`. */
  readonly args?: readonly string[]
  /** The text of its configuration, instead of ours, which keeps nothing on disk. */
  readonly config?: string
  /** Makes it a Sentinel: the text of its configuration, which it rewrites. */
  readonly sentinel?: string
}

export interface RedisServer {
  readonly url: string
  readonly socketPath: string
  readonly port: number | undefined
  readonly pid: number
  /** Ends the server at once and removes its directory. Idempotent. */
  stop(): Promise<void>
  /** SIGKILL; files stay, `restart` finds them. */
  kill(): Promise<void>
  /** Starts again at the same address, ended or not. Resolves when it answers. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): void
  /** SIGCONT. */
  resume(): void
  /** Whom another client of the tests has to be to do what `cli` may: nobody without ACLs. */
  readonly admin: { readonly username?: string; readonly password?: string }
  /** One command; the answer as `redis-cli` prints it into a pipe: lists one item a line, nil ''. */
  cli(...args: ReadonlyArray<string | Buffer>): Promise<string>
}

const START_DEADLINE = 15_000
const ADMIN = { username: 'admin', password: 'admin' } as const

/** Whether the server knows an application with the least permissions, and us. */
const ofAcl = ({ sentinel }: RedisServerOptions): boolean =>
  process.env['SOJOURN_TEST_ACL'] === '1' && sentinel === undefined

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const command = serverCommand()
  const root = rootOf(command)
  const directory = serverFolder()
  const socketPath = join(directory, 'redis.sock')
  const port = options.tcp ? await freePort() : undefined
  const address = {
    directory: directory.slice(root.length),
    socketPath: socketPath.slice(root.length),
    port,
  }
  const { config, sentinel } = options
  if (config !== undefined) writeFileSync(join(directory, 'redis.conf'), config)
  if (sentinel !== undefined) writeFileSync(join(directory, 'sentinel.conf'), sentinel)
  const own = config === undefined ? [] : [`${address.directory}/redis.conf`]
  const mode = sentinel === undefined ? own : [`${address.directory}/sentinel.conf`, '--sentinel']
  const args = [...command.slice(1), ...mode, ...serverArguments(address, options)]

  const admin = ofAcl(options) ? ADMIN : {}
  let child: ChildProcess | undefined
  let watchdog: ChildProcess | undefined
  let console: Console | undefined

  async function start(): Promise<void> {
    mkdirSync(directory, { recursive: true })
    rmSync(socketPath, { force: true })
    const started = spawn(command[0] as string, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let failure: Error | undefined
    started.on('error', (error) => {
      failure = error
    })
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output = (output + chunk.toString()).slice(-4_000)
      })
      ;(stream as unknown as { unref?(): void }).unref?.()
    }
    child = started
    watchdog = watch(started.pid, directory)
    const end = Date.now() + START_DEADLINE
    for (;;) {
      const broken = failure ?? (started.exitCode === null ? undefined : new Error('it ended'))
      if (broken || Date.now() > end) {
        await kill()
        throw new Error(
          `${command.join(' ')} did not start: ${broken?.message ?? 'no answer'}\n${output}`,
        )
      }
      if (await answers()) break
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    if (admin === ADMIN) await permitNew()
    // Neither the server nor its watchdog keeps a finished test process alive.
    started.unref()
    watchdog?.unref()
  }

  /** What not every server knows: naming it at the start would make the whole line fail. */
  async function permitNew(): Promise<void> {
    for (const { command, features, isNew } of PERMISSIONS) {
      if (isNew !== true || features.every((feature) => feature === 'ops')) continue
      await cli('ACL', 'SETUSER', 'default', `+${command}`).catch(() => undefined)
    }
  }

  async function answers(): Promise<boolean> {
    try {
      return existsSync(socketPath) && (await cli('PING')) === 'PONG'
    } catch (error) {
      // The user default is off: it is there.
      return (error as Error).message.startsWith('NOAUTH')
    }
  }

  async function kill(): Promise<void> {
    console?.destroy()
    console = undefined
    const old = child
    child = undefined
    watchdog?.kill('SIGKILL')
    if (!old || old.exitCode !== null || old.signalCode !== null || old.pid === undefined) return
    const ended = once(old, 'exit')
    old.ref()
    old.kill('SIGKILL')
    await ended
  }

  async function cli(...args: ReadonlyArray<string | Buffer>): Promise<string> {
    if (!console?.isReady) {
      console?.destroy()
      console = openConsole(socketPath, { password: options.password, ...admin })
      await console.connect()
    }
    return print(await console.sendCommand<Reply>(args))
  }

  function signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    if (child?.pid === undefined) throw new Error('the server is not running')
    process.kill(child.pid, name)
  }

  await start()
  return {
    admin,
    url: port === undefined ? `unix://${socketPath}` : `redis://127.0.0.1:${port}`,
    socketPath,
    port,
    get pid() {
      return child?.pid ?? -1
    },
    async stop() {
      await kill()
      // A child of it that saves may still write.
      rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 })
    },
    kill,
    async restart() {
      await kill()
      await start()
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    cli,
  }
}

/** A new folder that the server can read too. */
export function serverFolder(): string {
  const root = rootOf(serverCommand())
  return mkdtempSync(join(root === '' ? tmpdir() : join(root, 'tmp'), 'sj-'))
}

/** A path as the server sees it: under `chroot DIR …` without DIR. */
export function seenByServer(path: string): string {
  return path.slice(rootOf(serverCommand()).length)
}

function rootOf(command: readonly string[]): string {
  return command[0] === 'chroot' ? (command[1] ?? '') : ''
}

/** The command of the server under test. Throws when there is none. */
function serverCommand(): string[] {
  const named = process.env['SOJOURN_REDIS_SERVER']?.trim()
  if (named) return named.split(/\s+/)
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      if (folder !== '' && existsSync(join(folder, name))) return [join(folder, name)]
    }
  }
  throw new Error('no redis-server or valkey-server on PATH; name one in SOJOURN_REDIS_SERVER')
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

function serverArguments(
  at: { directory: string; socketPath: string; port: number | undefined },
  options: RedisServerOptions,
): string[] {
  return [
    ...(options.tls === undefined
      ? ['--port', String(at.port ?? 0)]
      : ['--port', '0', '--tls-port', String(at.port), '--tls-auth-clients', 'no', ...options.tls]),
    ...['--bind', '127.0.0.1'],
    ...['--unixsocket', at.socketPath, '--unixsocketperm', '700', '--dir', at.directory],
    ...(options.config === undefined ? ['--save', '', '--appendonly', 'no'] : []),
    ...['--loglevel', 'warning'],
    ...(options.password === undefined ? [] : ['--requirepass', options.password]),
    ...(options.args ?? []),
    ...(ofAcl(options) ? aclArguments(options) : []),
  ]
}

/** Everything that an application may use. Who has no name is one. */
function aclArguments({ password }: RedisServerOptions): string[] {
  const features = PERMISSIONS.flatMap((permission) => permission.features)
  const rules = aclRules({
    ...{ role: 'app', user: 'app', prefix: 'sj', database: 0 },
    features: features.filter((feature) => feature !== 'ops'),
  })
  const permissions = rules.slice(rules.indexOf('>password') + 1)
  const login = password === undefined ? 'nopass' : `>${password}`
  return [
    ...['--user', 'default', 'on', login, ...permissions],
    ...['--user', ADMIN.username, 'on', `>${ADMIN.password}`, '~*', '&*', '+@all'],
    // Of a replica.
    ...['--masteruser', ADMIN.username, '--masterauth', ADMIN.password],
  ]
}

/** Ends the server and removes its files when this process is gone, however it went. */
function watch(pid: number | undefined, directory: string): ChildProcess | undefined {
  if (pid === undefined) return undefined
  const script = 'read _; kill -9 "$1" 2>/dev/null; rm -rf "$2"'
  const dog = spawn('sh', ['-c', script, 'sh', String(pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true, // a Ctrl-C for our process group must not end it first
  })
  ;(dog.stdin as unknown as { unref?(): void }).unref?.()
  return dog
}

type Console = ReturnType<typeof openConsole>

function openConsole(
  path: string,
  { username, password }: { username?: string; password?: string | undefined },
) {
  const client = createClient({
    RESP: 2,
    socket: { path, reconnectStrategy: false },
    maintNotifications: 'disabled',
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  })
  client.on('error', () => undefined)
  return client
}

type Reply = string | number | null | Reply[]

function print(reply: Reply): string {
  if (reply === null) return ''
  return Array.isArray(reply) ? reply.map(print).join('\n') : String(reply)
}
