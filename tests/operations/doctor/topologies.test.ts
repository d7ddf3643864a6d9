import { execFileSync } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { slotOf } from '../../../src/core/partitions.ts'
import type { RedisSource } from '../../../src/engines/redis/options.ts'
import { aclRulesFor } from '../../../src/operations/acl/acl.ts'
import { type Examination, examine } from '../../../src/operations/doctor/examine.ts'
import { type GatherOptions, gather } from '../../../src/operations/doctor/facts.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'
import { applyFix } from '../../../src/operations/doctor/fix.ts'
import { startCluster } from '../../support/cluster.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { MASTER_NAME, startSentinels } from '../../support/sentinels.ts'
import { until } from '../../support/until.ts'
import { carryOut } from './faults/remedy.ts'
import { found } from './found.ts'

const PASSWORD = 'Canary77'
/** A server that is set up as docs/redis.md says. */
const GOOD = [
  ...['--maxmemory', '200mb', '--maxmemory-policy', 'volatile-ttl'],
  ...['--appendonly', 'yes', '--appendfsync', 'everysec'],
  // What a busy machine holds up is no matter here.
  ...['--slowlog-log-slower-than', '5000000'],
]

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const look = (redis: RedisSource, options: Partial<GatherOptions> = {}): Promise<Examination> =>
  examine(redis, {
    ...{ prefix: 'sj', expiry: 'off', durable: false, window: 100, commandTimeout: 2_000 },
    // Whatever this machine is set to.
    readFile: () => undefined,
    ...options,
  })

/** Counts a fifth: a thread that gets a fifth of a processor, on a machine that is busy with other tests, is busy all the time. */
const slow: Clock = { now: () => Date.now(), monotonic: () => performance.now() / 5 }

/** What is said while its thread has something to do for a key; in pieces, for in between it is to answer. */
async function saidOfBusy(
  server: RedisServer,
  key: string,
  redis: RedisSource,
): Promise<readonly Finding[]> {
  const told = new AbortController()
  const pieces = (async () => {
    const text = 'local n = 0 for i = 1, 2000000 do n = n + i end'
    while (!told.signal.aborted) await server.cli('EVAL', text, '1', key)
  })()
  const findings = await found('clu.hot', redis, { readFile: () => undefined, clock: slow })
  told.abort()
  await pieces
  return findings
}

/** By one rule, whatever this machine is set to. */
const said = (id: string, redis: RedisSource) => found(id, redis, { readFile: () => undefined })

/** Hash tags of which the slot is one of these. */
function tagsIn(isOne: (slot: number) => boolean, count: number): string[] {
  const tags: string[] = []
  for (let i = 0; tags.length < count; i++) if (isOne(slotOf(`t${i}`))) tags.push(`t${i}`)
  return tags
}

/** Said of this release of the server, and of a machine that is busy with other tests. */
const OF_HERE = new Set(['ver.cve', 'lat.rtt'])

/** `rule severity server`, without what is so here whatever the set-up. */
function told({ results }: Examination): string[] {
  return results.flatMap(({ id, findings }) =>
    OF_HERE.has(id)
      ? []
      : findings.map(({ severity, servers }) => `${id} ${severity} ${servers.join(' ')}`.trim()),
  )
}

/** Again, for on a busy machine a PING may be slow, or the disk, and rightly told of. */
async function findsNothing(again: () => Promise<Examination>): Promise<void> {
  let found: string[] = []
  for (let tries = 0; tries < 5; tries++) {
    found = told(await again())
    if (found.length === 0) return
  }
  expect(found).toEqual([])
}

