// Rules that no server can be brought to within a test, by what it would tell: from where on they speak, and how much.
import { describe, expect, it } from 'vitest'
import { rules } from '../../../src/operations/doctor/examine.ts'
import type { Facts, ServerFacts } from '../../../src/operations/doctor/facts.ts'
import { MemoryHistory } from '../../../src/operations/doctor/history.ts'
import { factsOf, serverOf } from './made.ts'

type Fields = Readonly<Record<string, string | number>>

const fields = (told: Fields) =>
  new Map(Object.entries(told).map(([name, value]) => [name, String(value)]))

function said(id: string, info: Fields, before: Fields = {}, told: Partial<ServerFacts> = {}) {
  const rule = rules.find((each) => each.id === id)
  const server = serverOf('a', 'primary', { info: fields(info), before: fields(before), ...told })
  return rule
    ?.check(factsOf('single', [server]))
    .map(({ severity, seen }) => `${severity}: ${seen}`)
}

const MIB = 1_048_576

it('mem.frag: half as much again as is in use, and 100 MiB at least', () => {
  const memory = (ratio: number, used: number) => ({
    mem_fragmentation_ratio: ratio,
    used_memory: used * MIB,
    mem_fragmentation_bytes: (ratio - 1) * used * MIB,
  })
  expect(said('mem.frag', memory(1.8, 500))).toEqual([
    'warn: its process has 1.8 times the memory that is in use, 400 MiB more',
  ])
  expect(said('mem.frag', memory(1.4, 500))).toEqual([])
  expect(said('mem.frag', memory(1.8, 50))).toEqual([])
  expect(said('mem.frag', memory(1.6, 120))).toEqual([])
})

it('mem.swap: a tenth of what is in use is not in memory', () => {
  const memory = (ratio: number, used: number) => ({
    mem_fragmentation_ratio: ratio,
    used_memory: used * MIB,
  })
  expect(said('mem.swap', memory(0.6, 500))).toEqual([
    'warn: only 60 % of its 500 MiB are in memory',
  ])
  expect(said('mem.swap', memory(0.95, 500))).toEqual([])
  expect(said('mem.swap', memory(0.6, 50))).toEqual([])
})

it('persist.fork: above 200 ms', () => {
  expect(said('persist.fork', { latest_fork_usec: 250_400 })).toEqual([
    'warn: the last fork held the server up for 250 ms',
  ])
  expect(said('persist.fork', { latest_fork_usec: 200_000 })).toEqual([])
})

it('lat.expire: above 10 %', () => {
  expect(said('lat.expire', { expired_stale_perc: '12.40' })).toEqual([
    'warn: some 12 % of what has a deadline is over it and still in memory',
  ])
  expect(said('lat.expire', { expired_stale_perc: '9.00' })).toEqual([])
})

it('cli.buffers: within the window; a release before the counter does not tell', () => {
  const counted = (count: number) => ({
    client_output_buffer_limit_disconnections: count,
    rejected_connections: 0,
  })
  expect(said('cli.buffers', counted(7), counted(5))).toEqual([
    'warn: 2 clients were cut off for what they had not read, within 10 s',
  ])
  expect(said('cli.buffers', counted(7), counted(7))).toEqual([])
  expect(said('cli.buffers', { rejected_connections: 0 })).toEqual([])
  // Counters that began anew say nothing of the window.
  expect(said('cli.buffers', counted(0), counted(5))).toEqual([
    'unknown: the server does not tell whom it cuts off',
  ])
})

it('repl.lag: behind at both ends of the window; what is on its way is none', () => {
  const lag = (before: number, now: number) => {
    const at = (role: 'primary' | 'replica', then: number, later: number) => {
      const name = role === 'primary' ? 'master_repl_offset' : 'slave_repl_offset'
      const told = (offset: number) => fields({ [name]: offset * MIB, master_replid: 'x' })
      return serverOf(role, role, { info: told(later), before: told(then) })
    }
    const servers = [at('primary', 10, 20), at('replica', 10 - before, 20 - now)]
    return rules.find(({ id }) => id === 'repl.lag')?.check(factsOf('sentinel', servers))
  }
  expect(lag(4, 3)).toMatchObject([{ severity: 'warn', seen: 'it is 3.0 MiB behind its primary' }])
  expect(lag(0, 5)).toEqual([])
  expect(lag(5, 0)).toEqual([])
})

