import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { OptionError, type SojournError } from '../../../src/core/errors.ts'
import type { Sessions } from '../../../src/core/sessions.ts'
import { version } from '../../../src/core/version.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import type { RedisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { aclRules, aclRulesFor } from '../../../src/operations/acl/acl.ts'
import { DURATIONS } from '../../../src/operations/metrics/catalogue.ts'
import { report } from '../../../src/operations/metrics/index.ts'
import { encodeReport, parseReport } from '../../../src/operations/metrics/report-message.ts'
import type { Observer, ObserverOptions } from '../../../src/operations/observe/observer.ts'
import { ReportBook } from '../../../src/operations/observe/report-book.ts'
import type { Snapshot } from '../../../src/operations/observe/snapshot.ts'
import { startCluster } from '../../support/cluster.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { MASTER_NAME, startSentinels } from '../../support/sentinels.ts'
import { until } from '../../support/until.ts'
import { ends, observe, open, seen, start } from './set-up.ts'

const EVERY = '500ms'

/** Looks all the time. */
function listen(...args: Parameters<typeof observe>): Observer {
  const observer = observe(...args)
  ends.push(observer.watch({ seen: () => undefined }))
  return observer
}

function tell(sessions: Sessions, name: string): void {
  ends.push(report(sessions, { name, every: EVERY }))
}

const NOTHING = {
  ...{ id: 'a', name: 'web', version: '1.2.3', pid: 1, startedAt: 5, counted: 1_000 },
  ...{ operations: new Map(), created: new Map(), ended: new Map(), rejected: new Map() },
  ...{ conflicts: 0, errors: 0, outages: 0, cache: undefined },
  ...{ reads: undefined, keys: [7, 65_535] },
}

