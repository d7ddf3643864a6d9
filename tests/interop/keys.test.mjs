/** New secrets, and records that open with their token only. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openShops, SECRET, STACKS } from './shops.mjs'

const NEW = 'another secret of the interop tests, of 32 bytes'.replace(',', '')
const shops = await openShops()

async function agree(person, wanted, when) {
  for (const stack of STACKS) {
    assert.equal((await person.me(stack)).user, wanted, `on ${stack}, ${when}`)
  }
}

test('a new secret comes to one after the other, and nobody is signed out', async () => {
  const before = shops.person()
  await before.login(STACKS[0])
  // First all have to know it, then it may sign.
  const steps = [`${SECRET},${NEW}`, `${NEW},${SECRET}`]
  const people = [before]
  for (const SESSION_SECRETS of steps) {
    for (const stack of STACKS) {
      await shops.restart(stack, { SESSION_SECRETS })
      const person = shops.person(people.length % 2 === 0 ? 'ada' : 'bob')
      await person.login(stack)
      people.push(person)
      for (const [i, each] of people.entries()) {
        await agree(each, i % 2 === 0 ? 'ada' : 'bob', `${i} of ${people.length}, with ${stack}`)
      }
    }
  }
  // At last the former one is taken away: who was signed in under the new one stays.
  const last = shops.person()
  await last.login(STACKS[0])
  for (const stack of STACKS) await shops.restart(stack, { SESSION_SECRETS: NEW })
  await agree(last, 'ada')
  await agree(before, null)
})

test('sealed with the token: all read what each has written, and Redis alone is of no use', async () => {
  for (const stack of STACKS) {
    const seal = stack === 'spring' ? { SOJOURN_SEAL: 'token-sealed' } : { SESSION_SEAL: 'token' }
    await shops.restart(stack, seal)
  }
  for (const stack of STACKS) {
    const ada = shops.person()
    await ada.login(stack)
    await ada.set(stack, 'cart', [stack])
    for (const each of STACKS) {
      const { user, cart } = await ada.me(each)
      assert.deepEqual([user, cart], ['ada', [stack]], `on ${each}`)
      await ada.set(each, `of-${each}`, stack)
    }
    await ada.ask(stack, 'POST', '/logout-others')
    await agree(ada, 'ada')
    await ada.ask(stack, 'POST', '/logout')
  }
})
