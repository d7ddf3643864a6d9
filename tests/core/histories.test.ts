/**
 * Random interleavings of requests on two nodes: fast-check's scheduler decides in which order the
 * engine answers, and prints the seed when an invariant breaks.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  counter,
  createSessions,
  type Engine,
  memoryEngine,
  type Session,
  type Sessions,
  union,
} from '../../src/index.ts'

interface Data {
  visits: number
  clicks: number
  cart: readonly { sku: string }[]
  [own: `own${number}`]: number
}

const secrets = 'history secret 0123456789abcdef0123456789'

const SYNCHRONOUS = ['now', 'onExpired', 'peek', 'peekLate', 'holds', 'held', 'remember', 'watch']

/** The engine, whose calls begin and end when the scheduler says. */
function scheduled(engine: Engine, scheduler: fc.Scheduler): Engine {
  return new Proxy(engine, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target)
      if (typeof member !== 'function') return member
      if (SYNCHRONOUS.includes(String(name))) return member.bind(target)
      return async (...args: unknown[]) => {
        await scheduler.schedule(Promise.resolve(), `${String(name)} begins`)
        const result: unknown = await member.apply(target, args)
        await scheduler.schedule(Promise.resolve(), `${String(name)} ends`)
        return result
      }
    },
  })
}

type Act = 'update' | 'merge' | 'cart' | 'own' | 'rotate' | 'logout' | 'login'

interface Outcome {
  readonly act: Act
  readonly actor: number
  /** Acknowledged as stored: not dropped because the session had ended. */
  readonly stored: boolean
  readonly token: string | undefined
}

async function act(
  sessions: Sessions<Data>,
  token: string,
  kind: Act,
  actor: number,
): Promise<Outcome> {
  const session: Session<Data> = await sessions.open(token)
  const opened = !session.isNew
  if (opened) {
    if (kind === 'update')
      await session.update('clicks', (clicks = 0) => clicks + 1).catch(ignoreEnded)
    if (kind === 'merge') session.set('visits', (session.get('visits') ?? 0) + 1)
    if (kind === 'cart') session.data.cart = [...(session.get('cart') ?? []), { sku: `s${actor}` }]
    if (kind === 'own') session.set(`own${actor}`, actor)
    if (kind === 'rotate') await session.rotate().catch(ignoreEnded)
    if (kind === 'logout') await session.logout()
    if (kind === 'login')
      await session.login('user', { keep: ['visits', 'clicks', 'cart', `own${actor}`] })
    await session.commit()
  }
  const stored = opened && (kind === 'logout' || !session.isNew)
  return { act: kind, actor, stored, token: session.token }
}

function ignoreEnded(error: unknown): void {
  if ((error as { code?: string }).code !== 'ERR_SOJOURN_ENDED') throw error
}

async function run(
  scheduler: fc.Scheduler,
  acts: readonly Act[],
): Promise<{
  outcomes: Outcome[]
  first: string
  sessions: Sessions<Data>
  engine: Engine
}> {
  const engine = memoryEngine()
  const options = { secrets, merge: { visits: counter, cart: union<{ sku: string }>('sku') } }
  const start = await createSessions<Data>({ ...options, engine }).open()
  start.set('visits', 0)
  start.set('cart', [])
  await start.commit()
  const first = start.token ?? ''
  const nodes = [0, 1].map(() =>
    createSessions<Data>({ ...options, engine: scheduled(engine, scheduler) }),
  ) as [Sessions<Data>, Sessions<Data>]
  const work = acts.map((kind, actor) => act(nodes[actor % 2 ? 1 : 0], first, kind, actor))
  await scheduler.waitFor(Promise.all(work))
  const sessions = createSessions<Data>({ ...options, engine })
  return { outcomes: await Promise.all(work), first, sessions, engine }
}

const writers = fc.array(fc.constantFrom<Act>('update', 'merge', 'cart', 'own'), {
  minLength: 2,
  maxLength: 6,
})

describe('random histories on two nodes', () => {
  it('I3 no acknowledged change is lost, rotations among them', async () => {
    const acts = fc.tuple(writers, fc.array(fc.constant<Act>('rotate'), { maxLength: 2 }))
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), acts, async (scheduler, [writing, rotating]) => {
        const { outcomes, first, sessions } = await run(scheduler, [...writing, ...rotating])
        const final = await sessions.open(first)
        const count = (kind: Act): number => outcomes.filter((o) => o.act === kind).length
        expect(outcomes.every(({ stored }) => stored)).toBe(true)
        expect(final.get('clicks') ?? 0).toBe(count('update'))
        expect(final.get('visits')).toBe(count('merge'))
        const skus = outcomes.filter((o) => o.act === 'cart').map((o) => `s${o.actor}`)
        expect(
          final
            .get('cart')
            ?.map(({ sku }) => sku)
            .sort(),
        ).toEqual(skus.sort())
        for (const { actor } of outcomes.filter((o) => o.act === 'own')) {
          expect(final.get(`own${actor}`)).toBe(actor)
        }
      }),
      { numRuns: 150 },
    )
  })

  it('I1 after an acknowledged logout nothing opens, whatever was under way', async () => {
    const acts = fc.tuple(writers, fc.array(fc.constant<Act>('rotate'), { maxLength: 2 }))
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), acts, async (scheduler, [writing, rotating]) => {
        const { outcomes, first, sessions } = await run(scheduler, [
          ...rotating,
          ...writing,
          'logout',
        ])
        const tokens = [first, ...outcomes.map(({ token }) => token ?? first)]
        for (const token of tokens) expect((await sessions.open(token)).isNew).toBe(true)
      }),
      { numRuns: 150 },
    )
  })

  it('S02 after a login the former token opens nothing, and what was kept has every change', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), writers, async (scheduler, writing) => {
        const { outcomes, first, sessions } = await run(scheduler, [...writing, 'login'])
        expect((await sessions.open(first)).isNew).toBe(true)
        const successor = outcomes.find((o) => o.act === 'login')?.token
        const final = await sessions.open(successor)
        expect(final.principal).toBe('user')
        const stored = (kind: Act): number =>
          outcomes.filter((o) => o.act === kind && o.stored).length
        expect(final.get('clicks') ?? 0).toBe(stored('update'))
        expect(final.get('visits')).toBe(stored('merge'))
        expect(final.get('cart')?.length).toBe(stored('cart'))
      }),
      { numRuns: 150 },
    )
  })
})
