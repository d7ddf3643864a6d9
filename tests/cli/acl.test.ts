import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aclRules, aclRulesFor } from '../../src/operations/acl/acl.ts'
import { PERMISSIONS } from '../../src/operations/acl/permissions.ts'
import { examine } from '../../src/operations/doctor/examine.ts'
import { runCli } from '../support/cli.ts'
import { startCluster } from '../support/cluster.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

const PASSWORD = 'password'
let server: RedisServer

beforeAll(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes', '--maxmemory', '100mb'] })
})

afterAll(() => server.stop())

const common = { user: 'app', prefix: 'sj', database: 0 } as const

describe('sojourn acl', () => {
  it('prints the line of docs/redis.md, with which the conformance suite runs', async () => {
    const docs = readFileSync(new URL('../../docs/redis.md', import.meta.url), 'utf8')
    const { stdout, code } = await runCli(['acl', '--for', 'audit', 'scan', 'notify'])
    expect(code).toBe(0)
    const [, password = ''] = / >(\S+)/.exec(stdout) ?? []
    expect(docs).toContain(stdout.replace(password, 'password'))
    // One that works as it is pasted is nobody's who has read the docs.
    expect(password).toMatch(/^[\w-]{32}$/)
    expect((await runCli(['acl'])).stdout).not.toContain(password)
  })

  it('leaves out what is not used', () => {
    const rules = aclRules({ ...common, role: 'app', features: [] })
    expect(rules.join(' ')).not.toMatch(/xadd|\+scan|subscribe|&__key|wait/)
    expect(rules).toContain('~sj:*')
    expect(aclRules({ ...common, role: 'app', features: ['notify'], database: 3 })).toContain(
      '&__keyevent@3__:expired',
    )
  })

  it('asks the server what it knows, and every server takes the line', async () => {
    const features = PERMISSIONS.flatMap((permission) => permission.features).filter(
      (each) => each !== 'ops',
    )
    const rules = await aclRulesFor(server.url, { ...common, role: 'app', features })
    await server.cli('ACL', 'SETUSER', ...rules)
    const known = await server.cli('COMMAND', 'INFO', 'waitaof')
    expect(rules.includes('+waitaof')).toBe(known !== '')
    expect(await server.cli('ACL', 'DRYRUN', 'app', 'FLUSHALL')).toContain('no permissions')
    expect(await server.cli('ACL', 'DRYRUN', 'app', 'CLIENT', 'KILL', 'ID', '1')).toContain(
      'no permissions',
    )
    expect(await server.cli('ACL', 'DRYRUN', 'app', 'GET', 'other')).toContain('no permissions')
  })

  it('makes another user for each role, and takes no former password along', async () => {
    const users = []
    for (const role of ['app', 'ops', 'operator']) {
      const { stdout, stderr } = await runCli(['acl', '--role', role])
      expect(stderr).toContain('ACL SAVE')
      users.push(stdout.split(' ')[2])
    }
    expect(users).toEqual(['app', 'ops', 'operator'])
    await server.cli('ACL', 'SETUSER', 'former', 'on', '>former')
    await server.cli(
      'ACL',
      'SETUSER',
      ...aclRules({ ...common, user: 'former', role: 'app', features: [] }),
    )
    await expect(server.cli('AUTH', 'former', 'former')).rejects.toThrow('WRONGPASS')
  })

  it('leaves nothing of a user of that name: what a selector allowed is refused', async () => {
    for (const role of ['app', 'ops', 'operator'] as const) {
      const rules = aclRules({ ...common, user: 'wide', role, features: [] })
      await server.cli('ACL', 'SETUSER', 'wide', ...['on', 'nopass', '&*', '(+@all ~*)'])
      expect(await server.cli('ACL', 'DRYRUN', 'wide', 'FLUSHALL')).toBe('OK')
      await server.cli('ACL', 'SETUSER', ...rules)
      expect(await server.cli('ACL', 'DRYRUN', 'wide', 'FLUSHALL')).toContain('no permissions')
      await server.cli('ACL', 'SETUSER', 'new', ...rules.slice(1))
      const [wide, fresh] = await Promise.all(
        ['wide', 'new'].map((name) => server.cli('ACL', 'GETUSER', name)),
      )
      expect(wide).toBe(fresh)
      await server.cli('ACL', 'DELUSER', 'wide', 'new')
    }
  })

  it('does not cut the rights of the user default, and says what to do instead', async () => {
    for (const args of [
      ['--user', 'default'],
      ['--user', 'default', '--file'],
      ['--role', 'ops', '--user', 'default'],
    ]) {
      const { code, stdout, stderr } = await runCli(['acl', ...args])
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/`--user`: takes another name than default.*append-only file/)
      expect(stderr).toContain('ACL SETUSER default off')
    }
  })

  it('adds what a Cluster needs', async () => {
    const cluster = await startCluster({ masters: 1 })
    const rules = await aclRulesFor(
      { cluster: cluster.addresses },
      { ...common, role: 'app', features: [] },
    )
    await cluster.stop()
    expect(rules).toEqual(expect.arrayContaining(['+cluster|slots', '+asking']))
  })

  it('makes a user for doctor, who sees everything and changes nothing', async () => {
    await server.cli(
      'ACL',
      'SETUSER',
      ...(await aclRulesFor(server.url, { ...common, role: 'ops', user: 'oncall', features: [] })),
    )
    const app = await aclRulesFor(server.url, { ...common, role: 'app', features: [] })
    await server.cli('ACL', 'SETUSER', ...app)
    await server.cli('ACL', 'LOG', 'RESET')
    const look = (user?: string) =>
      examine(
        { socket: server.socketPath, username: 'oncall', password: PASSWORD },
        { prefix: 'sj', expiry: 'off', durable: false, window: 100, commandTimeout: 5_000, user },
      )
    const { counts, results } = await look('app')
    expect(counts.unknown).toBe(0)
    expect(results.find(({ id }) => id === 'sec.acl')?.findings).toEqual([])
    const { results: own } = await look()
    expect(own.find(({ id }) => id === 'sec.acl')?.findings).toMatchObject([
      { severity: 'unknown' },
    ])
    await server.cli('ACL', 'SETUSER', 'app', '-evalsha')
    const { results: lacking } = await look('app')
    expect(lacking.find(({ id }) => id === 'sec.acl')?.findings).toMatchObject([
      { severity: 'error' },
    ])
    expect(await server.cli('ACL', 'LOG')).toBe('')
    for (const [command, ...args] of [
      ['SET', 'sj:x', 'y'],
      ['CONFIG', 'SET', 'timeout', '1'],
      ['DEL', 'sj:x'],
    ]) {
      expect(await server.cli('ACL', 'DRYRUN', 'oncall', String(command), ...args)).toContain(
        'no permissions',
      )
    }
  })

  it('refuses what is no name, no prefix and no feature', async () => {
    for (const args of [
      ['--user', 'a b'],
      ['--prefix', 'a b'],
      ['--for', 'everything'],
      ['--database', '-1'],
    ]) {
      expect(await runCli(['acl', ...args])).toMatchObject({ code: 2, stdout: '' })
    }
  })
})