describe('a report', () => {
  it('shows what an application does, and which nodes there are', async () => {
    const server = await start()
    const sessions = open({ redis: server.url })
    await sessions.ready()
    tell(sessions, 'web-1')
    tell(open({ redis: server.url, nearCache: false }), 'web-2')
    const observer = listen(server.url)
    const token = await signIn(sessions, { theme: 'dark' }, 'ada')
    const gone = await signIn(sessions, { theme: 'dark' }, 'ada')
    await (await sessions.open(gone)).logout()
    const work = () => [
      signIn(sessions, { theme: 'dark' }),
      sessions.open(token),
      sessions.open(gone),
    ]
    const working = setInterval(() => void Promise.allSettled(work()), 10)
    ends.push(() => clearInterval(working))
    const { nodes, application } = await seen(
      observer,
      ({ nodes: [one, two] }) =>
        (one?.state.cache?.hitsPerSecond ?? 0) > 0 && (two?.state.operations.length ?? 0) > 0,
    )
    expect(nodes.map(({ name }) => name)).toEqual(['web-1', 'web-2'])
    expect(nodes[0]).toMatchObject({ version, pid: process.pid })
    expect(nodes[0]?.age).toBeLessThan(1_000)
    expect(nodes[0]?.startedAt).toBeLessThan(Date.now())
    // One process: both tell of all that happens in it, but of a near cache of their own.
    const [of, theirs] = nodes.map(({ state }) => state)
    const create = of?.operations.find(({ name }) => name === 'create')
    expect(create?.perSecond).toBeGreaterThan(20)
    expect(create?.failed).toBe(0)
    expect(create?.p50).toBeGreaterThan(0)
    expect(create?.p99).toBeGreaterThanOrEqual(create?.p50 ?? Number.NaN)
    expect(of?.created['anonymous']).toBeGreaterThan(20)
    expect(of?.rejected).toEqual({ absent: expect.any(Number) })
    expect(of?.cache).toMatchObject({ on: 1, count: 1 })
    expect(theirs?.cache).toMatchObject({ on: 0, count: 1, hitsPerSecond: 0 })
    const both = application?.operations.find(({ name }) => name === 'create')?.perSecond ?? 0
    expect(both).toBeGreaterThan(1.5 * (create?.perSecond ?? 0))
    expect(application?.cache).toMatchObject({ on: 1, count: 2 })
    expect(of?.operations.map(({ name }) => name)).not.toContain('report')
  })

  it('is kept nowhere, and ends with the sessions', async () => {
    const server = await start()
    const sessions = createSessions({ redis: server.url, secrets: [SECRET] })
    report(sessions, { every: EVERY })
    const published = async () =>
      Number(/cmdstat_publish:calls=(\d+)/.exec(await server.cli('INFO', 'commandstats'))?.[1] ?? 0)
    await until(async () => (await published()) > 1)
    expect(await server.cli('DBSIZE')).toBe('0')
    await sessions.close()
    const last = await published()
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(await published()).toBe(last)
  })

  it('that is refused fails no request, and is told of once', async () => {
    const server = await start()
    const common = { user: 'app', prefix: 'sj', database: 0 } as const
    await server.cli('ACL', 'SETUSER', ...aclRules({ ...common, role: 'app', features: [] }))
    const redis = { socket: server.socketPath, username: 'app', password: 'password' }
    const sessions = open({ redis })
    const errors: { operation: string; error: unknown }[] = []
    sessions.on('error', (event) => errors.push(event))
    tell(sessions, 'web')
    await until(async () => /publish\n/.test(await server.cli('ACL', 'LOG')) && errors.length > 0)
    await until(async () => Number(/^\d+$/m.exec(await server.cli('ACL', 'LOG'))?.[0]) > 2)
    expect(errors).toMatchObject([{ operation: 'report', error: { reason: 'NOPERM' } }])
    await signIn(sessions, { theme: 'dark' }, 'ada')
    const features = ['report'] as const
    await server.cli(
      'ACL',
      'SETUSER',
      ...(await aclRulesFor(redisOf(server), { ...common, role: 'app', features })),
    )
    const { nodes } = await seen(listen(redisOf(server)), (snapshot) => snapshot.nodes.length > 0)
    expect(nodes).toHaveLength(1)
  })

  it('is heard by the user of those who look, and refused to nobody there', async () => {
    const server = await start()
    const role = { role: 'ops', user: 'oncall', prefix: 'sj', features: [], database: 0 } as const
    await server.cli('ACL', 'SETUSER', ...(await aclRulesFor(server.url, role)))
    tell(open({ redis: server.url }), 'web')
    const access = { socket: server.socketPath, username: 'oncall', password: 'password' }
    await seen(listen(access), ({ nodes }) => nodes.length > 0)
    expect(await server.cli('ACL', 'LOG')).toBe('')
  })

  it('needs Redis, and options that are right', async () => {
    const memory = open({})
    expect(() => report(memory)).toThrow(OptionError)
    const { url } = await start()
    const sessions = open({ redis: url })
    for (const options of [{ every: '100ms' }, { every: '1m' }, { name: '' }, { evry: '1s' }]) {
      expect(() => report(sessions, options as object)).toThrow(OptionError)
    }
    expect(() => report({} as never)).toThrow(OptionError)
  })

  it('names the attributes that are read and there, no values, and nothing where they are too many', async () => {
    const server = await start()
    const sessions = open({ redis: server.url })
    await sessions.ready()
    const heard: string[] = []
    const engine = sessions.engine as RedisEngine
    ends.push(engine.onReport((text) => heard.push(text)))
    const last = () => parseReport(heard.at(-1) ?? '')?.reads
    const before = await sessions.open(await signIn(sessions, { early: 1 }))
    before.get('early')
    tell(sessions, 'web')
    const session = await sessions.open(
      await signIn(sessions, { theme: 'canary-value', cart: [1], unread: 1 }),
    )
    session.get('theme')
    session.get('theme')
    session.get('absent-canary')
    ;(session.data as { cart?: number[] }).cart?.push(2)
    session.has('unread')
    session.set('unread', 2)
    await session.commit()
    await until(async () => last()?.length === 2)
    expect(last()?.toSorted()).toEqual(['cart', 'theme'])
    expect(heard.join('')).not.toContain('canary')
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`name-${i}`, i]))
    const large = await sessions.open(await signIn(sessions, many))
    JSON.stringify(large)
    await until(async () => heard.length > 0 && last() === undefined)
  })

  it('is read whether it says what is read, or not, and refused where that is nothing of the kind', () => {
    const good = JSON.parse(encodeReport(NOTHING)) as Record<string, unknown>
    expect(parseReport(text(good))?.reads).toBeUndefined()
    expect(parseReport(text({ ...good, reads: ['a', '\u0007'], more: 1 }))?.reads).toEqual([
      'a',
      '\u0007',
    ])
    const bad = [
      'a',
      { a: 1 },
      [1],
      [''],
      ['x'.repeat(65)],
      Array.from({ length: 65 }, (_, i) => `${i}`),
    ]
    for (const reads of bad) expect(parseReport(text({ ...good, reads }))).toBeUndefined()
    const clock: Clock = { now: () => 0, monotonic: () => 0 }
    const book = new ReportBook(clock)
    expect(book.reads()).toBeUndefined()
    book.add(text({ ...good, id: 'a', counted: 5, reads: ['a'] }))
    book.add(text({ ...good, id: 'b', counted: 9, reads: ['b'] }))
    expect(book.reads()).toEqual({ names: new Set(['a', 'b']), nodes: 2, counted: 5 })
    book.add(text({ ...good, id: 'c' }))
    expect(book.reads()).toBeUndefined()
  })

  it('is of one prefix and one database', async () => {
    const server = await start()
    tell(open({ redis: server.url }), 'one')
    tell(open({ redis: server.url, prefix: 'other' }), 'two')
    tell(open({ redis: { socket: server.socketPath, database: 3 } }), 'three')
    const at = async (redis: ObserverOptions['redis'], prefix: string) =>
      (await seen(listen(redis, { prefix }), ({ nodes }) => nodes.length > 0)).nodes
    for (const [redis, prefix, name] of [
      [server.url, 'sj', 'one'],
      [server.url, 'other', 'two'],
      [{ socket: server.socketPath, database: 3 }, 'sj', 'three'],
    ] as const) {
      expect(await at(redis, prefix)).toMatchObject([{ name }])
    }
  })

  it('comes from each node through a failover of Sentinels', async () => {
    const deployment = await startSentinels()
    ends.push(() => deployment.stop())
    const redis = { sentinels: [...deployment.addresses], masterName: MASTER_NAME }
    tell(open({ redis }), 'web')
    const observer = listen(redis)
    await seen(observer, ({ nodes }) => nodes.length === 1)
    const former = await deployment.primary()
    await former.kill()
    await deployment.succeeded(former)
    const at = Date.now()
    const { nodes } = await seen(observer, (snapshot) => {
      return snapshot.nodes.some(({ age }) => snapshot.at - age > at + 100)
    })
    expect(nodes).toMatchObject([{ name: 'web' }])
  })

  it('is known to have come, or not, when there was time for it', async () => {
    const server = await start()
    tell(open({ redis: server.url }), 'web')
    const looks: Snapshot[] = []
    const observer = listen(server.url)
    ends.push(observer.watch({ seen: (snapshot) => looks.push(snapshot) }))
    await seen(observer, ({ reports }) => reports === 'heard')
    const [first, last] = [looks[0] as Snapshot, looks.at(-1) as Snapshot]
    expect(first.reports).toBe('awaited')
    expect(last.at - first.at).toBeGreaterThan(2_300)
    expect(last.nodes).toHaveLength(1)
  })

  it('that may not be heard is told as that, not as none', async () => {
    const server = await start()
    await server.cli('ACL', 'SETUSER', 'deaf', 'on', '>pw', '~*', 'resetchannels', '+@all')
    const redis = { socket: server.socketPath, username: 'deaf', password: 'pw' }
    const { nodes } = await seen(listen(redis), ({ reports }) => reports === 'refused')
    expect(nodes).toEqual([])
  })

  it('comes from each node of a Cluster', async () => {
    const cluster = await startCluster({ masters: 2 })
    ends.push(() => cluster.stop())
    const redis = { cluster: [...cluster.addresses] }
    tell(open({ redis }), 'web')
    const { nodes } = await seen(listen(redis), ({ application }) => application !== undefined)
    expect(nodes).toMatchObject([{ name: 'web' }])
  })

  it('goes to the home of regions', async () => {
    const [home, other] = [await start(), await start()]
    const regions = {
      eu: { number: 0, redis: home.url },
      us: { number: 1, redis: other.url },
    }
    tell(open({ redis: { home: 'eu', regions } }), 'web')
    const { nodes } = await seen(listen(home.url), (snapshot) => snapshot.nodes.length > 0)
    expect(nodes).toMatchObject([{ name: 'web' }])
  })
})

