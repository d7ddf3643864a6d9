/** Looked for on a real server: in its file, its monitor and its log of slow commands; and what its permissions leave. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Sessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { aclRules } from '../../src/operations/acl/acl.ts'
import { type Feature, PERMISSIONS } from '../../src/operations/acl/permissions.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { randomOf } from './support/attack.ts'
import { runs } from './support/mutations.ts'

const SECRETS = ['a secret for tests, of 32 bytes or more']
const AT = { secure: true, host: 'example.org', proxied: false }

let server: RedisServer
beforeAll(async () => {
  server = await startRedis({ args: ['--rdbcompression', 'no', '--slowlog-log-slower-than', '0'] })
  await server.cli('CONFIG', 'SET', 'slowlog-max-len', '10000')
})
afterAll(() => server.stop())

const open = (): Sessions =>
  createSessions({
    redis: server.url,
    secrets: SECRETS,
    audit: true,
    rotationGrace: '5m',
  })

/** All that the server is told meanwhile. */
async function monitored(work: () => Promise<void>): Promise<Buffer> {
  const socket = connect(server.socketPath)
  await once(socket, 'connect')
  const parts: Buffer[] = []
  socket.on('data', (part: Buffer) => parts.push(part))
  const { username, password } = server.admin
  if (password !== undefined) socket.write(`AUTH ${username} ${password}\r\n`)
  socket.write('MONITOR\r\n')
  await once(socket, 'data')
  await work()
  await server.cli('ECHO', 'the end of it')
  while (!Buffer.concat(parts).includes('the end of it')) await once(socket, 'data')
  socket.destroy()
  return Buffer.concat(parts)
}

it('S06 no live token stands in the RDB file, in MONITOR or in SLOWLOG', async () => {
  const tokens: string[] = []
  const ids: string[] = []
  const told = await monitored(async () => {
    const sessions = open()
    for (let i = 0; i < 20; i++) {
      const session = await sessions.open()
      session.set('a', i)
      await session.commit()
      tokens.push(session.token as string)
      await session.login(`user ${i}`, { keep: ['a'] })
      tokens.push(session.token as string)
      await session.rotate()
      tokens.push(session.token as string)
      ids.push(session.id as string)
      await sessions.open(session.token, { fresh: true })
    }
    await sessions.close()
  })
  const slow = Buffer.from(await server.cli('SLOWLOG', 'GET', '10000'))
  await server.cli('SAVE')
  const [, folder = ''] = (await server.cli('CONFIG', 'GET', 'dir')).split('\n')
  const [, name = ''] = (await server.cli('CONFIG', 'GET', 'dbfilename')).split('\n')
  const file = readFileSync(join(folder, name))
  expect(tokens).toHaveLength(60)
  for (const [where, bytes] of Object.entries({ told, slow, file })) {
    // The search finds what is there.
    for (const id of ids) expect([where, bytes.includes(id.slice(3))]).toEqual([where, true])
    for (const token of tokens) {
      const random = randomOf(token)
      const forms = [token, random, random.toString('hex'), random.toString('base64url')]
      // MONITOR and SLOWLOG write what is no text as \x…
      const escaped = [...random].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')
      for (const form of [...forms, escaped, escapedAsText(random)]) {
        expect([where, bytes.includes(form)]).toEqual([where, false])
      }
    }
  }
}, 60_000)

