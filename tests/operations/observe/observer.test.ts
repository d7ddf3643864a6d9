import { describe, expect, it } from 'vitest'
import { OptionError, type SojournError } from '../../../src/core/errors.ts'
import { aclRulesFor } from '../../../src/operations/acl/acl.ts'
import { Observer } from '../../../src/operations/observe/observer.ts'
import type { ServerState, Snapshot } from '../../../src/operations/observe/snapshot.ts'
import type { HistoryEntry } from '../../../src/operations/sessions/catalogue.ts'
import { startCluster } from '../../support/cluster.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { MASTER_NAME, startSentinels } from '../../support/sentinels.ts'
import { until } from '../../support/until.ts'
import { ends, observe, open, seen, start } from './set-up.ts'

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)

/** Copies of a session, and keys of others. */
async function fill(server: RedisServer, sessions: number, others: number): Promise<void> {
  const [key] = (await server.cli('KEYS', 'sj:*:s:*')).split('\n')
  await server.cli(
    'EVAL',
    `local record = redis.call('GET', KEYS[1])
    for i = 1, ${sessions} do
      redis.call('SET', 'sj:{06S}:s:' .. string.format('%022d', i), record, 'PX', 1000 * i)
    end
    for i = 1, ${others} do redis.call('SET', 'other:' .. i, 'x') end`,
    '1',
    String(key),
  )
}

