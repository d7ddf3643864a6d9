import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Runtime {
  readonly name: string
  /** Absent where it was not found. */
  readonly command: readonly string[] | undefined
}

export interface RunningServer {
  readonly port: number
  readonly output: () => string
  stop(): Promise<void>
}

const root = fileURLToPath(new URL('../../..', import.meta.url))
const server = fileURLToPath(new URL('server.mjs', import.meta.url))
const START_DEADLINE = 15_000

/** Node itself; Bun and Deno where `SOJOURN_BUN` and `SOJOURN_DENO` name them, or the PATH has them. */
export const runtimes: readonly Runtime[] = [
  { name: 'Node', command: [process.execPath] },
  { name: 'Bun', command: commandOf('bun', []) },
  { name: 'Deno', command: commandOf('deno', ['run', '--allow-all', '--no-lock']) },
]

function commandOf(name: string, args: readonly string[]): readonly string[] | undefined {
  const named = process.env[`SOJOURN_${name.toUpperCase()}`]?.trim()
  if (named) return [named, ...args]
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  return found === undefined ? undefined : [found, ...args]
}

export async function startServer(
  [file = '', ...args]: readonly string[],
  redis: string,
): Promise<RunningServer> {
  const child = spawn(file, [...args, server, redis], {
    cwd: root,
    env: { ...process.env, NODE_ENV: 'test', DENO_NO_UPDATE_CHECK: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const port = await new Promise<number>((resolve, reject) => {
    const fail = (): void => {
      child.kill('SIGKILL')
      reject(new Error(`${file} did not start:\n${output}`))
    }
    const late = setTimeout(fail, START_DEADLINE)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        const found = /listening on (\d+)/.exec(output)?.[1]
        if (found === undefined) return
        clearTimeout(late)
        resolve(Number(found))
      })
    }
    child.on('error', reject)
    child.on('exit', fail)
  })
  return { port, output: () => output, stop: () => stop(child) }
}

async function stop(child: ChildProcess): Promise<void> {
  child.removeAllListeners('exit')
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
