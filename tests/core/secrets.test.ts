import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Duration } from '../../src/core/duration.ts'
import { OptionError, SecretsError } from '../../src/core/errors.ts'
import { createKeyring } from '../../src/core/keyring.ts'
import type { SecretsSource } from '../../src/core/live-keyring.ts'
import { keyIdOf } from '../../src/core/record.ts'
import { secretsFile } from '../../src/core/secrets-file.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { type Browser, MINUTE, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

const OLD = 'the old secret, of 32 bytes or more'
const NEW = 'the new secret, of 32 bytes or more'
const [oldId, newId] = [OLD, NEW].map((secret) => createKeyring([secret]).primary.id)

/** Nodes with these secrets, in a row, on one engine. */
function nodes(...secrets: string[][]): World<Data>[] {
  const [first, ...others] = secrets
  const world = setUp<Data>({ secrets: first })
  return [
    world,
    ...others.map((each) => setUp<Data>({ secrets: each }, undefined, world.clock, world.engine)),
  ]
}

/** The same browser, at another node. */
const at = (node: World<Data>, browser: Browser<Data>): Browser<Data> =>
  node.browser(browser.cookie)

async function keyIdIn(
  { engine }: World<Data>,
  id: string | undefined,
): Promise<number | undefined> {
  const stored = id === undefined ? undefined : await engine.load(id)
  return stored && keyIdOf(stored.record)
}

async function idOf(browser: Browser<Data>): Promise<string | undefined> {
  return (await browser.request()).session.id
}

describe('a change of secrets', () => {
  it('S26 renews the tokens of those who come, and then the old one can go', async () => {
    const [before, during, after] = nodes([OLD], [NEW, OLD], [NEW]) as [
      World<Data>,
      World<Data>,
      World<Data>,
    ]
    const ada = before.browser()
    await ada.visit(async (s) => {
      await s.login('ada')
      s.set('cart', [1])
    })
    const id = await idOf(ada)
    before.clock.advance(10 * MINUTE - 1)
    const early = at(during, ada)
    expect(await early.visit()).toBeUndefined()
    before.clock.advance(1)
    const [user, parallel] = [at(during, ada), at(during, ada)]
    const underWay = await parallel.request()
    expect(await user.visit()).toContain('__Host-session=')
    underWay.session.set('b', 2)
    await parallel.respond(underWay)
    expect(parallel.token).toBe(user.token)
    expect(await keyIdIn(during, await idOf(user))).toBe(newId)
    expect(await idOf(user)).not.toBe(id)
    expect(await at(after, user).sees()).toEqual({ cart: [1], b: 2 })
    expect((await at(after, user).request()).session.principal).toBe('ada')
    expect(await at(after, ada).sees()).toEqual({})
    expect(await user.visit()).toBeUndefined()
  })

  it('S26 what is written under an old token says so, whoever writes it', async () => {
    const [before, during] = nodes([OLD], [NEW, OLD]) as [World<Data>, World<Data>]
    const ada = before.browser()
    await ada.visit((s) => s.login('ada'))
    const id = await idOf(ada)
    await at(during, ada).visit((s) => s.set('a', 1))
    expect(await keyIdIn(during, id)).toBe(oldId)
    await during.sessions.of('ada').set({ b: 2 })
    expect(await keyIdIn(during, id)).toBe(oldId)
    await during.sessions.stored.change(id as string, () => ({
      delta: new Map([['c', { value: 3 }]]),
      note: undefined,
    }))
    expect(await keyIdIn(during, id)).toBe(oldId)
    expect(await at(before, ada).sees()).toEqual({ a: 1, b: 2, c: 3 })
    const user = at(during, ada)
    await user.visit((s) => s.login('ada'))
    expect(await keyIdIn(during, await idOf(user))).toBe(newId)
  })

  it('nodes that have them in another order do not renew each other’s tokens at each request', async () => {
    const [one, other] = nodes([OLD, NEW], [NEW, OLD]) as [World<Data>, World<Data>]
    let user = one.browser()
    await user.visit((s) => s.set('a', 1))
    one.clock.advance(10 * MINUTE)
    for (let i = 0; i < 10; i++) {
      for (const node of [other, one]) {
        user = at(node, user)
        await user.visit()
      }
    }
    expect([...one.announced('rotated'), ...other.announced('rotated')]).toHaveLength(1)
  })
})

