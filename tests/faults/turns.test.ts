import type { StandardSchemaV1 } from '@standard-schema/spec'
import { expect, it } from 'vitest'
import { union } from '../../src/core/merge.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'
import { SECRET, signIn, until } from '../support/requests.ts'

interface Data {
  cart: { sku: string }[]
  step: string
}

/** A schema whose answers are given one by one. */
class Gate {
  readonly waiting: Array<(isGood: boolean) => void> = []
  readonly schema: StandardSchemaV1<Data> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        new Promise((resolve) => {
          this.waiting.push((isGood) => {
            const issues = [{ message: 'no', path: ['step'] }]
            resolve(isGood ? { value: value as Data } : { issues })
          })
        }),
    },
  }
}

it('I3 a writer that waited builds on what it has read, when that is newer than what the line wrote', async () => {
  const engine = memoryEngine()
  const merge = { cart: union('sku') }
  const gate = new Gate()
  const elsewhere = createSessions<Data>({ secrets: [SECRET], engine, merge })
  const here = createSessions<Data>({ secrets: [SECRET], engine, merge, schema: gate.schema })
  const token = await signIn(elsewhere, { cart: [{ sku: 'a' }], step: 'new' })

  const [first, second] = [await here.open(token), await here.open(token)]
  first.set('step', 'first')
  second.set('step', 'second')
  const writes = [first.commit(), second.commit().catch(() => undefined)]
  await until('the first is checked', () => gate.waiting.length === 1)
  gate.waiting.shift()?.(true)
  await until('the second is checked', () => gate.waiting.length === 1)

  // Another node adds an item, and a request of this node takes it out again.
  const foreign = await elsewhere.open(token)
  await foreign.update('cart', (cart = []) => [...cart, { sku: 'b' }])
  const third = await here.open(token)
  expect(third.get('cart')).toEqual([{ sku: 'a' }, { sku: 'b' }])
  third.set('cart', [{ sku: 'a' }])
  writes.push(third.commit())

  gate.waiting.shift()?.(false)
  for (let check = 0; check < 3; check++) {
    await Promise.race([
      until('a check', () => gate.waiting.length > 0).catch(() => undefined),
      Promise.all(writes),
    ])
    for (const pass of gate.waiting.splice(0)) pass(true)
  }
  await Promise.all(writes)
  expect((await elsewhere.open(token)).get('cart')).toEqual([{ sku: 'a' }])
  await engine.close()
})
