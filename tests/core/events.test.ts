import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { EventHub } from '../../src/core/events.ts'

describe('EventHub', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  beforeEach(() => {
    warn.mockClear()
  })
  afterAll(() => {
    warn.mockRestore()
  })

  it('tells each listener of that event, in order, and none of another', () => {
    const hub = new EventHub()
    const heard: unknown[] = []
    hub.on('created', (event) => heard.push(['first', event]))
    hub.on('created', (event) => heard.push(['second', event]))
    hub.on('expired', (event) => heard.push(['other', event]))
    hub.emit('created', { id: 'a' })
    expect(heard).toEqual([
      ['first', { id: 'a' }],
      ['second', { id: 'a' }],
    ])
  })

  it('refuses an event that does not exist, and a subscription without a listener, at once', () => {
    const hub = new EventHub()
    expect(() => hub.on('signin' as 'login', () => undefined)).toThrow(/`event`: takes created/)
    expect(() => hub.on('login', undefined as never)).toThrow(/`listener`: takes a function/)
  })

  it('does nothing without listeners', () => {
    expect(() => new EventHub().emit('expired', { id: 'a' })).not.toThrow()
  })

  it('ends a subscription, once and for all, also while it is telling', () => {
    const hub = new EventHub()
    const heard: string[] = []
    const ends: (() => void)[] = []
    ends.push(hub.on('created', () => ends.forEach((end) => end())))
    ends.push(hub.on('created', () => heard.push('second')))
    hub.emit('created', { id: 'a' })
    hub.emit('created', { id: 'b' })
    for (const end of ends) end()
    expect(heard).toEqual([])
  })

  it('takes a listener that throws for a warning, and tells the others', () => {
    const hub = new EventHub()
    const heard: string[] = []
    hub.on('created', () => {
      throw new RangeError('broken listener')
    })
    const text: unknown = 'no error'
    hub.on('created', () => {
      throw text
    })
    hub.on('created', ({ id }) => heard.push(id))
    hub.emit('created', { id: 'a' })
    expect(heard).toEqual(['a'])
    expect(warn).toHaveBeenCalledTimes(2)
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/'created' threw: broken listener/), {
      code: 'SOJOURN_LISTENER',
    })
  })

  it('takes an asynchronous listener that fails for a warning, not for the end of the process', async () => {
    const hub = new EventHub()
    const unhandled = vi.fn<() => void>()
    process.on('unhandledRejection', unhandled)
    try {
      // TypeScript lets an asynchronous function pass for one that returns nothing.
      const failing: () => unknown = () => Promise.reject(new RangeError('broken later'))
      hub.on('created', failing)
      hub.emit('created', { id: 'a' })
      // Node announces an unhandled rejection once the microtasks are done.
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).not.toHaveBeenCalled()
      expect(warn).toHaveBeenCalledWith(expect.stringContaining('broken later'), {
        code: 'SOJOURN_LISTENER',
      })
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })
})
