/** Changes from all applications at once, and what they understand of each other's values. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { openShops, PAIRS, STACKS } from './shops.mjs'

const shops = await openShops()
const range = (count) => Array.from({ length: count }, (_, i) => i)

/** A read is answered by the near cache of Node: what others have written just now it hears of within milliseconds. */
async function settled(person, stack, isSo) {
  for (const end = Date.now() + 5_000; ; ) {
    const seen = await person.me(stack)
    if (isSo(seen)) return seen
    if (Date.now() > end) assert.fail(`${stack} still sees ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

test('changes of different attributes at once from all: none is lost', async () => {
  const ada = shops.person()
  await ada.login('express')
  const wanted = {}
  for (const round of range(10)) {
    const works = STACKS.flatMap((stack) =>
      range(2).map(async (i) => {
        const name = `${stack}-${round}-${i}`
        wanted[name] = { round, i }
        await ada.copy().set(stack, name, wanted[name])
      }),
    )
    await Promise.all(works)
  }
  for (const stack of STACKS) {
    const {
      user,
      id: _,
      ...attributes
    } = await settled(
      ada,
      stack,
      (seen) => Object.keys(seen).length === Object.keys(wanted).length + 2,
    )
    assert.equal(user, 'ada')
    assert.deepEqual(attributes, wanted)
  }
})

test('one counter from all at once: every visit counts', async () => {
  const ada = shops.person()
  await ada.login('express')
  const each = 15
  await Promise.all(
    STACKS.flatMap((stack) => range(each).map(() => ada.copy().ask(stack, 'POST', '/visit'))),
  )
  const visits = each * STACKS.length
  for (const stack of STACKS) await settled(ada, stack, (seen) => seen.visits === visits)
})

test('a deletion on one, while another sets something else', async () => {
  const ada = shops.person()
  await ada.login('express')
  for (const stack of STACKS) {
    await ada.set(stack, 'gone', stack)
    const other = STACKS[(STACKS.indexOf(stack) + 1) % STACKS.length]
    await Promise.all([
      ada.copy().ask(stack, 'DELETE', '/attributes/gone'),
      ada.copy().set(other, 'kept', stack),
    ])
    const isSo = (seen) => seen.kept === stack && !('gone' in seen)
    for (const each of STACKS) await settled(ada, each, isSo)
  }
})

const VALUES = {
  text: 'Grüße, 世界',
  yes: true,
  nothing: null,
  whole: 9007199254740991,
  float: 0.1,
  price: '12.50',
  list: [1, 'two', [3]],
  huge: String(2n ** 80n),
  moment: '2026-02-03T04:05:06.789Z',
  bytes: '007fff',
  set: ['a', 'b'],
}

for (const [writer, reader] of PAIRS) {
  test(`values of ${writer} are the same on ${reader}, and after it has written the session`, async () => {
    const ada = shops.person()
    await ada.ask(writer, 'POST', '/values')
    assert.deepEqual(await ada.ask(reader, 'GET', '/values'), VALUES)
    await ada.set(reader, 'other', 1)
    assert.deepEqual(await ada.ask(writer, 'GET', '/values'), VALUES)
  })
}

test('a map that looks like another language’s object is a map to all', async () => {
  const ada = shops.person()
  const type = 'org.springframework.security.core.userdetails.User'
  const maps = [
    { $java: { type: 'shop.Shop', value: {} } },
    { $java: { type, value: `{"@class":"${type}","username":"ada"}` } },
    { $date: 'x' },
  ]
  for (const stack of STACKS) {
    for (const map of maps) {
      await ada.set(stack, 'map', map)
      for (const each of STACKS)
        await settled(ada, each, (seen) => isDeepStrictEqual(seen.map, map))
    }
  }
})

test('what one framework keeps for itself others neither show, nor set, nor delete', async () => {
  const ada = shops.person()
  await ada.login('express')
  for (const stack of STACKS) await ada.me(stack)
  const refused = (stack, name) => STACKS.includes(stack) && [stack, name]
  const asked = [
    refused('express', 'django:_auth_user_hash'),
    refused('express', 'spring:SPRING_SECURITY_CONTEXT'),
    refused('django', 'spring:SPRING_SECURITY_CONTEXT'),
    refused('spring', 'django:_auth_user_hash'),
  ].filter(Boolean)
  for (const [stack, name] of asked) {
    const { status } = await ada.copy().try(stack, 'PUT', `/attributes/${name}`, { value: 'mine' })
    assert.equal(status, 500, `${name} on ${stack}`)
    await ada.copy().try(stack, 'DELETE', `/attributes/${name}`)
  }
  for (const stack of STACKS) assert.equal((await ada.me(stack)).user, 'ada')
})
