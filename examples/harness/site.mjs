/** One process that serves an example, as it would be deployed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

const START_DEADLINE = 30_000

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  return port
}

/**
 * @param {readonly string[]} command a program of the example, and its arguments, in which PORT is replaced
 * @param {Record<string, string>} env besides HOST and PORT
 */
export async function startSite(command, env, /** @type {string} */ cwd) {
  const port = await freePort()
  const [program = '', ...args] = command
  const child = spawn(
    program,
    args.map((arg) => arg.replace('PORT', String(port))),
    {
      cwd,
      env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const origin = `http://127.0.0.1:${port}`
  for (const end = Date.now() + START_DEADLINE; ; ) {
    if (child.exitCode !== null) throw new Error(`the site has ended\n${output}`)
    // Any answer will do.
    const answer = await fetch(origin).catch(() => undefined)
    await answer?.arrayBuffer()
    if (answer !== undefined) break
    if (Date.now() > end) throw new Error(`the site does not start\n${output}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    origin,
    output: () => output,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
