import { expect, it } from 'vitest'
import * as z from 'zod'
import { AttributeError } from '../../src/core/errors.ts'
import type { CreateSessionsOptions } from '../../src/create-sessions.ts'
import { type Browser, setUp, type World } from './session-set-up.ts'

type Data = Record<string, unknown>

const NAME = 'django:_auth_user_hash'

interface Site {
  readonly world: World<Data>
  readonly ada: Browser<Data>
  /** What the record holds of the other framework. */
  readonly theirs: () => Promise<unknown>
}

/** Ada's session, in which an application on Django has put something. */
async function begin(options: CreateSessionsOptions<Data> = {}): Promise<Site> {
  const world = setUp<Data>(options)
  const { sessions } = world
  const ada = world.browser()
  await ada.visit(async (session) => {
    await session.login('ada')
    session.set('cart', ['pear'])
  })
  const delta = new Map([[NAME, { value: 'hash' }]])
  const { id } = (await ada.request()).session
  expect(await sessions.stored.change(id as string, () => ({ delta, note: undefined }))).toBe(true)
  const theirs = async (): Promise<unknown> => (await ada.request()).session.get(NAME)
  expect(await theirs()).toBe('hash')
  return { world, ada, theirs }
}

it('they are not listed, by no session and no tool', async () => {
  const { world, ada } = await begin()
  const { session } = await ada.request()
  expect(session.names()).toEqual(['cart'])
  expect(session.toJSON()).toEqual({ cart: ['pear'] })
  expect(JSON.stringify(session)).not.toContain('django')
  const { stored } = world.sessions
  expect([...((await stored.read(session.id as string))?.attributes.keys() ?? [])]).toEqual([
    'cart',
  ])
  for await (const page of world.sessions.scan()) {
    for (const { attributes } of page) expect([...attributes.keys()]).toEqual(['cart'])
  }
})

it('a commit, a rotation, a clear and a whole replacement leave them', async () => {
  const { world, ada, theirs } = await begin()
  await ada.visit((session) => session.set('cart', []))
  await ada.visit((session) => session.rotate())
  await ada.visit((session) => session.clear())
  expect(await theirs()).toBe('hash')
  const id = (await ada.request()).session.id as string
  const delta = new Map([['n', { value: 1 }]])
  await world.sessions.stored.change(id, () => ({ delta, note: undefined }))
  expect(await theirs()).toBe('hash')
  await world.sessions.of('ada').set({ n: 2 })
  expect(await theirs()).toBe('hash')
})

it('a login takes none along, whatever it is told', async () => {
  const { ada, theirs } = await begin()
  await ada.visit((session) => session.login('bob', { keep: ['cart', NAME] }))
  expect((await ada.request()).session.names()).toEqual(['cart'])
  expect(await theirs()).toBeUndefined()
})

it.each<[string, (site: Site) => Promise<unknown>]>([
  ['set', ({ ada }) => ada.visit((session) => session.set(NAME, 'mine'))],
  ['delete', ({ ada }) => ada.visit((session) => session.delete(NAME))],
  ['update', ({ ada }) => ada.visit(async (session) => session.update(NAME, () => 'mine'))],
  ['set of all', ({ world }) => world.sessions.of('ada').set({ [NAME]: 'mine' })],
  ['update of all', ({ world }) => world.sessions.of('ada').update(NAME, () => 'mine')],
])('%s is refused', async (_, change) => {
  const site = await begin()
  const error = await change(site).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(AttributeError)
  expect((error as AttributeError).message).toMatch(/django:.*belong/)
  expect(await site.theirs()).toBe('hash')
})

it.each([
  ['what freezes', { n: 1 }, { n: 1 }],
  ['what does not', new Map([['n', 1]]), new Map([['n', 1]])],
])('a change in place is not stored: %s', async (_, value, same) => {
  const { world, ada, theirs } = await begin()
  const { id } = (await ada.request()).session
  const delta = new Map([[NAME, { value }]])
  await world.sessions.stored.change(id as string, () => ({ delta, note: undefined }))
  await ada.visit((session) => {
    const held = session.data[NAME]
    const isCopy = held instanceof Map
    const isChanged = isCopy ? held.set('n', 2).size > 0 : Reflect.set(held as object, 'n', 2)
    expect(isChanged).toBe(isCopy)
    session.set('cart', [])
  })
  expect((await ada.request()).session.get('cart')).toEqual([])
  expect(await theirs()).toEqual(same)
})

it('a strict schema and steps to a newer version do not see them', async () => {
  const cart = z.array(z.string())
  const { world, ada, theirs } = await begin({ schema: z.strictObject({ cart }) })
  await ada.visit((session) => session.set('cart', ['apple']))
  expect(await theirs()).toBe('hash')
  const seen: unknown[] = []
  const newer = setUp<Data>(
    {
      version: 2,
      migrate: {
        1: (data) => {
          seen.push({ ...data })
          return { basket: data['cart'] }
        },
      },
    },
    undefined,
    world.clock,
    world.engine,
  )
  const again = newer.browser(ada.cookie)
  await again.visit((session) => session.set('n', 1))
  expect(seen).toEqual([{ cart: ['apple'] }])
  const { session } = await again.request()
  expect(session.toJSON()).toEqual({ basket: ['apple'], n: 1 })
  expect(session.get(NAME)).toBe('hash')
})
