import { describe, expect, it } from 'vitest'
import { openEntry, sealEntry } from '../../src/core/audit-entry.ts'
import type { AuditLog } from '../../src/core/audit-log.ts'
import type { Engine } from '../../src/core/engine.ts'
import { OptionError, StoreRefusedError } from '../../src/core/errors.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import {
  type AuditEntry,
  type AuditOptions,
  createSessions,
  memoryEngine,
} from '../../src/index.ts'
import { until } from '../support/requests.ts'
import { HOUR, MINUTE, setUp } from './session-set-up.ts'

const DETAILS = { device: 'Firefox on Linux', address: '192.0.2.1' }
const names = (entries: readonly AuditEntry[]): string[] => entries.map(({ event }) => event)

describe('what is kept', () => {
  it('what happens to sessions, with what listeners are told', async () => {
    const { sessions, seen, clock } = setUp({ audit: true })
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    await session.login('ada', { keep: ['n'], ...DETAILS })
    await session.rotate()
    session.set('n', 2)
    await session.commit()
    await session.logout()
    const two = [await sessions.open(), await sessions.open()]
    for (const each of two) await each.login('eve')
    await sessions.revoke(two[0]?.id ?? '')
    await sessions.of('eve').revokeAll()
    const entries = await sessions.audit.list()
    expect(names(entries)).toEqual([
      'login',
      'rotated',
      'logout',
      'login',
      'login',
      'revoked',
      'revoked',
    ])
    const told = seen.filter(({ name }) => name !== 'changed' && name !== 'created')
    expect(entries).toEqual(
      told.map(({ name, event }) => ({
        ...{ event: name, at: clock.now(), unreadable: false },
        position: expect.stringMatching(/^\d+-\d+$/),
        details: event,
      })),
    )
    expect(entries[0]).toMatchObject({ details: { principal: 'ada', ...DETAILS } })
  })

  it('sessions that expire', async () => {
    const { sessions, clock } = setUp({ audit: true })
    const session = await sessions.open()
    await session.login('ada')
    const { id } = session
    clock.advance(31 * MINUTE)
    await sessions.engine.load(id ?? '')
    await until('expired', async () => (await sessions.audit.list()).length === 2)
    expect((await sessions.audit.list()).at(-1)).toMatchObject({
      event: 'expired',
      details: { id },
    })
  })

  it('only the events that are named, and of those also the daily ones', async () => {
    const { sessions } = setUp({ audit: { events: ['changed', 'logout'] } })
    const session = await sessions.open()
    session.set('n', 1)
    await session.commit()
    session.set('n', 2)
    await session.commit()
    await session.logout()
    const entries = await sessions.audit.list()
    expect(names(entries)).toEqual(['changed', 'logout'])
    expect(entries[0]).toMatchObject({ details: { attributes: ['n'] } })
  })

  it('nothing without the option, and an audit can be read all the same', async () => {
    const { sessions } = setUp()
    await (await sessions.open()).login('ada')
    expect(await sessions.audit.list()).toEqual([])
  })

  it('is listed from a time on, after an entry, and so many', async () => {
    const { sessions, clock } = setUp({ audit: true })
    for (const principal of ['a', 'b', 'c', 'd']) {
      await (await sessions.open()).login(principal)
      clock.advance(10)
    }
    const all = await sessions.audit.list()
    expect(await sessions.audit.list({ from: all[2]?.at ?? 0 })).toEqual(all.slice(2))
    expect(await sessions.audit.list({ after: all[0]?.position ?? '', count: 2 })).toEqual(
      all.slice(1, 3),
    )
  })

  it('expired is not named where it would not come', async () => {
    const audit: AuditOptions = { events: ['login', 'expired'] }
    const secrets = ['a secret for tests, of 32 bytes or more']
    // Nobody listens there: refused before there is a connection.
    const redis = 'redis://127.0.0.1:1'
    for (const expiry of ['off', 'notify'] as const) {
      expect(() => createSessions({ redis, secrets, expiry, audit })).toThrow(
        expect.objectContaining({ option: 'audit.events' }),
      )
      const told = { secrets, audit, engine: Object.assign(memoryEngine(), { expiry }) }
      expect(() => createSessions(told)).toThrow(OptionError)
      await createSessions({ redis, secrets, expiry, audit: true }).close()
    }
    await createSessions({ redis, secrets, expiry: 'reliable', audit }).close()
    await createSessions({ audit }).close()
  })

  it.each<[string, AuditOptions]>([
    ['audit.maxLength', { maxLength: 0 }],
    ['audit.retention', { retention: '0s' }],
    ['audit.events', { events: ['error' as 'login'] }],
    ['audit.events', { events: null } as unknown as AuditOptions],
    ['audit.retention', { retention: null } as unknown as AuditOptions],
    ['audit.maxLength', { maxLength: null } as unknown as AuditOptions],
    ['audit', null as unknown as AuditOptions],
    ['audit.keep', { keep: true } as AuditOptions],
    ['audit', 'yes' as unknown as AuditOptions],
  ])('%s is checked at the start', (option, audit) => {
    expect(() => createSessions({ audit })).toThrow(expect.objectContaining({ option }))
  })

  it('an engine that keeps none is refused at the start', async () => {
    const { audit: _, ...engine } = memoryEngine()
    const options = {
      engine: engine as Engine,
      secrets: ['a secret for tests, of 32 bytes or more'],
    }
    expect(() => createSessions({ ...options, audit: true })).toThrow(OptionError)
    const sessions = createSessions(options)
    await expect(sessions.audit.list()).rejects.toThrow(OptionError)
    await sessions.close()
  })
})