describe('a look', () => {
  it('counts sessions, and tells what they are like', async () => {
    const server = await start({ args: ['--maxmemory', '100mb'] })
    const sessions = open({ redis: server.url })
    for (let i = 0; i < 10; i++) await signIn(sessions, { cart: 'x'.repeat(100 * i) }, `u${i}`)
    for (let i = 0; i < 30; i++) await signIn(sessions, { theme: 'dark' })
    // What it leaves is no session.
    const rotated = await sessions.open(await signIn(sessions, { theme: 'dark' }))
    await rotated.rotate()
    const { servers, sessions: told, kind } = await observe(server.url, { secrets: SECRET }).look()
    expect(kind).toBe('single')
    expect(told).toMatchObject({ active: 41, exact: true, sampled: 41 })
    expect(told.signedInShare).toBeCloseTo(10 / 41)
    expect(told.averageBytes).toBeGreaterThan(80)
    for (const { bounds, counts } of [told.ttl, told.age, told.size]) {
      expect(counts).toHaveLength(bounds.length + 1)
      expect(total(counts)).toBe(41)
    }
    expect(told.ttl.counts[told.ttl.bounds.indexOf(1_800_000)]).toBe(41)
    expect(told.age.counts[0]).toBe(41)
    expect(told.attributes.map(({ name }) => name)).toEqual(['cart', 'theme'])
    expect(told.attributes[0]?.largestBytes).toBeGreaterThan(900)
    expect(told.attributes[1]?.present).toBeCloseTo(31 / 41)
    expect(servers).toMatchObject([
      {
        ...{ name: server.socketPath, role: 'primary', problem: undefined, slots: undefined },
        ...{ maxMemory: 104_857_600, memoryPolicy: 'noeviction', lagBytes: undefined },
      },
    ])
    const [{ version, usedMemory, clients, keys, cpu, uptime }] = servers as [ServerState]
    expect(version).toMatch(/^\d+\.\d+/)
    for (const number of [usedMemory, clients, keys]) expect(number).toBeGreaterThan(0)
    for (const number of [cpu, uptime]) expect(number).toBeGreaterThanOrEqual(0)
  })

  it('without secrets names no attribute, of no sessions tells nothing', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { cart: 'x' }, 'ada')
    const { sessions } = await observe(server.url).look()
    expect(sessions).toMatchObject({ active: 1, attributes: [], signedInShare: 1 })
    const none = await observe(server.url, { prefix: 'other' }).look()
    expect(none.sessions).toMatchObject({
      ...{ active: 0, exact: true, sampled: 0, signedInShare: undefined, averageBytes: undefined },
    })
  })

  it('of many makes an estimate from a bounded part of them', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    await fill(server, 30_000, 10_000)
    await server.cli('CONFIG', 'RESETSTAT')
    const { sessions } = await seen(
      observe(server.url),
      ({ sessions: { sampled } }) => sampled > 1_000,
    )
    expect(sessions.exact).toBe(false)
    expect(Math.abs((sessions.active ?? 0) - 30_001)).toBeLessThan(1_500)
    // Of 30,000 that end one second after the other 7,200 have more than a hour, and less than two… of what is sampled.
    const between = sessions.ttl.counts[sessions.ttl.bounds.indexOf(7_200_000)] ?? 0
    expect(between / sessions.sampled).toBeCloseTo(3_600 / 30_000, 1)
    const stats = await server.cli('INFO', 'commandstats')
    const calls = (name: string) =>
      Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1])
    expect(calls('strlen') / calls('scan')).toBeLessThan(600)
    expect(calls('info')).toBeLessThanOrEqual(calls('scan') + 1)
    expect(stats).not.toMatch(/cmdstat_(?:keys|monitor)/)
  })

  it('forgets what is not there any more', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    await fill(server, 30_000, 0)
    const observer = observe(server.url)
    await seen(observer, ({ sessions: { sampled } }) => sampled > 1_000)
    await server.cli('FLUSHALL')
    const { sessions } = await seen(observer, ({ sessions: { exact } }) => exact)
    expect(sessions).toMatchObject({ active: 0, sampled: 0 })
  })

  it('tells of commands, its own left out', async () => {
    const server = await start()
    const sessions = open({ redis: server.url, nearCache: false })
    await server.cli('SET', 'sj:text', 'x')
    const tokens = await Promise.all([1, 2, 3].map(() => signIn(sessions, { theme: 'dark' })))
    const observer = observe(server.url)
    const stop = observer.watch({ seen: () => undefined })
    const over = new AbortController()
    const reading = (async () => {
      while (!over.signal.aborted) {
        for (const token of tokens) await sessions.open(token)
      }
    })()
    await until(async () => (observer.last?.commands.length ?? 0) > 2)
    const { commands, servers } = observer.last as Snapshot
    over.abort()
    await reading
    stop()
    const get = commands.find(({ name }) => name === 'get')
    expect(get?.perSecond).toBeGreaterThan(100)
    expect(get?.failed).toBe(0)
    expect(get?.p50).toBeGreaterThan(0)
    expect(get?.p99).toBeGreaterThanOrEqual(get?.p50 ?? Number.NaN)
    expect(get?.p99).toBeLessThan(100)
    for (const name of ['scan', 'strlen', 'info', 'latency|histogram', 'dbsize']) {
      expect(commands.map((command) => command.name)).not.toContain(name)
    }
    const sum = commands.reduce((all, { perSecond }) => all + perSecond, 0)
    expect(servers[0]?.opsPerSecond).toBeGreaterThan(0.8 * sum)
    expect(servers[0]?.opsPerSecond).toBeLessThan(1.2 * sum)
  })

  it.each(['one server', 'a Cluster'])(
    'of %s that is idle there is nothing to tell',
    async (kind) => {
      const cluster = kind === 'a Cluster' ? await startCluster({ masters: 2 }) : undefined
      ends.push(() => cluster?.stop())
      const redis =
        cluster === undefined ? (await start()).url : { cluster: [...cluster.addresses] }
      const observer = observe(redis)
      const told: string[] = []
      let ops = 0
      let looks = 0
      const stop = observer.watch({
        seen: ({ commands, servers }) => {
          // It connects in the first of them.
          if (++looks < 20) return
          told.push(...commands.map(({ name, perSecond }) => `${name} ${perSecond.toFixed(1)}`))
          for (const server of servers) ops = Math.max(ops, server.opsPerSecond ?? 0)
        },
      })
      // Longer than reports are listened for without a word, and than it is looked which servers there are.
      for (const enough of [60, 125]) await until(async () => looks > enough)
      stop()
      // Whether a Cluster's masters are masters still, and who they are, is asked by every application.
      const own = told.filter((line) => !/^(?:exists|cluster\|slots|cluster\|info) /.test(line))
      expect(own).toEqual([])
      expect(cluster === undefined ? ops : 0).toBe(0)
    },
    60_000,
  )

  it('says what part of a command fails', async () => {
    const server = await start()
    await server.cli('SET', 'sj:text', 'x')
    const observer = observe(server.url)
    const stop = observer.watch({ seen: () => undefined })
    const failing = setInterval(() => void server.cli('HGET', 'sj:text', 'f').catch(() => 0), 5)
    await until(async () => observer.last?.commands.some(({ name }) => name === 'hget') === true)
    clearInterval(failing)
    stop()
    expect(observer.last?.commands.find(({ name }) => name === 'hget')?.failed).toBe(1)
  })

  it('writes nothing', async () => {
    const server = await start()
    const sessions = open({ redis: server.url, audit: true })
    for (let i = 0; i < 20; i++) await signIn(sessions, { cart: 'x' }, `u${i}`)
    await sessions.close()
    const state = async () => {
      const keys = (await server.cli('KEYS', '*')).split('\n').toSorted()
      const all = keys.map(async (key) => [
        ...[key, await server.cli('DUMP', key), await server.cli('PEXPIRETIME', key)],
      ])
      return JSON.stringify(await Promise.all(all))
    }
    const before = await state()
    const observer = observe(server.url, { secrets: SECRET })
    await observer.look()
    await seen(observer, ({ at }) => at > 0)
    await observer.close()
    expect(await state()).toBe(before)
    const stats = await server.cli('INFO', 'keyspace')
    expect(stats).toContain(`keys=${JSON.parse(before).length},`)
  })

  it('calls undefined what it may not see', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    const rules = 'on >password ~sj:* -@all +hello +auth +client|setname +select +time +scan +get'
    await server.cli(
      'ACL',
      'SETUSER',
      'narrow',
      ...rules.split(' '),
      '+pttl',
      '+strlen',
      '+getrange',
      '+ping',
    )
    const access = { socket: server.socketPath, username: 'narrow', password: 'password' }
    const observer = observe(access)
    const { sessions, servers, commands } = await observer.look()
    expect(sessions).toMatchObject({ active: 1, exact: true })
    expect(commands).toEqual([])
    const { name, role, ...rest } = servers[0] as ServerState
    expect([name, role]).toEqual([server.socketPath, 'primary'])
    expect(Object.values(rest).every((value) => value === undefined)).toBe(true)
    // What was refused once is not asked for with each look: the server writes it down.
    const logged = async () => (await server.cli('ACL', 'LOG')).match(/count\n(\d+)/g)
    const before = await logged()
    await observer.look()
    expect(await logged()).toEqual(before)
  })

  it('does without INFO and LATENCY where the server has none', async () => {
    const gone = ['INFO', 'LATENCY', 'DBSIZE'].flatMap((name) => ['--rename-command', name, ''])
    const server = await start({ args: gone })
    await signIn(open({ redis: server.url }), { theme: 'dark' }, 'ada')
    const observer = observe(server.url)
    await observer.look()
    const { sessions, servers, commands } = await observer.look()
    expect(sessions).toMatchObject({ active: 1, exact: true, signedInShare: 1 })
    expect(commands).toEqual([])
    expect(servers).toMatchObject([{ problem: undefined, role: 'primary', usedMemory: undefined }])
  })

  it('sees all with the user that `sojourn acl --role ops` makes', async () => {
    const server = await start()
    await signIn(open({ redis: server.url, audit: true }), { theme: 'dark' }, 'ada')
    const role = { role: 'ops', user: 'oncall', prefix: 'sj', features: [], database: 0 } as const
    await server.cli('ACL', 'SETUSER', ...(await aclRulesFor(server.url, role)))
    const access = { socket: server.socketPath, username: 'oncall', password: 'password' }
    const { sessions, servers } = await observe(access, { secrets: SECRET }).look()
    expect(sessions.attributes).toHaveLength(1)
    const absent = Object.entries(servers[0] as ServerState)
      .filter(([, value]) => value === undefined)
      .map(([name]) => name)
    expect(absent.toSorted()).toEqual(
      ['problem', 'maxMemory', 'lagBytes', 'primary', 'linked', 'slots'].toSorted(),
    )
    expect(await server.cli('ACL', 'LOG')).toBe('')
  })

  it('does without a sample where it may not scan or read, and counts nothing as none', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    await server.cli('ACL', 'SETUSER', 'narrow', 'on', '>password', '~*', '&*', '+@all', '-scan')
    const access = { socket: server.socketPath, username: 'narrow', password: 'password' }
    const logged = async () => (await server.cli('ACL', 'LOG')).match(/count\n(\d+)/g)
    for (const command of ['scan', 'getrange']) {
      await server.cli('ACL', 'SETUSER', 'narrow', '+@all', `-${command}`)
      const observer = observe(access)
      const { sessions, servers } = await observer.look()
      expect(sessions).toMatchObject({ active: undefined, exact: false, sampled: 0 })
      expect(servers[0]?.keys).toBe(1)
      const before = await logged()
      await observer.look()
      expect(await logged()).toEqual(before)
    }
    await server.cli('ACL', 'SETUSER', 'narrow', '+@all', '-get')
    const { sessions } = await observe(access, { secrets: SECRET }).look()
    expect(sessions).toMatchObject({ active: 1, attributes: [] })
  })

  it('of wrong options is not made', () => {
    const make = (options: object) => () =>
      new Observer({ redis: 'redis://localhost', prefix: 'sj', ...options })
    for (const wrong of [
      { redis: 'http://x' },
      { prefix: 'a b' },
      { secrets: 'short' },
      { interval: 1 },
      { commandTimeout: 0 },
      { pepper: 1 },
    ]) {
      expect(make(wrong)).toThrow(OptionError)
    }
  })
})

