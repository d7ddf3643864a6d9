import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Argument,
  CommandBuffer,
  ErrorReply,
  ReplyReader,
} from '../../../src/engines/redis/resp.ts'

type Reply = string | number | null | readonly Reply[]

const encode = (reply: Reply): Buffer => {
  if (reply === null) return Buffer.from('_\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') {
    const bytes = Buffer.from(reply)
    return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
  }
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encode)])
}

const { reply: anyReply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'binary' }),
    fc.maxSafeInteger(),
    fc.constant(null),
    fc.array(tie('reply'), { maxLength: 4 }),
  ),
}))

/** What comes out of a stream that comes in pieces of these sizes, over and over. */
function readAll(stream: Buffer, sizes: readonly number[], wantsBytes = false): unknown[] {
  const events: unknown[] = []
  const reader = new ReplyReader({
    wantsBytes: () => wantsBytes,
    reply: (value) => events.push(value),
    push: (items) => events.push({ push: items.map(String) }),
  })
  for (let at = 0, i = 0; at < stream.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    reader.read(stream.subarray(at, at + size))
    at += size
  }
  return events
}

const readText = (text: string, wantsBytes = false): unknown[] => {
  const whole = readAll(Buffer.from(text), [text.length + 1], wantsBytes)
  expect(readAll(Buffer.from(text), [1], wantsBytes)).toEqual(whole)
  return whole
}

const problem = /unknown type|without its end|number that is none/

describe('replies', () => {
  it('I2 are the same however the stream is cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(fc.array(anyReply, { maxLength: 6 }), sizes, (replies, cut) => {
        expect(readAll(Buffer.concat(replies.map(encode)), cut)).toEqual(replies)
      }),
    )
  })

  it('a long string in small pieces', () => {
    const text = 'x'.repeat(1_000_000)
    expect(readAll(Buffer.concat([text, [1, text], 2].map(encode)), [1000])).toEqual([
      text,
      [1, text],
      2,
    ])
  })

  it.each<[string, unknown]>([
    ['+OK\r\n', 'OK'],
    [':-12\r\n', -12],
    ['$0\r\n\r\n', ''],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['*0\r\n', []],
    ['%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n', ['a', 1, 'b', [2]]],
    ['%0\r\n', []],
    ['~2\r\n:1\r\n:2\r\n', [1, 2]],
    ['#t\r\n', true],
    ['#f\r\n', false],
    [',1.5\r\n', 1.5],
    [',-inf\r\n', Number.NEGATIVE_INFINITY],
    ['(12345678901234567890\r\n', 12345678901234567890n],
    ['=7\r\ntxt:abc\r\n', 'abc'],
  ])('%j', (text, value) => {
    expect(readText(text)).toEqual([value])
  })

  it('strings as bytes, where they are wanted so, but short ones', () => {
    expect(readText('$2\r\nab\r\n', true)).toEqual([Buffer.from('ab')])
    expect(readText('*2\r\n+a\r\n:1\r\n', true)).toEqual([['a', 1]])
  })

  it('errors are values: alone, long, and in a list', () => {
    const errors = readText('-ERR no\r\n!5\r\nERR x\r\n*1\r\n-WRONG y\r\n', true)
    expect(errors).toEqual([
      new ErrorReply('ERR no'),
      new ErrorReply('ERR x'),
      [new ErrorReply('WRONG y')],
    ])
    expect(errors[0]).toBeInstanceOf(ErrorReply)
  })

  it('pushes come between replies, and are no replies', () => {
    const push = '>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n'
    expect(readText(`:1\r\n${push}:2\r\n`)).toEqual([1, { push: ['invalidate', 'k'] }, 2])
  })

  it.each(['hello\r\n', ':1x\r\n', '$1\r\nabc\r\n', '$?\r\n', '*x\r\n', ':\r\n', ':-\r\n', '\r\n'])(
    'throws for %j: what follows could reach another caller',
    (text) => {
      expect(() => readAll(Buffer.from(text), [100])).toThrow(problem)
      expect(() => readAll(Buffer.from(text), [1])).toThrow(problem)
    },
  )
})

describe('commands', () => {
  const sent = (...commands: readonly (readonly Argument[])[]): string => {
    const buffer = new CommandBuffer()
    for (const command of commands) buffer.add(command)
    return buffer.take().toString()
  }

  it('leave together, each argument with its length in bytes', () => {
    expect(sent(['GET', 'k'], ['SET', 'é', Buffer.from('ü'), 'PX', '1'])).toBe(
      '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n' +
        '*5\r\n$3\r\nSET\r\n$2\r\né\r\n$2\r\nü\r\n$2\r\nPX\r\n$1\r\n1\r\n',
    )
  })

  it('whose argument is in pieces send it as one', () => {
    const pieces = [Uint8Array.of(0x61), Buffer.from('é'), Buffer.alloc(0)]
    expect(sent(['SET', pieces, []])).toBe('*3\r\n$3\r\nSET\r\n$3\r\naé\r\n$0\r\n\r\n')
  })

  it('of whatever length are sent whole, and what has been taken does not change', () => {
    const buffer = new CommandBuffer()
    const takenAndMeant: [Buffer, string][] = []
    for (const length of [9, 10, 99, 100, 65_500, 65_536, 1_000_000, 12_345, 65_515]) {
      for (const arg of ['x'.repeat(length), `é${'x'.repeat(length - 2)}`]) {
        buffer.add(['A', arg])
        buffer.add([Buffer.from(arg), 'b'])
        const item = `$${length}\r\n${arg}\r\n`
        takenAndMeant.push([buffer.take(), `*2\r\n$1\r\nA\r\n${item}*2\r\n${item}$1\r\nb\r\n`])
      }
    }
    for (const [taken, meant] of takenAndMeant) expect(taken.equals(Buffer.from(meant))).toBe(true)
  })

  it('with an argument that is none leave nothing behind', () => {
    const buffer = new CommandBuffer()
    buffer.add(['GET', 'k'])
    expect(() => buffer.add(['SET', null as unknown as string])).toThrow(TypeError)
    expect(buffer.take().toString()).toBe('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n')
  })

  it('leave once', () => {
    const buffer = new CommandBuffer()
    expect(buffer.isEmpty).toBe(true)
    buffer.add([''])
    expect(buffer.isEmpty).toBe(false)
    expect(buffer.take().toString()).toBe('*1\r\n$0\r\n\r\n')
    expect(buffer.isEmpty).toBe(true)
    expect(buffer.take().length).toBe(0)
  })
})
