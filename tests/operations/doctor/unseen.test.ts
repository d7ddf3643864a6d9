// What a rule was not told it calls unknown: never well.
import { afterEach, describe, expect, it } from 'vitest'
import { type Examination, examine, rules } from '../../../src/operations/doctor/examine.ts'
import type { Facts, ServerFacts } from '../../../src/operations/doctor/facts.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { factsOf } from './made.ts'

const PASSWORD = 'Canary77'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(...args: string[]): Promise<RedisServer> {
  const server = await startRedis({ args })
  ends.push(() => server.stop())
  return server
}

/** As a user who may do this. */
async function lookAs(server: RedisServer, ...rules: string[]): Promise<Examination> {
  await server.cli('ACL', 'SETUSER', 'lim', 'reset', 'on', `>${PASSWORD}`, '~*', '&*', ...rules)
  return examine(
    { socket: server.socketPath, username: 'lim', password: PASSWORD },
    {
      ...{ prefix: 'sj', expiry: 'off', durable: false, window: 50, commandTimeout: 5_000 },
      readFile: () => undefined,
    },
  )
}

const wellIn = ({ results }: Examination): string[] =>
  results.filter(({ findings }) => findings.length === 0).map(({ id }) => id)

/** By what it is called unknown, and what is to be allowed. */
const unknownIn = ({ results }: Examination): Map<string, string> =>
  new Map(
    results.flatMap(({ id, findings }) =>
      findings
        .filter(({ severity }) => severity === 'unknown')
        .map(({ fix }) => [id, fix.join('\n')]),
    ),
  )

/** What these say does not come from the servers' answers, or not for one server by itself. */
const WITHOUT_ANSWERS = [
  // Who belongs to it, and who answers.
  ...['top.away', 'top.replica', 'clu.replica', 'sen.count'],
  // How it is reached.
  ...['sec.tls', 'sec.verify'],
  // Of this machine's files: they say "where doctor runs on its machine".
  ...['sys.thp', 'sys.overcommit'],
]
/** There is no Cluster, no Sentinel, no replica and no TLS at one server. */
const OF_CLUSTERS = ['clu.state', 'clu.zone', 'clu.even', 'clu.hot', 'clu.tags', 'clu.slow']
const NOT_OF_ONE = [...OF_CLUSTERS, 'sen.quorum', 'sen.slow']
const NOT_ALONE = ['repl.link', 'repl.lag', 'sec.cert']

describe('a user that may not see everything', () => {
  it('is told so where CONFIG, ACL and SLOWLOG are refused', async () => {
    const server = await start('--appendonly', 'yes')
    const seen = await lookAs(server, '+@all', '-config', '-acl', '-slowlog')
    const unknown = unknownIn(seen)
    expect(Object.fromEntries(unknown)).toMatchObject({
      'persist.always': expect.stringContaining('+config|get'),
      'cli.idle': expect.stringContaining('+config|get'),
      'lat.monitor': expect.stringContaining('+config|get'),
      'key.notify': expect.stringContaining('+config|get'),
      'lat.slow': expect.stringContaining('+slowlog|len'),
      'sec.open': expect.stringContaining('+acl|getuser'),
      'sec.auth': expect.stringContaining('+acl|getuser'),
      'sec.acl': expect.stringContaining('+acl|dryrun'),
      'sec.acllog': expect.stringContaining('+acl|log'),
    })
    // None of these asks for what was refused.
    const rightly = [
      ...[...WITHOUT_ANSWERS, ...NOT_OF_ONE, ...NOT_ALONE],
      'top.writes',
      ...['mem.policy', 'mem.used', 'mem.evicted', 'mem.frag', 'mem.swap', 'mem.clients'],
      ...['persist.any', 'persist.rdb', 'persist.aof', 'persist.fork'],
      ...['repl.backlog', 'repl.full', 'repl.min'],
      ...['cli.max', 'cli.reject', 'cli.buffers', 'track.table', 'lat.rtt', 'lat.expire'],
      ...['sys.clock', 'ver.least', 'ver.cve', 'ver.mixed', 'lib.drift'],
      ...['key.ttl', 'key.big', 'key.index', 'key.foreign'],
    ]
    expect(wellIn(seen).filter((id) => !rightly.includes(id))).toEqual([])
  })

  it('is told so of everything where everything is refused', async () => {
    const server = await start()
    const seen = await lookAs(
      server,
      '-@all',
      '+hello',
      '+auth',
      '+client',
      '-client|list',
      '+role',
    )
    const rightly = [...WITHOUT_ANSWERS, ...NOT_OF_ONE, ...NOT_ALONE]
    expect(wellIn(seen).filter((id) => !rightly.includes(id))).toEqual([])
    for (const fix of unknownIn(seen).values()) expect(fix).toMatch(/^allow \+/)
  })

  it('is told that the rights of a user were not tried', async () => {
    const server = await start()
    const seen = await lookAs(server, '+@all', '-acl|dryrun')
    expect(unknownIn(seen).get('sec.acl')).toContain('+acl|dryrun')
  })
})

describe('every rule', () => {
  const wellWith = (made: Facts): string[] =>
    rules.filter(({ check }) => check(made).length === 0).map(({ id }) => id)

  it('is unknown where the servers answer with nothing', () => {
    const three = ['primary', 'primary', 'primary'] as const
    const cluster = wellWith(factsOf('cluster', [...three, 'replica']))
    // Also what is of Sentinels; a Cluster's primaries stop by themselves.
    const ofSentinels = ['sen.quorum', 'sen.slow']
    expect(cluster.toSorted()).toEqual([...WITHOUT_ANSWERS, ...ofSentinels, 'repl.min'].toSorted())
    const sentinels = ['sentinel', 'sentinel', 'sentinel'] as const
    const set = wellWith(factsOf('sentinel', ['primary', 'replica', ...sentinels]))
    expect(set.toSorted()).toEqual([...WITHOUT_ANSWERS, ...OF_CLUSTERS].toSorted())
  })

  it('is unknown where none of the servers that it looks at answers', () => {
    const made = factsOf('cluster', ['primary', 'primary', 'primary'])
    const problem = new Error('away') as unknown as NonNullable<ServerFacts['problem']>
    const well = wellWith({ ...made, servers: made.servers.map((each) => ({ ...each, problem })) })
    expect(well).not.toContain('mem.limit')
    expect(well).not.toContain('sec.open')
    expect(well).not.toContain('top.away')
  })
})
