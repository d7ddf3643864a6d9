import { expect, it } from 'vitest'
import {
  OptionError,
  SessionConflictError,
  SessionEndedError,
  StoreRefusedError,
  StoreUnavailableError,
} from '../../src/core/errors.ts'

it('in a log that is JSON an error has its name, code and message, and no cause', () => {
  const cause = new Error('redis://:Canary77@h')
  const errors = [
    new StoreRefusedError('OOM', 'full', { cause }),
    new StoreUnavailableError('away', true),
    new OptionError('redis.url', 'takes a URL'),
  ]
  expect(JSON.parse(JSON.stringify(errors))).toEqual([
    {
      name: 'StoreRefusedError',
      code: 'ERR_SOJOURN_STORE_REFUSED',
      status: 503,
      reason: 'OOM',
      message: 'full',
    },
    {
      ...{ name: 'StoreUnavailableError', code: 'ERR_SOJOURN_STORE_UNAVAILABLE' },
      ...{ status: 503, indeterminate: true, message: 'away' },
    },
    {
      ...{ name: 'OptionError', code: 'ERR_SOJOURN_OPTION', status: 500 },
      ...{ option: 'redis.url', message: 'option `redis.url`: takes a URL' },
    },
  ])
})

it('what passes by itself says when to come again, and nothing else has headers', () => {
  const passing = [
    new StoreUnavailableError('away', false),
    new StoreRefusedError('OOM', 'full'),
    new SessionConflictError(32),
  ]
  for (const error of passing) expect(error.headers).toEqual({ 'Retry-After': '1' })
  for (const error of [new OptionError('a', 'b'), new SessionEndedError('rotate')]) {
    expect(error.headers).toBeUndefined()
    expect('headers' in JSON.parse(JSON.stringify(error))).toBe(false)
  }
})
