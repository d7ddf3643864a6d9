/** One sign-in for all, and one sign-out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openShops, PAIRS, STACKS } from './shops.mjs'

const shops = await openShops()

for (const stack of STACKS) {
  test(`signed in on ${stack} is signed in on all`, async () => {
    const ada = shops.person()
    await ada.set(stack, 'cart', ['pear'])
    const { user: nobody } = await ada.me(stack)
    assert.equal(nobody, null)
    const fixed = ada.copy()
    await ada.login(stack)
    // Whoever knows the token of before is nobody, everywhere.
    for (const each of STACKS) {
      const { user, cart } = await fixed.copy().me(each)
      assert.deepEqual([user, cart], [null, undefined], `on ${each}`)
    }
    const seen = await Promise.all(STACKS.map((each) => ada.me(each)))
    const { id } = seen[0]
    assert.match(id, /^[\w-]{25}$/)
    // What another framework keeps for itself is shown by none.
    for (const each of seen) assert.deepEqual(each, { user: 'ada', id, cart: ['pear'] })
    const lists = await Promise.all(STACKS.map((each) => ada.ask(each, 'GET', '/devices')))
    for (const list of lists) {
      const own = list.filter(({ current }) => current)
      assert.deepEqual(own, [{ id, device: `ada on ${stack}`, current: true }])
    }
    await ada.ask(stack, 'POST', '/logout')
  })

  test(`a sign-out on ${stack} holds on all, also for who has the cookie still`, async () => {
    const ada = shops.person()
    await ada.login(STACKS[0])
    for (const each of STACKS) assert.equal((await ada.me(each)).user, 'ada')
    const copy = ada.copy()
    await ada.ask(stack, 'POST', '/logout')
    assert.equal(ada.browser.token, undefined)
    for (const each of STACKS)
      assert.deepEqual(await copy.copy().me(each), { user: null, id: null })
  })

  test(`a wrong password on ${stack} changes nothing`, async () => {
    const ada = shops.person()
    const wrong = { user: 'ada', password: 'wrong' }
    assert.equal((await ada.try(stack, 'POST', '/login', wrong)).status, 401)
    assert.equal((await ada.me(stack)).user, null)
  })

  test(`signed out everywhere from ${stack}`, async () => {
    const devices = await Promise.all(
      STACKS.map(async (each) => {
        const device = shops.person()
        await device.login(each)
        return device
      }),
    )
    const here = shops.person()
    await here.login(stack)
    await here.ask(stack, 'POST', '/logout-others')
    for (const each of STACKS) {
      for (const device of devices) assert.equal((await device.copy().me(each)).user, null)
      assert.equal((await here.me(each)).user, 'ada')
    }
    assert.equal((await here.ask(stack, 'GET', '/devices')).length, 1)
    await here.ask(stack, 'POST', '/logout')
  })
}

for (const [one, other] of PAIRS) {
  test(`somebody else signs in on ${other} after ${one}: nobody is both`, async () => {
    const person = shops.person()
    await person.login(one)
    await person.set(one, 'address', 'of ada')
    await person.set(one, 'cart', ['of ada'])
    const ada = person.copy()
    if (other === 'spring' || other === 'django') await person.me(other)
    await person.login(other, 'bob')
    for (const each of STACKS) {
      const seen = await person.me(each)
      assert.equal(seen.user, 'bob')
      assert.deepEqual([seen.address, seen.cart], [undefined, undefined], `on ${each}`)
      assert.equal((await ada.copy().me(each)).user, null)
    }
    await person.ask(one, 'POST', '/logout')
  })

  test(`one device is ended on ${other} that has signed in on ${one}`, async () => {
    const [phone, laptop] = [shops.person(), shops.person()]
    await phone.login(one)
    await laptop.login(other)
    const { id } = await phone.me(one)
    await laptop.ask(other, 'DELETE', `/devices/${id}`)
    for (const each of STACKS) assert.equal((await phone.copy().me(each)).user, null)
    assert.equal((await laptop.me(one)).user, 'ada')
    // Nobody ends another’s.
    const bob = shops.person('bob')
    await bob.login(one)
    const { id: bobs } = await bob.me(one)
    assert.equal((await laptop.try(other, 'DELETE', `/devices/${bobs}`)).status, 404)
    assert.equal((await bob.me(other)).user, 'bob')
    await Promise.all([bob, laptop].map((each) => each.ask(other, 'POST', '/logout')))
  })
}

test('six sign-ins, on whichever: the limit of five is one for all, and the oldest has ended', async () => {
  const devices = []
  for (let i = 0; i < 6; i++) {
    const stack = STACKS[i % STACKS.length]
    const device = shops.person()
    await device.login(stack)
    devices.push([device, stack])
  }
  const [[first, where], ...others] = devices
  assert.equal((await first.me(where)).user, null)
  for (const [device, stack] of others) assert.equal((await device.me(stack)).user, 'ada')
  const [last, stack] = others.at(-1)
  assert.equal((await last.ask(stack, 'GET', '/devices')).length, 5)
  await last.ask(stack, 'POST', '/logout-others')
  await last.ask(stack, 'POST', '/logout')
})

test('a user whose name differs by case alone is another one, and nobody where there is none', async () => {
  const shouting = shops.person('ADA')
  await shouting.login('express')
  for (const stack of STACKS) {
    const { user } = await shouting.me(stack)
    assert.equal(user, stack === 'express' ? 'ADA' : null, `on ${stack}`)
  }
})

test('who is unknown on one is nobody there, and stays signed in on the others', async () => {
  // Only the shop on Express has this user.
  const eve = shops.person('eve')
  await eve.login('express')
  for (const stack of STACKS) {
    const { user, id } = await eve.me(stack)
    assert.equal(user, stack === 'express' ? 'eve' : null, `on ${stack}`)
    assert.ok(id !== null)
    await eve.set(stack, `seen-on-${stack}`, true)
  }
  const seen = await eve.me('express')
  assert.equal(seen.user, 'eve')
  for (const stack of STACKS) assert.equal(seen[`seen-on-${stack}`], true)
})
