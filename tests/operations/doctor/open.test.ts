// A server that lets everybody in is closed by doctor's remedy, word for word, and whoever is on call can still get in.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/create-sessions.ts'
import { runCli } from '../../support/cli.ts'
import {
  type RedisServer,
  seenByServer,
  serverFolder,
  startRedis,
} from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { MASTER_NAME, startSentinels } from '../../support/sentinels.ts'
import { until } from '../../support/until.ts'
import { found } from './found.ts'

const PASSWORD = 'Canary77'
const PASSWORDS = {
  ...{ ADMIN_PASSWORD: PASSWORD, REPLICA_PASSWORD: 'Canary78', FAILOVER_PASSWORD: 'Canary79' },
  SENTINEL_PASSWORD: PASSWORD,
}

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(config?: string): Promise<RedisServer> {
  const server = await startRedis(config === undefined ? {} : { config })
  ends.push(() => server.stop())
  return server
}

/** What a remedy puts between backticks, in a shell that has these passwords. */
function type(command: string): string {
  return execFileSync('sh', ['-c', command], {
    // Who asks for none does not read it.
    input: command.includes('--askpass') ? `${PASSWORD}\n` : '',
    env: { PATH: process.env['PATH'], ...PASSWORDS },
    encoding: 'utf8',
  }).trim()
}

const commandsIn = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, command]) => String(command)))

async function close(server: RedisServer): Promise<void> {
  const [finding] = await found('sec.open', server.url)
  const asked = commandsIn(finding?.fix ?? [])
  const typed = asked.filter((command) => command.startsWith('redis-cli '))
  expect(typed.map((command) => / (?:ACL|CLIENT|CONFIG) \w+/.exec(command)?.[0].trim())).toEqual([
    'ACL SETUSER',
    'CLIENT LIST',
    'ACL SETUSER',
    expect.stringMatching(/ACL SAVE|CONFIG REWRITE|ACL LIST/),
  ])
  const [admin = '', clients = '', ...rest] = typed
  expect(type(admin)).toBe('OK')
  // Those whom `sojourn acl` prints, as it is told to be called.
  for (const args of [
    ['--for', 'audit', 'report'],
    ['--role', 'ops'],
    ['--role', 'operator'],
  ]) {
    const { stdout } = await runCli(['acl', ...args, '--redis', server.url])
    const rules = stdout.trim().replace(/ >\S+/, ` >${PASSWORD}`).split(' ')
    expect(await server.cli(...rules)).toBe('OK')
  }
  expect(type(clients)).toMatch(/user=default/)
  for (const command of rest) expect(type(command)).toMatch(/^OK|^user /)
}

const as = (server: RedisServer, username: string) => ({
  ...{ socket: server.socketPath, username, password: PASSWORD },
})

/** The administrator, who is on call, and the application; nobody else. */
async function othersAreOut(server: RedisServer): Promise<boolean> {
  expect(await found('sec.open', as(server, 'ops'))).toEqual([])
  expect(await found('sec.acl', as(server, 'ops'), { user: 'app' })).toEqual([])
  const sessions = createSessions({ redis: as(server, 'app'), secrets: [SECRET], audit: true })
  ends.push(() => sessions.close())
  const token = await signIn(sessions, { n: 1 }, 'ada')
  expect((await sessions.open(token)).principal).toBe('ada')
  const cli = `redis-cli -s ${server.socketPath}`
  expect(type(`${cli} PING`)).toMatch(/^NOAUTH/)
  expect(type(`${cli} --user admin --askpass ACL WHOAMI`)).toBe('admin')
  // It can be undone.
  expect(type(`${cli} --user admin --askpass ACL SETUSER default on`)).toBe('OK')
  expect(type(`${cli} PING`)).toBe('PONG')
  expect(type(`${cli} --user admin --askpass ACL SETUSER default off`)).toBe('OK')
  return true
}

it('makes nobody whose password is a word of the remedy', async () => {
  const server = await start()
  const [finding] = await found('sec.open', server.url)
  const [admin = ''] = commandsIn(finding?.fix ?? [])
  expect(admin).toContain('ACL SETUSER admin')
  expect(() =>
    execFileSync('sh', ['-c', admin], { env: { PATH: process.env['PATH'] }, stdio: 'pipe' }),
  ).toThrow('ADMIN_PASSWORD')
  expect(await server.cli('ACL', 'USERS')).toBe('default')
})

