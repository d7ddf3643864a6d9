import { afterEach, describe, expect, it } from 'vitest'
import { StoreRefusedError } from '../../../src/core/errors.ts'
import type { Sessions } from '../../../src/core/sessions.ts'
import { type CreateSessionsOptions, createSessions } from '../../../src/create-sessions.ts'
import { aclRules, aclRulesFor } from '../../../src/operations/acl/acl.ts'
import { startCluster } from '../../support/cluster.ts'
import { SECRET } from '../../support/requests.ts'
import { failure } from './fixtures.ts'
import { start } from './harness.ts'

const APP = { role: 'app', user: 'app', prefix: 'sj', features: ['audit'], database: 0 } as const
const WITHOUT = 'not permitted'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

function open(redis: CreateSessionsOptions<object>['redis'], audit: boolean): Sessions<object> {
  const sessions = createSessions<object>({ redis, secrets: [SECRET], audit, commandTimeout: '2s' })
  ends.push(() => sessions.close())
  return sessions
}

/** What `ready` does for a user of the printed rule, changed. */
async function readyWith(
  change: (rule: string) => string,
  { audit = true, args = [] as string[] } = {},
): Promise<{ error: Error | undefined; keys: string }> {
  const server = await start()
  await server.cli(
    'ACL',
    'SETUSER',
    ...aclRules(APP)
      .map(change)
      .filter((rule) => rule !== WITHOUT),
  )
  if (args.length > 0) await server.cli('CONFIG', 'SET', ...args)
  const redis = { socket: server.socketPath, username: 'app', password: 'password' }
  const error = await open(redis, audit)
    .ready()
    .then(
      () => undefined,
      (problem: Error) => problem,
    )
  return { error, keys: await server.cli('KEYS', '*:a*') }
}

const without = (right: string) => (rule: string) => (rule === right ? WITHOUT : rule)

describe('an audit that cannot be written', () => {
  it.each(['+xadd', '+xtrim'])(
    'for want of %s is told of by ready, with the rule',
    async (right) => {
      const { error, keys } = await readyWith(without(right))
      expect(error).toBeInstanceOf(StoreRefusedError)
      expect(error).toMatchObject({ reason: 'NOPERM' })
      expect(error?.message).toContain('`+xadd +xtrim` on the keys `~sj:*`')
      expect(error?.message).toContain('sojourn acl --for audit')
      expect(keys).toBe('')
    },
  )

  it('for want of its keys is told of too', async () => {
    // Sessions, lists of them, and nothing else.
    const { error } = await readyWith((rule) => (rule === '~sj:*' ? '~sj:*:[^a]*' : rule))
    expect(error).toMatchObject({ reason: 'NOPERM', message: expect.stringContaining('~sj:*') })
  })

  it('is found by a full server as well, which says so otherwise', async () => {
    const args = ['maxmemory', '1', 'maxmemory-policy', 'noeviction']
    expect((await readyWith((rule) => rule, { args })).error).toBeUndefined()
    for (const right of ['+xadd', '+xtrim']) {
      expect((await readyWith(without(right), { args })).error).toMatchObject({ reason: 'NOPERM' })
    }
  })

  it('matters to nobody who keeps none', async () => {
    expect((await readyWith(without('+xadd'), { audit: false })).error).toBeUndefined()
  })

  it('and one that can be written stays without an entry of that', async () => {
    const { error, keys } = await readyWith((rule) => rule)
    expect(error).toBeUndefined()
    expect(keys).toBe('')
  })

  it('is looked for where it is kept: a replica is no primary, of a Cluster it is one master', async () => {
    const primary = await start({ tcp: true })
    const { port } = new URL(primary.url)
    const replica = await start({ args: ['--replicaof', '127.0.0.1', port] })
    const sessions = open({ socket: replica.socketPath }, true)
    expect(await failure(sessions.ready('300ms'))).toMatchObject({ reason: 'READONLY' })

    const cluster = await startCluster({ masters: 2 })
    ends.push(() => cluster.stop())
    const at = { cluster: [...cluster.addresses] }
    const rules = await aclRulesFor({ ...at, ...cluster.nodes[0]?.admin }, APP)
    const access = { ...at, username: 'app', password: 'password' }
    for (const node of cluster.nodes) {
      await node.cli('ACL', 'SETUSER', ...rules.map(without('+xadd')).filter((r) => r !== WITHOUT))
    }
    expect(await failure(open(access, true).ready())).toMatchObject({ reason: 'NOPERM' })
    for (const node of cluster.nodes) await node.cli('ACL', 'SETUSER', 'app', '+xadd')
    await open(access, true).ready()
  })
})
