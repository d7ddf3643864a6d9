// What `redis-conf --tls` prints, completed with certificates, a password and the users of `sojourn acl`, and started.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createSessions } from '../../src/create-sessions.ts'
import type { RedisSource } from '../../src/engines/redis/options.ts'
import { type Examination, examine } from '../../src/operations/doctor/examine.ts'
import { makeCertificate } from '../support/certificate.ts'
import { runCli } from '../support/cli.ts'
import { freePort, seenByServer, serverFolder, startRedis } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'
import { until } from '../support/until.ts'

const PASSWORD = 'Canary77'
const ops = { username: 'ops', password: PASSWORD }
const app = { username: 'app', password: PASSWORD }

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function printed(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await runCli(args)
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** In the place of /etc/redis: certificates that are named there, and no users yet. */
function etc(): { readonly folder: string; readonly tls: { ca: Buffer; servername: string } } {
  const folder = serverFolder()
  ends.push(() => rmSync(folder, { recursive: true, force: true }))
  const { key, cert, ca } = makeCertificate(folder, 100)
  for (const [from, to] of [
    [cert, 'server.crt'],
    [cert, 'ca.crt'],
    [key, 'server.key'],
  ] as const) {
    writeFileSync(join(folder, to), readFileSync(from))
  }
  return { folder, tls: { ca, servername: 'localhost' } }
}

/** With all that it leaves to the reader. */
const complete = (text: string, folder: string, port: number): string =>
  text
    .replaceAll(/^# (?=aclfile|masteruser|masterauth|requirepass|sentinel auth-)/gm, '')
    .replaceAll('…', PASSWORD)
    .replaceAll('/etc/redis', seenByServer(folder))
    .replace(/^tls-port \d+$/m, `tls-port ${port}`)

/** Those whom `sojourn acl --file` prints, and those of whom the configurations say what they are there. */
async function users(folder: string, features: readonly string[], ...texts: string[]) {
  const of = features.length === 0 ? [] : ['--for', ...features]
  const lines = [
    await printed('acl', '--file', ...of),
    await printed('acl', '--file', '--role', 'ops', ...of),
    ...texts.flatMap((text) => [...text.matchAll(/`(user .*)`/g)].map(([, line]) => line)),
  ]
  const text = [...new Set(lines.map((line) => String(line).trim()))].join('\n')
  const known = text.replaceAll(/ >[\w-]{32}/g, ` >${PASSWORD}`)
  writeFileSync(join(folder, 'users.acl'), `${known}\n`)
}

const start = async (options: Parameters<typeof startRedis>[0]) => {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

const look = (redis: RedisSource, durable: boolean): Promise<Examination> =>
  examine(redis, {
    ...{ prefix: 'sj', durable, expiry: 'off', window: 100, commandTimeout: 5_000 },
    ...{ readFile: () => undefined, user: 'app' },
  })

/** But of this release of the server, and of what a busy machine holds up. */
const foundIn = ({ results }: Examination): string[] =>
  results
    .filter(({ findings }) => findings.length > 0)
    .map(({ id }) => id)
    .filter((id) => !['ver.cve', 'lat.slow', 'lat.rtt'].includes(id))

it('one server, with TLS and an aclfile: doctor has nothing to say but that it is alone', async () => {
  const { folder, tls } = etc()
  const port = await freePort()
  const text = await printed('redis-conf', '--memory', '2gb', '--tls')
  const config = complete(text, folder, port)
  await users(folder, [], config)
  await start({ config })
  const at = { host: '127.0.0.1', port, tls }
  expect(foundIn(await look({ ...at, ...ops }, false))).toEqual(['repl.count'])
  const sessions = createSessions({ redis: { ...at, ...app }, secrets: [SECRET] })
  ends.push(() => sessions.close())
  await (await sessions.open()).login('ada')
  expect(await sessions.of('ada').list()).toHaveLength(1)
})

it('a primary, its replica and Sentinels, all by TLS and each by a user of its own, also after a failover', async () => {
  const { folder, tls } = etc()
  const [port, other] = [await freePort(), await freePort()]
  const args = ['--for', 'sentinel', '--tls']
  const text = await printed('redis-conf', ...args, '--memory', '2gb', '--durable')
  const sentinelText = await printed('redis-conf', ...args, '--sentinel', '--master-name', 'shop')
  const config = complete(text, folder, port)
  await users(folder, ['sentinel', 'durability'], config, complete(sentinelText, folder, 0))
  await start({ config })
  await start({
    config: `${complete(text, folder, other)}\nreplicaof 127.0.0.1 ${port}\n`,
  })
  const sentinels = await Promise.all(
    [0, 1, 2].map(async () => {
      const own = await freePort()
      const sentinel = complete(sentinelText, folder, own).replace(
        '127.0.0.1 6379',
        `127.0.0.1 ${port}`,
      )
      const server = await start({ sentinel, password: PASSWORD })
      return { server, address: `127.0.0.1:${own}` }
    }),
  )
  const at = {
    sentinels: sentinels.map(({ address }) => address),
    ...{ masterName: 'shop', tls, sentinelAccess: { password: PASSWORD } },
  }
  const primaryIn = ({ servers }: Examination) =>
    servers.find(({ role }) => role === 'primary')?.name
  // They take a while to find each other.
  let seen: Examination | undefined
  const well = (primary: number) =>
    until(async () => {
      seen = await look({ ...at, ...ops }, true)
      return foundIn(seen).length === 0 && primaryIn(seen) === `127.0.0.1:${primary}`
    })
  await well(port)
  expect(seen?.servers.map(({ role }) => role).toSorted()).toEqual([
    ...['primary', 'replica', 'sentinel', 'sentinel', 'sentinel'],
  ])
  const sessions = createSessions({
    ...{ redis: { ...at, ...app }, secrets: [SECRET], durability: 'replicated' },
  })
  ends.push(() => sessions.close())
  await (await sessions.open()).login('ada')
  expect(await sentinels[0]?.server.cli('SENTINEL', 'FAILOVER', 'shop')).toBe('OK')
  await well(other)
  expect(await sessions.of('ada').list()).toHaveLength(1)
}, 60_000)
