/** A new password on one: whoever has signed in with the old one is signed out on all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openShops, STACKS } from './shops.mjs'

const shops = await openShops()

async function deviceOn(stack, name = 'ada') {
  const device = shops.person(name)
  await device.login(stack)
  return device
}

for (const stack of STACKS) {
  test(`a new password on ${stack} ends the user's other sessions on all`, async () => {
    const devices = await Promise.all(STACKS.map((each) => deviceOn(each)))
    const bob = await deviceOn(stack, 'bob')
    const here = await deviceOn(stack)
    await here.set(stack, 'cart', ['pear'])
    // Seen by all of them, so that each has made its own of it.
    for (const each of STACKS) {
      for (const device of [...devices, here]) assert.equal((await device.me(each)).user, 'ada')
    }
    const wrong = await here.try(stack, 'POST', '/password', { old: 'wrong', password: 'new' })
    assert.equal(wrong.status, 403)
    for (const device of devices) assert.equal((await device.me(stack)).user, 'ada')

    await here.ask(stack, 'POST', '/password', { old: 'lovelace', password: 'analytical' })
    for (const each of STACKS) {
      for (const device of devices) {
        assert.equal((await device.copy().me(each)).user, null, `on ${each}`)
      }
      const { user, cart } = await here.me(each)
      assert.deepEqual([user, cart], ['ada', ['pear']], `who has changed it goes on, on ${each}`)
      assert.equal((await bob.me(each)).user, 'bob', `another user, on ${each}`)
    }
    assert.equal((await here.ask(stack, 'GET', '/devices')).length, 1)

    const stranger = shops.person()
    const old = { user: 'ada', password: 'lovelace' }
    assert.equal((await stranger.try(stack, 'POST', '/login', old)).status, 401)
    const fresh = { user: 'ada', password: 'analytical' }
    assert.equal((await stranger.try(stack, 'POST', '/login', fresh)).status, 204)
    for (const each of STACKS) assert.equal((await stranger.me(each)).user, 'ada', `on ${each}`)

    await here.ask(stack, 'POST', '/password', { old: 'analytical', password: 'lovelace' })
    assert.equal((await stranger.me(stack)).user, null)
    await Promise.all([here, bob].map((each) => each.ask(stack, 'POST', '/logout')))
  })

  test(`a new password on ${stack} of who has signed in elsewhere`, async () => {
    for (const other of STACKS.filter((each) => each !== stack)) {
      const ada = await deviceOn(other)
      const another = await deviceOn(other)
      await ada.ask(stack, 'POST', '/password', { old: 'lovelace', password: 'analytical' })
      for (const each of STACKS) {
        assert.equal((await another.copy().me(each)).user, null, `on ${each}`)
        assert.equal((await ada.me(each)).user, 'ada', `on ${each}, signed in on ${other}`)
      }
      await ada.ask(stack, 'POST', '/password', { old: 'analytical', password: 'lovelace' })
      await ada.ask(other, 'POST', '/logout')
    }
  })
}
