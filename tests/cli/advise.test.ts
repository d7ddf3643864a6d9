import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bucketOf, Durations } from '../../src/core/gap-histogram.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { redisEngine } from '../../src/engines/redis/redis-engine.ts'
import { advise, type Known } from '../../src/operations/advise/advise.ts'
import { report } from '../../src/operations/metrics/index.ts'
import type { SessionDetails } from '../../src/operations/sessions/catalogue.ts'
import { runCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET } from '../support/requests.ts'

const MINUTE = 60_000
const NOW = 1_800_000_000_000

const session = (
  idleMinutes: number,
  attributes: Record<string, unknown> = {},
): SessionDetails => ({
  ...{
    id: 'x',
    createdAt: NOW - 10 * 60 * MINUTE,
    expiresAt: NOW,
    deadline: NOW,
    bytes: 400,
    signedIn: true,
    keyId: 1,
  },
  ...{ principal: 'ada', revision: 1, idleTimeout: 60 * MINUTE, version: 1, closed: undefined },
  ...{
    kind: undefined,
    device: undefined,
    address: undefined,
    level: undefined,
    authenticatedAt: undefined,
  },
  lastActiveAt: NOW - idleMinutes * MINUTE,
  attributes: Object.entries(attributes).map(([name, value]) => ({
    ...{ name, value, type: typeof value, bytes: JSON.stringify(value).length },
  })),
})

/** So many who came back after so many minutes. */
const gaps = (returns: Readonly<Record<number, number>>) =>
  new Durations(
    new Map(
      Object.entries(returns).map(([minutes, count]) => [
        bucketOf(Number(minutes) * MINUTE),
        count,
      ]),
    ),
  )

const known = (of: Durations, more: Partial<Known> = {}): Known => ({
  ...{ gaps: of, days: 1, live: 100, now: NOW, ...more },
})

describe('advise', () => {
  it('says what a shorter idle timeout frees, and whom it signs out', () => {
    const sessions = [session(1), session(12), session(25), session(50)]
    const { timeouts, idleTimeout, recommended } = advise(
      sessions,
      known(gaps({ 2: 995, 40: 5 }), { live: 1_000 }),
    )
    expect(idleTimeout).toBe(60 * MINUTE)
    const of = (minutes: number) => timeouts.find((each) => each.idleTimeout === minutes * MINUTE)
    expect(of(10)).toEqual({
      ...{ idleTimeout: 10 * MINUTE, signedOut: 0.005, ofReturns: 0.005, freed: 0.75 },
    })
    expect(of(45)).toMatchObject({ signedOut: 0, freed: 0.25 })
    expect(of(60)).toBeUndefined()
    expect(recommended).toEqual(of(5))
  })

  it('recommends nothing that signs people out, that frees nothing, or that too few returns speak for', () => {
    const idle = [session(1), session(50)]
    expect(advise(idle, known(gaps({ 2: 900, 59: 100 }))).recommended).toBeUndefined()
    expect(advise([session(1)], known(gaps({ 2: 1_000 }))).recommended).toBeUndefined()
    expect(advise(idle, known(gaps({ 2: 100 }))).recommended).toBeUndefined()
    expect(advise([], known(gaps({})))).toMatchObject({
      looked: 0,
      idleTimeout: undefined,
      attributes: [],
    })
  })

  it('counts people, not returns: a night away is one of many returns, and everybody has it', () => {
    const sessions = [session(1), session(50)]
    // 200 users for 14 days, each with 120 short returns and one night.
    const counted = gaps({ 0.5: 120 * 200 * 14, 30: 200 * 14 })
    const { timeouts, recommended } = advise(sessions, known(counted, { live: 200, days: 14 }))
    const of = (minutes: number) => timeouts.find((each) => each.idleTimeout === minutes * MINUTE)
    expect(of(5)).toMatchObject({ signedOut: 1, ofReturns: expect.closeTo(1 / 121, 4) })
    expect(of(45)).toMatchObject({ signedOut: 0 })
    expect(recommended).toEqual(of(45))
  })

  it('recommends nothing that those away cannot have come back after yet', () => {
    const young = [session(1), session(7)].map((each) => ({ ...each, createdAt: NOW - 8 * MINUTE }))
    const counted = known(gaps({ 0.5: 1_000 }), { live: 1_000 })
    expect(advise(young, counted)).toMatchObject({ observed: 8 * MINUTE, recommended: undefined })
    const old = young.map((each) => ({ ...each, createdAt: NOW - 10 * MINUTE }))
    expect(advise(old, counted).recommended?.idleTimeout).toBe(5 * MINUTE)
    expect(advise(young, { ...counted, days: 2 }).recommended?.idleTimeout).toBe(5 * MINUTE)
  })

  it('finds attributes that are large, and those that are the same everywhere', () => {
    const features = Array.from({ length: 40 }, (_, i) => `feature-${i}`)
    const sessions = Array.from({ length: 20 }, (_, i) =>
      session(1, {
        features,
        n: i,
        blob: `${i}`.repeat(3_000),
        ...(i < 5 ? { rare: 'x'.repeat(100) } : {}),
      }),
    )
    const { attributes } = advise(sessions, known(gaps({})))
    const of = (name: string) => attributes.find((each) => each.name === name)
    expect(of('features')).toMatchObject({
      alike: 1,
      present: 1,
      advice: expect.stringContaining('the same'),
    })
    expect(of('blob')?.advice).toContain('large')
    expect(of('n')?.advice).toBeUndefined()
    expect(of('rare')).toMatchObject({ present: 0.25, advice: undefined })
    expect(attributes[0]?.name).toBe('blob')
  })
})