it('mem.limit: nothing for --fix where others take of the same memory, or a container may have less', () => {
  const info = fields({ maxmemory: 0, total_system_memory: 10_000 * MIB, used_memory: MIB })
  const host = { transparentHugePages: undefined, overcommitMemory: 1, memory: 1_000 * MIB }
  const at = (
    address: ServerFacts['target']['address'],
    name: string,
    told: Partial<ServerFacts>,
  ) => {
    const server = serverOf(name, 'primary', { info, ...told })
    return { ...server, target: { ...server.target, address } }
  }
  const findings = (...servers: ServerFacts[]) =>
    rules.find(({ id }) => id === 'mem.limit')?.check(factsOf('cluster', servers))
  const [here, there] = [
    { host: '127.0.0.1', port: 1 },
    { host: '10.0.0.2', port: 1 },
  ]
  expect(findings(at(here, 'a', { host }))).toMatchObject([
    { setting: { name: 'maxmemory', value: '700mb' } },
  ])
  const [away] = findings(at(there, 'a', {})) ?? []
  expect(away).toMatchObject({ setting: undefined })
  expect(away?.fix.join('\n')).toMatch(/maxmemory 7000mb[^]*container/)
  const [both, ...others] =
    findings(at(here, 'a', { host }), at({ host: 'localhost', port: 2 }, 'b', { host })) ?? []
  expect(others).toEqual([])
  expect(both).toMatchObject({ setting: undefined, servers: ['a', 'b'] })
  expect(both?.fix.join('\n')).toMatch(/maxmemory 350mb[^]*2 of the servers share a machine/)
})

it('mem.used: full soon is an error by looks of some minutes only, a warning by a long window', () => {
  const [minute, gib] = [60_000, 1_024 * MIB]
  const forecast = (
    grown: number,
    window: number,
    ago: readonly (readonly [number, number])[] = [],
  ) => {
    // Buffers come, and are no growth.
    const memory = (stored: number, buffers: number) =>
      fields({ maxmemory: gib, used_memory: stored + buffers, used_memory_dataset: stored })
    const stored = 400 * MIB
    const server = serverOf('a', 'primary', {
      before: memory(stored - grown * MIB, 0),
      info: memory(stored, 100 * MIB),
    })
    const facts = factsOf('single', [server])
    const points = ago.map(([minutes, less]) => {
      return { at: facts.now - minutes * minute, used: stored - less * MIB }
    })
    return rules
      .find(({ id }) => id === 'mem.used')
      ?.check({ ...facts, window, history: { of: () => points } })
      .map(({ severity, seen }) => `${severity}: ${seen}`)
  }
  const used = '500 MiB of 1.0 GiB are used, 49 %; at the'
  expect(forecast(0, 10_000)).toEqual([])
  expect(forecast(50, 9_000)).toEqual([])
  expect(forecast(50, 9_999)).toEqual([`warn: ${used} present growth it is full in 1 h`])
  expect(forecast(1, 10_000)).toEqual([])
  // Not of the next days.
  expect(forecast(2, 60_000)).toEqual([`warn: ${used} present growth it is full in 4 h`])
  expect(forecast(2, 600_000)).toEqual([])
  // What was seen before counts, whatever is in the window.
  expect(
    forecast(50, 10_000, [
      [30, 0],
      [20, 0],
      [10, 0],
    ]),
  ).toEqual([])
  expect(forecast(50, 10_000, [[5, 50]])).toEqual([
    `warn: ${used} present growth it is full in 1 h`,
  ])
  const steady = (each: number, minutes: number) =>
    [3, 2, 1].map((n) => [(minutes * n) / 3, (each * minutes * n) / 180] as const)
  expect(forecast(0, 2_000, steady(600, 12))).toEqual([
    `error: ${used} growth of the last 12 min it is full in 1 h`,
  ])
  expect(forecast(0, 2_000, steady(150, 12))).toEqual([
    `warn: ${used} growth of the last 12 min it is full in 3 h`,
  ])
  expect(forecast(0, 2_000, steady(150, 60))).toEqual([
    `error: ${used} growth of the last 60 min it is full in 3 h`,
  ])
  expect(forecast(0, 2_000, steady(20, 60))).toEqual([])
  expect(forecast(0, 2_000, steady(20, 420))).toEqual([
    `warn: ${used} growth of the last 7 h it is full in 1 day`,
  ])
})

