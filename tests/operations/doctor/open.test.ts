// A server that lets everybody in is closed by doctor's remedy, word for word, and whoever is on call can still get in.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createSessions } from '../../../src/create-sessions.ts'
import { runCli } from '../../support/cli.ts'
import {
  type RedisServer,
  seenByServer,
  serverFolder,
  startRedis,
} from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { found } from './found.ts'

const PASSWORD = 'Canary77'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(config?: string): Promise<RedisServer> {
  const server = await startRedis(config === undefined ? {} : { config })
  ends.push(() => server.stop())
  return server
}

/** What a remedy puts between backticks, with a password in the place of `password`. */
function type(command: string): string {
  return execFileSync('sh', ['-c', command.replaceAll('>password', `>${PASSWORD}`)], {
    input: `${PASSWORD}\n`,
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
    const rules = stdout.trim().replaceAll('>password', `>${PASSWORD}`).split(' ')
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
