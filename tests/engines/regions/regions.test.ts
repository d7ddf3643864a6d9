import { describe, expect, it } from 'vitest'
import { SessionElsewhereError, StoreUnavailableError } from '../../../src/core/errors.ts'
import { createKeyring } from '../../../src/core/keyring.ts'
import type { RegionContext } from '../../../src/core/options.ts'
import type { Sessions } from '../../../src/core/sessions.ts'
import { parseToken } from '../../../src/core/token.ts'
import type { CreateSessionsOptions } from '../../../src/create-sessions.ts'
import { node, server } from '../../faults/setup.ts'
import type { RedisServer } from '../../support/redis-server.ts'
import { hit, request, SECRET, signIn, until } from '../../support/requests.ts'

interface User {
  owner: string
  n: number
}

interface World {
  readonly eu: RedisServer
  readonly us: RedisServer
  /** A web node of that region. */
  node(home: 'eu' | 'us', options?: CreateSessionsOptions<User>): Promise<Sessions<User>>
  /** Whose `us` is not told where `eu` is, and the other way round. */
  secluded(home: 'eu' | 'us', options?: CreateSessionsOptions<User>): Promise<Sessions<User>>
}

async function world(): Promise<World> {
  const [eu, us] = [await server(), await server()]
  const make = (
    home: 'eu' | 'us',
    reached: readonly string[],
    options: CreateSessionsOptions<User> = {},
  ): Promise<Sessions<User>> => {
    const at = (name: string, number: number, redis: string) =>
      reached.includes(name) ? { number, redis } : { number }
    const regions = { eu: at('eu', 0, eu.url), us: at('us', 3, us.url) }
    return node<User>('', { redis: { regions, home }, ...options })
  }
  return {
    eu,
    us,
    node: (home, options) => make(home, ['eu', 'us'], options),
    secluded: (home, options) => make(home, [home], options),
  }
}

function regionOf(token: string): number | undefined {
  return parseToken(createKeyring([SECRET]), token)?.region
}

/** All that a server holds: names of keys, and what they hold. */
async function allOf(redis: RedisServer): Promise<string> {
  const keys = (await redis.cli('KEYS', '*')).split('\n').filter((key) => key !== '')
  const values = await Promise.all(
    keys.map(async (key) => {
      const type = await redis.cli('TYPE', key)
      if (type === 'string') return redis.cli('GET', key)
      if (type === 'hash') return redis.cli('HGETALL', key)
      if (type === 'stream') return redis.cli('XRANGE', key, '-', '+')
      return redis.cli('ZRANGE', key, '0', '-1')
    }),
  )
  return [...keys, ...values].join('\n')
}

describe('a session is in the region that the application names', () => {
  it('by the principal, by the request, or at home; a rotation stays there', async () => {
    const places = await world()
    const seen: RegionContext[] = []
    const region = (context: RegionContext): string | undefined => {
      seen.push(context)
      if (context.principal !== undefined) return context.principal.endsWith('us') ? 'us' : 'eu'
      const asked: { from?: string } = context.request ?? {}
      return asked.from
    }
    const here = await places.node('eu', { region })
    expect(regionOf(await signIn<User>(here, { owner: 'a', n: 0 }))).toBe(0)
    expect(regionOf(await signIn<User>(here, { owner: 'a', n: 0 }, 'ada-us'))).toBe(3)
    expect(regionOf(await signIn<User>(here, { owner: 'a', n: 0 }, 'ada-eu'))).toBe(0)
    const message = { from: 'us' }
    const facts = { secure: true, host: 'a', proxied: false, cookie: undefined }
    const { session } = await here.exchange(message, facts)
    session.set('owner', 'somebody')
    await session.commit()
    expect(seen.at(-1)).toEqual({ principal: undefined, request: message })
    expect(regionOf(session.token ?? '')).toBe(3)
    const before = session.token ?? ''
    await session.rotate()
    expect(session.token).not.toBe(before)
    expect(regionOf(session.token ?? '')).toBe(3)
    // Whoever comes with the former one is led on, there.
    expect((await request(here, before)).session.get('owner')).toBe('somebody')
  })

  it('a name that there is not is refused, and nothing is written', async () => {
    const places = await world()
    const here = await places.node('eu', { region: () => 'asia' })
    await expect(signIn<User>(here, { owner: 'a', n: 0 })).rejects.toThrow(
      'returned none of eu, us',
    )
    expect(await allOf(places.eu)).toBe('')
  })

  it('a login takes the session to the region of the principal, and ends it where it was', async () => {
    const places = await world()
    const here = await places.node('eu', { region: ({ principal }) => (principal ? 'us' : 'eu') })
    const anonymous = await signIn<User>(here, { owner: 'ada', n: 1 })
    expect(regionOf(anonymous)).toBe(0)
    const session = await here.open(anonymous)
    await session.login('ada', { keep: ['n'] })
    expect(regionOf(session.token ?? '')).toBe(3)
    expect(session.get('n')).toBe(1)
    expect((await here.open(anonymous, { fresh: true })).isNew).toBe(true)
  })
})