it('mem.evicted: before the window, by the look before, or by how long it runs', () => {
  const hour = 3_600_000
  const evicted = (
    before: { ago: number; evicted?: number; evictedAgo?: number } | undefined,
    days: number,
  ) => {
    const info = fields({ evicted_keys: 700, uptime_in_seconds: days * 86_400 })
    const server = serverOf('a', 'primary', { info, before: info })
    const facts = factsOf('single', [server])
    const ago = (time: number | undefined) => (time === undefined ? undefined : facts.now - time)
    const points =
      before === undefined
        ? []
        : [
            {
              ...{ at: facts.now - before.ago, used: 1, evicted: before.evicted },
              evictedAt: ago(before.evictedAgo),
            },
          ]
    return rules
      .find(({ id }) => id === 'mem.evicted')
      ?.check({ ...facts, history: { of: () => points } })
      .map(({ severity, seen }) => `${severity}: ${seen}`)
  }
  expect(evicted(undefined, 0.5)).toEqual(['warn: 700 keys evicted since its start 12 h ago'])
  expect(evicted(undefined, 40)).toEqual(['info: 700 keys evicted since its start 40 days ago'])
  expect(evicted({ ago: 5 * hour, evicted: 100 }, 40)).toEqual([
    'warn: 600 keys evicted since the look 5 h ago',
  ])
  expect(evicted({ ago: 5 * hour, evicted: 700 }, 40)).toEqual([
    'info: 700 keys evicted since its start 40 days ago, none since the look 5 h ago',
  ])
  // By the look before that one: for a day.
  const seen = (ago: number) => ({ ago: hour / 2, evicted: 700, evictedAgo: ago })
  expect(evicted(seen(23 * hour), 40)).toEqual([
    'warn: 700 keys evicted since its start 40 days ago, seen last 23 h ago',
  ])
  expect(evicted(seen(25 * hour), 40)).toEqual([
    'info: 700 keys evicted since its start 40 days ago, none since the look 30 min ago',
  ])
  // It has been started anew since.
  expect(evicted({ ago: 5 * hour, evicted: 9_000 }, 0.1)).toEqual([
    'warn: 700 keys evicted since the look 5 h ago',
  ])
  // Noted before evictions were.
  expect(evicted({ ago: 5 * hour }, 40)).toEqual([
    'info: 700 keys evicted since its start 40 days ago',
  ])
})

it('the history of looks that are minutes apart spans days, one for each ten minutes', () => {
  const minute = 60_000
  const history = new MemoryHistory()
  for (let at = 0; at <= 180; at += 4) history.add('a', { at: at * minute, used: at })
  const apart = history.of('a').map(({ used }, i, all) => used - (all[i - 1]?.used ?? used))
  expect(apart.slice(1, -1).every((each) => each >= 10 && each < 14)).toBe(true)
  expect(history.of('a')[0]?.at).toBe(0)
  expect(history.of('a').at(-1)?.at).toBe(180 * minute)
  // A server that is gone is forgotten some time.
  history.add('b', { at: 32 * 1_440 * minute, used: 1 })
  expect(history.of('a')).toEqual([])
})

