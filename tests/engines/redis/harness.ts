/** Servers and engines that end with the test, and what outage tests measure. */
import { connect, createServer, type Server } from 'node:net'
import { afterEach } from 'vitest'
import {
  type RedisEngine,
  type RedisEngineOptions,
  redisEngine,
} from '../../../src/engines/redis/redis-engine.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../../support/redis-server.ts'
import { failure, newId } from './fixtures.ts'

const ended: Array<() => Promise<void>> = []
afterEach(async () => {
  for (const end of ended.splice(0).toReversed()) await end()
})

export async function start(options?: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedis(options)
  ended.push(() => server.stop())
  return server
}

export function open(
  redis: RedisEngineOptions['redis'],
  rest: Partial<RedisEngineOptions> = {},
): RedisEngine {
  const engine = redisEngine({ redis, ...rest })
  ended.push(() => engine.close())
  return engine
}

/** Milliseconds until a load succeeds. Throws after 5 s: the bound of I8. */
export async function recovered(engine: RedisEngine): Promise<number> {
  const from = performance.now()
  for (;;) {
    const ok = await engine.load(newId()).then(
      () => true,
      () => false,
    )
    const took = performance.now() - from
    if (ok) return took
    if (took > 5_000) throw new Error('not back after 5 s')
  }
}
export async function timed(promise: Promise<unknown>): Promise<{ error: Error; took: number }> {
  const from = performance.now()
  const error = await failure(promise)
  return { error, took: performance.now() - from }
}

export async function listen(server: Server): Promise<{ port: number }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ended.push(async () => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { port: address.port }
}

/** Between a TCP port and the server's socket. `pause`: before each chunk of answers, ms. */
export async function proxy(
  socketPath: string,
  options: { readonly pause?: number; readonly change?: (answer: Buffer) => Buffer },
): Promise<{ port: number; connections: () => number }> {
  const { pause = 0, change = (answer: Buffer): Buffer => answer } = options
  let count = 0
  const { port } = await listen(
    createServer((socket) => {
      count++
      const upstream = connect(socketPath)
      let turn = Promise.resolve()
      socket.on('data', (chunk) => upstream.write(chunk))
      upstream.on('data', (chunk) => {
        turn = turn.then(async () => {
          if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
          socket.write(change(chunk))
        })
      })
      for (const [one, other] of [
        [socket, upstream],
        [upstream, socket],
      ] as const) {
        one.on('error', () => other.destroy())
        one.on('close', () => other.destroy())
      }
    }),
  )
  return { port, connections: () => count }
}