it('started without a file', async () => {
  const server = await start()
  await close(server)
  expect(await othersAreOut(server)).toBe(true)
})

it('with a configuration, also after a restart', async () => {
  const server = await start('appendonly yes\n')
  await close(server)
  expect(await othersAreOut(server)).toBe(true)
  await server.kill()
  await server.restart()
  expect(await othersAreOut(server)).toBe(true)
})

it('with a file of its users, also after a restart', async () => {
  const folder = serverFolder()
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'users.acl')
  writeFileSync(path, '')
  const server = await start(`appendonly yes\naclfile ${seenByServer(path)}\n`)
  await close(server)
  expect(readFileSync(path, 'latin1')).toMatch(/^user admin on /m)
  await server.restart()
  expect(await othersAreOut(server)).toBe(true)
})

it('is not open: nobody may do anything without a name, or there is a password', async () => {
  const server = await start()
  await server.cli('ACL', 'SETUSER', 'admin', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
  const look = () => found('sec.open', as(server, 'admin'))
  expect(await look()).toHaveLength(1)
  await server.cli('ACL', 'SETUSER', 'default', 'resetpass', `>${PASSWORD}`)
  expect(await look()).toEqual([])
  await server.cli('ACL', 'SETUSER', 'default', 'nopass', '-@all', '+ping')
  expect(await look()).toEqual([])
})

it('is open, whoever asks', async () => {
  const server = await start()
  await server.cli('ACL', 'SETUSER', 'admin', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
  await server.cli('ACL', 'SETUSER', 'app', 'on', `>${PASSWORD}`, '~sj:*', '&*', '+@all')
  expect(await found('sec.open', as(server, 'admin'))).toHaveLength(1)
  expect(await found('sec.open', as(server, 'admin'), { user: 'app' })).toHaveLength(1)
  await server.cli('ACL', 'SETUSER', 'app', '-acl')
  expect(await found('sec.open', as(server, 'app'))).toMatchObject([{ severity: 'unknown' }])
})

/** The same command, at another server. */
const at = (command: string, address: string): string =>
  command.replace(/-h \S+ -p \d+/, `-h 127.0.0.1 -p ${address.split(':')[1]}`)

describe('Sentinels', () => {
  it('have servers that are closed: replicas copy, and a failover is made', async () => {
    const set = await startSentinels({ replicas: 1 })
    ends.push(() => set.stop())
    const redis = { sentinels: [...set.addresses], masterName: MASTER_NAME }
    const ports = set.servers.map(({ port }) => `127.0.0.1:${port}`)
    const open = async (login: object) => {
      const findings = await found('sec.open', { ...redis, ...login })
      return findings.filter(({ servers }) => ports.includes(servers[0] ?? ''))
    }
    // Of others before: nothing of theirs is left.
    for (const server of set.servers) {
      for (const user of ['replica', 'sentinel']) {
        await server.cli('ACL', 'SETUSER', user, 'on', '>former', '~*', '(~* +@all)')
      }
    }
    const [finding] = await open({})
    const typed = commandsIn(finding?.fix ?? []).filter((command) => command.includes('redis-cli'))
    expect(typed).toHaveLength(8)
    for (const command of typed) {
      const isSentinels = command.includes(' SENTINEL SET ')
      for (const address of isSentinels ? set.addresses : ports) {
        expect(type(at(command, address))).toMatch(/^OK|user=default|^user /)
      }
    }
    const admin = { username: 'admin', password: PASSWORD, sentinelAccess: {} }
    expect(await open(admin)).toEqual([])
    const ask = (address: string, what: string) =>
      type(`${at('redis-cli -h x -p 0 --user admin --askpass', address)} ${what}`)
    for (const address of ports)
      for (const user of ['replica', 'sentinel']) {
        expect(ask(address, `ACL DRYRUN ${user} GET x`)).toContain('no permissions')
      }
    // Whoever is connected has to sign in again.
    for (const address of ports)
      for (const kind of ['replica', 'master', 'normal', 'pubsub']) {
        ask(address, `CLIENT KILL TYPE ${kind} SKIPME yes`)
      }
    const primaryOf = async () =>
      (await set.sentinels[0]?.cli('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME))
        ?.split('\n')
        .join(':') ?? ''
    const isWhole = async () => {
      const primary = await primaryOf()
      const others = ports.filter((address) => address !== primary)
      return others.every((address) => {
        const info = ask(address, 'INFO replication')
        return info.includes('master_link_status:up') && info.includes(`:${primary.split(':')[1]}`)
      })
    }
    await until(isWhole)
    const former = await primaryOf()
    await until(async () => {
      const answer = set.sentinels[0]?.cli('SENTINEL', 'FAILOVER', MASTER_NAME)
      return (await answer?.catch(() => '')) === 'OK'
    })
    await until(async () => (await primaryOf()) !== former && (await isWhole()))
  }, 60_000)

  it('that take orders from anybody are closed, and go on as one, also after a restart', async () => {
    const set = await startSentinels({ replicas: 1 })
    ends.push(() => set.stop())
    const redis = { sentinels: [...set.addresses], masterName: MASTER_NAME }
    const sayings = async (id: string, password?: string) => {
      const sentinelAccess = password === undefined ? {} : { password }
      const findings = await found(id, { ...redis, sentinelAccess })
      return findings.filter(({ servers }) => set.addresses.includes(servers[0] ?? ''))
    }
    const [finding] = await sayings('sec.open')
    expect(finding?.servers.toSorted()).toEqual([...set.addresses].toSorted())
    // Redis 7.0 does not tell that they listen at the loopback only.
    const isTold = (await set.sentinels[0]?.cli('INFO', 'server'))?.includes('listener0') === true
    expect(finding?.severity).toBe(isTold ? 'info' : 'warn')
    const typed = commandsIn(finding?.fix ?? []).filter((command) => command.includes('redis-cli'))
    expect(typed).toHaveLength(3)
    for (const command of typed) {
      // Who has the password already is let in all the while.
      await until(async () => (await sayings('sen.quorum', PASSWORD)).length === 0)
      for (const address of set.addresses) expect(type(at(command, address))).toBe('OK')
    }
    expect(await sayings('sec.open', PASSWORD)).toEqual([])
    const ask = (address: string, what: string) =>
      type(`REDISCLI_AUTH=${PASSWORD} ${at('redis-cli -h x -p 0', address)} ${what}`)
    const areOne = () =>
      set.addresses.every((address) =>
        ask(address, `SENTINEL CKQUORUM ${MASTER_NAME}`).startsWith('OK 3 usable'),
      )
    for (const address of set.addresses) ask(address, 'CLIENT KILL TYPE normal')
    await until(async () => areOne())
    for (const sentinel of set.sentinels) {
      await sentinel.kill()
      await sentinel.restart()
    }
    for (const address of set.addresses) {
      expect(type(at('redis-cli -h x -p 0 PING', address))).toMatch(/^NOAUTH/)
    }
    await until(async () => areOne())
    await expect(sayings('sec.open')).rejects.toThrow('NOAUTH')
  })

  it('tell whom they have refused', async () => {
    const set = await startSentinels({ replicas: 1 })
    ends.push(() => set.stop())
    const redis = { sentinels: [...set.addresses], masterName: MASTER_NAME }
    expect(await found('sec.acllog', redis)).toEqual([])
    await set.sentinels[1]?.cli('AUTH', 'mallory', 'guess').catch(() => undefined)
    expect(await found('sec.acllog', redis)).toMatchObject([
      {
        seen: expect.stringContaining('of mallory: a wrong password'),
        servers: [set.addresses[1]],
      },
    ])
    await set.sentinels[1]?.cli('ACL', 'LOG', 'RESET')
    // What doctor itself may not ask there is no refusal of somebody.
    const rules = ['on', `>${PASSWORD}`, '&*', '+@connection', '+subscribe', '+sentinel|master']
    for (const sentinel of set.sentinels) {
      const own = [...rules, '+sentinel|get-master-addr-by-name', '+sentinel|sentinels']
      await sentinel.cli('ACL', 'SETUSER', 'narrow', ...own, '+sentinel|replicas')
    }
    const narrow = { ...redis, sentinelAccess: { username: 'narrow', password: PASSWORD } }
    expect(await found('sec.open', narrow)).toContainEqual(
      expect.objectContaining({ severity: 'unknown' }),
    )
    expect(await set.sentinels[0]?.cli('ACL', 'LOG')).not.toBe('')
    expect(await found('sec.acllog', redis)).toEqual([])
  })
})
