import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { About } from '../../../src/operations/console/api.ts'
import { createConsole, type SessionConsole } from '../../../src/operations/console/console.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET } from '../../support/requests.ts'

let server: RedisServer
let console: SessionConsole
let csrf: string

beforeAll(async () => {
  server = await startRedis()
  console = createConsole({
    ...{ redis: server.url, secrets: SECRET, basePath: '/x', values: true },
    authorize: () => ({ name: 'grace', access: 'write', values: true }),
  })
  const about = await console.fetch(new Request('http://localhost/x/api/about'))
  ;({ csrf } = (await about.json()) as About)
})
afterAll(async () => {
  await console.close()
  await server.stop()
})

const ID = '000000000000000000000000A'
const names = ['name', 'cursor', 'from', 'after', 'signedIn', 'idleFor', 'largerThan', 'values']
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom('', '0', '-1', '1e999', '../..', '%00', '__proto__', ID, '999999999999999-9'),
)
/** What browsers and strangers may ask: refused with a reason, never by a failure of ours. */
const KNOWN = new Set([200, 307, 400, 403, 404, 405, 409, 503])

const routes = ['principals', 'sessions', 'events', 'audit', 'doctor', 'history', `sessions/${ID}`]

it('whatever is asked for is answered, or refused with a reason', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constantFrom(...routes), text),
      fc.array(fc.tuple(fc.constantFrom(...names), text), { maxLength: 4 }),
      fc.constantFrom('/x/api/', '/x/', '/'),
      async (path, params, base) => {
        const query = new URLSearchParams(params).toString()
        const url = `http://localhost${base}${encodeURI(path)}?${query}`
        const { status } = await console.fetch(new Request(url))
        expect([url, KNOWN.has(status)]).toEqual([url, true])
      },
    ),
    { numRuns: 400 },
  )
})

it('whatever is to be ended is understood, or refused with a reason', async () => {
  const part = fc.oneof(text, fc.integer(), fc.constant(null), fc.boolean(), fc.array(text))
  const target = fc.record(
    { ids: fc.oneof(fc.array(text), part), principal: part, except: part },
    { requiredKeys: [] },
  )
  const body = fc.record(
    { target: fc.oneof(target, part), reason: part, count: part, dry: part },
    { requiredKeys: [] },
  )
  await fc.assert(
    fc.asyncProperty(fc.oneof(body, fc.json(), text), async (given) => {
      const answer = await console.fetch(
        new Request('http://localhost/x/api/revoke', {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-sojourn-console': csrf },
          body: typeof given === 'string' ? given : JSON.stringify(given),
        }),
      )
      expect([given, KNOWN.has(answer.status)]).toEqual([given, true])
    }),
    { numRuns: 400 },
  )
})