it('track.table: as many as near caches may hold, if there is memory for them', () => {
  const table = (told: Fields) => {
    const server = serverOf('a', 'primary', {
      info: fields({ tracking_total_keys: 900_000, tracking_clients: 40, ...told }),
      config: new Map([['tracking-table-max-keys', '1000000']]),
    })
    return rules.find(({ id }) => id === 'track.table')?.check(factsOf('single', [server]))[0]
  }
  // All that there are.
  expect(table({ db0: 'keys=1200000,expires=0' })?.setting?.value).toBe('1800000')
  // As many as 20 near caches have room for.
  const db0 = 'keys=9000000,expires=0'
  expect(table({ db0, tracking_clients: 20 })?.setting?.value).toBe('3000000')
  const full = { db0, maxmemory: 2_000 * MIB, used_memory: 1_800 * MIB }
  const tight = table(full)
  expect(tight?.setting).toBeUndefined()
  expect(tight?.fix[0]).toMatch(/^more memory first, .* of 200 MiB that are free it would take/)
})

it('sec.open: by who reaches it, and who may do something', () => {
  const open = (told: Partial<ServerFacts>, host = '10.0.0.2', commands = '+@all') => {
    const made = serverOf('a', 'primary', {
      defaultUser: { isOpen: true, isOn: true, unwritable: [], commands },
      ...told,
    })
    const target = { ...made.target, address: { host, port: 6379 } }
    return rules
      .find(({ id }) => id === 'sec.open')
      ?.check(factsOf('single', [{ ...made, target }]))
      .map(({ severity, seen }) => `${severity}: ${seen}`)
  }
  const config = (mode: string, bind: string) =>
    new Map(Object.entries({ 'protected-mode': mode, bind, port: '6379' }))
  expect(open({ config: config('no', '*') })?.[0]).toMatch(/^error: .*listens to other machines$/)
  // As of a managed service.
  expect(open({})?.[0]).toMatch(/^warn: .*lets in whoever reaches its address$/)
  // From its own machine.
  expect(open({ config: config('no', '127.0.0.1 -::1') }, '127.0.0.1')?.[0]).toMatch(/^info/)
  expect(open({ config: config('no', '127.0.0.1 10.0.0.2') }, '127.0.0.1')?.[0]).toMatch(/^error/)
  expect(open({ config: config('yes', '*') }, '127.0.0.1', '-@all +get')?.[0]).toMatch(
    /^info: the user default has no password, and may -@all \+get: only protected-mode/,
  )
})

it('sec.open, sec.tls: a Sentinel, by who reaches it', () => {
  const said = (id: string, host: string, info: Fields = {}) => {
    const defaultUser = { isOpen: true, isOn: true, unwritable: [], commands: '+@all' }
    const made = serverOf('a', 'sentinel', { defaultUser, info: fields(info) })
    const target = { ...made.target, tls: undefined, address: { host, port: 26_379 } }
    return rules
      .find((each) => each.id === id)
      ?.check(factsOf('sentinel', [{ ...made, target }]))
      .map(({ severity, seen }) => `${severity}: ${seen}`)
  }
  expect(said('sec.open', '10.0.0.2')).toEqual([
    'error: the user default has no password: it lets in whoever reaches it over the network',
  ])
  expect(said('sec.open', '127.0.0.1')?.[0]).toMatch(/^warn: .*whoever reaches its address$/)
  const bound = (bind: string) => ({ listener0: `name=tcp,${bind},port=26379` })
  expect(said('sec.open', '127.0.0.1', bound('bind=127.0.0.1,bind=-::1'))?.[0]).toMatch(/^info: /)
  expect(said('sec.open', '127.0.0.1', bound('bind=127.0.0.1,bind=10.0.0.2'))?.[0]).toMatch(/^warn/)
  expect(said('sec.open', '127.0.0.1', bound('bind=*,bind=-::*'))?.[0]).toMatch(/^warn/)
  expect(said('sec.tls', '10.0.0.2')).toEqual(['warn: it is reached over the network without TLS'])
  expect(said('sec.tls', '127.0.0.1')).toEqual([])
})

