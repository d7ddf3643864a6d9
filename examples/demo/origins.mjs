/**
 * Who may talk to a node. The demonstration is two origins, http://localhost:3001 and :3002, one
 * site: the SameSite=Lax cookie goes to both, and other sites' requests come without it.
 */

/** @typedef {import('./node.mjs').Node} Node */

/**
 * A page of another site cannot reach the node under its own name (DNS rebinding).
 * @param {Node} node
 * @returns {import('express').RequestHandler}
 */
export function onlyThisHost(node) {
  return (req, res, next) => {
    const { host } = req.headers
    if (host === `localhost:${node.port}`) return next()
    if (host !== `127.0.0.1:${node.port}`) {
      return void res.status(421).type('text').send(`This node answers to ${node.origin} only.\n`)
    }
    // Another host name would have cookies of its own.
    if (req.path === '/') return res.redirect(307, `${node.origin}/`)
    next()
  }
}

/**
 * @param {Node} node
 * @param {readonly Node[]} nodes
 * @returns {import('express').RequestHandler}
 */
export function securityHeaders(node, nodes) {
  return (_req, res, next) => {
    const others = nodes.filter((other) => other !== node).map(({ origin }) => origin)
    res.set({
      'Content-Security-Policy': [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        `connect-src ${["'self'", ...others].join(' ')}`,
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    })
    next()
  }
}

/**
 * CORS with credentials between the nodes and nobody else; a request that changes something must
 * come from a page of one of them. With SameSite this is the protection against CSRF.
 * @param {readonly Node[]} nodes
 * @returns {import('express').RequestHandler}
 */
export function onlyTheseOrigins(nodes) {
  return (req, res, next) => {
    const { origin } = req.headers
    const known = nodes.some((node) => node.origin === origin)
    res.vary('Origin')
    if (known) {
      res.set({
        'Access-Control-Allow-Origin': origin,
        'Access-Control-Allow-Credentials': 'true',
      })
    }
    if (req.method === 'OPTIONS') {
      if (known) {
        res.set({
          'Access-Control-Allow-Methods': 'GET, POST',
          'Access-Control-Allow-Headers': 'Content-Type',
          'Access-Control-Max-Age': '600',
        })
      }
      return void res.status(204).end()
    }
    if (known || req.method === 'GET' || req.method === 'HEAD') return next()
    res.status(403).json({ code: 'ERR_ORIGIN', message: 'Comes from none of the two nodes.' })
  }
}
