import { Agent, request } from 'node:http'

const DEADLINE = 20_000

/** One browser: a cookie jar that takes Set-Cookie in the order in which answers arrive. */
export class Browser {
  #agent
  #jar = new Map()

  constructor(agent) {
    this.#agent = agent
  }

  /** The Cookie header that it would send now. */
  get cookies() {
    return [...this.#jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  /** @throws Error for every answer but 200 */
  async send(port, method, path, cookies = this.cookies) {
    const answer = await send(this.#agent, port, method, path, cookies)
    for (const line of answer.setCookie) this.#take(line)
    return answer.body
  }

  #take(line) {
    const [pair, ...attributes] = line.split(';').map((part) => part.trim())
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    const ended = attributes.some((text) => {
      const [key, value] = text.toLowerCase().split('=')
      if (key === 'max-age') return Number(value) <= 0
      return key === 'expires' && Date.parse(value) <= Date.now()
    })
    if (ended) this.#jar.delete(name)
    else this.#jar.set(name, pair.slice(equals + 1))
  }
}

/** Keep-alive. A race never has more than two requests under way at one node. */
export function createAgent(concurrency) {
  return new Agent({ keepAlive: true, maxFreeSockets: concurrency * 2 })
}

function send(agent, port, method, path, cookies) {
  return new Promise((resolve, reject) => {
    const headers = cookies === '' ? {} : { cookie: cookies }
    const sent = request({ agent, host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        if (response.statusCode !== 200) {
          return reject(new Error(`${method} ${path} was answered ${response.statusCode}: ${text}`))
        }
        resolve({ body: JSON.parse(text), setCookie: response.headers['set-cookie'] ?? [] })
      })
    })
    sent.setTimeout(DEADLINE, () => sent.destroy(new Error(`${method} ${path}: no answer`)))
    sent.on('error', reject)
    sent.end()
  })
}
