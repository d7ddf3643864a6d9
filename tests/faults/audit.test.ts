import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { RedisEngine } from '../../src/engines/redis/redis-engine.ts'
import { scripts } from '../../src/engines/redis/scripts.generated.ts'
import type { AuditEntry, Sessions } from '../../src/index.ts'
import { sleep, until } from '../support/requests.ts'
import type { Act, AuditNode, Handling } from './nodes/audit-node.ts'
import { atEnd, callsOf, child, node, proxyOf, server } from './setup.ts'

const PROGRAM = new URL('nodes/audit-node.ts', import.meta.url)

async function whole(sessions: Sessions): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = []
  for (;;) {
    const after = entries.at(-1)?.position
    const page = await sessions.audit.list({
      count: 1_000,
      ...(after === undefined ? {} : { after }),
    })
    if (page.length === 0) return entries
    entries.push(...page)
  }
}

/** As `login <session id>`. */
function acts(entries: readonly AuditEntry[]): string[] {
  return entries.map((entry) => `${entry.event} ${entry.unreadable ? '' : entry.details.id}`)
}

function repeated(positions: readonly string[]): number {
  return positions.length - new Set(positions).size
}

describe('the audit is complete', () => {
  it('whatever was acknowledged before a node was killed is in it, once', async () => {
    const redis = await server()
    const sessions = await node(redis.url)
    for (let round = 0; round < 3; round++) {
      const web = await child(PROGRAM, { redis: redis.url } satisfies AuditNode)
      const acknowledged: string[] = []
      const over = new AbortController()
      const client = async (number: number): Promise<void> => {
        const requests = ['signIn', 'rotate', 'signOut', 'revoke']
        for (let i = number; !over.signal.aborted; i++) {
          const asked = web.ask<Act>(requests[i % 4] ?? '', `user-${round}-${number}-${i}`)
          const act = await asked.catch(() => undefined)
          if (act !== undefined) acknowledged.push(`${act.event} ${act.id}`)
        }
      }
      const clients = Array.from({ length: 8 }, (_, number) => client(number))
      await until('some acts', () => acknowledged.length > 100, 15_000)
      await sleep(Math.random() * 50)
      web.signal('SIGKILL')
      over.abort()
      await Promise.all(clients)
      const kept = acts(await whole(sessions))
      expect(acknowledged.filter((act) => !kept.includes(act))).toEqual([])
      expect(repeated(kept)).toBe(0)
    }
  })

  it('entries whose connections break arrive in their order, once', async () => {
    const redis = await server()
    const proxy = await proxyOf(redis)
    const sessions = await node(proxy.url, { audit: true, commandTimeout: 150, nearCache: false })
    const told: string[] = []
    for (const name of ['login', 'rotated', 'logout'] as const) {
      sessions.on(name, ({ id }) => told.push(`${name} ${id}`))
    }
    const errors: unknown[] = []
    sessions.on('error', ({ error }) => errors.push(error))
    const over = new AbortController()
    const client = async (number: number): Promise<void> => {
      for (let i = 0; !over.signal.aborted; i++) {
        // Their own outcome is not the point: what was told as done has to be in the audit.
        const session = await sessions.open()
        await session.login(`user-${number}-${i}`).catch(() => undefined)
        await session.rotate().catch(() => undefined)
        await session.logout().catch(() => undefined)
      }
    }
    const clients = Array.from({ length: 4 }, (_, number) => client(number))
    for (let fault = 0; fault < 12; fault++) {
      await sleep(60 + Math.random() * 60)
      if (fault % 3 === 0) proxy.reset()
      else {
        // What is sent is carried out, and nobody is told so.
        proxy.cut()
        await sleep(100)
        proxy.heal()
      }
    }
    over.abort()
    await Promise.all(clients)
    await until('a sign-in', async () => {
      const session = await sessions.open()
      return session.login('the last').then(
        () => true,
        () => false,
      )
    })
    expect(errors.length).toBeGreaterThan(0)
    expect(told.length).toBeGreaterThan(100)
    // Resolved at once where an entry before it still waits: so that one too is waited for.
    await until('all entries', async () => (await whole(sessions)).length >= told.length)
    expect(acts(await whole(sessions))).toEqual(told)
  })

  it('entries that are refused come in when the permission is there', async () => {
    const redis = await server()
    const rules = 'on nopass ~* +@all'.split(' ')
    await redis.cli('ACL', 'SETUSER', 'app', ...rules)
    const sessions = await node('', {
      redis: { url: redis.url, username: 'app', password: 'any' },
      audit: true,
    })
    await redis.cli('ACL', 'SETUSER', 'app', '-xadd')
    const errors: unknown[] = []
    sessions.on('error', ({ error }) => errors.push(error))
    const ids: unknown[] = []
    for (let i = 0; i < 5; i++) {
      const session = await sessions.open()
      await session.login('ada')
      ids.push(`login ${session.id}`)
    }
    expect(errors[0]).toMatchObject({ code: 'ERR_SOJOURN_STORE_REFUSED', reason: 'NOPERM' })
    expect(await whole(sessions)).toEqual([])
    await redis.cli('ACL', 'SETUSER', 'app', '+xadd')
    await until('all entries', async () => (await whole(sessions)).length >= 5)
    expect(acts(await whole(sessions))).toEqual(ids)
  })

  it('a server without memory signs out, and takes the entry', async () => {
    const redis = await server({ args: ['--maxmemory-policy', 'noeviction'] })
    const sessions = await node(redis.url, { audit: true })
    const session = await sessions.open()
    await session.login('ada')
    await redis.cli('CONFIG', 'SET', 'maxmemory', '1')
    await expect((await sessions.open()).login('eve')).rejects.toMatchObject({ reason: 'OOM' })
    await session.logout()
    expect(acts(await whole(sessions)).map((act) => act.split(' ')[0])).toEqual(['login', 'logout'])
  })

  it('a batch costs the server a few commands, and no key is without a lifetime', async () => {
    const redis = await server()
    const sessions = await node(redis.url, { audit: { retention: '1h' } })
    // What was tried at start.
    await redis.cli('CONFIG', 'RESETSTAT')
    const logins = Array.from({ length: 50 }, async () => (await sessions.open()).login('ada'))
    await Promise.all(logins)
    const calls = await callsOf(redis)
    expect(calls.get('xadd')).toBe(50)
    expect(calls.get('xtrim')).toBeLessThan(25)
    const keys = (await redis.cli('KEYS', 'sj:{06S}:a*')).split('\n')
    expect(keys).toHaveLength(2)
    for (const key of keys) expect(Number(await redis.cli('PTTL', key))).toBeGreaterThan(0)
    expect(Number(await redis.cli('PTTL', 'sj:{06S}:a'))).toBeLessThanOrEqual(3_600_000)
  })

  it('entries that are older than the retention go', async () => {
    const redis = await server()
    const sessions = await node(redis.url, { audit: { retention: 400 } })
    const ids: unknown[] = []
    for (let i = 0; i < 3; i++) {
      // The one between keeps the stream alive.
      if (i > 0) await sleep(250)
      const session = await sessions.open()
      await session.login('ada')
      ids.push(`login ${session.id}`)
    }
    const kept = acts(await whole(sessions))
    expect(kept).not.toContain(ids[0])
    expect(kept.at(-1)).toBe(ids[2])
  })

  it('nothing of it stands in clear but what has happened, and when', async () => {
    const redis = await server()
    const sessions = await node(redis.url, { audit: true })
    const session = await sessions.open()
    await session.login('ada@example.org', { device: 'Firefox on Linux', address: '192.0.2.77' })
    const raw = await redis.cli('XRANGE', 'sj:{06S}:a', '-', '+')
    // What is sealed may hold any byte.
    expect(raw.split('\n').slice(0, 6)).toEqual([
      ...[expect.stringMatching(/^\d+-0$/), 'e', 'login'],
      ...['t', expect.stringMatching(/^\d+$/), 'd'],
    ])
    for (const text of ['ada@example', 'Firefox', '192.0.2', session.id?.slice(3) ?? '']) {
      expect(raw).not.toContain(text)
    }
  })
})