describe('who listens', () => {
  it('hears of what comes into the audit, and how much of it there is', async () => {
    const server = await start()
    const sessions = open({ redis: server.url, audit: true })
    await signIn(sessions, { theme: 'dark' }, 'before')
    await until(async () => (await sessions.audit.list()).length > 0)
    const observer = observe(server.url, { secrets: SECRET })
    const entries: HistoryEntry[] = []
    ends.push(
      observer.watch({
        seen: () => undefined,
        events: (some) => entries.push(...some),
      }),
    )
    await until(async () => observer.last?.events.kept === true)
    await signIn(sessions, { theme: 'dark' }, 'ada')
    await until(async () => entries.length > 0)
    expect(entries).toMatchObject([{ event: 'login', details: { principal: 'ada' } }])
    await until(async () => (observer.last?.events.perSecond?.['login'] ?? 0) > 0.15)
    expect(observer.last?.events).toMatchObject({ about: false })
    expect(observer.last?.events.perSecond?.['login']).toBeCloseTo(0.2, 2)
  })

  it('is told that there is no audit', async () => {
    const server = await start()
    const { events } = await observe(server.url).look()
    expect(events).toEqual({ kept: false, about: false, perSecond: {} })
  })

  it('of more events than one look reads gets the newest, and is told', async () => {
    const server = await start()
    const sessions = open({ redis: server.url, audit: true })
    await signIn(sessions, { theme: 'dark' }, 'ada')
    await until(async () => (await sessions.audit.list()).length > 0)
    const stream = (await server.cli('KEYS', 'sj:*:a')).trim()
    const observer = observe(server.url, { interval: 300 })
    let [count, skips] = [0, 0]
    ends.push(
      observer.watch({
        seen: () => undefined,
        events: (some, skipped) => {
          count += some.length
          if (skipped) skips++
        },
      }),
    )
    await until(async () => observer.last !== undefined)
    await server.cli(
      'EVAL',
      `for i = 1, 5000 do redis.call('XADD', KEYS[1], '*', 'e', 'login', 't', ARGV[1], 'd', 'x') end`,
      ...['1', stream, String(Date.now())],
    )
    await until(async () => skips > 0)
    expect([count, skips]).toEqual([2_000, 1])
    // Also one by a clock that is wrong has come now.
    for (const at of [Date.now(), Date.now() + 3_600_000]) {
      await server.cli('XADD', stream, '*', 'e', 'logout', 't', String(at), 'd', 'x')
    }
    await until(async () => count === 2_002)
    await until(async () => (observer.last?.events.perSecond?.['logout'] ?? 0) > 0)
    expect(observer.last?.events.about).toBe(true)
    expect(observer.last?.events.perSecond?.['logout']).toBeCloseTo(0.2, 1)
  })

  it.each([600, 4_500])('that asks once is told of %i events a second', async (perSecond) => {
    const server = await start()
    const stream = 'sj:{06S}:a'
    const write = (count: number, id: string) =>
      server.cli(
        'EVAL',
        `for i = 1, tonumber(ARGV[1]) do
          local id = '*'
          if ARGV[2] ~= '*' then id = string.format('%d-%d', ARGV[2] + i * 1000 / ARGV[3], i) end
          redis.call('XADD', KEYS[1], id, 'e', 'login', 't', '1', 'd', 'x')
        end`,
        ...['1', stream, String(count), id, String(perSecond)],
      )
    // What has come by now, and what comes while it looks.
    await write(10 * perSecond, String(Date.now() - 10_000))
    const started = performance.now()
    let written = 0
    const over = new AbortController()
    const writing = (async () => {
      while (!over.signal.aborted) {
        const due = Math.floor(((performance.now() - started) / 1_000) * perSecond) - written
        await write(due, '*')
        written += due
      }
    })()
    const { events } = await observe(server.url, { interval: 1_000 }).look()
    over.abort()
    await writing
    expect(events.about).toBe(true)
    const told = events.perSecond?.['login'] ?? 0
    expect(told).toBeGreaterThan(0.9 * perSecond)
    expect(told).toBeLessThan(1.1 * perSecond)
  })

  it('costs the same as a second one, and nothing when all have gone', async () => {
    const server = await start()
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    const observer = observe(server.url)
    const infos = async () =>
      Number(/cmdstat_info:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats'))?.[1] ?? 0)
    let count = 0
    const stops = [1, 2, 3].map(() => observer.watch({ seen: () => void count++ }))
    await until(async () => count >= 12)
    for (const stop of stops) stop()
    // That of finding the fleet, and one for each look.
    expect(await infos()).toBeLessThanOrEqual(count / 3 + 2)
    await new Promise((resolve) => setTimeout(resolve, 150))
    const before = await infos()
    await new Promise((resolve) => setTimeout(resolve, 400))
    expect(await infos()).toBe(before + 1)
    const stop = observer.watch({ seen: () => void count++ })
    const then = count
    await until(async () => count > then)
    stop()
  })

  it('hears within two seconds that the server is gone, and sees again when it is back', async () => {
    const server = await start({ tcp: true })
    await signIn(open({ redis: server.url }), { theme: 'dark' })
    const observer = observe(server.url, { interval: 1_000 })
    const failures: SojournError[] = []
    let count = 0
    ends.push(
      observer.watch({ seen: () => void count++, failed: (error) => void failures.push(error) }),
    )
    await until(async () => count > 0)
    for (const breakIt of ['kill', 'pause'] as const) {
      failures.length = 0
      await server[breakIt]()
      const at = performance.now()
      await until(async () => failures.length > 0)
      expect(performance.now() - at).toBeLessThan(2_300)
      expect(failures[0]?.code).toBe('ERR_SOJOURN_STORE_UNAVAILABLE')
      const before = count
      if (breakIt === 'kill') await server.restart()
      else server.resume()
      await until(async () => count > before)
    }
  })

  it('waits for a server that is not there yet', async () => {
    const server = await start({ tcp: true })
    await server.kill()
    const observer = observe(server.url)
    const failures: SojournError[] = []
    let count = 0
    ends.push(observer.watch({ seen: () => void count++, failed: (error) => failures.push(error) }))
    await until(async () => failures.length > 1)
    await expect(observer.look()).rejects.toMatchObject({ code: 'ERR_SOJOURN_STORE_UNAVAILABLE' })
    await server.restart()
    await until(async () => count > 0)
  })
})

describe('several servers', () => {
  it('Sentinels: how far replicas are behind, and who is the primary after a failover', async () => {
    const deployment = await startSentinels()
    ends.push(() => deployment.stop())
    const redis = { sentinels: [...deployment.addresses], masterName: MASTER_NAME }
    await signIn(open({ redis }), { theme: 'dark' }, 'ada')
    const observer = observe(redis)
    const first = await observer.look()
    expect(first.kind).toBe('sentinel')
    expect(first.servers.filter(({ role }) => role === 'sentinel')).toHaveLength(3)
    const primary = first.servers.find(({ role }) => role === 'primary')
    const replicas = first.servers.filter(({ role }) => role === 'replica')
    expect(replicas).toHaveLength(2)
    for (const replica of replicas) {
      expect(replica).toMatchObject({ linked: true, primary: primary?.name, keys: primary?.keys })
      expect(replica.lagBytes).toBeLessThan(1_000)
    }
    expect(first.sessions).toMatchObject({ active: 1, exact: true })
    const former = await deployment.primary()
    await former.kill()
    const next = await seen(observer, ({ servers }) =>
      servers.some(({ role, name, problem }) => {
        return role === 'primary' && name !== primary?.name && problem === undefined
      }),
    )
    expect(next.servers.find(({ name }) => name === primary?.name)?.problem).toBeDefined()
    const { sessions } = await seen(observer, ({ sessions: { active } }) => active !== undefined)
    expect(sessions.active).toBe(1)
  })

  it('closed while it looks which servers there are: that look fails as any other', async () => {
    const server = await start()
    let ahead = 0
    const clock = { now: () => Date.now(), monotonic: () => performance.now() + ahead }
    const observer = observe(server.url, { clock })
    await observer.look()
    // Long after: it looks for them anew.
    ahead = 60_000
    server.pause()
    const looking = observer.look().catch((error: SojournError) => error.code)
    await observer.close()
    server.resume()
    expect(await looking).toBe('ERR_SOJOURN_STORE_UNAVAILABLE')
  })

  it('Sentinels: a primary that has given way is found out at once', async () => {
    const deployment = await startSentinels({ replicas: 1 })
    ends.push(() => deployment.stop())
    const redis = { sentinels: [...deployment.addresses], masterName: MASTER_NAME }
    const observer = observe(redis)
    ends.push(observer.watch({ seen: () => undefined }))
    const former = `127.0.0.1:${(await deployment.primary()).port}`
    await until(async () => observer.last !== undefined)
    await deployment.failover()
    const at = performance.now()
    await until(async () => {
      const primaries = observer.last?.servers.filter(({ role }) => role === 'primary') ?? []
      return primaries.length === 1 && primaries[0]?.name !== former
    })
    // For ten seconds more it calls itself one too.
    expect(observer.last?.servers.find(({ name }) => name === former)).toMatchObject({
      role: 'replica',
    })
    // Not when it is looked again anyway.
    expect(performance.now() - at).toBeLessThan(5_000)
  })

  it('a Cluster: one that hangs does not stop the figures of the others', async () => {
    const cluster = await startCluster({ replicas: 0 })
    ends.push(() => cluster.stop())
    const redis = { cluster: [...cluster.addresses] }
    const sessions = open({ redis })
    for (let i = 0; i < 60; i++) await signIn(sessions, { theme: 'dark' }, `u${i}`)
    const observer = observe(redis, { commandTimeout: 300 })
    const well = await observer.look()
    expect(well.sessions).toMatchObject({ active: 60, exact: true, signedInShare: 1 })
    const slots = well.servers.map((server) => server.slots ?? 0)
    expect(total(slots)).toBe(16_384)
    const hung = cluster.nodes[0]
    hung?.pause()
    const name = `127.0.0.1:${hung?.port}`
    const { servers, sessions: left } = await seen(observer, (snapshot) =>
      snapshot.servers.some((server) => server.name === name && server.problem !== undefined),
    )
    hung?.resume()
    const others = servers.filter((server) => server.name !== name)
    expect(others).toHaveLength(2)
    for (const other of others) {
      expect(other.problem).toBeUndefined()
      expect(other.keys).toBeGreaterThan(0)
    }
    expect(servers.find((server) => server.name === name)).toMatchObject({
      ...{ usedMemory: undefined, keys: undefined, role: 'primary' },
    })
    // Theirs are some of the sessions: how many there are is not known.
    expect(left.active).toBeUndefined()
    const again = await seen(observer, (snapshot) => snapshot.sessions.active !== undefined)
    expect(again.sessions.active).toBe(60)
  })
})
