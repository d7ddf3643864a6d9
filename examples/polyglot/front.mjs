// In place of nginx or an ingress: all applications under one host name, /express/…, /django/… and /spring/….
import { createServer, request } from 'node:http'

/** @param sites by the stack's name; @param page what `/` answers */
export function createFront(sites, page) {
  return createServer((req, res) => {
    const [, stack, rest] = /^\/(\w+)(\/.*)$/.exec(req.url) ?? []
    const site = Object.hasOwn(sites, stack) ? sites[stack] : undefined
    if (req.url === '/') {
      res.setHeader('content-type', 'text/html; charset=utf-8').end(page)
    } else if (req.url === '/stacks') {
      res.setHeader('content-type', 'application/json').end(JSON.stringify(Object.keys(sites)))
    } else if (site === undefined) {
      res.writeHead(404).end()
    } else {
      forward(req, res, site.origin + rest)
    }
  })
}

function forward(req, res, url) {
  // It would end TLS here. Browsers take Secure cookies from localhost without it.
  const headers = {
    ...req.headers,
    'x-forwarded-proto': 'https',
    'x-forwarded-for': req.socket.remoteAddress,
  }
  const onward = request(url, { method: req.method, headers }, (answer) => {
    res.writeHead(answer.statusCode, answer.rawHeaders)
    answer.pipe(res)
  })
  onward.on('error', () => (res.headersSent ? res.destroy() : res.writeHead(502).end()))
  req.pipe(onward)
}
