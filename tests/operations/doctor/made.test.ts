// Rules that no server can be brought to within a test, by what it would tell: from where on they speak, and how much.
import { expect, it } from 'vitest'
import { rules } from '../../../src/operations/doctor/examine.ts'
import type { ServerFacts } from '../../../src/operations/doctor/facts.ts'
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
