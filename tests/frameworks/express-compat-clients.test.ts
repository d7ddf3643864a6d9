/** Unmodified libraries on compat, on Redis. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { clientCases } from './express-compat/clients.ts'
import { versions } from './express-compat/versions.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe.each(versions)('$name', (version) => {
  clientCases(version, () => server.url)
})