describe('consumers', () => {
  async function filled(count: number) {
    const redis = await server()
    const sessions = await node(redis.url, { audit: true, commandTimeout: '20s' })
    const signIn = async (_: unknown, number: number): Promise<unknown> =>
      (await sessions.open()).login(`user-${number}`)
    await Promise.all(Array.from({ length: count }, signIn))
    return { redis, sessions, positions: (await whole(sessions)).map(({ position }) => position) }
  }

  it('share the work; of one that is killed the other takes over, and no entry is lost', async () => {
    const { redis, positions } = await filled(1_000)
    const directory = mkdtempSync(join(tmpdir(), 'sj-audit-'))
    atEnd(async () => rmSync(directory, { recursive: true, force: true }))
    const readers = await Promise.all(
      ['a', 'b'].map(async (consumer) => {
        const file = join(directory, consumer)
        writeFileSync(file, '')
        const reader = await child(PROGRAM, { redis: redis.url } satisfies AuditNode)
        await reader.ask('handle', { consumer, idle: 300, file } satisfies Handling)
        return { reader, handled: () => readFileSync(file, 'utf8').split('\n').slice(0, -1) }
      }),
    )
    const [a, b] = readers
    if (a === undefined || b === undefined) throw new Error('two readers')
    await until('both at work', () => a.handled().length > 100 && b.handled().length > 0)
    a.reader.signal('SIGKILL')
    const all = (): string[] => readers.flatMap(({ handled }) => handled())
    await until('all handled', () => new Set(all()).size === positions.length, 15_000)
    await sleep(500)
    console.log(
      `handled by the killed one ${a.handled().length}, by the other ${b.handled().length}, twice ${repeated(all())}`,
    )
    expect(new Set(all())).toEqual(new Set(positions))
    // At most what the killed one had in hand: it handles an entry, and then acknowledges it.
    expect(repeated(all())).toBeLessThanOrEqual(10)
  })

  it('a handler that throws is given the entry again, and the others meanwhile', async () => {
    const { sessions, positions } = await filled(5)
    const [poor] = positions
    const handled: string[] = []
    const errors: unknown[] = []
    sessions.on('error', (event) => errors.push(event))
    let failures = 0
    const options = { group: 'mail', consumer: 'a', idle: 200 }
    const reading = sessions.audit.read(options, async ({ position }) => {
      if (position === poor && ++failures <= 2) throw new Error('not today')
      handled.push(position)
    })
    await until('all but one', () => handled.length === 4)
    expect(handled).toEqual(positions.slice(1))
    await until('that one too', () => handled.length === 5)
    await reading.stop()
    const error = { operation: 'audit-read', error: new Error('not today') }
    expect(errors).toEqual([error, error])
    await sleep(250)
    const again = sessions.audit.read({ ...options, consumer: 'b' }, ({ position }) =>
      handled.push(position),
    )
    await sleep(250)
    await again.stop()
    expect(handled).toHaveLength(5)
  })

  it('an entry under secrets that are not ours is handed over as unreadable', async () => {
    const { redis, sessions } = await filled(1)
    const secrets = ['the secret of strangers, of 32 bytes or more']
    const strangers = await node(redis.url, { audit: true, secrets })
    await (await strangers.open()).login('eve')
    await (await sessions.open()).login('zoe')
    await redis.cli('XADD', 'sj:{06S}:a', '*', 'x', 'of another application')
    await (await sessions.open()).login('zoe')
    const seen: AuditEntry[] = []
    const reading = sessions.audit.read({ group: 'g', consumer: 'a' }, (entry) => seen.push(entry))
    await until('all', () => seen.length === 5)
    await reading.stop()
    expect(seen.map(({ event, unreadable }) => [event, unreadable])).toEqual([
      ['login', false],
      ['login', true],
      ['login', false],
      ['', true],
      ['login', false],
    ])
    expect(seen[1]).toEqual({
      ...{ event: 'login', unreadable: true, attempts: 1 },
      ...{ at: expect.any(Number), position: expect.any(String) },
    })
  })

  it('what one fails with is handled by another, with the number of attempts', async () => {
    const { sessions, positions } = await filled(20)
    sessions.on('error', () => undefined)
    const failed = new Set<string>()
    const handled = new Map<string, number>()
    const options = { group: 'g', idle: 300, batch: 5 }
    const poor = sessions.audit.read({ ...options, consumer: 'poor' }, ({ position }) => {
      failed.add(position)
      throw new Error('never')
    })
    await until('all failed', () => failed.size === positions.length)
    const good = sessions.audit.read({ ...options, consumer: 'good' }, async (entry) => {
      handled.set(entry.position, entry.attempts)
    })
    await until('all handled', () => handled.size === positions.length)
    expect(Math.min(...handled.values())).toBeGreaterThanOrEqual(2)
    await Promise.all([poor.stop(), good.stop()])
  })

  it('what is left goes to another after idle, and to the same one not before half as long again', async () => {
    const { redis, sessions, positions } = await filled(12)
    const { audit } = sessions.engine as RedisEngine
    const [idle, retention] = [60_000, 3_600_000]
    const consumer = (name: string) => {
      const made = audit.consumer({ group: 'g', consumer: name, idle, retention })
      atEnd(async () => made.close())
      return made
    }
    expect(await consumer('a').next(100)).toHaveLength(12)
    const left = async (ms: number, name = 'a', which = positions): Promise<void> => {
      const set = ['0', ...which, 'IDLE', String(ms), 'JUSTID']
      await redis.cli('XCLAIM', 'sj:{06S}:a', 'g', name, ...set)
    }
    await left(55_000)
    expect(await consumer('b').next(100)).toEqual([])
    await left(75_000)
    expect(await consumer('a').next(100)).toEqual([])
    const taken = await consumer('b').next(7)
    expect(taken.map(({ position }) => position)).toEqual(positions.slice(0, 7))
    expect(new Set(taken.map(({ attempts }) => attempts))).toEqual(new Set([2]))
    // A page of one's own is passed over.
    await left(75_000)
    await left(75_000, 'c', positions.slice(10))
    const reader = consumer('a')
    const pages = [await reader.next(5), await reader.next(5), await reader.next(5)]
    expect(pages.map((page) => page.length)).toEqual([0, 0, 2])
    await left(95_000)
    const again = consumer('a')
    const found = [...(await again.next(5)), ...(await again.next(5)), ...(await again.next(5))]
    expect(found.map(({ position }) => position)).toEqual(positions)
    expect(found.map(({ attempts }) => attempts)).toEqual([
      ...Array.from({ length: 7 }, () => 3),
      ...[2, 2, 2, 3, 3],
    ])
  })

  it('that are gone are forgotten, but for what they have in hand', async () => {
    const { redis, sessions, positions } = await filled(3)
    const { audit } = sessions.engine as RedisEngine
    const consumer = (name: string) =>
      audit.consumer({ group: 'g', consumer: name, idle: 20, retention: 3_600_000 })
    const names = async (): Promise<string[]> => {
      const info = (await redis.cli('XINFO', 'CONSUMERS', 'sj:{06S}:a', 'g')).split('\n')
      return info.filter((_, at) => info[at - 1] === 'name')
    }
    const holder = consumer('holder')
    expect(await holder.next(2)).toHaveLength(2)
    holder.close()
    for (const name of ['gone', 'gone too']) {
      await redis.cli('XGROUP', 'CREATECONSUMER', 'sj:{06S}:a', 'g', name)
    }
    expect(await names()).toHaveLength(3)
    await sleep(30)
    const text = scripts['audit-group'].text
    await redis.cli('EVAL', text, '1', 'sj:{06S}:a', 'g', '3600000', '20')
    expect(await names()).toEqual(['holder'])
    const pending = ['XPENDING', 'sj:{06S}:a', 'g'] as const
    expect((await redis.cli(...pending)).split('\n')[0]).toBe('2')
    const last = consumer('last')
    const handled: string[] = []
    const handle = async (): Promise<void> => {
      for (const { position } of await last.next(10)) {
        handled.push(position)
        await last.acknowledge(position)
      }
    }
    await until('the others are gone', async () => {
      await handle()
      return (await names()).every((name) => name === 'last')
    })
    expect(positions).toEqual(expect.arrayContaining(handled))
    expect((await redis.cli(...pending)).split('\n')[0]).toBe('0')
    // Redis 7.0 does not count a wait in vain: who waits may be forgotten too, and comes back with what comes.
    const before = handled.length
    await (await sessions.open()).login('ada')
    await until('the next entry', async () => {
      await handle()
      return handled.length > before
    })
    last.close()
  })

  it('read on after a broken connection, and after the stream was deleted', async () => {
    const redis = await server()
    const proxy = await proxyOf(redis)
    const sessions = await node(proxy.url, { audit: true })
    sessions.on('error', () => undefined)
    const seen: string[] = []
    const reading = sessions.audit.read({ group: 'g', consumer: 'a', idle: '1s' }, (entry) =>
      seen.push(entry.unreadable ? '' : (entry.details.id ?? '')),
    )
    const login = async (): Promise<string> => {
      const session = await sessions.open()
      await session.login('ada')
      return session.id ?? ''
    }
    const first = await login()
    await until('the first', () => seen.includes(first))
    proxy.reset()
    await until('a connection', () =>
      sessions.engine.ready().then(
        () => true,
        () => false,
      ),
    )
    const second = await login()
    await until('the second', () => seen.includes(second))
    await redis.cli('FLUSHALL')
    const third = await login()
    await until('the third', () => seen.includes(third))
    await reading.stop()
    expect(seen.filter((id) => [first, second, third].includes(id))).toEqual([first, second, third])
  })

  it('stop lets the entry under way be finished, and waits for no other', async () => {
    const { sessions } = await filled(10)
    const handled: string[] = []
    const reading = sessions.audit.read({ group: 'g', consumer: 'a' }, async ({ position }) => {
      await sleep(20)
      handled.push(position)
    })
    await until('begun', () => handled.length === 2)
    await reading.stop()
    const count = handled.length
    expect(count).toBeLessThan(5)
    const idle = sessions.audit.read({ group: 'h', consumer: 'a' }, () => undefined)
    await sleep(100)
    const from = performance.now()
    await idle.stop()
    expect(performance.now() - from).toBeLessThan(1_000)
    expect(handled).toHaveLength(count)
  })

  it('close ends a reading as stop does', async () => {
    const { sessions } = await filled(2)
    sessions.audit.read({ group: 'g', consumer: 'a' }, () => undefined)
    await sleep(50)
    await sessions.close()
    expect(() => sessions.audit.read({ group: 'g', consumer: 'a' }, () => undefined)).toThrow(
      /closed/,
    )
  })
})
