// One node as a process: node.mjs <system> <options as JSON>. Started by fleet.mjs.
import { startNode } from './app.mjs'
import { remoteGates } from './gates.mjs'

const systems = {
  'express-session': async (options) => {
    const { expressSessionSystem } = await import('./systems/express-session.mjs')
    return expressSessionSystem(options)
  },
  sojourn: async (options) => {
    const { sojournSystem } = await import('./systems/sojourn.mjs')
    const { createSessions, counter, union } = await import('../../dist/index.js')
    const { expressSessions } = await import('../../dist/frameworks/express/index.js')
    return sojournSystem({ createSessions, expressSessions, counter, union }, options)
  },
}

const [name, options] = process.argv.slice(2)
const gates = remoteGates()
// The driver has gone, however it went.
process.on('disconnect', () => process.exit(0))
const { port } = await startNode(await systems[name](JSON.parse(options)), gates)
process.send({ port })
