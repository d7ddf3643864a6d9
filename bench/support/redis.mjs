import { spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const START_DEADLINE = 10_000

/** The server to start, or nothing: `SOJOURN_REDIS_SERVER` (a path, or `chroot DIR redis-server`), or PATH. */
export function redisCommand() {
  const named = process.env.SOJOURN_REDIS_SERVER?.trim()
  if (named) return named.split(/\s+/)
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      if (folder !== '' && isProgram(join(folder, name))) return [join(folder, name)]
    }
  }
}

/**
 * Starts a server of our own on a unix socket in a temporary directory, with nothing kept on disk.
 * `stop()` ends it by its pid, as does a watchdog should this process die. Idempotent.
 * @param createClient of the package `redis`
 * @returns `socket`, `pid`, `version`, `command(...args)`, `monitor(listener)`, `stop()`
 */
export async function startRedis([program, ...args], createClient, { port = 0 } = {}) {
  // Under `chroot DIR …` the server sees paths without DIR, we see them with it.
  const root = program === 'chroot' || program.endsWith('/chroot') ? args[0] : ''
  const directory = mkdtempSync(join(root === '' ? tmpdir() : join(root, 'tmp'), 'sj-bench-'))
  const inside = directory.slice(root.length)
  const socket = join(directory, 'redis.sock')
  const server = spawn(
    program,
    [
      ...args,
      ...[
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--unixsocket',
        join(inside, 'redis.sock'),
        '--unixsocketperm',
        '700',
      ],
      ...['--dir', inside, '--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
    ],
    // A Ctrl-C is for us; we end the server.
    { stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  )
  let output = ''
  for (const stream of [server.stdout, server.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-2_000)
    })
  }
  let failure
  server.on('error', (error) => {
    failure = error
  })
  const watchdog = server.pid === undefined ? undefined : watch(server.pid, directory)
  const client = createClient({ socket: { path: socket, reconnectStrategy: false } })
  client.on('error', () => undefined)

  const stop = () => {
    if (client.isOpen) client.destroy()
    watchdog?.kill('SIGKILL')
    server.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }

  const end = Date.now() + START_DEADLINE
  for (;;) {
    if (await connected(client)) break
    if (server.exitCode !== null) failure ??= new Error(`it ended with ${server.exitCode}`)
    if (failure === undefined && Date.now() < end) await sleep(20)
    else {
      stop()
      throw new Error(`${program} did not start: ${failure?.message ?? 'no answer'}\n${output}`)
    }
  }
  return {
    socket,
    pid: server.pid,
    version: versionOf(await client.info('server')),
    command: (...parts) => client.sendCommand(parts),
    /** Shows the listener each command of every client. @returns a connection of its own, to destroy */
    async monitor(listener) {
      const own = await client.duplicate().connect()
      await own.monitor(listener)
      return own
    },
    stop,
  }
}

async function connected(client) {
  try {
    await client.connect()
    return true
  } catch {
    return false
  }
}

function versionOf(info) {
  const [, valkey] = /^valkey_version:(\S+)/m.exec(info) ?? []
  if (valkey !== undefined) return `Valkey ${valkey}`
  return `Redis ${/^redis_version:(\S+)/m.exec(info)?.[1]}`
}

/** Ends the server when this process is gone: its pipe to us closes then. */
function watch(pid, directory) {
  const script = 'read _; kill -9 "$1" 2>/dev/null; rm -rf "$2"'
  const dog = spawn('sh', ['-c', script, 'sh', String(pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  dog.on('error', () => undefined)
  return dog
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
