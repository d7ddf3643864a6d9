import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { CsrfError, isSojournError, StoreUnavailableError } from '../../src/core/errors.ts'
import { sessionEventNames } from '../../src/core/events.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import type { LegacySource } from '../../src/core/legacy.ts'
import { parseToken } from '../../src/core/token.ts'
import { createCsrf } from '../../src/frameworks/csrf/index.ts'
import { asJson, compact, formsOfBytes, laidOpen } from '../support/printed.ts'
import { type Browser, setUp } from './session-set-up.ts'

type Data = Record<string, unknown>

const SECRET = 'CANARY-secret-0123456789-abcdefghijklmnop'
const FORMER = 'CANARY-former-0123456789-abcdefghijklmnop'
const PEPPER = 'CANARY-pepper'
const VALUE = 'CANARY-value'

/** Every form in which the text could stand somewhere. */
function forms(text: string): string[] {
  const bytes = Buffer.from(text)
  return [text, bytes.toString('base64').slice(0, 16), bytes.toString('hex')]
}

/** The whole token, and its random part, which alone is the credential. */
function formsOfToken(token: string): string[] {
  const secret = parseToken(createKeyring([SECRET]), token)?.secret ?? Buffer.from('?')
  const bytes = Buffer.from(secret)
  return [token, bytes.toString('base64url'), bytes.toString('base64'), bytes.toString('hex')]
}

/** Everything that was handed over, one after the other. */
function bytesOf(thing: unknown): Buffer {
  if (thing instanceof Uint8Array) return Buffer.from(thing)
  if (typeof thing !== 'object' || thing === null) return Buffer.from(`${String(thing)}\n`)
  return Buffer.concat(Object.values(thing).map(bytesOf))
}

/** All that a logger could make of it. */
function logged(thing: unknown): string {
  const json = JSON.stringify(thing, (_, value: unknown) =>
    value instanceof Error
      ? { ...Object.fromEntries(Object.entries(value)), stack: value.stack }
      : value,
  )
  return `${json}\n${inspect(thing, { depth: 20, showHidden: true })}`
}

