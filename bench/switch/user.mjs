import { Agent, request } from 'node:http'

/** By port. */
const agents = new Map()

export function closeConnections(port) {
  agents.get(port)?.destroy()
}

function agentOf(port) {
  if (!agents.has(port)) agents.set(port, new Agent({ keepAlive: true }))
  return agents.get(port)
}

/** Cookies, as a browser keeps them for one host. */
class Jar {
  constructor(cookies = new Map()) {
    this.cookies = cookies
  }

  copy() {
    return new Jar(new Map(this.cookies))
  }

  get(port, path) {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = cookie === '' ? {} : { cookie }
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, agent: agentOf(port), headers }
      const outgoing = request(options, (incoming) => {
        for (const line of incoming.headers['set-cookie'] ?? []) this.#keep(line)
        let text = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (chunk) => {
          text += chunk
        })
        incoming.on('end', () => {
          if (incoming.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`${path}: ${incoming.statusCode}`))
        })
        incoming.on('error', reject)
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  }

  #keep(line) {
    const [pair, ...attributes] = line.split('; ')
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    if (attributes.includes('Max-Age=0')) this.cookies.delete(name)
    else this.cookies.set(name, pair.slice(equals + 1))
  }
}

/** Knows what has been done, and notices when the application does not. */
export class User {
  #jar = new Jar()
  #name
  #seen
  #isIn = false
  #count = 0
  /** Cookies of a session that has been signed out, and may be tried later. */
  #over

  /** @param seen `requests`, `logins`, `logouts`, `signedOut`, `lost`, `resurrected`, `failed`: counts */
  constructor(name, seen) {
    this.#name = name
    this.#seen = seen
  }

  async step(port) {
    try {
      await this.#step(port, Math.random())
    } catch (error) {
      if (this.#seen.failed++ === 0) console.error(`switch: the first failure: ${error.message}`)
    }
  }

  async #step(port, random) {
    if (!this.#isIn) {
      await this.#get(port, `/login/${this.#name}`)
      this.#isIn = true
      this.#seen.logins++
    } else if (random < 0.05) {
      const over = this.#jar.copy()
      await this.#get(port, '/logout')
      this.#isIn = false
      this.#count = 0
      this.#over = over
      this.#seen.logouts++
    } else if (random < 0.1 && this.#over !== undefined) {
      this.#seen.requests++
      const { user } = await this.#over.copy().get(port, '/me')
      if (user !== undefined) this.#seen.resurrected++
    } else if (random < 0.6) {
      const { count } = await this.#get(port, '/count')
      this.#count++
      this.#compare(count)
    } else {
      // As a page does that has just been opened.
      await Promise.all([1, 2, 3].map(() => this.#look(port)))
    }
  }

  async #look(port) {
    const { user, count } = await this.#get(port, '/me')
    if (user !== this.#name) this.#seen.signedOut++
    else this.#compare(count ?? 0)
  }

  #compare(count) {
    if (count === this.#count) return
    this.#seen.lost++
    this.#count = count
  }

  #get(port, path) {
    this.#seen.requests++
    return this.#jar.get(port, path)
  }
}