describe('operations wait for their entry', () => {
  /** Entries are not written before `release`. */
  function held(audit: AuditOptions) {
    const waiting: (() => void)[] = []
    const world = setUp({ audit }, ({ audit: log, ...engine }) => {
      const slow: AuditLog = {
        list: (range) => log.list(range),
        consumer: (options) => log.consumer(options),
        append: async (batch) => {
          await new Promise<void>((resolve) => void waiting.push(resolve))
          await log.append(batch)
        },
      }
      return Object.assign(engine, { audit: slow })
    })
    const release = (): void => {
      for (const resolve of waiting.splice(0)) resolve()
    }
    return { ...world, release }
  }

  it('sign-in, rotation, sign-out, creation and revocation resolve when it is written', async () => {
    const { sessions, release } = held({
      events: ['created', 'login', 'rotated', 'logout', 'revoked'],
    })
    const session = await sessions.open()
    const acts: [string, () => Promise<unknown>][] = [
      ['login', () => session.login('ada')],
      ['rotated', () => session.rotate()],
      ['revoked', () => sessions.revoke(session.id ?? '')],
      ['login', () => session.login('ada')],
      ['revoked', () => sessions.of('ada').revoke(session.id ?? '')],
      ['login', () => session.login('ada')],
      ['revoked', () => sessions.of('ada').revokeAll()],
      ['login', () => session.login('ada')],
      ['logout', () => session.logout()],
      [
        'created',
        () => {
          session.set('n', 1)
          return session.commit()
        },
      ],
    ]
    const kept: string[] = []
    for (const [event, act] of acts) {
      let isDone = false
      const acting = act().then(() => {
        isDone = true
      })
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect([event, isDone]).toEqual([event, false])
      release()
      await acting
      kept.push(event)
      expect(names(await sessions.audit.list())).toEqual(kept)
    }
  })

  it('listeners do not', async () => {
    const { sessions, announced, release } = held({
      events: ['created', 'login', 'rotated', 'logout', 'revoked'],
    })
    const session = await sessions.open()
    const login = session.login('ada')
    await until('told', () => announced('login').length === 1)
    expect(await sessions.audit.list()).toEqual([])
    release()
    await login
  })
})

