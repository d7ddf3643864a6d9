import { describe, expect, it } from 'vitest'
import type { Paint } from '../../../src/cli/top/line.ts'
import { render } from '../../../src/cli/top/render.ts'
import { initialState, type TopState, withKey, withSnapshot } from '../../../src/cli/top/state.ts'
import type { Examination, RuleResult } from '../../../src/operations/doctor/examine.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'
import type { Snapshot } from '../../../src/operations/observe/snapshot.ts'
import { APPLICATION, AT, SNAPSHOT, server } from './frames.ts'

const seen = (snapshot: Partial<Snapshot> = {}): TopState => {
  let state = initialState(1_000)
  for (const active of [199_000, 199_500, 200_000, 200_134]) {
    const sessions = { ...SNAPSHOT.sessions, active }
    state = withSnapshot(state, { ...SNAPSHOT, sessions, ...snapshot })
  }
  return state
}

const frame = (state: TopState, width = 110, height = 24, now = AT + 300): string =>
  `\n${render(state, width, height, now)
    .map((line) => line.trimEnd())
    .join('\n')}\n`

const pressed = (state: TopState, ...keys: string[]): TopState =>
  keys.reduce((before, key) => withKey(before, key), state)

describe('a frame', () => {
  it('shows all that is known', () => {
    expect(frame(seen())).toMatchInlineSnapshot(`
      "
      sojourn top Sentinels, prefix sj                                                 2026-11-30 17:00:03 UTC  LIVE
      sessions    ~200,134  ▁▄▇█  84 % signed in, 512 B each
      memory      ██████░░░░░░░░░░░░░░  1.2 GiB of 4.0 GiB, 30 %
      nodes       2 up  0.1.0   lag 1.5 KiB
      created     12.3/s  login 10.1  anonymous 2.25
      ended       3.00/s  logout 2.00  revoked 1.00
      rejected    0.40/s  absent 0.40
      near cache  97 % hits  33,000 sessions

      OPERATION                 /s       p50       p99  err %  trend
      load                   1,234   0.42 ms   1.80 ms      0  ████
      commit                   321   0.51 ms   12.4 ms   1.23  ████
      create                  12.3   0.60 ms         ?      0  ████

        SERVER           role            ops/s   cpu    memory  clients     keys      lag
      ▸ 10.0.0.1:6379    primary        12,346  34 %   1.2 GiB      120  201,000
        10.0.0.2:6379    replica        12,346  34 %   1.2 GiB      120  201,000  1.5 KiB
        10.0.0.3:6379    replica away        ?     ?         ?        ?        ?        ?
        10.0.0.11:26379  sentinel       12,346   0 %         ?      120




      q quit  ? help  s sort: rate  / filter  ↑↓ ⏎ inspect  n nodes  d doctor  space pause
      "
    `)
  })

  it('marks the whole row that is selected', () => {
    const marks: Paint = (style, text) => ([style].flat().includes('inverse') ? `[${text}]` : text)
    const [row = ''] = render(seen(), 110, 24, AT + 300, marks).filter((line) => /▸/.test(line))
    expect(row.replaceAll('][', '').trimEnd()).toMatch(/^\[▸ 10\.0\.0\.1:6379 [^[\]]* 201,000 *\]$/)
  })

  it('of a narrow terminal leaves out what matters least', () => {
    expect(frame(seen(), 50, 18)).toMatchInlineSnapshot(`
      "
      sojourn top                                   LIVE
      sessions    ~200,134  84 % signed in, 512 B each
      memory      ██████░░░░░░░░░░░░░░  1.2 GiB of 4.0 …
      nodes       2 up  0.1.0   lag 1.5 KiB
      created     12.3/s  login 10.1  anonymous 2.25
      ended       3.00/s  logout 2.00  revoked 1.00
      rejected    0.40/s  absent 0.40
      near cache  97 % hits  33,000 sessions

      OPERATION            /s       p50       p99  err %
      load              1,234   0.42 ms   1.80 ms      0
      commit              321   0.51 ms   12.4 ms   1.23
      create             12.3   0.60 ms         ?      0

        SERVER         role        ops/s   cpu    memory
      ▸ 10.0.0.1:6379  primary    12,346  34 %   1.2 GiB
        10.0.0.2:6379  replica    12,346  34 %   1.2 GiB
      q quit  ? help  s sort: rate  / filter  ↑↓ ⏎ insp…
      "
    `)
  })

  it('marks rates of which only a part was read', () => {
    const events = { kept: true, about: true, perSecond: { login: 600 } }
    expect(frame(seen({ nodes: [], application: undefined, events }), 90, 14)).toContain(
      'created     ~600/s  login 600',
    )
  })

  it('without reports shows what Redis tells, and what it does not as unknown', () => {
    const servers = [server('/run/redis.sock', { maxMemory: undefined, cpu: undefined })]
    const events = { kept: false, about: false, perSecond: {} }
    const nothing = { nodes: [], application: undefined, events }
    const sessions = { ...SNAPSHOT.sessions, active: undefined, signedInShare: undefined }
    expect(
      frame(seen({ kind: 'single', servers, sessions, ...nothing }), 90, 14),
    ).toMatchInlineSnapshot(`
      "
      sojourn top one server, prefix sj                            2026-11-30 17:00:03 UTC  LIVE
      sessions    ?  ? signed in, 512 B each
      memory      1.2 GiB  no limit
      nodes       ?
                  no application reports: with \`report\` of sojourn/metrics it is shown here

      REDIS COMMAND             /s       p50       p99  err %  trend
      get                    4,321      2 µs     16 µs      0  ████

        SERVER           role        ops/s   cpu    memory  clients     keys    lag
      ▸ /run/redis.sock  primary    12,346     ?   1.2 GiB      120  201,000


      q quit  ? help  s sort: rate  / filter  ↑↓ ⏎ inspect  n nodes  d doctor  space pause
      "
    `)
  })

  it('is stale when nothing has come, paused when it is to be, and waits at first', () => {
    const [late] = frame(seen(), 80, 5, AT + 12_000)
      .split('\n')
      .slice(1)
    expect(late).toMatch(/2026-11-30 17:00:15 UTC {2}STALE 12s$/)
    const away = { ...seen(), problem: 'INFO: Redis cannot be reached' }
    expect(
      frame(away, 80, 3, AT + 900)
        .split('\n')
        .slice(1, 3),
    ).toEqual([expect.stringMatching(/STALE 0s$/), 'INFO: Redis cannot be reached'])
    expect(frame(pressed(seen(), 'space'), 80, 5, AT + 60_000)).toMatch(
      /2026-11-30 17:00:03 UTC {2}PAUSED\n/,
    )
    expect(frame(initialState(1_000), 80, 4)).toMatch(/CONNECTING\n\nlooking for the servers/)
  })

  it('dims what is not of now any more', () => {
    const styles: string[] = []
    const paint = (style: unknown, text: string) => {
      styles.push(String(style))
      return text
    }
    render(seen(), 100, 20, AT, paint)
    expect(styles.every((style) => style === 'dim')).toBe(false)
    styles.length = 0
    render(seen(), 100, 20, AT + 60_000, paint)
    expect(new Set(styles)).toEqual(new Set(['bold', 'red,bold', 'dim']))
  })

  it('shows one server, the nodes, doctor and help', () => {
    expect(frame(pressed(seen(), 'down', 'enter'), 60, 24)).toMatchInlineSnapshot(`
      "
      sojourn top                                             LIVE

      10.0.0.2:6379

      role          replica
      version       7.2.15
      up for        24h
      memory        1.2 GiB
      limit         4.0 GiB
      when full     volatile-ttl
      keys          201,000
      clients       120
      commands      12,346/s
      processor     34 %
      evicted       0/s
      expired       12.3/s
      network in    1.0 MiB/s
      network out   2.0 MiB/s
      primary       10.0.0.1:6379
      connected     yes
      lag           1.5 KiB


      q quit  esc back  ↑↓ scroll  space pause
      "
    `)
    expect(frame(pressed(seen(), 'n'), 90, 7)).toMatchInlineSnapshot(`
      "
      sojourn top Sentinels, prefix sj                             2026-11-30 17:00:03 UTC  LIVE

      NODE    pid  version  up for   heard  ops/s  hits  errors/s
      web-1  4711  0.1.0        2h  0s ago  1,568  97 %         0
      web-2  4711  0.1.0        2h  0s ago  1,568  97 %         0

      q quit  esc back  ↑↓ scroll  space pause
      "
    `)
    expect(frame(pressed(seen(), 'd'), 90, 4)).toContain('doctor asks the servers')
    const finding: Finding = {
      ...{ severity: 'warn', seen: 'maxmemory-policy is volatile-lru', servers: ['10.0.0.1:6379'] },
      ...{ why: 'it drops sessions that are in use before those that are nearly over, when full' },
      fix: ['CONFIG SET maxmemory-policy volatile-ttl'],
    }
    const result: RuleResult = {
      id: 'mem.policy',
      group: 'Memory',
      well: '',
      docs: '',
      findings: [finding],
    }
    const counts = { error: 0, warn: 1, info: 0, unknown: 0 }
    const doctor: Examination = { kind: 'single', servers: [], results: [result], counts }
    expect(frame({ ...pressed(seen(), 'd'), doctor }, 60, 8)).toMatchInlineSnapshot(`
      "
      sojourn top                                             LIVE

      ! mem.policy  maxmemory-policy is volatile-lru (10.0.0.1:63…
          it drops sessions that are in use before those that are
          nearly over, when full
          → CONFIG SET maxmemory-policy volatile-ttl

      q quit  esc back  ↑↓ scroll  space pause
      "
    `)
    expect(frame(pressed(seen(), '?'), 90, 20)).toContain('sort operations: by rate')
    expect(pressed(seen(), '?', 'escape').view).toBe('main')
  })

  it('says of a server without a limit that it has none', () => {
    const servers = [server('10.0.0.1:6379', { maxMemory: undefined })]
    const one = withSnapshot(initialState(1_000), { ...SNAPSHOT, servers })
    expect(frame(pressed(one, 'enter'))).toMatch(/limit +none/)
  })

  it('sorts and filters', () => {
    const order = (state: TopState) =>
      ['load', 'commit', 'create']
        .map((name) => [name, frame(state).indexOf(`\n${name} `)] as const)
        .filter(([, at]) => at > 0)
        .sort(([, one], [, other]) => one - other)
        .map(([name]) => name)
    expect(order(seen())).toEqual(['load', 'commit', 'create'])
    expect(order(pressed(seen(), 's'))).toEqual(['commit', 'load', 'create'])
    expect(order(pressed(seen(), 's', 's', 's'))).toEqual(['commit', 'create', 'load'])
    const typed = pressed(seen(), '/', 'c', 'o', 'q', 'backspace')
    expect(frame(typed)).toContain('filter: co▏')
    expect(order(typed)).toEqual(['commit'])
    // No server has it in its name: they stay, and so do operations where a server has it.
    expect(frame(typed)).toContain('10.0.0.1:6379')
    const one = pressed(seen(), '/', '0', '.', '2', ':')
    expect(order(one)).toHaveLength(3)
    expect(frame(one)).toContain('10.0.0.2:6379')
    expect(frame(one)).not.toContain('10.0.0.1:6379')
    expect(order(pressed(typed, 'enter'))).toEqual(['commit'])
    expect(order(pressed(typed, 'enter', 'escape'))).toHaveLength(3)
    expect(pressed(seen(), '/', '10.0.0.3').filter).toBe('')
  })

  it('is of the size of the terminal, whatever that is', () => {
    const states = [seen(), ...['n', 'd', '?', 'enter'].map((key) => pressed(seen(), key))]
    for (const state of states) {
      for (const [width, height] of [
        [1, 1],
        [10, 3],
        [40, 10],
        [79, 24],
        [300, 80],
      ] as const) {
        const lines = render(state, width, height, AT)
        expect(lines).toHaveLength(height)
        for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(width)
      }
    }
  })

  it('obeys nothing that comes from others', () => {
    const evil = 'x\u001B[2J\u0007\u202E\ny'
    const operations = [{ name: evil, perSecond: 1, p50: 1, p99: 1, failed: 0 }]
    const application = { ...APPLICATION, operations, created: { [evil]: 1 } }
    const nodes = SNAPSHOT.nodes.map((node) => ({ ...node, name: evil, version: evil }))
    const state = seen({ application, nodes })
    const typed = pressed(state, '/', '\u001B[31m', '\u009B', 'x')
    for (const each of [state, typed, pressed(state, 'n')]) {
      expect(render(each, 200, 40, AT).join('')).not.toMatch(/[\p{Cc}\u202E]/u)
    }
  })

  it('counts wide characters as two', () => {
    const state = seen({ servers: [server('会话服务器会话服务器会话')] })
    const line = render(state, 60, 24, AT).find((each) => each.includes('会')) ?? ''
    expect(
      Array.from(line).length + (line.match(/[会话服务器]/g)?.length ?? 0),
    ).toBeLessThanOrEqual(60)
  })

  it('follows the selection in a long list of servers', () => {
    const servers = Array.from({ length: 60 }, (_, i) => server(`10.0.0.${100 + i}:6379`))
    const down = Array.from({ length: 45 }, () => 'down')
    const text = frame(pressed(seen({ servers }), ...down), 100, 24)
    expect(text).toContain('▸ 10.0.0.145:6379')
    expect(frame(pressed(seen({ servers }), ...down, ...down), 100, 24)).toContain('▸ 10.0.0.159')
    expect(frame(pressed(seen({ servers }), ...down, 'enter'), 100, 24)).toContain(
      '10.0.0.145:6379',
    )
  })
})

it('a trend is of the last looks, and ends where nothing is left of it', () => {
  const { trends } = seen()
  expect(trends.get('load')).toHaveLength(4)
  let state = seen()
  for (let i = 0; i < 300; i++) {
    state = withSnapshot(state, { ...SNAPSHOT, application: undefined, commands: [] })
  }
  expect(state.trends.size).toBe(0)
  expect(state.active.length).toBeLessThanOrEqual(120)
})
