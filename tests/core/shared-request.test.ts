import { createSessions, memoryEngine } from 'sojourn'
import { expect, it, onTestFinished } from 'vitest'

const facts = { cookie: undefined, secure: true, host: 'site', proxied: false }

it('what stands for a request has its session; what stands for one without has none', async () => {
  const engine = memoryEngine()
  onTestFinished(() => engine.close())
  const sessions = createSessions({ engine, secrets: ['a secret for tests, of 32 bytes or more'] })
  const [request, event, other] = [{}, {}, {}]
  const { session } = await sessions.exchange(request, facts)
  sessions.alias(request, event)
  expect(sessions.from(event)).toBe(session)
  expect(sessions.has(event)).toBe(true)
  sessions.alias(other, {})
  expect(sessions.has(other)).toBe(false)
  expect(() => sessions.from(other)).toThrow(TypeError)
})