describe('what operators do', () => {
  const act = { operator: 'grace', action: 'revoke', reason: 'lost phone', found: 2 } as const

  it('is written before it is done, and where it cannot be that rejects', async () => {
    let problem: Error | undefined
    const { sessions } = setUp({ audit: true }, ({ audit: log, ...engine }) => {
      const failing: AuditLog = {
        list: (range) => log.list(range),
        consumer: (options) => log.consumer(options),
        append: (batch) => (problem === undefined ? log.append(batch) : Promise.reject(problem)),
      }
      return Object.assign(engine, { audit: failing })
    })
    sessions.on('error', () => undefined)
    await sessions.beginOperation(act)
    expect(await sessions.audit.list()).toMatchObject([{ event: 'operator', details: act }])
    problem = new StoreRefusedError('NOPERM', 'it lacks a right')
    // The first that fails, and those after it.
    for (let i = 0; i < 2; i++) await expect(sessions.beginOperation(act)).rejects.toBe(problem)
    // How it went is told as soon as that is possible.
    await sessions.endOperation({ ...act, action: 'revoked', revoked: 2 })
    problem = undefined
    await until('it is written', async () => (await sessions.audit.list()).length > 1)
    expect((await sessions.audit.list()).at(-1)).toMatchObject({ details: { revoked: 2 } })
  })

  it('is not done where no audit is kept', async () => {
    const { sessions } = setUp({ audit: { events: ['login'] } })
    await expect(sessions.beginOperation(act)).rejects.toThrow(OptionError)
    await sessions.endOperation(act)
    expect(await sessions.audit.list()).toEqual([])
  })
})

it('what a consumer has left goes to another first, in the process too', async () => {
  const { engine, sessions, clock } = setUp({ audit: true })
  await (await sessions.open()).login('ada')
  const consumer = (name: string) =>
    engine.audit.consumer({ group: 'g', consumer: name, idle: 10, retention: 90 * 24 * HOUR })
  const [a, b] = [consumer('a'), consumer('b')]
  const attempts = async (one: typeof a) => (await one.next(10)).map((entry) => entry.attempts)
  expect(await attempts(a)).toEqual([1])
  clock.advance(9)
  expect(await attempts(b)).toEqual([])
  clock.advance(5)
  expect(await attempts(a)).toEqual([])
  expect(await attempts(b)).toEqual([2])
  clock.advance(14)
  expect(await attempts(b)).toEqual([])
  clock.advance(1)
  expect(await attempts(b)).toEqual([3])
})

it('a handler is told how often its entry has been handed out', async () => {
  const { sessions, clock } = setUp({ audit: true })
  await (await sessions.open()).login('ada')
  const seen: number[] = []
  const reading = sessions.audit.read({ group: 'g', consumer: 'a', idle: 20 }, (entry) => {
    seen.push(entry.attempts)
    clock.advance(30)
    if (entry.attempts < 3) throw new Error('not today')
  })
  await until('handled', () => seen.length === 3)
  expect(seen).toEqual([1, 2, 3])
  await reading.stop()
})

describe('entries', () => {
  const secrets = ['a secret for tests, of 32 bytes or more', 'another secret, of 32 bytes or more']
  const keyring = createKeyring(secrets)
  const sealed = sealEntry(keyring, 'login', 1_732_440_000_000, { id: 'x', ...DETAILS })
  const stored = { ...sealed, position: '1-0' }

  it('hold no name in clear', () => {
    const bytes = Buffer.from(sealed.details).toString('latin1')
    for (const text of Object.values(DETAILS)) expect(bytes).not.toContain(text)
  })

  it('open under a former secret', () => {
    const later = createKeyring(['a third secret, of 32 bytes or more', ...secrets])
    expect(openEntry(later, stored)).toMatchObject({ unreadable: false, details: DETAILS })
  })

  it.each([
    ['another event', { ...stored, event: 'logout' }],
    ['another time', { ...stored, at: stored.at + 1 }],
    ['no time at all', { ...stored, at: Number.NaN }],
    ['no details', { ...stored, details: new Uint8Array(0) }],
    ['another version', { ...stored, details: Buffer.from(sealed.details).fill(2, 0, 1) }],
  ])('with %s are unreadable', (_, entry) => {
    const { position, event, at } = entry
    expect(openEntry(keyring, entry)).toEqual({ position, event, at, unreadable: true })
  })

  it('S25 damaged at any byte are unreadable', () => {
    for (let at = 0; at < sealed.details.length; at++) {
      const details = Buffer.from(sealed.details)
      details[at] = (details[at] ?? 0) ^ 0x80
      expect(openEntry(keyring, { ...stored, details }).unreadable).toBe(true)
    }
  })
})
