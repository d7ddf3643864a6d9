import { expect, it, vi } from 'vitest'
import type { Sessions as AnySessions } from '../../src/core/sessions.ts'
import { createSessions } from '../../src/create-sessions.ts'
import { memoryEngine } from '../../src/engines/memory/memory-engine.ts'

type Sessions = AnySessions<{ n: number }>

function sharing(): { sessions: [Sessions, Sessions]; isOpen: () => Promise<boolean> } {
  const engine = memoryEngine()
  const make = (name: string): Sessions =>
    createSessions({
      engine,
      secrets: ['a secret for tests, of 32 bytes or more'],
      cookie: { name },
    })
  return {
    sessions: [make('a'), make('b')],
    isOpen: () =>
      engine.ready().then(
        () => true,
        () => false,
      ),
  }
}

it('an engine that two share is closed with the second of them', async () => {
  const { sessions, isOpen } = sharing()
  const [first, second] = sessions
  await first.close()
  expect(await isOpen()).toBe(true)
  const session = await second.open()
  session.set('n', 1)
  await session.commit()
  await second.close()
  expect(await isOpen()).toBe(false)
})

it('to close one of them twice counts once', async () => {
  const { sessions, isOpen } = sharing()
  const [first, second] = sessions
  await Promise.all([first.close(), first.close()])
  await first.close()
  expect(await isOpen()).toBe(true)
  await second.close()
  expect(await isOpen()).toBe(false)
})

it('one that is closed watches nothing any more, the other does', async () => {
  const { sessions } = sharing()
  const [first, second] = sessions
  const session = await second.open()
  session.set('n', 1)
  await session.commit()
  const signals = sessions.map((each) => each.watch(session.id ?? '').signal)
  await first.close()
  await second.revoke(session.id ?? '')
  await vi.waitFor(() => expect(signals[1]?.aborted).toBe(true))
  expect(signals[0]?.aborted).toBe(false)
  await second.close()
})