describe('S07 what is announced and thrown', () => {
  const warnings: unknown[] = []
  beforeEach(() => {
    warnings.length = 0
    vi.spyOn(process, 'emitWarning').mockImplementation((...args: unknown[]) => {
      warnings.push(args)
    })
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  it('S07 holds no token, secret or value, in events of all that one browser does, errors and warnings', async () => {
    const tokens = new Set<string>()
    const errors: unknown[] = []
    let storeFails = false
    const world = setUp<Data>(
      {
        secrets: [SECRET, FORMER],
        pepper: PEPPER,
        maxBytes: 2_000,
        rotationGrace: '10s',
        schema: z.looseObject({ theme: z.enum(['light', 'dark']).optional() }),
      },
      (engine) => ({
        ...engine,
        commit: async (...args) => {
          if (storeFails) throw new StoreUnavailableError('no answer', true)
          return engine.commit(...args)
        },
      }),
    )
    const note = async (user: Browser<Data>, work: Promise<unknown>): Promise<void> => {
      await work.catch((error: unknown) => errors.push(error))
      if (user.token !== undefined) tokens.add(user.token)
    }
    const attempt = async (work: Promise<unknown>): Promise<void> => {
      await work.catch((error: unknown) => errors.push(error))
    }

    // Every kind of error.
    const user = world.browser()
    await note(
      user,
      user.visit((s) => s.set('value', VALUE)),
    )
    const old = user.copy()
    const slow = await old.request()
    await note(
      user,
      user.visit((s) => s.login('principal', { keep: ['value'], device: 'a device' })),
    )
    slow.session.set('slow', VALUE)
    await note(old, old.respond(slow))
    await note(old, old.visit())
    const late = await user.copy().request()
    await note(
      user,
      user.visit((s) => s.rotate()),
    )
    late.session.set('more', VALUE)
    await attempt(late.session.commit())
    await note(
      user,
      user.visit(async (s) => {
        s.set('theme', VALUE)
        await attempt(s.commit())
        s.delete('theme')
        s.set('bad', { deep: [VALUE, () => VALUE] })
        await attempt(s.commit())
        s.set('bad', VALUE.repeat(1_000))
        await attempt(s.commit())
        s.delete('bad')
        s.set('fine', VALUE)
        storeFails = true
        await attempt(s.commit())
        storeFails = false
        await attempt(s.update('value', async () => VALUE))
        await attempt(s.login('', { device: VALUE }))
        await attempt(s.login('p', { idleTimeout: '400d' }))
      }),
    )
    const { token } = user
    await note(world.browser(), world.browser(`x=1; __Host-session=${token}X; y=2`).visit())
    world.sessions.on('logout', () => {
      throw new Error('listener')
    })
    await note(
      user,
      user.visit((s) => s.logout()),
    )
    await attempt(slow.session.rotate())

    const names = new Set(world.seen.map((s) => s.name))
    expect([...names].sort()).toEqual(
      [
        'changed',
        'conflict',
        'created',
        'dropped',
        'login',
        'logout',
        'rejected',
        'rotated',
      ].sort(),
    )
    const codes = new Set(errors.filter(isSojournError).map((error) => error.code))
    expect(codes.size).toBeGreaterThanOrEqual(6)
    expect(tokens.size).toBe(3)
    expect(warnings).toHaveLength(1)

    const output = logged([world.seen, errors, warnings])
    // The search finds what is there.
    expect(output).toContain('principal')
    expect(output).toContain('"fine"')
    for (const canary of [SECRET, FORMER, PEPPER, VALUE].flatMap(forms)) {
      expect(output).not.toContain(canary)
    }
    for (const canary of [...tokens].flatMap(formsOfToken)) expect(output).not.toContain(canary)
  })

  it('S07 holds no token, secret or value, in any event that there is', async () => {
    const tokens = new Set<string>()
    let from = 'here'
    let broken: 'load' | 'settle' | undefined
    let isDurable = true
    const key = 'CANARY-old-key'
    const source: LegacySource = {
      ...{ name: 'other', cookieName: 'old', old: 'keep', hasPrincipals: true },
      find: (header) =>
        header.includes(`old=${key}`)
          ? {
              key,
              read: async () => ({
                ...{ attributes: { value: VALUE }, principal: 'eve', lasts: 86_400_000 },
              }),
            }
          : undefined,
      remove: async () => undefined,
      clear: () => [],
    }
    const world = setUp<Data>(
      {
        ...{ secrets: [SECRET, FORMER], pepper: PEPPER, audit: true, adopt: [source] },
        ...{ rotationGrace: '10s', maxSessions: { max: 3 }, outage: 'anonymous' },
        binding: { to: () => ({ from }) },
        newSessions: { max: 1, per: '10m', by: () => (from === VALUE ? VALUE : undefined) },
      },
      (engine) => ({
        ...engine,
        load: async (...args) => {
          if (broken === 'load') throw new StoreUnavailableError('no answer', false)
          return engine.load(...args)
        },
        settle: async (...args) => {
          if (broken === 'settle') throw new StoreUnavailableError('no answer', true)
          return engine.settle(...args)
        },
        create: async (id, record, ttl, owner, limit, options) => {
          if (!isDurable) options?.confirmation?.confirmed(false)
          return engine.create(id, record, ttl, owner, limit, options)
        },
      }),
    )
    const { sessions, clock } = world
    const csrf = createCsrf(sessions)
    const visit = async (
      user: Browser<Data>,
      work: Parameters<Browser<Data>['visit']>[0] = () => undefined,
    ): Promise<void> => {
      await user.visit(work)
      if (user.token !== undefined) tokens.add(user.token)
    }
    const signIn = async (): Promise<Browser<Data>> => {
      const user = world.browser()
      await visit(user, async (s) => {
        await s.login('principal', { device: 'a device' })
        s.set('value', VALUE)
      })
      clock.advance(1)
      return user
    }

    const user = await signIn()
    const { session } = await user.request()
    const asked = (headers: Record<string, string>): Request =>
      new Request('https://example.org/', { method: 'POST', headers })
    const plain = asked({})
    const strange = asked({ 'sec-fetch-site': 'cross-site' })
    expect(() => csrf.check(strange, session)).toThrow(CsrfError)
    expect(() => csrf.check(plain, session)).toThrow(CsrfError)
    const csrfToken = csrf.token((await (await signIn()).request()).session)
    expect(() => csrf.check(plain, session, csrfToken)).toThrow(CsrfError)
    tokens.add(csrfToken)
    from = VALUE
    await visit(user)
    await visit(world.browser(), (s) => s.set('value', VALUE))
    await world
      .browser()
      .visit((s) => s.set('value', VALUE))
      .catch(() => undefined)
    from = 'here'
    await visit(user, (s) => s.stepUp(2))
    const thief = user.copy()
    await visit(user, (s) => s.rotate())
    broken = 'settle'
    await visit(user)
    clock.advance(1_000)
    broken = undefined
    await visit(user)
    clock.advance(10_000)
    await visit(thief)
    broken = 'load'
    const at = { secure: true, host: 'example.org', proxied: false, cookie: user.cookie }
    await sessions.exchange({}, at, { fresh: true })
    broken = undefined
    isDurable = false
    await visit(world.browser(), (s) => s.set('value', VALUE))
    isDurable = true
    const slow = await user.request()
    await visit(user.copy(), (s) => s.set('other', VALUE))
    slow.session.set('more', VALUE)
    await slow.commit()
    await visit(world.browser(`old=${key}`))
    // One more than may be: the first ends.
    for (let i = 0; i < 3; i++) await signIn()
    await visit(await signIn(), (s) => s.logout())
    await sessions.of('principal').revokeAll()
    slow.session.set('late', VALUE)
    await slow.commit().catch(() => undefined)
    const last = await signIn()
    clock.advance(60_000)
    const short = await last.request()
    short.session.setLifetime({ idleTimeout: 1_000, absoluteTimeout: 1_000 })
    await short.session.commit()
    await sessions.endOperation({ operator: 'somebody', action: 'revoked', principal: 'principal' })
    await visit(world.browser(`__Host-session=${[...tokens][0]}X`))

    // A new event has to be made here too.
    const names = new Set(world.seen.map(({ name }) => name))
    expect([...names].sort()).toEqual([...sessionEventNames].sort())
    const reasons = world.announced('rejected').map((event) => (event as { reason: string }).reason)
    expect(reasons).toEqual(
      expect.arrayContaining([
        ...['csrf-cross-site', 'csrf-token-missing', 'csrf-token'],
        ...['malformed', 'reused', 'rate-limited'],
      ]),
    )
    const output = logged([world.seen, warnings, await sessions.audit.list()])
    expect(output).toContain('a device')
    for (const canary of [SECRET, FORMER, PEPPER, VALUE, key].flatMap(forms)) {
      expect(output).not.toContain(canary)
    }
    expect(tokens.size).toBeGreaterThan(8)
    for (const canary of [...tokens].flatMap(formsOfToken)) expect(output).not.toContain(canary)
  })

  it('S07 what an application holds shows neither token nor key when it is logged', async () => {
    const world = setUp<Data>({ secrets: [SECRET], pepper: PEPPER })
    const { sessions } = world
    const user = world.browser()
    await user.visit((s) => s.set('a', 1))
    const exchange = await user.request()
    const { session } = exchange
    const watch = sessions.watch(session)
    const held = [
      ...[exchange, exchange.withProperties(), session, session.data, session.signal],
      ...[sessions, sessions.of('u1'), watch],
    ]
    const output = [held, ...held].flatMap((thing) => [
      ...[logged(thing), asJson(thing), laidOpen(thing), laidOpen(thing, true)],
    ])
    watch.close()
    expect(JSON.stringify(exchange)).toBe('{"a":1}')
    const keyring = createKeyring([SECRET])
    const { token, seal } = keyring.primary
    const secret = parseToken(keyring, user.token ?? '')?.secret ?? Buffer.alloc(0)
    expect(secret).toHaveLength(24)
    const texts = [SECRET, PEPPER, user.token ?? ''].map((text) => Buffer.from(text))
    const text = compact(output.join('\n'))
    const bytes = [...texts, secret, token.export(), seal.export()].flatMap(formsOfBytes)
    expect(bytes.filter((form) => text.includes(form))).toEqual([])
    for (const canary of [SECRET, PEPPER].flatMap(forms)) expect(text).not.toContain(canary)
    for (const canary of formsOfToken(user.token ?? '')) expect(text).not.toContain(canary)
  })

  it('S07 keys show nothing of themselves', () => {
    const keyring = createKeyring([SECRET])
    const text = compact(`${asJson(keyring)} ${laidOpen(keyring)} ${laidOpen(keyring, true)}`)
    expect(text).toContain('primary')
    const { token, seal } = keyring.primary
    const bytes = [token.export(), seal.export()].flatMap(formsOfBytes)
    expect(bytes.filter((form) => text.includes(form))).toEqual([])
  })

  it('S06 the store holds neither token nor secret nor value, but ids', async () => {
    const stored: unknown[] = []
    const world = setUp<Data>({ secrets: [SECRET] }, (engine) => {
      const spy = (name: 'create' | 'commit' | 'rotate' | 'destroy'): object => ({
        [name]: (...args: unknown[]) => {
          stored.push(args)
          return (engine[name] as (...all: unknown[]) => unknown)(...args)
        },
      })
      return { ...engine, ...spy('create'), ...spy('commit'), ...spy('rotate'), ...spy('destroy') }
    })
    const user = world.browser()
    const tokens: string[] = []
    for (const step of [
      (s) => s.set('value', VALUE),
      (s) => s.login('principal', { keep: ['value'] }),
      (s) => s.rotate(),
      (s) => s.set('value', VALUE + VALUE),
    ] satisfies Parameters<typeof user.visit>[0][]) {
      await user.visit(step)
      tokens.push(user.token ?? '')
    }
    const { id } = (await user.request()).session
    await user.visit((s) => s.logout())
    expect(stored.length).toBeGreaterThanOrEqual(6)
    const output = bytesOf(stored)
    // The search finds what is there.
    expect(output.includes(id ?? '?')).toBe(true)
    for (const token of tokens) {
      const secret = parseToken(createKeyring([SECRET]), token)?.secret
      expect(secret).toHaveLength(24)
      expect(output.includes(Buffer.from(secret ?? ''))).toBe(false)
    }
    for (const clear of tokens.flatMap(formsOfToken)) expect(output.includes(clear)).toBe(false)
    for (const clear of [SECRET, VALUE, 'principal']) expect(output.includes(clear)).toBe(false)
  })
})
