/** Tokens that change while requests are on their way to others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openShops, STACKS } from './shops.mjs'

const shops = await openShops()

for (const stack of STACKS) {
  test(`rotated on ${stack}: who is on the way with the former token gets through on all`, async () => {
    const ada = shops.person()
    await ada.login(stack)
    await ada.set(stack, 'cart', ['pear'])
    const { id } = await ada.me(stack)
    const late = ada.copy()
    const former = ada.browser.token
    await ada.ask(stack, 'POST', '/rotate')
    assert.notEqual(ada.browser.token, former)
    // In the grace: the session of the former token, and the new token for who has not got it.
    for (const each of STACKS) {
      const seen = await late.copy().me(each)
      assert.deepEqual([seen.user, seen.cart], ['ada', ['pear']], `on ${each}`)
    }
    await Promise.all(STACKS.map((each) => late.copy().set(each, `from-${each}`, 1)))
    const seen = await ada.me(stack)
    for (const each of STACKS) assert.equal(seen[`from-${each}`], 1, `the change from ${each}`)
    assert.notEqual(seen.id, id)
    // One session, not one more.
    assert.equal((await ada.ask(stack, 'GET', '/devices')).length, 1)
    // A sign-out by who has the former token ends it for all.
    await late.ask(STACKS.at(-1), 'POST', '/logout')
    for (const each of STACKS) assert.equal((await ada.copy().me(each)).user, null, `on ${each}`)
  })
}

test('rotated by all at once: one session is left, and its cookie is good', async () => {
  const ada = shops.person()
  await ada.login(STACKS[0])
  await ada.set(STACKS[0], 'cart', ['pear'])
  const copies = STACKS.map((stack) => [stack, ada.copy()])
  await Promise.all(copies.map(([stack, copy]) => copy.ask(stack, 'POST', '/rotate')))
  for (const [, copy] of copies) {
    for (const each of STACKS) {
      const seen = await copy.me(each)
      assert.deepEqual([seen.user, seen.cart], ['ada', ['pear']])
    }
  }
  assert.equal((await copies[0][1].ask(STACKS[0], 'GET', '/devices')).length, 1)
})
