/** A server that forgets: who has read what, or the sessions themselves. Both go on while it carries out our commands. */
import { randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import type { SessionId } from '../../../src/core/engine.ts'
import { until } from '../../support/requests.ts'
import { newId, record } from './fixtures.ts'
import { open, start } from './harness.ts'

it('I4 with more sessions than the server keeps track of, none outlives its revocation', async () => {
  const server = await start({ args: ['--tracking-table-max-keys', '100'] })
  const [here, there] = [open(server.url), open(server.url, { nearCache: false })]
  await Promise.all([here.ready(), there.ready()])
  await until('it is on', () => here.nearCache.age !== undefined)
  const ids = Array.from({ length: 600 }, () => newId())
  const told = new Set<SessionId>()
  for (const [i, id] of ids.entries()) {
    // Half of them are this node's own, half are read by it.
    await (i % 2 === 0 ? here : there).create(id, record(i), 600_000)
    await here.load(id)
    here.watch(id, () => told.add(id))
  }
  expect(here.nearCache.entries).toBeLessThanOrEqual(101)
  expect(here.nearCache.entries).toBeGreaterThan(50)
  for (const id of ids) await there.destroy(id)
  await until('all have gone', () =>
    ids.every((id) => here.peek(id, here.now()) === undefined && told.has(id)),
  )
  expect(here.nearCache.state).toBe('on')
})

it.each(['volatile-ttl', 'allkeys-lru'])(
  'I4 what a full server has evicted (%s), for whomever, is served by nobody',
  async (policy) => {
    const server = await start({ args: ['--maxmemory', '4mb', '--maxmemory-policy', policy] })
    const here = open(server.url, { commandTimeout: 5_000 })
    await here.ready()
    await until('it is on', () => here.nearCache.age !== undefined)
    const ids: SessionId[] = []
    for (let i = 0; i < 4_000; i++) {
      const id = newId()
      ids.push(id)
      await here.create(id, Buffer.concat([record(i), randomBytes(600)]), 600_000)
    }
    const stored = new Set((await server.cli('KEYS', '*')).split('\n').map((key) => key.slice(-22)))
    expect(stored.size).toBeLessThan(3_500)
    const ghosts = (): SessionId[] =>
      ids.filter((id) => here.peek(id, here.now()) !== undefined && !stored.has(id.slice(-22)))
    // What the listing itself has evicted may be on its way.
    await until('what has gone is not served', () => ghosts().length === 0)
    expect(here.nearCache.entries).toBeGreaterThan(stored.size / 2)
  },
)
