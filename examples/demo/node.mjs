import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import express from 'express'
import { expressSessions } from 'sojourn/express'
import { createFeed } from './feed.mjs'
import { onlyTheseOrigins, onlyThisHost, securityHeaders } from './origins.mjs'
import { answerError, routes } from './routes.mjs'

/** @typedef {{ cart: readonly import('./cart.mjs').Item[], visits: number, remembered: boolean }} Data */

/**
 * @typedef {object} Node One web node of the demonstration.
 * @property {string} name 'A' or 'B'
 * @property {number} port
 * @property {string} origin
 * @property {import('node:http').Server} server
 * @property {import('sojourn').Sessions<Data>} sessions
 * @property {ReturnType<typeof createFeed>} feed
 */

const folder = fileURLToPath(new URL('public', import.meta.url))

/**
 * @param {string} name
 * @param {import('sojourn').Sessions<Data>} sessions
 * @returns {Node} not listening yet
 */
export function createNode(name, sessions) {
  const feed = createFeed(name, sessions)
  return { name, port: 0, origin: '', server: createServer(), sessions, feed }
}

/**
 * Puts the application on a node's server. All nodes know their ports by now.
 * @param {Node} node
 * @param {readonly Node[]} nodes
 * @param {string} store what holds the sessions, for people
 */
export function serve(node, nodes, store) {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.use(onlyThisHost(node), securityHeaders(node, nodes))

  const page = pageOf(node, nodes, store)
  app.get('/', (_req, res) => {
    res.set('Cache-Control', 'no-cache').type('html').send(page)
  })
  app.use(express.static(folder, { index: false, cacheControl: false }))

  const api = express.Router()
  api.use(onlyTheseOrigins(nodes))
  api.get('/events', (req, res) => node.feed.send(req, res))
  api.use((_req, res, next) => {
    res.set('Cache-Control', 'no-store')
    next()
  })
  api.use(express.json({ limit: '2kb', strict: true }), (req, _res, next) => {
    req.body ??= {}
    next()
  })
  api.use(expressSessions(node.sessions), routes(node, nodes))
  app.use('/api', api)
  app.use((_req, res) => void res.status(404).type('text').send('There is no such page.\n'))
  app.use(answerError)
  node.server.on('request', app)
}

/** The page is static but for the names of the nodes: the right one is there at the first paint. */
function pageOf(
  /** @type {Node} */ node,
  /** @type {readonly Node[]} */ nodes,
  /** @type {string} */ store,
) {
  /** @type {Record<string, string>} */
  const values = { node: node.name, store }
  for (const { name, origin } of nodes) values[`origin${name}`] = origin
  const text = readFileSync(new URL('public/index.html', import.meta.url), 'utf8')
  return text.replace(/\{\{(\w+)\}\}/g, (_, name) => escapeHtml(values[name] ?? ''))
}

function escapeHtml(/** @type {string} */ text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
