import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EventHub } from '../../src/core/events.ts'

describe('EventHub', () => {
  beforeEach(() => {
    vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  })
  afterEach(() => {
    vi.restoreAllMocks()
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
    hub.on('created', () => {
      // oxlint-disable-next-line typescript/only-throw-error: applications do
      throw 'text'
    })
    hub.on('created', ({ id }) => heard.push(id))
    hub.emit('created', { id: 'a' })
    expect(heard).toEqual(['a'])
    expect(process.emitWarning).toHaveBeenCalledTimes(2)
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringMatching(/'created' threw: broken listener/),
      { code: 'SOJOURN_LISTENER' },
    )
  })

  it('takes an asynchronous listener that fails for a warning, not for the end of the process', async () => {
    const hub = new EventHub()
    const unhandled = vi.fn<() => void>()
    process.on('unhandledRejection', unhandled)
    try {
      hub.on('created', async () => {
        throw new RangeError('broken later')
      })
      hub.emit('created', { id: 'a' })
      // Node announces an unhandled rejection once the microtasks are done.
      await new Promise((resolve) => setImmediate(resolve))
      expect(unhandled).not.toHaveBeenCalled()
      expect(process.emitWarning).toHaveBeenCalledWith(expect.stringContaining('broken later'), {
        code: 'SOJOURN_LISTENER',
      })
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })
})
