// Primaries that take no writes now: they refuse them when it is found, and take them when it is not.
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { rules } from '../../../src/operations/doctor/examine.ts'
import type { ServerFacts } from '../../../src/operations/doctor/facts.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../../support/redis-server.ts'
import { until } from '../../support/until.ts'
import { found } from './found.ts'
import { factsOf, serverOf } from './made.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

const written = (server: RedisServer) =>
  server.cli('SET', 'a', 'b').then(
    () => 'OK',
    (error: Error) => error.message.split(' ')[0],
  )

describe('top.writes', () => {
  it('has fewer replicas than it must', async () => {
    const primary = await start({
      tcp: true,
      args: ['--min-replicas-to-write', '1', '--repl-diskless-sync-delay', '0'],
    })
    expect(await written(primary)).toBe('NOREPLICAS')
    const [finding] = await found('top.writes', primary.url)
    expect(finding).toMatchObject({ severity: 'error' })
    expect(finding?.seen).toMatch(
      /^it refuses every write \(NOREPLICAS\): 0 of its replicas keep up, min-replicas-to-write is 1/,
    )
    await start({ args: ['--replicaof', '127.0.0.1', String(primary.port)] })
    await until(async () => (await written(primary)) === 'OK')
    expect(await found('top.writes', primary.url)).toEqual([])
  })

  it('cannot make a snapshot', async () => {
    const server = await start({ args: ['--save', '3600 1'] })
    const inTheWay = join(dirname(server.socketPath), 'dump.rdb')
    const saved = async (status: string) => {
      await server.cli('BGSAVE')
      await until(async () => {
        const info = await server.cli('INFO', 'persistence')
        return (
          info.includes(`rdb_last_bgsave_status:${status}`) &&
          info.includes('rdb_bgsave_in_progress:0')
        )
      })
    }
    expect(await found('top.writes', server.url)).toEqual([])
    mkdirSync(inTheWay)
    await saved('err')
    expect(await written(server)).toBe('MISCONF')
    const [finding] = await found('top.writes', server.url)
    expect(finding).toMatchObject({
      severity: 'error',
      seen: 'it refuses every write (MISCONF): its last snapshot failed',
    })
    rmSync(inTheWay, { recursive: true })
    await saved('ok')
    expect(await written(server)).toBe('OK')
    expect(await found('top.writes', server.url)).toEqual([])
  })

  it('has no room: says how many it has refused', async () => {
    const server = await start({ args: ['--maxmemory', '100kb'] })
    const tried = setInterval(() => void written(server), 5)
    ends.push(() => clearInterval(tried))
    await until(async () => (await written(server)) === 'OOM')
    const [finding] = await found('top.writes', server.url)
    expect(finding?.seen).toMatch(/^memory is full: .*\(OOM\); \d+ refused within 0 s$/)
    clearInterval(tried)
    await server.cli('CONFIG', 'SET', 'maxmemory', '100mb')
    await until(async () => (await found('top.writes', server.url)).length === 0)
  })
})

describe('top.writes, of what a server would tell', () => {
  const said = (info: Record<string, string>, told: Partial<ServerFacts> = {}) => {
    const server = serverOf('a', 'primary', {
      info: new Map(Object.entries({ rdb_last_bgsave_status: 'ok', ...info })),
      before: new Map([['rdb_last_bgsave_status', 'ok']]),
      ...told,
    })
    return rules
      .find(({ id }) => id === 'top.writes')
      ?.check(factsOf('single', [server]))
      .map(({ severity, seen }) => `${severity}: ${seen}`)
  }

  it('cannot write its append-only file', () => {
    const file = { aof_enabled: '1', aof_last_write_status: 'err' }
    expect(said({ ...file, errorstat_MISCONF: 'count=7' })).toEqual([
      'error: it refuses every write (MISCONF): it cannot write its append-only file; 7 refused within 10 s',
    ])
    expect(said({ ...file, aof_last_write_status: 'ok' })).toEqual([])
  })

  it('does not tell its settings: by what it has refused, else unknown', () => {
    const snapshot = { rdb_last_bgsave_status: 'err' }
    expect(said(snapshot)).toEqual([
      'unknown: the server does not tell whether it refuses writes since its last snapshot failed',
    ])
    expect(said({ ...snapshot, errorstat_MISCONF: 'count=1' })).toHaveLength(1)
    expect(said({ min_slaves_good_slaves: '0' })).toEqual([
      'error: it refuses every write (NOREPLICAS): 0 of its replicas keep up',
    ])
    expect(said({ min_slaves_good_slaves: '1' })?.[0]).toMatch(/^unknown/)
    const config = new Map([['min-replicas-to-write', '1']])
    expect(said({ min_slaves_good_slaves: '1' }, { config })).toEqual([])
  })
})
