import { startNode } from './app.mjs'
import { createAgent } from './client.mjs'
import { Gates } from './gates.mjs'
import { runRows } from './run.mjs'
import { sojournHolds, sojournSystem } from './systems/sojourn.mjs'

const CONCURRENCY = 8

/**
 * The rows for Sojourn alone, its three nodes in this process: for tests. Needs none of the packages
 * of bench/, and Express from wherever it is found.
 */
export async function raceLocally(modules, { command, races, rotationGrace, ...options }) {
  const gates = new Gates()
  const agent = createAgent(CONCURRENCY)
  const nodes = []
  try {
    for (let i = 0; i < 3; i++) {
      const { engine, ...rest } = options
      const own = engine === undefined ? rest : { ...rest, engine: engine() }
      nodes.push(await startNode(sojournSystem(modules, { ...own, rotationGrace }), gates))
    }
    const ports = nodes.map((node) => node.port)
    const holds = (id) => sojournHolds(command, id)
    const fleet = { ports, gates, agent, holds, rotationGrace }
    return await runRows(fleet, { races, concurrency: CONCURRENCY })
  } finally {
    agent.destroy()
    await Promise.all(nodes.map((node) => node.close()))
  }
}