describe('a clean set-up', () => {
  it('has nothing to find: a primary, a replica and three Sentinels', async () => {
    const set = await startSentinels({
      replicas: 1,
      args: [...GOOD, '--min-replicas-to-write', '1'],
    })
    ends.push(() => set.stop())
    for (const server of set.servers) {
      await server.cli('ACL', 'SETUSER', 'ops', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
      await server.cli('ACL', 'SETUSER', 'default', `>${PASSWORD}`)
    }
    for (const sentinel of set.sentinels) {
      await sentinel.cli('SENTINEL', 'CONFIG', 'SET', 'sentinel-pass', PASSWORD)
      await sentinel.cli('ACL', 'SETUSER', 'default', `>${PASSWORD}`)
    }
    await until(
      async () =>
        (await set.servers[1]?.cli('INFO', 'replication'))?.includes('master_link_status:up') ===
        true,
    )
    const redis = {
      sentinels: set.addresses,
      masterName: MASTER_NAME,
      username: 'ops',
      password: PASSWORD,
      sentinelAccess: { password: PASSWORD },
    }
    const examination = await look(redis, { durable: true })
    expect(examination.servers.map(({ role }) => role).toSorted()).toEqual([
      'primary',
      'replica',
      'sentinel',
      'sentinel',
      'sentinel',
    ])
    await findsNothing(() => look(redis, { durable: true }))
  })

  it('has nothing to find: a Cluster', async () => {
    const cluster = await startCluster({ masters: 3, replicas: 1, args: GOOD })
    ends.push(() => cluster.stop())
    for (const node of cluster.nodes) {
      await node.cli('ACL', 'SETUSER', 'ops', 'on', `>${PASSWORD}`, '~*', '&*', '+@all')
      await node.cli('ACL', 'SETUSER', 'default', `>${PASSWORD}`)
    }
    await until(async () => {
      const links = cluster.nodes.slice(3).map((node) => node.cli('INFO', 'replication'))
      return (await Promise.all(links)).every((text) => text.includes('master_link_status:up'))
    })
    const redis = { cluster: cluster.addresses, username: 'ops', password: PASSWORD }
    const examination = await look(redis)
    expect(examination.servers.map(({ role }) => role).toSorted()).toEqual([
      ...['primary', 'primary', 'primary'],
      ...['replica', 'replica', 'replica'],
    ])
    await findsNothing(() => look(redis))
  })
})

describe('a Cluster', () => {
  it('has a node without slots: it does not count', async () => {
    const cluster = await startCluster({ masters: 2, spare: 1, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = {
      cluster: cluster.addresses,
      mapAddress: ({ port }: { readonly port: number }) => ({ host: 'localhost', port }),
    }
    const names = cluster.nodes.slice(0, 2).map(({ port }) => `localhost:${port}`)
    const findings = await said('clu.replica', redis)
    expect(findings).toMatchObject([
      { seen: 'there are 2 primaries, and 1 without slots, which has no vote' },
    ])
    for (const finding of [...findings, ...(await said('repl.count', redis))]) {
      expect(finding.servers.toSorted()).toEqual(names.toSorted())
    }
    const options = { prefix: 'sj', expiry: 'off', durable: false, window: 50 } as const
    const { servers } = await gather(redis, { ...options, commandTimeout: 2_000 })
    expect(servers.map(({ announced }) => announced)).toEqual(Array(3).fill('127.0.0.1'))
  })

  it('is told of once, whatever the number of its servers', async () => {
    const cluster = await startCluster({ masters: 3, args: ['--maxmemory-policy', 'allkeys-lru'] })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses }
    const { results } = await look(redis)
    const [finding, ...others] = results.find(({ id }) => id === 'mem.policy')?.findings ?? []
    expect(others).toEqual([])
    expect(finding?.servers).toHaveLength(3)
    expect(finding?.fix.at(-1)).toBe('and the same at the others')
    if (finding !== undefined) await applyFix(redis, finding, 5_000)
    expect(told(await look(redis)).filter((line) => line.startsWith('mem.policy'))).toEqual([])
  })

  it('has all on one machine', async () => {
    const cluster = await startCluster({ masters: 3, replicas: 1, args: GOOD })
    ends.push(() => cluster.stop())
    // When all know of all replicas.
    let findings: readonly Finding[] = []
    await until(async () => {
      findings = await found('clu.zone', { cluster: cluster.addresses })
      return findings[0]?.servers.length === 3
    })
    expect(findings.map(({ severity, seen }) => `${severity}: ${seen}`)).toEqual([
      'warn: it and all its replicas are in one place, this machine',
      'warn: 3 of 3 primaries are in one place, this machine',
    ])
  })

  it('has a slot that is full of what is not spread, and one that works for the others', async () => {
    const cluster = await startCluster({ masters: 3, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses }
    const fill = (tag: string, count: number) => {
      const text = `for i = 1, ${count} do redis.call('SET', '{${tag}}' .. i, 'v') end`
      return cluster.masterOf(slotOf(tag)).then((node) => node.cli('EVAL', text, '1', `{${tag}}`))
    }
    await fill('cache', 9_000)
    expect(await said('clu.tags', redis)).toEqual([])
    await fill('other', 3_000)
    const tags = await said('clu.tags', redis)
    const at = (await cluster.masterOf(slotOf('cache'))).port
    const finding = tags.find(({ servers }) => servers.includes(`127.0.0.1:${at}`))
    expect(finding?.seen).toBe(`slot ${slotOf('cache')} has 9,000 of 12,000 keys, 75 %`)
    const shown = /`(redis-cli [^`]+)`/.exec(finding?.fix[0] ?? '')?.[1] ?? ''
    expect(execFileSync('sh', ['-c', shown], { encoding: 'utf8' })).toMatch(/^\{cache\}\d+$/m)

    const node = await cluster.masterOf(slotOf('cache'))
    const hot = () => saidOfBusy(node, '{cache}', redis)
    await until(async () => (await hot())[0]?.servers[0] === `127.0.0.1:${node.port}`)
    await until(async () => (await said('clu.hot', redis)).length === 0)
  })

  it('has a slot that is full of what has different hash tags', async () => {
    const cluster = await startCluster({ masters: 1, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses }
    const [node] = cluster.nodes
    const [first, second, third] = tagsIn((slot) => slot === 16_000, 3)
    const fill = (tag: string, count: number) => {
      const text = `for i = 1, ${count} do redis.call('SET', '{${tag}}' .. i, 'v') end`
      return node?.cli('EVAL', text, '1', `{${tag}}`)
    }
    for (let i = 0; i < 40; i++) await fill(`other ${i}`, 240)
    await fill('one', 450)
    for (const tag of [first, second]) await fill(String(tag), 250)
    expect(await said('clu.tags', redis)).toEqual([])
    await fill(String(third), 250)
    expect(await said('clu.tags', redis)).toMatchObject([
      { seen: 'slot 16000 has 750 of 10,800 keys, 7 %' },
    ])
  })

  it('is looked at in all its slots, also by who is on call', async () => {
    const cluster = await startCluster({ masters: 1, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses }
    const [node] = cluster.nodes
    const [low, high] = [tagsIn((slot) => slot < 100, 1), tagsIn((slot) => slot > 16_000, 1)]
    const fill = (start: string) => {
      const text = `for i = 1, 3000 do redis.call('SET', '${start}' .. i, 'v', 'EX', 100) end`
      return node?.cli('EVAL', text, '1', start)
    }
    await fill(`sj:{${low[0]}}:s:`)
    await fill(`{${high[0]}}`)
    const rules = await aclRulesFor(redis, {
      ...{ role: 'ops', user: 'ops', prefix: 'sj', features: [], database: 0 },
    })
    await node?.cli('ACL', 'SETUSER', ...rules)
    const findings = await said('key.foreign', { ...redis, username: 'ops', password: 'password' })
    expect(findings).toHaveLength(1)
    const share = Number(/^(\d+) %/.exec(findings[0]?.seen ?? '')?.[1])
    expect(Math.abs(share - 50)).toBeLessThan(10)
    await node?.cli('ACL', 'SETUSER', 'ops', '-randomkey')
    expect(
      await said('key.foreign', { ...redis, username: 'ops', password: 'password' }),
    ).toMatchObject([{ severity: 'unknown', fix: [expect.stringContaining('+randomkey')] }])
  })

  it('is told its zones and its busiest slots, by servers that know them', async (context) => {
    const cluster = await startCluster({ masters: 3, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses }
    for (const [i, node] of cluster.nodes.entries()) {
      const zone = i < 2 ? 'x' : 'y'
      const isKnown = await node.cli('CONFIG', 'SET', 'availability-zone', zone).then(
        () => true,
        () => false,
      )
      context.skip(!isKnown, 'this server has no availability-zone: Valkey 8 has')
      await node.cli('CONFIG', 'SET', 'cluster-slot-stats-enabled', 'yes')
    }
    expect(await said('clu.zone', redis)).toMatchObject([
      { severity: 'info', seen: '2 of 3 primaries are in one place, the zone x' },
    ])
    await cluster.nodes[1]?.cli('CONFIG', 'SET', 'availability-zone', 'z')
    expect(await said('clu.zone', redis)).toEqual([])
    const node = await cluster.masterOf(slotOf('cache'))
    await until(async () => {
      const [finding] = await saidOfBusy(node, '{cache}', redis)
      return finding?.fix[0]?.includes(` slots ${slotOf('cache')} (`) === true
    })
  })

  it('forgets a replica that is gone for good, as the remedy says', async () => {
    const cluster = await startCluster({ masters: 1, replicas: 1, args: GOOD })
    ends.push(() => cluster.stop())
    const redis = { cluster: cluster.addresses.slice(0, 1) }
    const [, replica] = cluster.nodes
    await replica?.kill()
    const away = () => found('top.away', redis, { commandTimeout: 500 })
    await until(async () => (await away()).length === 1)
    const [finding] = await away()
    expect(finding).toMatchObject({ severity: 'warn', servers: [`127.0.0.1:${replica?.port}`] })
    const fills = { '<its id>': String(replica?.id) }
    await carryOut(finding as Finding, { redis, servers: [], fills })
    await until(async () => (await away()).length === 0)
  })

  it('has lost a master', async () => {
    const cluster = await startCluster({ masters: 3, args: GOOD })
    ends.push(() => cluster.stop())
    const [, , last] = cluster.nodes
    await last?.kill()
    const found = told(await look({ cluster: cluster.addresses }))
    expect(found).toContain(`top.away error 127.0.0.1:${last?.port}`)
  })
})
