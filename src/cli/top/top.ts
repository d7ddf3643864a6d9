import { Command } from 'commander'
import { isSojournError, OptionError } from '../../core/errors.ts'
import { examine } from '../../operations/doctor/examine.ts'
import { Observer } from '../../operations/observe/observer.ts'
import { type CommonFlags, commonOptions, configured } from '../config.ts'
import { paint } from '../paint.ts'
import { keysIn } from './keys.ts'
import { render } from './render.ts'
import { Screen } from './screen.ts'
import { initialState, type TopState, withKey, withSnapshot } from './state.ts'

const INTERVAL = 1_000
/** Of each command, milliseconds. */
const COMMAND_TIMEOUT = 2_000
/** Doctor's, over which counters are compared. */
const WINDOW = 3_000

const HELP = `
Sessions, operations and servers, looked at each second, on the whole terminal.
What the applications report (\`report\` of sojourn/metrics) comes first; without
one, what the servers tell. It costs the servers the same however many sessions
there are, and changes nothing. ? names the keys.

Examples:
  $ sojourn top
  $ sojourn top --redis redis://localhost:6379 --prefix shop

Exit code: 0, 2 usage or no terminal (then: sojourn stats --watch), 3 not
reachable, 4 not permitted.`

export function topCommand(): Command {
  return commonOptions(new Command('top'))
    .description('What happens, live, on the whole terminal.')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: CommonFlags): Promise<void> {
  if (flags.json === true || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new OptionError('top', 'needs a terminal; `sojourn stats --watch` does without')
  }
  const config = await configured(flags)
  const { redis, prefix, secrets, pepper, expiry = 'off', durability } = config
  const settings = { redis, prefix, secrets, pepper, commandTimeout: COMMAND_TIMEOUT }
  const observer = new Observer({ ...settings, interval: INTERVAL })
  const diagnose = () =>
    examine(redis, {
      ...{ prefix, expiry, window: WINDOW, commandTimeout: COMMAND_TIMEOUT, user: undefined },
      durable: durability !== undefined && durability !== 'async',
    })
  try {
    // Who cannot look at all is told so, as by every command.
    await observer.look()
    await new Top(observer, diagnose).run()
  } finally {
    await observer.close()
  }
}

class Top {
  readonly #observer: Observer
  readonly #diagnose: () => ReturnType<typeof examine>
  readonly #screen = new Screen(process.stdout)
  #state: TopState = initialState(INTERVAL)
  #stop: (() => void) | undefined

  constructor(observer: Observer, diagnose: () => ReturnType<typeof examine>) {
    this.#observer = observer
    this.#diagnose = diagnose
  }

  /** Until it is told to quit. The terminal is as it was then, whatever has happened. */
  async run(): Promise<void> {
    const { stdin, stdout } = process
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const restore = (): void => {
      this.#screen.close()
      if (stdin.isTTY) stdin.setRawMode(false)
    }
    const pressed = (data: string): void => {
      for (const key of keysIn(data)) {
        if (key === 'ctrl-c' || (key === 'q' && !this.#state.isTyping)) return end()
        this.#press(key)
      }
    }
    const draw = (): void => this.#draw()
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
    for (const signal of signals) process.once(signal, end)
    // Before Node writes of what was thrown: on the other screen nobody would see it.
    process.once('uncaughtExceptionMonitor', restore)
    process.once('exit', restore)
    stdout.on('resize', draw)
    // The terminal is gone.
    stdout.once('error', end)
    stdin.setRawMode(true).setEncoding('utf8').on('data', pressed).resume()
    this.#screen.open()
    const { last } = this.#observer
    if (last !== undefined) this.#state = withSnapshot(this.#state, last)
    this.#look()
    // Ages are told by the second.
    const ticking = setInterval(draw, INTERVAL)
    draw()
    try {
      await ended
    } finally {
      clearInterval(ticking)
      this.#stop?.()
      stdin.off('data', pressed).pause()
      stdout.off('resize', draw)
      for (const signal of signals) process.off(signal, end)
      process.off('uncaughtExceptionMonitor', restore)
      process.off('exit', restore)
      restore()
    }
  }

  #draw(): void {
    const { width, height } = this.#screen
    this.#screen.draw(render(this.#state, width, height, Date.now(), paint))
  }

  #set(state: TopState): void {
    this.#state = state
    this.#draw()
  }

  #press(key: string): void {
    const before = this.#state
    this.#set(withKey(before, key))
    const { isPaused, view } = this.#state
    if (isPaused !== before.isPaused) this.#look()
    if (view === 'doctor' && (before.view !== 'doctor' || key === 'd')) void this.#examine()
  }

  /** Nothing is asked while it is paused. */
  #look(): void {
    this.#stop?.()
    this.#stop = undefined
    if (this.#state.isPaused) return
    this.#stop = this.#observer.watch({
      seen: (snapshot) => this.#set(withSnapshot(this.#state, snapshot)),
      failed: ({ message }) => this.#set({ ...this.#state, problem: message }),
    })
  }

  async #examine(): Promise<void> {
    if (this.#state.doctor === 'looking') return
    this.#set({ ...this.#state, doctor: 'looking' })
    try {
      const doctor = await this.#diagnose()
      this.#set({ ...this.#state, doctor })
    } catch (error) {
      if (!isSojournError(error)) throw error
      this.#set({ ...this.#state, doctor: { problem: error.message } })
    }
  }
}
