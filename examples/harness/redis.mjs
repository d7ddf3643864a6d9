/** A Redis server of the test's own, on a unix socket and where asked on loopback too, ended with the test. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './site.mjs'

const START_DEADLINE = 15_000
/** What a client asks about its connection and the clock, not about sessions. */
const HOUSEKEEPING = /^(?:hello|client|ping|info|config|script|monitor|select|auth|command|time)$/i

/** @returns {Promise<import('node:net').Socket>} */
async function dial(/** @type {string} */ path) {
  for (const end = Date.now() + START_DEADLINE; ; ) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      return socket
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

export async function startRedis({ tcp = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-example-'))
  const path = join(folder, 'redis.sock')
  const port = tcp ? await freePort() : 0
  const listen = ['--port', String(port), '--bind', '127.0.0.1']
  const args = [...listen, '--unixsocket', path, '--save', '', '--appendonly', 'no']
  const server = spawn('redis-server', [...args, '--dir', folder], { stdio: 'ignore' })
  const watching = await dial(path)
  let text = ''
  watching.on('data', (chunk) => {
    text += chunk
  })
  watching.on('error', () => undefined)
  watching.write('MONITOR\r\n')
  await once(watching, 'data')

  /** A command that MONITOR shows after all that was answered before. */
  const mark = async () => {
    const name = `mark-${Math.random()}`
    const socket = await dial(path)
    socket.write(`ECHO ${name}\r\n`)
    socket.on('error', () => undefined)
    await once(socket, 'data')
    socket.destroy()
    while (!text.includes(name)) await once(watching, 'data')
    return name
  }

  return {
    url: tcp ? `redis://127.0.0.1:${port}` : `unix://${path}`,
    /** Names of the commands that the sites send meanwhile. */
    async commandsOf(/** @type {() => unknown} */ work) {
      const from = await mark()
      await work()
      const to = await mark()
      const lines = text.slice(text.indexOf(from), text.lastIndexOf(to)).split('\r\n').slice(1, -1)
      return lines
        .filter((line) => !line.includes(' lua]'))
        .map((line) => /\] "([^"]*)"/.exec(line)?.[1]?.toLowerCase() ?? '')
        .filter((name) => name !== '' && !HOUSEKEEPING.test(name))
    },
    async keys() {
      const socket = await dial(path)
      socket.write('DBSIZE\r\n')
      const [answer] = await once(socket, 'data')
      socket.destroy()
      return Number(/^:(\d+)/.exec(String(answer))?.[1])
    },
    pause: () => server.kill('SIGSTOP'),
    resume: () => server.kill('SIGCONT'),
    async stop() {
      watching.destroy()
      const ended = once(server, 'exit')
      server.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
