import { type } from 'arktype'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { isSojournError, SchemaError } from '../../src/core/errors.ts'
import type { SessionsOptions } from '../../src/core/options.ts'
import { createDataSchema, type Migration, migrateData } from '../../src/core/schema.ts'
import { setUp, type World } from './session-set-up.ts'

type Schema = NonNullable<SessionsOptions<object>['schema']>

const schemas: [string, Schema][] = [
  [
    'zod',
    z.object({
      theme: z.enum(['light', 'dark']),
      cart: z.array(z.object({ sku: z.string(), qty: z.number().min(1) })),
      visits: z.number().optional(),
    }),
  ],
  [
    'valibot',
    v.object({
      theme: v.picklist(['light', 'dark']),
      cart: v.array(v.object({ sku: v.string(), qty: v.pipe(v.number(), v.minValue(1)) })),
      visits: v.optional(v.number()),
    }),
  ],
  [
    'arktype',
    type({
      theme: "'light' | 'dark'",
      cart: type({ sku: 'string', qty: 'number >= 1' }).array(),
      'visits?': 'number',
    }),
  ],
]

async function refusal(work: Promise<unknown>): Promise<SchemaError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(SchemaError)
  expect(isSojournError(error) && error.code).toBe('ERR_SOJOURN_SCHEMA')
  return error as SchemaError
}

const attributesOf = (error: SchemaError): string[] => error.issues.map((i) => i.attribute)

describe.each(schemas)('a schema of %s', (_, schema) => {
  const world = (): World<Record<string, unknown>> => setUp({ schema })

  it('lets data pass that fits, though attributes are absent', async () => {
    const { sessions, engine } = world()
    const session = await sessions.open()
    session.set('theme', 'dark')
    await session.commit()
    session.set('cart', [{ sku: 'a', qty: 1 }])
    await session.commit()
    expect(engine.stats().records).toBe(1)
    expect(session.toJSON()).toEqual({ theme: 'dark', cart: [{ sku: 'a', qty: 1 }] })
  })

  it('refuses what does not fit at the commit, names the attributes, and writes nothing', async () => {
    const { sessions, engine } = world()
    const session = await sessions.open()
    session.set('theme', 'pink')
    session.set('cart', [{ sku: 'a', qty: 0 }])
    const error = await refusal(session.commit())
    expect(attributesOf(error).sort()).toEqual(['cart', 'theme'])
    expect(error.message).toContain('"theme"')
    expect(error.message).toContain('"cart"')
    expect(engine.stats().records).toBe(0)
    expect(session.isNew).toBe(true)
  })

  it('keeps the refused changes pending, to be mended', async () => {
    const { sessions } = world()
    const session = await sessions.open()
    session.set('theme', 'pink')
    session.set('visits', 1)
    await refusal(session.commit())
    expect(session.dirty).toBe(true)
    session.set('theme', 'light')
    await session.commit()
    expect(session.toJSON()).toEqual({ theme: 'light', visits: 1 })
  })

  it('leaves what is stored as it was when a later change does not fit', async () => {
    const { browser } = world()
    const user = browser()
    await user.visit((s) => s.set('theme', 'dark'))
    const request = await user.request()
    request.session.set('theme', 5)
    expect(attributesOf(await refusal(request.session.commit()))).toEqual(['theme'])
    expect(await user.sees()).toEqual({ theme: 'dark' })
  })

  it('checks updates and logins too', async () => {
    const { sessions, engine } = world()
    const session = await sessions.open()
    await refusal(session.update('visits', () => 'many'))
    session.set('visits', 'many')
    await refusal(session.login('u1', { keep: ['visits'] }))
    expect(engine.stats().records).toBe(0)
    expect(session.principal).toBeUndefined()
    await session.login('u1')
    expect(session.toJSON()).toEqual({})
  })
})

