import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AuditEntry, Sessions } from '../../src/index.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { sleep, until } from '../support/requests.ts'
import type { ExpiryNode } from './nodes/expiry-node.ts'
import { atEnd, child, node, server } from './setup.ts'

const PROGRAM = new URL('nodes/expiry-node.ts', import.meta.url)
const SESSIONS = 10_000
/** Of so many somebody is known. */
const SIGNED_IN = 2_000

/** All that is there ends at one moment, as it would have been told to the scripts. */
const END_AT = `
local function each(pattern, work)
  local cursor = '0'
  repeat
    local page = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000)
    cursor = page[1]
    for _, key in ipairs(page[2]) do work(key) end
  until cursor == '0'
end
each('sj:*:s:*', function(key) redis.call('PEXPIREAT', key, ARGV[1]) end)
each('sj:*:x', function(key)
  for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do redis.call('ZADD', key, ARGV[1], member) end
end)`

async function make(sessions: Sessions): Promise<Map<string, string>> {
  const principals = new Map<string, string>()
  const one = async (number: number): Promise<void> => {
    const session = await sessions.open()
    const principal = number < SIGNED_IN ? `user-${number}` : ''
    if (principal !== '') await session.login(principal)
    else session.set('n', number)
    await session.commit()
    principals.set(session.id ?? '', principal)
  }
  for (let i = 0; i < SESSIONS; i += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, number) => one(i + number)))
  }
  return principals
}

async function endAll(redis: RedisServer, inMs: number): Promise<number> {
  const at = Date.now() + inMs
  await redis.cli('EVAL', END_AT, '0', String(at))
  return at
}

interface Line {
  readonly at: number
  readonly id: string
  readonly principal: string
}

async function listening(redis: RedisServer, audited: boolean) {
  const directory = mkdtempSync(join(tmpdir(), 'sj-expiry-'))
  atEnd(async () => rmSync(directory, { recursive: true, force: true }))
  return Promise.all(
    ['a', 'b'].map(async (name) => {
      const file = join(directory, name)
      writeFileSync(file, '')
      const web = await child(PROGRAM, { redis: redis.url, audited, file } satisfies ExpiryNode)
      const lines = (): Line[] =>
        readFileSync(file, 'utf8')
          .split('\n')
          .slice(0, -1)
          .map((line) => {
            const [at = '', id = '', principal = ''] = line.split(' ')
            return { at: Number(at), id, principal }
          })
      return { web, lines }
    }),
  )
}

async function audited(sessions: Sessions): Promise<string[]> {
  const ids: string[] = []
  let last: AuditEntry | undefined
  do {
    const after = last === undefined ? {} : { after: last.position }
    const page = await sessions.audit.list({ count: 1_000, ...after })
    for (const entry of page) ids.push(entry.unreadable ? '' : (entry.details.id ?? ''))
    last = page.at(-1)
  } while (last !== undefined)
  return ids
}

describe('reliable expiry', () => {
  it.each([
    ['told to listeners', false],
    ['in the audit', true],
  ])(
    '10,000 sessions at once, one of two nodes is killed: every one is %s',
    async (_, audit) => {
      const redis = await server()
      // Deadlines of commands are not what is tested, and ten thousand are sent at once.
      const sessions = await node(redis.url, { expiry: 'reliable', commandTimeout: '10s' })
      const principals = await make(sessions)
      const nodes = await listening(redis, audit)
      const at = await endAll(redis, 1_000)
      let killed: (typeof nodes)[number] | undefined
      await until('one at work', () => {
        killed = nodes.find(({ lines }) => lines().length > 500)
        killed?.web.signal('SIGKILL')
        return killed !== undefined
      })
      const all = (): Line[] => nodes.flatMap(({ lines }) => lines())
      const told = (): number => new Set(all().map(({ id }) => id)).size
      await until('all told', () => told() === SESSIONS, 20_000)
      const first = new Map<string, number>()
      for (const line of all()) {
        first.set(line.id, Math.min(first.get(line.id) ?? Number.POSITIVE_INFINITY, line.at))
      }
      const latest = Math.max(...first.values()) - at
      console.log(
        `told of by the killed one ${killed?.lines().length}, twice ${all().length - SESSIONS}; ` +
          `the last ${latest} ms after the deadline`,
      )
      expect(all().filter(({ id, principal }) => principals.get(id) !== principal)).toEqual([])
      expect(Math.min(...first.values())).toBeGreaterThanOrEqual(at)
      expect(latest).toBeLessThan(5_000)
      await until('nothing waits', async () => {
        const left = ['x', 'd', 'p:*'].map((kind) => redis.cli('KEYS', `sj:*:${kind}`))
        return (await Promise.all(left)).join('') === ''
      })
      if (!audit) return
      const kept = await audited(sessions)
      console.log(`in the audit twice ${kept.length - SESSIONS}`)
      expect(new Set(kept)).toEqual(new Set(principals.keys()))
    },
    60_000,
  )

  it('a node that has an audit and no listener takes nothing from one that listens', async () => {
    const redis = await server()
    const options = {
      expiry: 'reliable',
      audit: { events: ['expired'] },
      idleTimeout: '1s',
    } as const
    const audit = await node(redis.url, options)
    const listening = await node(redis.url, options)
    const told = new Set<string>()
    listening.on('expired', ({ id }) => void told.add(id))
    const ids: string[] = []
    for (let i = 0; i < 50; i++) {
      const session = await audit.open()
      session.set('n', i)
      await session.commit()
      ids.push(session.id ?? '')
    }
    await until('all are told', () => told.size === 50)
    expect([...told].toSorted()).toEqual(ids.toSorted())
    // An entry is written after the listeners are told.
    await until('all are kept', async () => (await audited(audit)).length === 50)
    expect((await audited(audit)).toSorted()).toEqual(ids.toSorted())
  })

  it('one that is used, and one that is signed out, is not told of; all others once without faults', async () => {
    const redis = await server()
    const sessions = await node(redis.url, { expiry: 'reliable', idleTimeout: '1s', touchAfter: 0 })
    const nodes = await listening(redis, false)
    const session = async (): Promise<string> => {
      const made = await sessions.open()
      made.set('n', 1)
      await made.commit()
      return made.token ?? ''
    }
    const [used, left] = [await session(), await session()]
    const out = await sessions.open(left)
    await out.logout()
    const others = await Promise.all(Array.from({ length: 300 }, () => session()))
    for (let i = 0; i < 15; i++) {
      await sleep(200)
      const open = await sessions.open(used)
      open.set('n', i)
      await open.commit()
    }
    const all = (): Line[] => nodes.flatMap(({ lines }) => lines())
    await until('all told', () => all().length >= others.length)
    await sleep(500)
    expect(all()).toHaveLength(others.length)
  })
})