describe('secrets from a source', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sj-secrets-'))
  afterEach(() => vi.useRealTimers())

  const source = (secrets: unknown): { now: unknown; option: SecretsSource['load'] } => {
    const given = { now: secrets, option: () => given.now as string[] }
    return given
  }

  it('S26 are changed while it runs, and one that is taken out opens nothing any more', async () => {
    const given = source([OLD])
    const world = setUp<Data>({ secrets: given.option })
    const ada = world.browser()
    await ada.visit((s) => s.set('a', 1))
    given.now = [NEW, OLD]
    await world.sessions.reloadSecrets()
    expect(await ada.sees()).toEqual({ a: 1 })
    const bob = world.browser()
    await bob.visit((s) => s.set('b', 2))
    expect(await keyIdIn(world, await idOf(bob))).toBe(newId)
    given.now = NEW
    await world.sessions.reloadSecrets()
    expect(world.announced('error')).toEqual([])
    expect(await ada.sees()).toEqual({})
    expect(world.announced('rejected')).toEqual([{ id: undefined, reason: 'forged' }])
    expect(await bob.sees()).toEqual({ b: 2 })
  })

  it('that have none of before among them hold, and it is told: two on one line are one', async () => {
    const given = source([OLD])
    const world = setUp<Data>({ secrets: given.option })
    given.now = [OLD + NEW]
    await world.sessions.reloadSecrets()
    const [told] = world.announced('error') as { operation: string; error: Error }[]
    expect(told?.operation).toBe('secrets')
    expect(told?.error.message).toMatch(/none of those of before/)
  })

  it('S26 a request that was let in before its secret was taken out stores what opens', async () => {
    const given = source([NEW, OLD])
    const world = setUp<Data>({ secrets: given.option })
    const [old] = nodes([OLD]) as [World<Data>]
    const elsewhere = setUp<Data>({ secrets: OLD }, undefined, world.clock, world.engine)
    const ada = elsewhere.browser()
    await ada.visit((s) => s.set('a', 1))
    const underWay = await at(world, ada).request()
    given.now = [NEW]
    await world.sessions.reloadSecrets()
    underWay.session.set('b', 2)
    await at(world, ada).respond(underWay)
    expect(await keyIdIn(world, underWay.session.id)).toBe(newId)
    await old.sessions.close()
  })

  it.each([true, 'token', false] as const)(
    'S26 a session that was written before its secret was taken out is written on, seal %s',
    async (seal) => {
      const given = source([OLD])
      const world = setUp<Data>({ secrets: given.option, seal })
      const ada = world.browser()
      const underWay = await ada.request()
      underWay.session.set('a', { b: 1 })
      await underWay.session.commit()
      given.now = [NEW]
      await world.sessions.reloadSecrets()
      underWay.session.set('c', 2)
      await underWay.session.rotate()
      await ada.respond(underWay)
      expect(await ada.sees()).toEqual({ a: { b: 1 }, c: 2 })
      expect(await keyIdIn(world, await idOf(ada))).toBe(newId)
    },
  )

  it('are those of now once `reloadSecrets` has resolved, also where they were being asked for', async () => {
    const answers: ((secrets: string[]) => void)[] = []
    const load = (): Promise<string[]> => new Promise((resolve) => answers.push(resolve))
    const world = setUp<Data>({ secrets: { load, every: '1h' } })
    answers[0]?.([OLD])
    const ada = world.browser()
    await world.sessions.ready()
    await ada.visit((s) => s.set('a', 1))
    const before = world.sessions.reloadSecrets()
    const after = world.sessions.reloadSecrets()
    answers[2]?.([NEW])
    await after
    expect(await ada.sees()).toEqual({})
    // What was asked before comes later, and does not hold.
    answers[1]?.([OLD])
    await before
    expect(await ada.sees()).toEqual({})
  })

  it('are asked for again and again, and where that fails those of before go on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    let asked = 0
    const load = async (): Promise<string[]> => {
      asked++
      if (asked > 1) throw new Error('the vault is sealed')
      return [OLD]
    }
    const world = setUp<Data>({ secrets: { load, every: '5m' } })
    await world.sessions.ready()
    const ada = world.browser()
    await ada.visit((s) => s.set('a', 1))
    vi.advanceTimersByTime(5 * MINUTE)
    await vi.waitFor(() => expect(world.announced('error')).toHaveLength(1))
    expect(world.announced('error')).toMatchObject([
      { operation: 'secrets', error: { message: 'the vault is sealed' } },
    ])
    await expect(world.sessions.reloadSecrets()).rejects.toThrow('the vault is sealed')
    expect(await ada.sees()).toEqual({ a: 1 })
    await world.sessions.close()
    vi.advanceTimersByTime(50 * MINUTE)
    expect(asked).toBe(3)
  })

  it('that do not come are asked for anew, and it is told', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] })
    let asked = 0
    const load = (): Promise<string[]> => {
      asked++
      if (asked === 2) return new Promise(() => undefined)
      return Promise.resolve(asked === 1 ? [OLD] : [NEW, OLD])
    }
    const world = setUp<Data>({ secrets: { load, every: '1m' } })
    await world.sessions.ready()
    await vi.advanceTimersByTimeAsync(MINUTE)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(world.announced('error')).toMatchObject([
      { operation: 'secrets', error: { code: 'ERR_SOJOURN_SECRETS' } },
    ])
    await vi.advanceTimersByTimeAsync(30_000)
    expect(asked).toBe(3)
    const ada = world.browser()
    await ada.visit((s) => s.set('a', 1))
    expect(await keyIdIn(world, await idOf(ada))).toBe(newId)
  })

  it('that are refused change nothing, and are not shown', async () => {
    const given = source([OLD])
    const world = setUp<Data>({ secrets: given.option })
    for (const wrong of [[], ['hunter2'], 42, [OLD, OLD]]) {
      given.now = wrong
      const refusal = await world.sessions.reloadSecrets().catch((error: unknown) => error)
      expect(refusal).toBeInstanceOf(OptionError)
      expect(String(refusal)).not.toContain('hunter2')
    }
    const ada = world.browser()
    await ada.visit((s) => s.set('a', 1))
    expect(await ada.sees()).toEqual({ a: 1 })
  })

  it('that have not come yet sign nobody out: requests fail with a typed error', async () => {
    let answer: (secrets: string) => void = () => undefined
    const secrets = () => new Promise<string>((resolve) => (answer = resolve))
    const [before] = nodes([OLD]) as [World<Data>]
    const ada = before.browser()
    await ada.visit((s) => s.set('a', 1))
    const world = setUp<Data>({ secrets }, undefined, before.clock, before.engine)
    const here = at(world, ada)
    await expect(here.request()).rejects.toThrow(SecretsError)
    await expect(world.browser().visit((s) => s.set('a', 1))).rejects.toMatchObject({
      code: 'ERR_SOJOURN_SECRETS',
      status: 503,
    })
    answer(OLD)
    await world.sessions.ready()
    expect(await here.sees()).toEqual({ a: 1 })
  })

  it('whose first answer is a failure reject `ready`, which asks again the next time', async () => {
    let asked = 0
    const secrets = async (): Promise<string> => {
      if (++asked === 1) throw new Error('no network yet')
      return OLD
    }
    const world = setUp<Data>({ secrets })
    await expect(world.sessions.ready()).rejects.toThrow('no network yet')
    await world.sessions.ready()
    expect(asked).toBe(2)
  })

  it('that do not come are waited for as long as the patience of `ready` says, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    let asked = 0
    let answers = false
    const load = () => {
      asked += 1
      return answers ? Promise.resolve(NEW) : new Promise<string>(() => undefined)
    }
    const pass = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * 10; i++) {
        world.clock.advance(100)
        await vi.advanceTimersByTimeAsync(100)
      }
    }
    const world = setUp<Data>({ secrets: { load } })
    const told: unknown[] = []
    const ready = (patience?: Duration) =>
      world.sessions.ready(patience).then(
        () => told.push('ready'),
        (error: unknown) => told.push(error),
      )
    void ready()
    await pass(4.9)
    expect(told).toEqual([])
    await pass(0.2)
    expect(told).toEqual([
      expect.objectContaining({
        code: 'ERR_SOJOURN_SECRETS',
        message: 'the source of the secrets has not answered within 5 seconds',
      }),
    ])
    expect(asked).toBe(1)
    // Longer than what one question is waited for: it is asked anew.
    void ready('2m')
    await pass(60)
    expect(told).toHaveLength(1)
    expect(asked).toBe(3)
    answers = true
    await pass(31)
    expect(told[1]).toBe('ready')
    // One that is closed is waited for no more.
    const other = setUp<Data>({ secrets: { load: () => new Promise<string>(() => undefined) } })
    const waiting = other.sessions.ready('1h').catch((error: unknown) => error)
    await other.sessions.close()
    await pass(0.1)
    expect(await waiting).toBeInstanceOf(SecretsError)
  })

  it('in a file: one a line or a JSON list, and a file that is changed', async () => {
    const path = join(folder, 'secrets')
    writeFileSync(path, `${NEW}\r\n\n  ${OLD}\n`)
    const world = setUp<Data>({ secrets: secretsFile(path) })
    const [before] = [setUp<Data>({ secrets: OLD }, undefined, world.clock, world.engine)]
    const ada = before.browser()
    await ada.visit((s) => s.set('a', 1))
    expect(await at(world, ada).sees()).toEqual({ a: 1 })
    writeFileSync(path, JSON.stringify([NEW]))
    await world.sessions.reloadSecrets()
    expect(await at(world, ada).sees()).toEqual({})
    // One that is being written is waited for.
    writeFileSync(path, NEW.slice(0, 33))
    const reloading = world.sessions.reloadSecrets()
    writeFileSync(path, `${NEW}\n${OLD}\n`)
    await reloading
    expect(await at(world, ada).sees()).toEqual({ a: 1 })
    rmSync(path)
    await expect(world.sessions.reloadSecrets()).rejects.toThrow(/cannot be read: ENOENT/)
    rmSync(folder, { recursive: true })
  })

  it.each<[string, string | Buffer, RegExp]>([
    ['is no text', Buffer.alloc(32, 0xff), /is no text: `sojourn keys --new` makes one/],
    ['has a comment', `# ${NEW}\n${OLD}\n`, /a line with # in front: it has no comments/],
    ['begins like a list', `["${NEW}",`, /begins like a JSON list and is none/],
    ['is empty', '\n', /secrets/],
  ])('in a file that %s are refused', (_, content, message) => {
    const path = join(mkdtempSync(join(tmpdir(), 'sj-secrets-')), 'secrets')
    writeFileSync(path, content)
    expect(() => createSessions({ secrets: secretsFile(path) })).toThrow(message)
  })

  it.each<[string, unknown, string]>([
    ['a file that is not there', secretsFile('/nowhere/at/all'), 'secrets'],
    ['a source without load', { every: '1m' }, 'secrets'],
    ['an unknown name', { load: () => OLD, evry: '1m' }, 'secrets.evry'],
    ['a wrong interval', { load: () => OLD, every: 'often' }, 'secrets.every'],
    ['short ones', () => 'short', 'secrets[0]'],
  ])('%s is refused at the start', (_, secrets, option) => {
    let refusal: unknown
    try {
      createSessions({ secrets: secrets as string })
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code: 'ERR_SOJOURN_OPTION', option })
  })
})
