import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onMeasuredCore } from '../support/cores.mjs'

/**
 * `row.py` on the measured core. It ends when its input does, which is when this process does.
 * @returns `ask(name, ...args)`, `kill()`
 */
export function startRow({ python, env }, system, socket) {
  const program = fileURLToPath(new URL('row.py', import.meta.url))
  const [command, ...args] = onMeasuredCore([python, program, system, socket])
  const child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  child.on('error', () => undefined)
  child.stdin.on('error', () => undefined)
  return {
    async ask(name, ...questions) {
      child.stdin.write(`${JSON.stringify({ name, args: questions })}\n`)
      const { done, value } = await answers.next()
      if (done) throw new Error(`${system} ended at "${name}", see above`)
      return JSON.parse(value)
    },
    kill: () => child.kill('SIGKILL'),
  }
}
