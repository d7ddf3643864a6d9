import { describe, expect, it } from 'vitest'
import { createSessions, memoryEngine } from '../../src/index.ts'
import { manualClock } from '../../src/testing/index.ts'

const CURRENT = 'current secret 0123456789abcdef0123456789'
const REMOVED = 'removed secret 0123456789abcdef0123456789'

describe('S27 every cookie that opens nothing is answered in the same way', () => {
  const clock = manualClock()
  const engine = memoryEngine({ clock })
  const make = (secret: string) => createSessions({ engine, clock, secrets: [secret] })
  const sessions = make(CURRENT)

  async function tokenOf(secret = CURRENT): Promise<string> {
    const session = await make(secret).open()
    session.set('a', 1)
    await session.commit()
    return session.token ?? ''
  }

  const ways: Record<string, () => Promise<string>> = {
    'made up': async () => 'A'.repeat(48),
    'changed in one place': async () =>
      (await tokenOf()).replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')),
    'made with a secret that was removed': () => tokenOf(REMOVED),
    'ended by logout': async () => {
      const token = await tokenOf()
      await (await sessions.open(token)).logout()
      return token
    },
    'replaced by a login': async () => {
      const token = await tokenOf()
      await (await sessions.open(token)).login('user')
      return token
    },
    expired: async () => {
      const token = await tokenOf()
      clock.advance(31 * 60_000)
      return token
    },
    'of a damaged record': async () => {
      const token = await tokenOf()
      const { id } = await sessions.open(token)
      const stored = await engine.load(id ?? '')
      const record = Buffer.from(stored?.record ?? [])
      record[record.length - 1] = (record.at(-1) ?? 0) ^ 1
      await engine.destroy(id ?? '')
      await engine.create(id ?? '', record, 60_000)
      return token
    },
  }

  it.each(Object.keys(ways))('%s', async (way) => {
    const token = await ways[way]?.()
    const exchange = await sessions.exchange(
      {},
      { cookie: `__Host-session=${token}`, secure: true, host: 'example.org', proxied: false },
    )
    const { session } = exchange
    expect([session.isNew, session.id, session.principal, session.names()]).toEqual([
      true,
      undefined,
      undefined,
      [],
    ])
    expect(exchange.sendHeaders()).toBeUndefined()
  })

  it('and one that opens a session is not', async () => {
    const cookie = `__Host-session=${await tokenOf()}`
    const exchange = await sessions.exchange(
      {},
      { cookie, secure: true, host: 'example.org', proxied: false },
    )
    expect(exchange.session.get('a')).toBe(1)
  })
})