const redisOf = (server: RedisServer) => ({ socket: server.socketPath })

describe('who listens', () => {
  it('heeds nothing that is no report', async () => {
    const server = await start()
    const observer = listen(server.url)
    const problems: SojournError[] = []
    ends.push(observer.watch({ seen: () => undefined, failed: (error) => problems.push(error) }))
    const good = JSON.parse(encodeReport(NOTHING)) as Record<string, unknown>
    const bad = [
      ...[
        '',
        'x',
        '{',
        '[]',
        'null',
        '{}',
        '"x"',
        '{"v":1}',
        '{"v":2}',
        `{"v":1,${' '.repeat(20_000)}`,
      ],
      ...[
        { ...good, v: 2 },
        { ...good, id: 5 },
        { ...good, name: 'x'.repeat(65) },
      ].map(text),
      ...[
        { ...good, pid: -1 },
        { ...good, pid: 1.5 },
        { ...good, conflicts: 1e308 },
        { ...good, startedAt: 8.65e15 },
        { ...good, conflicts: 'many' },
        { ...good, created: [1] },
      ].map(text),
      ...[
        { ...good, created: { a: null } },
        { ...good, operations: { load: [1, 2] } },
      ].map(text),
      text({ ...good, created: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [i, 1])) }),
      text({ ...good, operations: { load: 'x'.repeat(DURATIONS.length + 2) } }),
    ]
    await until(async () => (await server.cli('PUBSUB', 'NUMSUB', 'sj:reports')).endsWith('1'))
    for (const message of bad) {
      expect(parseReport(message)).toBeUndefined()
      await server.cli('PUBLISH', 'sj:reports', message)
    }
    await server.cli('PUBLISH', 'sj:reports', text(good))
    const { nodes } = await seen(observer, (snapshot) => snapshot.nodes.length > 0)
    expect(nodes.map(({ id }) => id)).toEqual(['a'])
    expect(problems).toEqual([])
  })

  it('gives names that mean something to JavaScript no meaning', () => {
    const message = text({ ...JSON.parse(encodeReport(NOTHING)) }).replace(
      '"created":{}',
      '"created":{"__proto__":3,"constructor":4}',
    )
    expect([...(parseReport(message)?.created ?? [])]).toEqual([
      ['__proto__', 3],
      ['constructor', 4],
    ])
    expect(({} as Record<string, unknown>)['3']).toBeUndefined()
  })

  it('forgets a node that has said nothing for ten seconds, and holds no more than 512', () => {
    let now = 0
    const clock: Clock = { now: () => now, monotonic: () => now }
    const book = new ReportBook(clock)
    for (let i = 0; i < 600; i++) book.add(encodeReport({ ...NOTHING, id: `n${i}` }))
    expect(book.nodes()).toHaveLength(512)
    expect(book.application()).toBeUndefined()
    now = 9_000
    book.add(encodeReport({ ...NOTHING, id: 'n7', counted: 10_000, conflicts: 9 }))
    expect(book.application()?.conflictsPerSecond).toBe(1)
    now = 10_001
    expect(book.nodes().map(({ id, age }) => [id, age])).toEqual([['n7', 1_001]])
    now = 19_001
    expect(book.nodes()).toEqual([])
    expect(book.application()).toBeUndefined()
  })

  it('reads and keeps no more than is its share, however much is published', () => {
    let now = 0
    const clock: Clock = { now: () => now, monotonic: () => now }
    const book = new ReportBook(clock)
    const counts = Array<number>(DURATIONS.length + 1).fill(1)
    const forged = (id: number, of: number) =>
      encodeReport({
        ...{ ...NOTHING, id: `n${id}`, counted: 1_000 * of },
        operations: new Map(
          Array.from({ length: 64 }, (_, i) => [
            `${id}-${i}`.padEnd(64, 'x'),
            { failed: 0, counts: counts.map(() => of) },
          ]),
        ),
      })
    const size = forged(0, 1).length
    for (let second = 1; second <= 4; second++) {
      now = second * 1_000
      for (let id = 0; id < 500; id++) book.add(forged(id, second))
    }
    const nodes = book.nodes()
    expect(nodes.length * size).toBeLessThan(2_200_000)
    expect(nodes[0]?.state.operations).toHaveLength(32)
    expect(book.application()?.operations).toHaveLength(64)
    // What is published beyond that is not even read.
    for (let i = 0; i < 1_000; i++) book.add(forged(0, 5))
    book.clear()
    book.add(encodeReport(NOTHING))
    expect(book.nodes()).toHaveLength(0)
    now += 1_000
    book.add(encodeReport(NOTHING))
    expect(book.nodes()).toHaveLength(1)
  })

  it('keeps the places of those who are regular, and takes in who is to be, whatever floods it', () => {
    let now = 0
    const clock: Clock = { now: () => now, monotonic: () => now }
    const book = new ReportBook(clock)
    let made = 0
    const flood = (count: number, padding = '') => {
      for (let i = 0; i < count; i++) {
        book.add(encodeReport({ ...NOTHING, id: `f${made++}` }) + padding)
      }
    }
    const tell = (id: string) => book.add(encodeReport({ ...NOTHING, id, counted: now + 1_000 }))
    const known = Array.from({ length: 200 }, (_, i) => `known-${i}`)
    // From before anybody is heard.
    for (let second = 0; second < 40; second++) {
      now = second * 1_000
      flood(1_500)
      // More than is read in a second: those who are regular are heard still.
      if (second >= 30) flood(400, ' '.repeat(15_000))
      if (second % 2 === 0) for (const id of known) tell(id)
      if (second % 2 === 0 && second >= 20) tell('late')
      flood(1_500)
      if (second < 4) continue
      const ids = book.nodes().map(({ id }) => id)
      expect(ids.filter((id) => id.startsWith('known-'))).toHaveLength(200)
      expect(ids.includes('late')).toBe(second >= 22)
      expect(ids.length).toBeLessThanOrEqual(512)
    }
    expect(book.nodes().every(({ age }) => age <= 10_000)).toBe(true)
  })

  it('shows names without what steers a terminal, and takes reports too close together for no rate', () => {
    const clock: Clock = { now: () => 0, monotonic: () => 0 }
    const book = new ReportBook(clock)
    const name = 'evil\u001b[2J\u202e\u200b'
    book.add(encodeReport({ ...NOTHING, name, version: '1\n' }))
    book.add(encodeReport({ ...NOTHING, name, version: '1\n', counted: 1_001, conflicts: 1e15 }))
    expect(book.nodes()).toMatchObject([{ name: 'evil·[2J··', version: '1·' }])
    expect(book.application()).toBeUndefined()
  })

  it('takes a percentile from the buckets of both', () => {
    const clock: Clock = { now: () => 0, monotonic: () => 0 }
    const book = new ReportBook(clock)
    const counts = DURATIONS.map((_, i) => (i === 3 ? 90 : i === 9 ? 10 : 0))
    const operations = new Map([['load', { failed: 5, counts: [...counts, 0] }]])
    for (const id of ['a', 'b']) {
      book.add(encodeReport({ ...NOTHING, id }))
      book.add(encodeReport({ ...NOTHING, id, counted: 2_000, operations }))
    }
    const [load] = book.application()?.operations ?? []
    expect(load).toMatchObject({ name: 'load', perSecond: 200, failed: 0.05 })
    // 1 ms and 0.1 s are the upper bounds of those.
    expect(load?.p50).toBeCloseTo(0.5 + (0.5 * 50) / 90)
    expect(load?.p99).toBeCloseTo(50 + (50 * 9) / 10)
  })
})

it('the version is that of the package', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  expect(version).toBe((JSON.parse(text) as { version: string }).version)
})

function text(value: unknown): string {
  return JSON.stringify(value)
}