describe('any schema', () => {
  it('may be asynchronous', async () => {
    const isFree = async (name: string): Promise<boolean> => name !== 'taken'
    for (const schema of [
      z.object({ name: z.string().refine(isFree) }),
      v.objectAsync({ name: v.pipeAsync(v.string(), v.checkAsync(isFree)) }),
    ]) {
      const { sessions } = setUp({ schema })
      const session = await sessions.open()
      session.set('name', 'taken')
      expect(attributesOf(await refusal(session.commit()))).toEqual(['name'])
      session.set('name', 'free')
      await session.commit()
      expect(session.id).toBeDefined()
    }
  })

  it('does not change the data: defaults and conversions are not used', async () => {
    const schema = z.object({ n: z.string().transform(Number), d: z.number().default(5) })
    const { browser } = setUp({ schema })
    const user = browser()
    await user.visit((s) => s.set('n', '7'))
    expect(await user.sees()).toEqual({ n: '7' })
  })

  it('does not reach what the application has set, nor what other requests read', async () => {
    const schema = z.looseObject({}).refine((data) => {
      const { list } = data['limits'] as { list: string[] }
      if (!Object.isFrozen(list)) list.push('of the validator')
      return true
    })
    const { browser } = setUp({ schema })
    const user = browser()
    const limits = Object.freeze({ list: ['a'] })
    await user.visit((s) => s.set('limits', limits))
    expect(limits).toEqual({ list: ['a'] })
    await user.visit((s) => {
      s.get('limits')
      s.set('n', 1)
    })
    await user.visit((s) => s.set('n', 2))
    expect(await user.sees()).toEqual({ limits: { list: ['a'] }, n: 2 })
  })

  it('that is strict names what it does not know', async () => {
    const { sessions } = setUp({
      schema: v.strictObject({ a: v.optional(v.number()) }),
    })
    const session = await sessions.open()
    session.set('b' as 'a', 1)
    expect(attributesOf(await refusal(session.commit()))).toEqual(['b'])
  })

  it('may refuse the data as a whole', async () => {
    const { sessions } = setUp({
      schema: z.looseObject({}).refine((data) => data['a'] !== data['b'], 'a and b are the same'),
    })
    const session = await sessions.open()
    session.set('a', 1)
    session.set('b', 1)
    const error = await refusal(session.commit())
    expect(error.issues).toEqual([{ attribute: '(session)', message: 'a and b are the same' }])
  })

  it('that throws fails the commit and leaves the changes pending', async () => {
    let broken = true
    const schema = z.looseObject({}).refine(() => {
      if (broken) throw new RangeError('broken')
      return true
    })
    const { sessions, engine } = setUp({ schema })
    const session = await sessions.open()
    session.set('a', 1)
    await expect(session.commit()).rejects.toThrow(RangeError)
    expect(engine.stats().records).toBe(0)
    broken = false
    await session.commit()
    expect(engine.stats().records).toBe(1)
  })
})

describe('migrateData', () => {
  const old = new Map<string, unknown>([['cart', ['a']]])
  const migrate = (step: Migration): Map<string, unknown> | undefined =>
    migrateData(
      createDataSchema({ version: 2, migrate: { 1: step } }),
      { attributes: old, heapBytes: 0 },
      1,
    )?.attributes

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 5],
    ['a list', []],
    ['a Map', new Map([['cart', []]])],
    ['a Set', new Set()],
    ['a Date', new Date(0)],
    ['bytes', new Uint8Array(1)],
    ['an Error', new Error('no')],
  ])('refuses a step that returns %s: the data would be lost', (_, result) => {
    expect(() => migrate(() => result as object)).toThrow(
      new TypeError('migrate[1] must return the new data'),
    )
  })

  it('refuses an asynchronous step, whether it succeeds or fails', () => {
    expect(() => migrate((async (data: object) => data) as unknown as Migration)).toThrow(TypeError)
    expect(() =>
      migrate((async () => {
        throw new RangeError('late')
      }) as unknown as Migration),
    ).toThrow(TypeError)
  })

  it('takes objects without a prototype and of classes, and leaves out what is undefined', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1, b: undefined })
    expect(migrate(() => bare)).toEqual(new Map([['a', 1]]))
    class Data {
      a = 2
    }
    expect(migrate(() => new Data())).toEqual(new Map([['a', 2]]))
  })

  it('S24 refuses names that no attribute can have', () => {
    const evil = JSON.parse('{"__proto__":{"admin":true}}') as object
    expect(() => migrate(() => evil)).toThrow('not allowed')
  })
})
