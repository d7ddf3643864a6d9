// Three nodes of one system: two that race, one that is asked afterwards.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createAgent } from './client.mjs'
import { Gates } from './gates.mjs'

const NODES = 3

/** Each node a process of its own; `options` are passed on to it. */
export async function processFleet({ system, options, holds, concurrency }) {
  const gates = new Gates()
  const children = []
  const close = () => {
    agent.destroy()
    for (const child of children) child.kill('SIGKILL')
  }
  const agent = createAgent(concurrency)
  try {
    const ports = await Promise.all(
      Array.from({ length: NODES }, () => startProcess({ system, options, gates, children })),
    )
    return { ports, gates, agent, holds, rotationGrace: options.rotationGrace, close }
  } catch (error) {
    close()
    throw error
  }
}

async function startProcess({ system, options, gates, children }) {
  const program = fileURLToPath(new URL('node.mjs', import.meta.url))
  const child = fork(program, [system, JSON.stringify(options)], { execArgv: [] })
  children.push(child)
  child.on('message', ({ arrived }) => {
    if (arrived !== undefined) gates.arrive(arrived, () => child.send({ release: arrived }))
  })
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`a node of ${system} ended with ${code} before it was ready`)
  })
  const [{ port }] = await Promise.race([once(child, 'message'), ended])
  ended.catch(() => undefined)
  return port
}
