import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { socketCases } from './sockets/cases.ts'
import { socketIoCases } from './sockets/socket.io-cases.ts'
import { socketIoDriver } from './sockets/socket.io-driver.ts'

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)
let server: RedisServer
beforeAll(async () => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  server = await startRedis()
})
afterAll(async () => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
  await server.stop()
})

describe('sojourn/socket.io', () => {
  socketIoCases()
  const engine = () => redisEngine({ redis: server.url })
  socketCases(socketIoDriver('polling'), engine)
  socketCases(socketIoDriver('websocket'), engine)
})

it('in all that, no error was left unhandled', () => {
  expect(unhandled).toEqual([])
})
