import { expect, it } from 'vitest'
import { Queue } from '../../../src/operations/migrate/queue.ts'

it('works on some at a time, on none twice at once, and again on what is added meanwhile', async () => {
  const log: string[] = []
  const open = new Map<string, () => void>()
  const queue = new Queue<string>(2, (item) => {
    log.push(item)
    return new Promise((resolve) => open.set(item, resolve))
  })
  const step = async (item: string): Promise<void> => {
    open.get(item)?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const item of ['a', 'b', 'c', 'a']) queue.add(item)
  expect(log).toEqual(['a', 'b'])
  let isIdle = false
  const idle = queue.idle().then(() => {
    isIdle = true
  })
  await step('b')
  expect(log).toEqual(['a', 'b', 'c'])
  await step('a')
  expect(log).toEqual(['a', 'b', 'c', 'a'])
  await step('c')
  expect(isIdle).toBe(false)
  await step('a')
  await idle
  expect(queue.isIdle).toBe(true)

  queue.add('d')
  queue.add('e')
  queue.add('f')
  const closed = queue.close()
  await step('d')
  await step('e')
  await closed
  expect(log.slice(4)).toEqual(['d', 'e'])
})
