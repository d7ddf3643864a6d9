import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OptionError } from '../../../src/core/errors.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { redisEngine } from '../../../src/engines/redis/redis-engine.ts'
import { open } from './harness.ts'

const NOWHERE = '/nonexistent/redis.sock'

/** The option that is named as wrong, by both entrances; undefined: taken. */
function refused(nearCache: unknown): string | undefined {
  const names = [
    () => redisEngine({ redis: NOWHERE, nearCache: nearCache as boolean }),
    () =>
      createSessions({
        redis: NOWHERE,
        secrets: ['x'.repeat(32)],
        nearCache: nearCache as boolean,
      }),
  ].map((make) => {
    try {
      void make().close()
      return undefined
    } catch (error) {
      if (!(error instanceof OptionError)) throw error
      return error.option
    }
  })
  expect(names[0]).toBe(names[1])
  return names[0]
}

describe('S15 nearCache', () => {
  it.each([
    [true],
    [false],
    [undefined],
    [{}],
    [{ maxStaleness: 100 }],
    [{ maxStaleness: '1m' }],
    [{ maxEntries: 2 }],
    [{ maxEntries: 10_000_000 }],
    [{ maxBytes: 1024 * 1024 }],
    [{ maxStaleness: undefined, maxEntries: undefined, maxBytes: undefined }],
  ])('takes %j', (option) => {
    expect(refused(option)).toBeUndefined()
  })

  it.each([
    [1, 'nearCache'],
    ['on', 'nearCache'],
    [[], 'nearCache'],
    [() => undefined, 'nearCache'],
    [{ maxStale: '1s' }, 'nearCache.maxStale'],
    [{ maxStaleness: 99 }, 'nearCache.maxStaleness'],
    [{ maxStaleness: 60_001 }, 'nearCache.maxStaleness'],
    [{ maxStaleness: 0 }, 'nearCache.maxStaleness'],
    [{ maxStaleness: -1_000 }, 'nearCache.maxStaleness'],
    [{ maxStaleness: Number.NaN }, 'nearCache.maxStaleness'],
    [{ maxStaleness: Number.POSITIVE_INFINITY }, 'nearCache.maxStaleness'],
    [{ maxStaleness: 'soon' }, 'nearCache.maxStaleness'],
    [{ maxStaleness: {} }, 'nearCache.maxStaleness'],
    [{ maxEntries: 1 }, 'nearCache.maxEntries'],
    [{ maxEntries: 1_000.5 }, 'nearCache.maxEntries'],
    [{ maxEntries: '1000' }, 'nearCache.maxEntries'],
    [{ maxEntries: null }, 'nearCache.maxEntries'],
    [{ maxEntries: 10_000_001 }, 'nearCache.maxEntries'],
    [{ maxBytes: 1024 * 1024 - 1 }, 'nearCache.maxBytes'],
    [{ maxBytes: Number.POSITIVE_INFINITY }, 'nearCache.maxBytes'],
    [{ maxBytes: '128mb' }, 'nearCache.maxBytes'],
  ])('refuses %o and names %s', (option, name) => {
    expect(refused(option)).toBe(name)
  })

  it('takes anything, or refuses it with the name of an option', () => {
    const keys = ['maxStaleness', 'maxEntries', 'maxBytes', 'other', '__proto__', 'toString']
    const value = fc.oneof(fc.anything(), fc.integer(), fc.double(), fc.constantFrom('1s', '5m'))
    const option = fc.oneof(fc.anything(), fc.dictionary(fc.constantFrom(...keys), value))
    fc.assert(
      fc.property(option, (given) => {
        expect(refused(given) ?? 'nearCache').toMatch(/^nearCache(\.|$)/)
      }),
      { numRuns: 300 },
    )
  })
})

it('without a connection the state is connecting, and off when it is not wanted', () => {
  expect(open(NOWHERE).nearCache).toMatchObject({ state: 'connecting', reason: undefined })
  const { nearCache } = open(NOWHERE, { nearCache: false })
  expect(nearCache).toMatchObject({ state: 'off', reason: 'nearCache is false', age: undefined })
})