describe('a Cluster', () => {
  const at = (name: string, host: string, told: Partial<ServerFacts> = {}) => {
    const made = serverOf(name, told.primary === undefined ? 'primary' : 'replica', told)
    const target = { ...made.target, address: { host, port: 6379 } }
    return { ...made, target, announced: told.announced ?? host }
  }
  const found = (id: string, servers: ServerFacts[], told: Partial<Facts> = {}) =>
    rules
      .find((each) => each.id === id)
      ?.check({ ...factsOf('cluster', servers), ...told })
      .map(({ severity, seen, servers: names }) => `${severity}: ${seen} (${names.join(' ')})`)
  const zone = (name: string) => ({ info: fields({ availability_zone: name }) })

  it('clu.zone: a primary with its replicas, or most primaries, on one machine', () => {
    const [a, b] = [at('a', '10.0.0.1'), at('b', '10.0.0.2')]
    expect(
      found('clu.zone', [a, b, at('c', '10.0.0.3'), at('d', '10.0.0.1', { primary: 'b' })]),
    ).toEqual([])
    expect(
      found('clu.zone', [a, b, at('c', '10.0.0.3'), at('d', '10.0.0.2', { primary: 'b' })]),
    ).toEqual(['warn: it and all its replicas are in one place, the machine 10.0.0.2 (b)'])
    expect(found('clu.zone', [a, b, at('c', '10.0.0.1')])).toEqual([
      'warn: 2 of 3 primaries are in one place, the machine 10.0.0.1 (a c)',
    ])
    // By tunnels: who is where is not known.
    expect(
      found(
        'clu.zone',
        ['a', 'b', 'c'].map((name) => at(name, '127.0.0.1')),
      ),
    ).toEqual([])
  })

  it('clu.zone: by what they call themselves, where they are reached by tunnels', () => {
    const by = (host: string) => (name: string, announced: string, primary?: string) =>
      at(name, host, { announced, primary })
    const tunnel = by('10.9.9.9')
    const apart = [tunnel('a', '10.0.0.1'), tunnel('b', '10.0.0.2'), tunnel('c', '10.0.0.3')]
    expect(found('clu.zone', [...apart, tunnel('d', '10.0.0.1', 'b')])).toEqual([])
    expect(found('clu.zone', [...apart, tunnel('d', '10.0.0.2', 'b')])).toEqual([
      'warn: it and all its replicas are in one place, the machine 10.0.0.2 (b)',
    ])
  })

  it('clu.zone: of one address for all it is not known what is behind', () => {
    const all = ['a', 'b', 'c'].map((name) => at(name, '10.0.0.1'))
    expect(found('clu.zone', [...all, at('d', '10.0.0.1', { primary: 'b' })])).toEqual([
      expect.stringMatching(
        /^info: it and all its replicas are in one place, one machine, or what leads to several: 10\.0\.0\.1 \(b\)$/,
      ),
      expect.stringMatching(/^info: 3 of 3 primaries are in one place, one machine, or/),
    ])
  })

  it('counts primaries that have slots', () => {
    const empty = (name: string) => at(name, '10.0.0.1', { slots: 0 })
    const [a, b] = [at('a', '10.0.0.1'), at('b', '10.0.0.2')]
    expect(found('clu.replica', [a, b, empty('c'), empty('d')])).toEqual([
      'warn: there are 2 primaries, and 2 without slots, which have no vote (a b)',
    ])
    expect(found('clu.replica', [a, b, at('c', '10.0.0.3')])).toEqual([])
    // None of these is in the way of a vote.
    expect(found('clu.zone', [a, b, at('c', '10.0.0.3'), empty('d'), empty('e')])).toEqual([])
  })

  it('clu.zone: the same of a zone', () => {
    const two = [
      ...[at('a', '10.0.0.1', zone('x')), at('b', '10.0.0.2', zone('x'))],
      ...[at('c', '10.0.0.3', zone('y')), at('d', '10.0.0.4', { ...zone('y'), primary: 'c' })],
    ]
    expect(found('clu.zone', two)).toEqual([
      'info: it and all its replicas are in one place, the zone y (c)',
      'info: 2 of 3 primaries are in one place, the zone x (a b)',
    ])
    const three = two.map((server, i) => ({
      ...server,
      ...zone(['x', 'y', 'z', 'x'][i] as string),
    }))
    expect(found('clu.zone', three)).toEqual([])
  })

  it('clu.hot: one that works for the others, and the slots that it works for', () => {
    const busy = (name: string, part: number, told: Partial<ServerFacts> = {}) =>
      at(name, name, {
        before: fields({ used_cpu_user_main_thread: 100, used_cpu_sys_main_thread: 10 }),
        info: fields({
          used_cpu_user_main_thread: 100 + part * 8,
          used_cpu_sys_main_thread: 10 + part * 2,
        }),
        ...told,
      })
    const others = [busy('b', 0.1), busy('c', 0.1)]
    expect(found('clu.hot', [busy('a', 0.7), ...others])).toEqual([
      'warn: its thread is busy for 70 % of the time, that of one with a fair part would be for 30 % (a)',
    ])
    expect(found('clu.hot', [busy('a', 0.4), ...others])).toEqual([])
    expect(found('clu.hot', [busy('a', 0.8), busy('b', 0.8), busy('c', 0.6)])).toEqual([])
    const busySlots = [
      { slot: 16, seconds: 812.4 },
      { slot: 32, seconds: 0 },
    ]
    const hot = [busy('a', 0.7, { busySlots }), ...others]
    const [finding] = rules.find(({ id }) => id === 'clu.hot')?.check(factsOf('cluster', hot)) ?? []
    expect(finding?.fix[0]).toBe(
      'most of its time went to the slots 16 (812 s): `CLUSTER GETKEYSINSLOT 16 10` shows whose',
    )
  })
})

