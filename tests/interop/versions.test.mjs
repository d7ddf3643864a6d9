/** A node that is newer than the others: another codec, and a newer version of the application's data. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createSessions } from 'sojourn'
import { COOKIE } from '../../examples/harness/browser.mjs'
import { openShops, SECRET, STACKS } from './shops.mjs'

const shops = await openShops()
const migrated = []
const newer = createSessions({
  ...{ redis: shops.redis.url, secrets: [SECRET], codec: 'json', nearCache: false },
  version: 2,
  migrate: {
    1: (data) => {
      migrated.push(data)
      return { ...data, version: 2 }
    },
  },
})
after(() => newer.close())

test('what it has written all read and write, and it need not be made newer again', async () => {
  const session = await newer.open()
  session.set('moment', new Date(0))
  await session.login('ada', { keep: ['moment'] })
  session.set('cart', ['pear'])
  await session.commit()
  const ada = shops.person()
  ada.browser.jar.set(COOKIE, session.token)
  for (const stack of STACKS) {
    const seen = await ada.me(stack)
    assert.deepEqual([seen.user, seen.id, seen.cart], ['ada', session.id, ['pear']], stack)
    await ada.set(stack, `of-${stack}`, { by: [stack] })
  }
  const again = await newer.open(ada.browser.token)
  assert.equal(again.principal, 'ada')
  assert.deepEqual(again.get('moment'), new Date(0))
  for (const stack of STACKS) assert.deepEqual(again.get(`of-${stack}`), { by: [stack] })
  assert.deepEqual(migrated, [])
})

for (const stack of STACKS) {
  test(`it makes newer what ${stack} has written, and all go on with that`, async () => {
    const ada = shops.person()
    await ada.login(stack)
    await ada.set(stack, 'cart', ['pear'])
    const session = await newer.open(ada.browser.token)
    assert.equal(session.get('version'), 2)
    session.set('more', true)
    await session.commit()
    for (const each of STACKS) {
      const { user, cart, version, more } = await ada.me(each)
      assert.deepEqual(
        { user, cart, version, more },
        { user: 'ada', cart: ['pear'], version: 2, more: true },
      )
    }
    await ada.ask(stack, 'POST', '/logout')
    assert.ok((await newer.open(session.token)).isNew)
  })
}

test('a token of a version to come is nobody’s, and the session stays', async () => {
  const ada = shops.person()
  await ada.login(STACKS[0])
  const bytes = Buffer.from(ada.browser.token, 'base64url')
  const stranger = shops.person()
  stranger.browser.jar.set(
    COOKIE,
    Buffer.from([bytes[0] + 1, ...bytes.subarray(1)]).toString('base64url'),
  )
  for (const stack of STACKS) {
    assert.deepEqual(await stranger.copy().me(stack), { user: null, id: null })
    assert.equal((await ada.me(stack)).user, 'ada')
  }
})