it('a scan goes through all regions that can be reached', async () => {
  const places = await world()
  const [here, there] = [await places.node('eu'), await places.node('us')]
  const alone = await places.secluded('eu')
  for (const [n, one] of [here, there].entries()) await signIn<User>(one, { owner: 'a', n })
  const found = async (one: Sessions<User>): Promise<Set<unknown>> => {
    const all: unknown[] = []
    for await (const page of one.scan()) all.push(...page.map((each) => each.attributes.get('n')))
    return new Set(all)
  }
  expect(await found(here)).toEqual(new Set([0, 1]))
  expect(await found(alone)).toEqual(new Set([0]))
})

describe('residency', () => {
  it('nothing of a session is ever in another region: keys, records, indexes, the audit', async () => {
    const places = await world()
    const options = {
      seal: false,
      audit: true,
      expiry: 'reliable',
      compress: false,
      region: ({ principal }: RegionContext) => (principal?.startsWith('us') ? 'us' : 'eu'),
    } as const
    const [here, there] = [await places.node('eu', options), await places.node('us', options)]
    const ids: string[] = []
    for (const one of [here, there]) {
      for (let n = 0; n < 10; n++) {
        const token = await signIn<User>(one, { owner: 'canary-eu-0', n: 0 }, `eu-${n}`)
        const session = await here.open(token)
        await session.update('n', () => n)
        await session.rotate()
        await session.stepUp(2)
        ids.push(session.id ?? '')
        if (n % 3 === 0) await session.logout()
      }
      await one.of('eu-1').revokeAll()
      await one.of('eu-2').set({ n: 7 })
      await one.of('eu-3').list()
    }
    const us = await allOf(places.us)
    const eu = await allOf(places.eu)
    // Readable, so that it can be looked for.
    expect(eu).toContain('canary-eu-0')
    expect(us).not.toContain('canary-eu-0')
    for (const id of ids) expect(us).not.toContain(id.slice(3))
    expect(us).not.toMatch(/:[sp]:/)
    // Neither does the audit of the other region say anything of it.
    expect(eu).toMatch(/\{.*\}:a\n/)
    expect(us).not.toMatch(/\{.*\}:a\n/)
    expect(await there.audit.list()).toEqual([])
    expect((await here.audit.list({ count: 1_000 })).length).toBeGreaterThan(50)
  }, 30_000)
})

