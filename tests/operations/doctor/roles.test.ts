// Whoever asks: what they may not see is unknown, and nothing is amiss because of who they are.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AclRole, aclRulesFor } from '../../../src/operations/acl/acl.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { look } from './found.ts'

const PASSWORD = 'password'
/** Of this release, and of a machine that is busy with other tests. */
const OF_HERE = new Set(['ver.cve', 'lat.rtt', 'lat.slow'])

let server: RedisServer
beforeAll(async () => {
  const args = ['--appendonly', 'yes', '--maxmemory', '100mb', '--maxmemory-policy', 'volatile-ttl']
  server = await startRedis({ args, password: PASSWORD })
  const redis = { socket: server.socketPath, password: PASSWORD }
  for (const role of ['app', 'ops', 'operator'] satisfies AclRole[]) {
    const features = role === 'app' ? (['audit', 'report'] as const) : []
    const options = { role, user: role, prefix: 'sj', features, database: 0 }
    await server.cli('ACL', 'SETUSER', ...(await aclRulesFor(redis, options)))
  }
  const read = ['-@all', '+@read', '+@connection', '+info', '+time', '+role']
  const common = ['on', `>${PASSWORD}`, '~*', '&*']
  await server.cli('ACL', 'SETUSER', 'reader', ...common, ...read)
  await server.cli('ACL', 'SETUSER', 'admin', ...common, '+@all')
})
afterAll(() => server.stop())

const as = (username: string, user?: string) =>
  look(
    { socket: server.socketPath, username, password: PASSWORD },
    { user, readFile: () => undefined },
  )

/** `rule severity`, but of this release, and that one server is alone. */
async function told(username: string, user?: string): Promise<string[]> {
  const { results } = await as(username, user)
  return results.flatMap(({ id, findings }) =>
    OF_HERE.has(id) || id === 'repl.count'
      ? []
      : findings.map(({ severity }) => `${id} ${severity}`),
  )
}

describe.each(['ops', 'operator', 'admin'])('as %s', (role) => {
  it('finds nothing that is not so', async () => {
    // Whoever else may have been refused.
    await server.cli('ACL', 'LOG', 'RESET')
    expect(await told(role, 'app')).toEqual([])
    expect(await server.cli('ACL', 'LOG')).toBe('')
  })

  it('does not take itself for the application', async () => {
    expect(await told(role)).toEqual(role === 'admin' ? [] : ['sec.acl unknown'])
  })
})

describe.each(['reader', 'app'])('as %s, who may not see all', (role) => {
  it('finds nothing, and calls unknown what it does not see', async () => {
    const seen = await told(role)
    expect(seen.length).toBeGreaterThan(3)
    expect(seen.filter((line) => !line.endsWith(' unknown'))).toEqual([])
  })

  it('is no refusal that somebody else is told of', async () => {
    await server.cli('ACL', 'LOG', 'RESET')
    await as(role)
    expect(await server.cli('ACL', 'LOG')).not.toBe('')
    expect(await told('ops', 'app')).toEqual([])
  })
})
