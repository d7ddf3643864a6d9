/** The built command, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
/** Nothing of a test goes to the home of whoever runs it. */
const STATE = join(tmpdir(), `sojourn-state-${process.pid}`)
process.once('exit', () => rmSync(STATE, { recursive: true, force: true }))

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

interface CliOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** Without a terminal, and with nothing of this process's environment but its PATH. */
export const runCli = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  startCli(args, options).ended

export interface RunningCli {
  readonly child: ChildProcess
  readonly ended: Promise<CliResult>
}

/** For commands that go on until they are told to end. */
export function startCli(
  args: readonly string[],
  { cwd = '/', env = {} }: CliOptions = {},
): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd,
    env: { PATH: process.env['PATH'], XDG_STATE_HOME: STATE, ...env },
  })
  const out = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (data: Buffer) => {
      out[name] += data.toString()
    })
  }
  const ended = once(child, 'close').then(([code]): CliResult => ({ code: code as number, ...out }))
  return { child, ended }
}