describe('a request elsewhere', () => {
  it('reaches the home region: reads, writes, near hits, and is told of its end', async () => {
    const places = await world()
    const [here, there] = [await places.node('eu'), await places.node('us')]
    const token = await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    await until('it is at hand there', async () => {
      await request(there, token)
      return hit(there, token) !== undefined
    })
    await (await there.open(token)).update('n', () => 5)
    expect((await here.open(token, { fresh: true })).get('n')).toBe(5)
    const { signal } = there.watch((await there.open(token)).id ?? '')
    await (await here.open(token)).logout()
    await until('it has ended there', () => hit(there, token) === undefined && signal.aborted)
    expect((await request(there, token)).session.isNew).toBe(true)
  })

  it('is refused where the home region is not to be reached, and its cookie stays', async () => {
    const places = await world()
    const [here, there] = [await places.node('eu'), await places.secluded('us')]
    const token = await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    const error: unknown = await Promise.resolve(request(there, token)).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(SessionElsewhereError)
    expect(error).toMatchObject({ region: 'eu', status: 421, code: 'ERR_SOJOURN_ELSEWHERE' })
    const id = (await here.open(token)).id ?? ''
    await expect(there.revoke(id)).rejects.toThrow(SessionElsewhereError)
    // Not all of them have ended, and that is said.
    await expect(there.of('ada').revokeAll()).rejects.toThrow(SessionElsewhereError)
    expect((await here.open(token)).get('owner')).toBe('ada')
    await expect(
      (await places.secluded('us', { region: () => 'eu' })).open().then(async (session) => {
        session.set('n', 1)
        await session.commit()
      }),
    ).rejects.toThrow(SessionElsewhereError)
  })

  it("another region's outage is not this one's", async () => {
    const places = await world()
    const here = await places.node('eu', { commandTimeout: 200 })
    const abroad = await signIn<User>(await places.node('us'), { owner: 'bob', n: 0 })
    const token = await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    await places.us.kill()
    await until('it is noticed', () => hit(here, abroad) === undefined)
    expect((await request(here, token)).session.get('owner')).toBe('ada')
    await expect(Promise.resolve(request(here, abroad))).rejects.toThrow(StoreUnavailableError)
    // A node starts without it.
    const late = await places.node('eu', { commandTimeout: 200 })
    expect((await request(late, token)).session.get('owner')).toBe('ada')
    // Who is signed out everywhere has to be told that it was not everywhere.
    await expect(late.of('ada').revokeAll()).rejects.toThrow(StoreUnavailableError)
    expect((await late.open(token, { fresh: true })).isNew).toBe(true)
  })
})

describe('all sessions of one principal, in all regions', () => {
  it('are listed, counted, changed and ended together; one of them by its id', async () => {
    const places = await world()
    const [here, there] = [await places.node('eu'), await places.node('us')]
    const tokens: string[] = []
    for (const one of [here, there, here, there]) {
      tokens.push(await signIn<User>(one, { owner: 'ada', n: 0 }, 'ada'))
    }
    const all = here.of('ada')
    const listed = await all.list()
    expect(listed).toHaveLength(4)
    const created = listed.map(({ createdAt = 0 }) => createdAt)
    expect(created).toEqual([...created].sort((a, b) => a - b))
    expect(await all.set({ n: 9 })).toMatchObject({ changed: 4 })
    for (const token of tokens) expect((await there.open(token)).get('n')).toBe(9)
    const [, abroad] = tokens as [string, string]
    const id = (await there.open(abroad)).id ?? ''
    expect(await all.revoke(id)).toBe('uncertain')
    expect(await all.count()).toBe(3)
    const own = await here.open(tokens[0])
    expect(await here.of(own).revokeOthers()).toMatchObject({ count: 2 })
    expect((await all.list()).map(({ id: left }) => left)).toEqual([own.id])
  })

  it('expire in their region, and are told of there, with whose they were', async () => {
    const places = await world()
    const options = { expiry: 'reliable', idleTimeout: 300 } as const
    const [here, there] = [await places.node('eu', options), await places.node('us', options)]
    const told: string[] = []
    here.on('expired', ({ principal }) => told.push(`eu ${principal}`))
    there.on('expired', ({ principal }) => told.push(`us ${principal}`))
    await signIn<User>(here, { owner: 'ada', n: 0 }, 'ada')
    await signIn<User>(there, { owner: 'bob', n: 0 }, 'bob')
    await until('both are told', () => told.length === 2)
    expect(told.sort()).toEqual(['eu ada', 'us bob'])
  }, 20_000)
})

it('a region that is drained gets no new sessions, and keeps those that it has', async () => {
  const places = await world()
  const region = (): string => 'us'
  const before = await places.node('eu', { region })
  const token = await signIn<User>(before, { owner: 'ada', n: 0 }, 'ada')
  expect(regionOf(token)).toBe(3)
  const { eu, us } = places
  const drained = await node<User>('', {
    redis: {
      regions: { eu: { number: 0, redis: eu.url }, us: { number: 3, redis: us.url } },
      home: 'us',
      draining: ['us'],
    },
    region,
  })
  const session = await drained.open(token)
  expect(session.get('owner')).toBe('ada')
  await session.update('n', () => 1)
  expect(regionOf(await signIn<User>(drained, { owner: 'bob', n: 0 }))).toBe(0)
  // A login takes the principal along, and what is left ends by itself.
  await session.login('ada')
  expect(regionOf(session.token ?? '')).toBe(0)
  expect(await us.cli('KEYS', '*:p:*')).toBe('')
})
