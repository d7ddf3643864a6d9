/** Stands between clients and a server, and does to their bytes what networks do. */
import { connect, createServer, type Socket } from 'node:net'

export interface Proxy {
  /** `redis://127.0.0.1:…` */
  readonly url: string
  /** Connections that clients have made so far. */
  readonly connections: number
  /** Chunks that came from clients so far: a client's write is one, or more, never less. */
  readonly questions: number
  /** Answers come no further, in order, until `release`. The server's side is still read. */
  hold(): void
  /** Chunks of answers that are held. */
  readonly held: number
  /** The first `count` held chunks go on. All of them, if not given: in one write, and nothing more is held. */
  release(count?: number): void
  /** Answers are thrown away from now on, and no connection is closed. What is held goes too. */
  cut(): void
  /** Ends the connections that were cut; later ones are whole. */
  heal(): void
  /** Each chunk of answers waits so long, in order. Milliseconds. */
  delay(ms: number): void
  /** Answers go out in pieces of so many bytes. */
  pieces(size: number): void
  /** What the server says is changed on its way; as it is again without `change`. It must stay as long as it was. */
  answers(change?: (text: string) => string): void
  /** The server's half of each connection ends; what clients send is still taken. */
  halfClose(): void
  /** TCP resets on both sides of each connection. */
  reset(): void
  stop(): Promise<void>
}

interface Pair {
  readonly client: Socket
  /** Answers that are not sent on yet, in order, each with its pause. */
  readonly queue: Array<{
    readonly chunk: Buffer
    readonly pause: number
    /** Goes out although answers are held, once what came before it has. */
    readonly isReleased?: true
  }>
  readonly upstream: Socket
  isPumping: boolean
}

export async function startProxy(socketPath: string): Promise<Proxy> {
  const pairs = new Set<Pair>()
  let [connections, questions, delay, size] = [0, 0, 0, 0]
  let isHolding = false
  let isCut = false
  let changed: ((text: string) => string) | undefined

  const send = ({ client }: Pair, chunk: Buffer): void => {
    if (!isCut && !client.destroyed && !client.writableEnded) client.write(chunk)
  }
  const answer = (pair: Pair, chunk: Buffer): void => {
    const isPlain = !isHolding && delay === 0 && size === 0
    if (isPlain && !pair.isPumping && pair.queue.length === 0) return send(pair, chunk)
    pair.queue.push({ chunk, pause: delay })
    void pump(pair)
  }
  // One at a time: nothing overtakes.
  const pump = async (pair: Pair): Promise<void> => {
    if (pair.isPumping) return
    pair.isPumping = true
    for (;;) {
      const isHeld = isHolding && pair.queue[0]?.isReleased !== true
      const next = isHeld ? undefined : pair.queue.shift()
      if (next === undefined) break
      if (next.pause > 0) await new Promise((resolve) => setTimeout(resolve, next.pause))
      const step = size === 0 ? next.chunk.length : size
      for (let at = 0; at < next.chunk.length; at += step) {
        send(pair, next.chunk.subarray(at, at + step))
        // A turn of the event loop between two of them, or the kernel puts them together again.
        if (step < next.chunk.length) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    pair.isPumping = false
  }
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    connections++
    const upstream = connect({ path: socketPath, allowHalfOpen: true })
    const pair: Pair = { client, upstream, queue: [], isPumping: false }
    pairs.add(pair)
    client.on('data', (chunk) => {
      questions++
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      const text = changed?.(chunk.toString('latin1'))
      answer(pair, text === undefined ? chunk : Buffer.from(text, 'latin1'))
    })
    const end = (): void => {
      client.destroy()
      upstream.destroy()
      pairs.delete(pair)
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.on('end', () => upstream.end())
    upstream.on('end', () => client.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')

  return {
    url: `redis://127.0.0.1:${address.port}`,
    get connections() {
      return connections
    },
    get questions() {
      return questions
    },
    hold() {
      isHolding = true
    },
    get held() {
      let count = 0
      for (const pair of pairs) count += pair.queue.length
      return count
    },
    release(count) {
      if (count === undefined) isHolding = false
      for (const pair of pairs) {
        const chunks = pair.queue.splice(0, count ?? pair.queue.length).map(({ chunk }) => chunk)
        if (chunks.length === 0) continue
        const chunk = Buffer.concat(chunks)
        // An answer that is still on its way must not be overtaken: no network does that.
        if (pair.isPumping) pair.queue.unshift({ chunk, pause: 0, isReleased: true })
        else send(pair, chunk)
      }
    },
    cut() {
      isCut = true
      for (const pair of pairs) pair.queue.length = 0
    },
    heal() {
      for (const { client } of pairs) client.destroy()
      isCut = false
      isHolding = false
    },
    delay(ms) {
      delay = ms
    },
    pieces(bytes) {
      size = bytes
    },
    answers(change) {
      changed = change
    },
    halfClose() {
      for (const { client } of pairs) client.end()
    },
    reset() {
      for (const { client, upstream } of pairs) {
        client.resetAndDestroy()
        upstream.destroy()
      }
    },
    async stop() {
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
