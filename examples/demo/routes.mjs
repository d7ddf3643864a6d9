// oxlint-disable oxc/no-async-endpoint-handlers -- Express 5 passes what they reject with to the error handler
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { isSojournError } from 'sojourn'
import { change, isFull, isSku, PRODUCTS } from './cart.mjs'
import { deviceLabel, OTHER_DEVICES } from './device.mjs'
import { shortId } from './feed.mjs'
import { signOutEverywhere } from './sign-out.mjs'

const MOST_DEVICES = 5
const POLICIES = /** @type {const} */ (['evict-oldest', 'evict-idle', 'reject'])
const LONGEST_NAME = 40
const SLOWEST = 1_000
/** @type {import('sojourn').LifetimeOptions} */
const REMEMBERED = { persistent: true, idleTimeout: '14d', absoluteTimeout: '60d' }

/** An answer for the page that is no success. */
class Refusal extends Error {
  constructor(
    /** @type {number} */ status,
    /** @type {string} */ code,
    /** @type {string} */ message,
  ) {
    super(message)
    this.status = status
    this.code = code
  }
}

/**
 * Everything behind /api that works on the session.
 * @param {import('./node.mjs').Node} node
 * @param {readonly import('./node.mjs').Node[]} nodes
 */
export function routes(node, nodes) {
  const { sessions, feed } = node
  const router = express.Router()
  const otherNode = () => nodes.find((other) => other !== node) ?? node

  const principalOf = (/** @type {express.Request} */ req) => {
    const { principal } = sessions.from(req)
    if (principal === undefined) throw new Refusal(401, 'ERR_SIGNED_OUT', 'Sign in first.')
    return principal
  }

  router.get('/state', (req, res) => {
    const session = sessions.from(req)
    const { id, principal, createdAt, expiresAt, deadline } = session
    const remembered = session.get('remembered') ?? false
    res.json({
      node: node.name,
      now: sessions.engine.now(),
      session: id && { id: shortId(id), principal, createdAt, expiresAt, deadline, remembered },
      cart: session.get('cart') ?? [],
      visits: session.get('visits') ?? 0,
      products: PRODUCTS,
      conflicts: feed.conflicts(id),
      // Without a cookie the store is not asked: only this tells that nobody could sign in.
      store: id === undefined ? feed.store : { ok: true },
    })
  })

  router.get('/whoami', (req, res) => {
    res.json({ node: node.name, principal: sessions.from(req).principal ?? null })
  })

  router.post('/login', async (req, res) => {
    const { name, remember, policy: asked } = req.body
    const policy = POLICIES.find((known) => known === asked) ?? 'evict-oldest'
    const principal = typeof name === 'string' ? name.trim() : ''
    if (principal === '' || principal.length > LONGEST_NAME) {
      throw new Refusal(400, 'ERR_NAME', `A name has 1 to ${LONGEST_NAME} characters.`)
    }
    const session = sessions.from(req)
    session.set('remembered', remember === true)
    await session.login(principal, {
      device: req.get('User-Agent'),
      address: req.ip,
      keep: ['cart', 'visits', 'remembered'],
      maxSessions: { max: MOST_DEVICES, policy },
      ...(remember === true ? REMEMBERED : {}),
    })
    res.json({ principal })
  })

  router.post('/logout', async (req, res) => {
    await sessions.from(req).logout()
    res.json({})
  })

  router.post('/cart', async (req, res) => {
    const { sku, by } = req.body
    if (!isSku(sku) || !Number.isInteger(by) || Math.abs(by) > 99) {
      throw new Refusal(400, 'ERR_ITEM', 'Takes an item of the shop and a number from -99 to 99.')
    }
    const session = sessions.from(req)
    const cart = await session.update('cart', (items = []) => change(items, sku, by))
    res.json({ cart })
  })

  router.post('/cart/empty', (req, res) => {
    const session = sessions.from(req)
    session.delete('cart')
    session.delete('visits')
    res.json({})
  })

  // One of the parallel requests. It reads first and writes after a while, as slow handlers do.
  router.post('/race', async (req, res) => {
    const { sku, how, delay } = req.body
    const from = Date.now()
    const session = sessions.from(req)
    if (session.isNew) throw new Refusal(409, 'ERR_NO_SESSION', 'There is no session to change.')
    if (!isSku(sku)) throw new Refusal(400, 'ERR_ITEM', 'Takes an item of the shop.')
    const cart = session.get('cart') ?? []
    const visits = session.get('visits') ?? 0
    if (isFull(cart)) throw new Refusal(409, 'ERR_CART_FULL', 'The cart is full: empty it first.')
    await sleep(Math.min(Math.max(Number(delay) || 0, 0), SLOWEST))
    // Written from what was read above: on a conflict the named merges of `cart` and `visits` decide.
    session.set('visits', visits + 1)
    if (how === 'update') await session.update('cart', (items = []) => change(items, sku, 1))
    else session.set('cart', change(cart, sku, 1))
    await session.commit()
    res.json({ from, to: Date.now() })
  })

  router.get('/devices', async (req, res) => {
    principalOf(req)
    const listed = await sessions.of(sessions.from(req)).list()
    res.json({
      most: MOST_DEVICES,
      devices: listed.map(({ device, ...info }) => ({
        ...info,
        shown: shortId(info.id),
        device: deviceLabel(device),
      })),
    })
  })

  // A real sign-in over HTTP on the other node, as another device would do it. Its cookie ends here.
  router.post('/devices', async (req, res) => {
    const principal = principalOf(req)
    const count = await sessions.of(principal).count()
    const other = otherNode()
    const userAgent = OTHER_DEVICES[(count - 1) % OTHER_DEVICES.length]
    const answer = await fetch(`http://127.0.0.1:${other.port}/api/login`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'User-Agent': userAgent,
        Origin: other.origin,
      },
      body: JSON.stringify({ name: principal, policy: req.body.policy }),
      signal: AbortSignal.timeout(5_000),
    })
    const body = await answer.json()
    if (!answer.ok) throw new Refusal(answer.status, body.code, body.message)
    res.json({ device: deviceLabel(userAgent), node: other.name })
  })

  router.post('/devices/end', async (req, res) => {
    const ended = await sessions.of(principalOf(req)).revoke(String(req.body.id))
    res.json({ ended: ended ? 1 : 0 })
  })

  router.post('/devices/end-others', async (req, res) => {
    principalOf(req)
    const { count } = await sessions.of(sessions.from(req)).revokeOthers()
    res.json({ ended: count })
  })

  router.post('/sign-out-everywhere', async (req, res) => {
    const principal = principalOf(req)
    const measured = await signOutEverywhere({
      revokeAll: () => sessions.of(principal).revokeAll(),
      cookie: req.headers.cookie ?? '',
      other: otherNode(),
    })
    // Ended already; this takes the cookie from the browser.
    await sessions.from(req).logout()
    res.json({ principal, by: node.name, ...measured })
  })

  router.use((_req, _res, next) =>
    next(new Refusal(404, 'ERR_NOT_FOUND', 'There is no such call.')),
  )
  return router
}

/**
 * A store that does not answer is a 503 with the error's code, never "signed out".
 * @type {express.ErrorRequestHandler}
 */
export function answerError(error, req, res, next) {
  if (res.headersSent) return next(error)
  const isOurs = isSojournError(error) || error instanceof Refusal
  const status = Number.isInteger(error?.status) ? error.status : 500
  if (!isOurs && status >= 500) console.error(`${req.method} ${req.path}:`, error)
  res.status(status).json({
    code: isOurs ? error.code : status === 500 ? 'ERR_INTERNAL' : 'ERR_REQUEST',
    message: isOurs ? error.message : 'The request failed.',
  })
}
