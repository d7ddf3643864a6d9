/** The built command under a real pseudo-terminal, by `script` of util-linux. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const ESC = '\u001B'

/** Without it what needs a terminal is not tried. */
export const hasTerminal: boolean = String(spawnSync('script', ['--version']).stdout).includes(
  'util-linux',
)
if (!hasTerminal) console.warn('nothing is tried under a terminal: there is no util-linux script')

export interface Terminal {
  readonly child: ChildProcess
  press(keys: string): void
  /** All that was written since it was asked last, without the sequences that steer a terminal. */
  shown(): string
  readonly raw: () => string
  readonly ended: Promise<number>
}

export interface TerminalOptions {
  readonly env: NodeJS.ProcessEnv
  /** For the shell, before the command. */
  readonly before?: string
}

export function startTerminal(args: string, { env, before = '' }: TerminalOptions): Terminal {
  const command = `stty cols 110 rows 30; ${before} exec "${process.execPath}" "${CLI}" ${args}`
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
    env: { PATH: process.env['PATH'], TERM: 'xterm', ...env },
  })
  let [all, told] = ['', 0]
  child.stdout.on('data', (data: Buffer) => {
    all += data.toString()
  })
  return {
    child,
    press: (keys) => child.stdin.write(keys),
    shown() {
      const text = all.slice(told)
      told = all.length
      return text.replaceAll(new RegExp(`${ESC}\\[[?\\d;]*[A-Za-z]`, 'g'), '\n')
    },
    raw: () => all,
    ended: once(child, 'close').then(([code]) => code as number),
  }
}

export async function see(terminal: Terminal, what: RegExp): Promise<void> {
  let seen = ''
  await until(async () => {
    seen += terminal.shown()
    return what.test(seen)
  })
}