/** As Redis writes bytes for people: letters as they are. */
function escapedAsText(bytes: Buffer): string {
  return [...bytes]
    .map((byte) => {
      const text = String.fromCharCode(byte)
      if (text === '"' || text === '\\') return `\\${text}`
      return byte >= 32 && byte < 127 ? text : `\\x${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}

it('S21 100,000 anonymous reads, sign-outs and bad tokens leave the server as it was', async () => {
  const sessions = createSessions({ redis: server.url, secrets: SECRETS })
  await sessions.ready()
  await server.cli('FLUSHALL')
  const other = createSessions({ secrets: ['another secret, of 32 bytes or more'] })
  const foreign = await other.open()
  foreign.set('a', 1)
  await foreign.commit()
  const gone = await sessions.open()
  gone.set('a', 1)
  await gone.commit()
  const ended = gone.token as string
  await gone.logout()
  const before = Number(await server.cli('DBSIZE'))
  const cookies = [undefined, `__Host-session=${foreign.token}`, '__Host-session=x', 'a=b']
  for (let i = 0; i < 100_000; i++) {
    // Each hundredth is a right one of a session that has ended, and is asked of the server.
    const cookie = i % 100 === 0 ? `__Host-session=${ended}` : cookies[i % cookies.length]
    const opened = sessions.exchange({}, { ...AT, cookie })
    const exchange = opened instanceof Promise ? await opened : opened
    exchange.session.get('a')
    if (i % 10 === 0) await exchange.session.logout()
    await exchange.commit()
  }
  expect(Number(await server.cli('DBSIZE'))).toBe(before)
  await Promise.all([sessions.close(), other.close()])
}, 120_000)

it('S28 each command that is not named is NOPERM, and so is each named one on a foreign key', async () => {
  const features: Feature[] = ['sessions', 'near-cache', 'audit', 'scan', 'notify', 'durability']
  await server.cli(
    ...['ACL', 'SETUSER'],
    ...aclRules({ role: 'app', user: 'least', prefix: 'sj', features, database: 0 }),
  )
  const commands = (await server.cli('COMMAND', 'LIST')).split('\n').filter(Boolean)
  expect(commands.length).toBeGreaterThan(200)
  // Of what is for those who run it nothing either. QUIT and RESET are everybody's, before any login.
  const permitted = PERMISSIONS.filter((each) =>
    each.features.some((one) => features.includes(one)),
  )
  const isNamed = (command: string): boolean =>
    ['quit', 'reset'].includes(command) ||
    permitted.some((each) => each.command === command || each.command.startsWith(`${command}|`))
  const dryRun = (command: string, args: readonly string[]): Promise<string> =>
    server.cli('ACL', 'DRYRUN', 'least', ...command.split('|'), ...args).catch(String)
  const allowed: string[] = []
  for (const command of commands) {
    if (isNamed(command)) continue
    const answers = await Promise.all(
      // As many arguments as it may want, keys of ours.
      [0, 1, 2, 3, 4, 5, 6].map((count) => dryRun(command, new Array<string>(count).fill('sj:1'))),
    )
    if (answers.includes('OK')) allowed.push(command)
  }
  expect(allowed).toEqual([])
  let looked = 0
  for (const { command, args } of permitted) {
    if (!args.includes('K') || !commands.includes(command)) continue
    looked++
    const at = (key: string): string[] => args.map((each) => (each === 'K' ? key : each))
    expect([command, await dryRun(command, at('sj:{000}:s:x'))]).toEqual([command, 'OK'])
    expect(await dryRun(command, at('other:key'))).toContain('permission')
  }
  expect(looked).toBeGreaterThan(15)
}, 60_000)

it('S30 fuzzed attributes of line ends and quotes: stored as they are, and nothing else happens', async () => {
  await server.cli('FLUSHALL')
  const sessions = open()
  await sessions.ready()
  const piece = fc.constantFrom(
    ...[
      '\r\n',
      '\n',
      '\0',
      '"',
      "'",
      ']]',
      '$5\r\n',
      '*1\r\n$8\r\nFLUSHALL\r\n',
      'redis.call',
      ' ',
    ],
    ...['KEYS[1]', 'return', '--', '{', '}', 'sj:', '\u2028', 'é'],
  )
  const text = fc.array(piece, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
  const scripts = async (): Promise<string | undefined> =>
    /number_of_cached_scripts:(\d+)/.exec(await server.cli('INFO', 'memory'))?.[1]
  const first = await sessions.open()
  first.set('a', 1)
  await first.login('somebody', { device: 'a phone' })
  await first.update('a', () => 2)
  await first.rotate()
  await first.logout()
  const before = await scripts()
  await fc.assert(
    fc.asyncProperty(text, text, text, async (name, value, principal) => {
      const session = await sessions.open()
      session.set(name, value)
      await session.login(principal, { keep: [name], device: value, address: name })
      const again = await sessions.open(session.token, { fresh: true })
      expect(again.get(name)).toBe(value)
      expect(again.principal).toBe(principal)
      expect((await sessions.of(principal).list()).map(({ device }) => device)).toContain(value)
      await again.logout()
    }),
    runs(300),
  )
  expect(await scripts()).toBe(before)
  const keys = (await server.cli('KEYS', '*')).split('\n')
  for (const key of keys) expect(key).toMatch(/^sj:\{[A-Za-z0-9]{3}\}:[a-z]+(:[\w-]+)?$/)
  await sessions.close()
}, 60_000)