describe('advise on attributes that nobody needs', () => {
  const large = (i: number) => `${i}`.padEnd(100, 'x')
  const sessions = Array.from({ length: 20 }, (_, i) =>
    session(1, {
      ...{ used: large(i), unused: large(-i), 'django:own': large(100 + i) },
      ...{ copy: [large(i + 200)], original: [large(i + 200)], small: i },
    }),
  )
  const reads = { names: new Set(['used', 'copy', 'original']), nodes: 2, counted: 7_200_000 }
  const of = (more: Partial<Known>) => {
    const { attributes, readers } = advise(sessions, known(gaps({}), more))
    return { readers, named: new Map(attributes.map((each) => [each.name, each])) }
  }

  it('names what no process that reports has read, where they have counted for long', () => {
    const { readers, named } = of({ reads })
    expect(readers).toEqual({ nodes: 2, counted: 7_200_000 })
    expect(named.get('unused')).toMatchObject({
      read: false,
      advice: expect.stringContaining('no process that reports has read it'),
    })
    expect(named.get('used')).toMatchObject({ read: true, advice: undefined })
    // Too small to matter, and another framework's.
    expect(named.get('small')).toMatchObject({ read: false, advice: undefined })
    expect(named.get('django:own')).toMatchObject({ read: undefined, advice: undefined })
    const short = of({ reads: { ...reads, counted: 3_599_999 } }).named
    expect(short.get('unused')).toMatchObject({ read: false, advice: undefined })
    const none = of({})
    expect(none.readers).toBeUndefined()
    expect(none.named.get('unused')).toMatchObject({ read: undefined, advice: undefined })
  })

  it('names what stands twice in a session', () => {
    const { named } = of({ reads })
    expect(named.get('original')).toMatchObject({
      sameAs: 'copy',
      advice: 'the same as "copy": one of them is enough',
    })
    expect(named.get('copy')).toMatchObject({ sameAs: undefined, advice: undefined })
    expect(named.get('used')).toMatchObject({ sameAs: undefined })
  })
})

describe('sojourn advise', () => {
  let server: RedisServer

  beforeAll(async () => {
    server = await startRedis()
    // Who came back, as nodes count it: half of them after 20 minutes.
    const engine = redisEngine({ redis: server.url })
    await engine.ready()
    await engine.addGaps(
      new Map([
        [bucketOf(2 * MINUTE), 300],
        [bucketOf(20 * MINUTE), 300],
      ]),
    )
    const sessions = createSessions({ engine, secrets: [SECRET] })
    for (let i = 0; i < 30; i++) {
      const one = await sessions.open()
      one.set(
        'flags',
        Array.from({ length: 30 }, (_, n) => n * 1_000),
      )
      one.set('cart', `${i}`)
      await one.commit()
    }
    await sessions.close()
  })

  afterAll(() => server.stop())

  it('tells it of a real deployment, and with the secrets of what is in the sessions', async () => {
    const plain = await runCli(['advise'], { env: { SOJOURN_REDIS: server.url } })
    expect(plain.code).toBe(0)
    expect(plain.stdout).toContain('Idle timeout: 30m')
    expect(plain.stdout).toContain('600 returns were counted today, and 30 sessions looked at.')
    expect(plain.stdout).toMatch(/15m\s+100 %\s+50 %\s+0\.0 %/)
    expect(plain.stdout).not.toContain('flags')
    expect(plain.stdout).toMatch(/Too early for advice: this is of the last \d+s/)
    const env = { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET }
    const { stdout } = await runCli(['advise', '--sample', '20', '--json'], { env })
    const { looked, attributes, readers } = JSON.parse(stdout)
    expect(looked).toBe(20)
    expect(readers).toBeUndefined()
    expect(attributes[0]).toMatchObject({
      name: 'flags',
      present: 1,
      alike: 1,
      advice: expect.stringContaining('the same'),
    })
  })
  it('hears what processes read', async () => {
    const sessions = createSessions<{ cart: string }>({ redis: server.url, secrets: [SECRET] })
    const end = report(sessions, { name: 'web' })
    try {
      const session = await sessions.open()
      session.set('cart', 'mine')
      await session.commit()
      session.get('cart')
      const env = { SOJOURN_REDIS: server.url, SOJOURN_SECRETS: SECRET }
      const { stdout } = await runCli(['advise', '--json'], { env })
      const { attributes, readers } = JSON.parse(stdout)
      expect(readers).toMatchObject({ nodes: 1 })
      const reads = Object.fromEntries(
        attributes.map(({ name, read }: { name: string; read: boolean }) => [name, read]),
      )
      expect(reads).toEqual({ cart: true, flags: false })
    } finally {
      end()
      await sessions.close()
    }
  })
})
