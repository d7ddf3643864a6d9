/** A browser for tests: raw HTTP over one kept-alive connection, and a cookie jar. */
import { Agent, type IncomingMessage, request as send } from 'node:http'
import { connect } from 'node:net'

export interface Answer {
  readonly status: number
  readonly message: string
  /** The last value of each, `set-cookie` joined by a line break. */
  readonly headers: Readonly<Record<string, string>>
  /** All lines as they came, `Name: value`. */
  readonly lines: readonly string[]
  readonly cookies: readonly string[]
  readonly text: string
  readonly bytes: Buffer
  /** What `look` gave when the headers were here, and nothing of the body had been read. */
  readonly seen: unknown
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Sent instead of the jar's cookies. */
  readonly cookie?: string
  /** Ends the request when it fires. */
  readonly signal?: AbortSignal
}

export class Browser {
  readonly jar: Map<string, string> = new Map()
  readonly #port: number
  readonly #look: (browser: Browser) => unknown
  readonly #agent = new Agent({ keepAlive: true })

  /** @param look runs when the headers of an answer have come */
  constructor(port: number, look: (browser: Browser) => unknown = () => undefined) {
    this.#port = port
    this.#look = look
  }

  /** The session's token, under whichever name the cookie has. */
  get token(): string | undefined {
    return this.jar.get('session') ?? this.jar.get('__Host-session')
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  get(path: string, options: RequestOptions = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const cookie = options.cookie ?? this.cookie
      const headers = { ...(cookie === '' ? {} : { cookie }), ...options.headers }
      const { method = 'GET', signal } = options
      const outgoing = send({
        ...{ host: '127.0.0.1', port: this.#port, agent: this.#agent, path, method, headers },
        ...(signal === undefined ? {} : { signal }),
      })
      outgoing.on('error', reject)
      outgoing.on('response', (incoming) => {
        this.#keep(incoming.headers['set-cookie'] ?? [])
        // Begun now: what it finds is what was stored when the headers were here.
        const looking = Promise.resolve(this.#look(this))
        read(incoming, looking).then(resolve, reject)
      })
      outgoing.end(options.body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [pair = '', ...attributes] = cookie.split('; ')
      const equals = pair.indexOf('=')
      const name = pair.slice(0, equals)
      if (attributes.includes('Max-Age=0')) this.jar.delete(name)
      else this.jar.set(name, pair.slice(equals + 1))
    }
  }
}

async function read(incoming: IncomingMessage, looking: Promise<unknown>): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const bytes = Buffer.concat(chunks)
  const lines: string[] = []
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`)
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join('\n') : (value ?? ''),
  ])
  return {
    status: incoming.statusCode ?? 0,
    message: incoming.statusMessage ?? '',
    headers: Object.fromEntries(headers) as Record<string, string>,
    lines,
    cookies: incoming.headers['set-cookie'] ?? [],
    text: bytes.toString(),
    bytes,
    seen: await looking,
  }
}

/** Writes `text` to a connection of its own and gives all that comes back until it is closed. */
export function exchangeBytes(port: number, text: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
  })
}
