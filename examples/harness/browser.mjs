/** A cookie jar that goes from node to node. Not by `fetch`, which says of itself that it is no browser. */
import { once } from 'node:events'
import { request } from 'node:http'

export const COOKIE = '__Host-session'

/**
 * @typedef {{ method?: string, headers?: Record<string, string>, body?: string }} Options
 * @typedef {{ status: number, headers: import('node:http').IncomingHttpHeaders, cookies: string[], text: string }} Answer
 */

export class Browser {
  /** @type {Map<string, string>} */
  jar = new Map()

  get token() {
    return this.jar.get(COOKIE)
  }

  /** @returns {Promise<Answer>} */
  async get(
    /** @type {string} */ url,
    /** @type {Options} */ { method = 'GET', headers, body } = {},
  ) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const { host } = new URL(url)
    // As by a proxy that ends TLS.
    const own = {
      'x-forwarded-proto': 'https',
      origin: `https://${host}`,
      ...(cookie && { cookie }),
    }
    const answer = await send(url, { method, headers: { ...own, ...headers } }, body)
    for (const each of answer.cookies) {
      const [pair = '', ...attributes] = each.split(/; */)
      const at = pair.indexOf('=')
      const isGone = attributes.some((attribute) => attribute.toLowerCase() === 'max-age=0')
      if (isGone) this.jar.delete(pair.slice(0, at))
      else this.jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return answer
  }

  /** A JSON answer. */
  async json(/** @type {string} */ url) {
    return JSON.parse((await this.get(url)).text)
  }

  post(/** @type {string} */ url, /** @type {Record<string, string>} */ headers = {}, body = '') {
    return this.get(url, { method: 'POST', headers, body })
  }

  /** As an HTML form sends it. */
  submit(/** @type {string} */ url, /** @type {Record<string, string>} */ fields = {}) {
    const type = { 'content-type': 'application/x-www-form-urlencoded', accept: 'text/html' }
    return this.post(url, type, new URLSearchParams(fields).toString())
  }
}

/** @returns {Promise<Answer>} */
async function send(
  /** @type {string} */ url,
  /** @type {import('node:http').RequestOptions} */ options,
  /** @type {string | undefined} */ body,
) {
  const outgoing = request(url, options)
  outgoing.end(body)
  /** @type {import('node:http').IncomingMessage[]} */
  const [incoming] = await once(outgoing, 'response')
  if (incoming === undefined) throw new Error('no response')
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  const { headers, statusCode = 0 } = incoming
  const text = Buffer.concat(chunks).toString()
  return { status: statusCode, headers, cookies: headers['set-cookie'] ?? [], text }
}