describe('ver.cve', () => {
  const holes = (told: Fields) =>
    said('ver.cve', told)?.filter((each) => !each.includes('days old'))

  it.each(['6.2.24', '7.2.16', '7.4.11', '8.2.9', '8.4.6', '8.6.6', '8.8.2', '8.10.1'])(
    'S31 Redis %s has no known hole, the release before it has',
    (version) => {
      expect(holes({ redis_version: version })).toEqual([])
      const before = version.replace(/\d+$/, (patch) => String(Number(patch) - 1))
      expect(holes({ redis_version: before })).toHaveLength(1)
    },
  )

  it.each(['7.2.14', '8.0.10', '8.1.9', '9.0.5', '9.1.1'])(
    'S31 Valkey %s has no known hole, the release before it has',
    (version) => {
      const told = { server_name: 'valkey', redis_version: '7.2.4' }
      expect(holes({ ...told, valkey_version: version })).toEqual([])
      const before = version.replace(/\d+$/, (patch) => String(Number(patch) - 1))
      expect(holes({ ...told, valkey_version: before })).toHaveLength(1)
    },
  )

  it('S31 a line that gets no more releases has holes that stay', () => {
    expect(holes({ redis_version: '7.0.15' })).toHaveLength(1)
    expect(holes({ redis_version: '5.0.14' })).toHaveLength(1)
  })
})

it('repl.backlog: nothing for --fix where it would have sessions evicted', () => {
  const rule = rules.find(({ id }) => id === 'repl.backlog')
  const setting = (maxmemory: number) => {
    const info = { connected_slaves: 1, repl_backlog_size: MIB, used_memory: 900 * MIB, maxmemory }
    const server = serverOf('a', 'primary', {
      info: fields({ ...info, master_repl_offset: 100 * MIB }),
      before: fields({ ...info, master_repl_offset: 0 }),
    })
    return rule?.check(factsOf('single', [server])).map((found) => found.setting?.name)
  }
  expect(setting(0)).toEqual(['repl-backlog-size'])
  expect(setting(1_024 * MIB)).toEqual([undefined])
})
