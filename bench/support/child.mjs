import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onMeasuredCore } from './cores.mjs'

const START_DEADLINE = 20_000

/**
 * A program of ours as a process that is asked over IPC; see `answer` for the other side. It ends
 * when this process does.
 * @param program its URL
 * @param argument what it starts with
 * @param options `pinned`: on the measured core; `flags`: Node's own
 * @returns `pid`, `hello` (its first message), `ask(question)`, `kill(signal)`
 */
export async function startChild(program, argument, { pinned = false, flags = [] } = {}) {
  const node = [process.execPath, ...flags, fileURLToPath(program), JSON.stringify(argument)]
  const [command, ...args] = pinned ? onMeasuredCore(node) : node
  const child = spawn(command, args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const waiting = new Map()
  let questions = 0
  /** @type {Error | undefined} */
  let ended
  const end = (error) => {
    ended ??= error
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  const expect = (id) =>
    new Promise((resolve, reject) => {
      if (ended === undefined) waiting.set(id, { resolve, reject })
      else reject(ended)
    })
  child.on('error', end)
  child.on('exit', (code, signal) => {
    end(new Error(`${fileURLToPath(program)} ended with ${code ?? signal}`))
  })
  child.on('message', ({ id, value, error }) => {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(value)
    else asked?.reject(new Error(error))
  })
  const late = setTimeout(() => child.kill('SIGKILL'), START_DEADLINE)
  const hello = await expect(0).finally(() => clearTimeout(late))
  return {
    pid: child.pid,
    hello,
    ask(name, argument) {
      questions += 1
      child.send({ id: questions, name, argument })
      return expect(questions)
    },
    async kill(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      if (signal === 'SIGKILL') await once(child, 'exit')
    },
  }
}

/** In the process: answers by name, and says what `ask` may know from the beginning. */
export function answer(questions, hello) {
  // Whoever started us has gone, however it went.
  process.on('disconnect', () => process.exit(0))
  const reply = async ({ id, name, argument }) => {
    try {
      process.send({ id, value: await questions[name](argument) })
    } catch (error) {
      process.send({ id, error: String(error.stack ?? error) })
    }
  }
  process.on('message', (message) => void reply(message))
  process.send({ id: 0, value: hello })
}
