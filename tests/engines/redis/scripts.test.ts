import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Answer } from '../../../src/engines/redis/answers.ts'
import { scripts } from '../../../src/engines/redis/scripts.generated.ts'

describe.each(Object.values(scripts))('$name', ({ name, text, sha1 }) => {
  const sheet = text.slice(0, text.search(/^(?!--)/m))

  it('opens with a call sheet: keys and answer', () => {
    expect(sheet).toMatch(new RegExp(`^-- ${name}: `))
    expect(sheet).toMatch(/^-- KEYS\[1\] /m)
    expect(sheet).toMatch(/^-- answer /m)
    for (const [used] of text.matchAll(/(?:KEYS|ARGV)\[\d\]/g))
      expect(sheet).toContain(`-- ${used} `)
  })

  it('numbers its answers as Answer does', () => {
    const named = [...sheet.matchAll(/^-- (?:answer)? +\{(\d).*\} +(\w+)/gm)]
    const codes: Readonly<Record<string, number>> = { ...Answer, created: Answer.done }
    for (const [, code, word] of named) expect(codes[word ?? '']).toBe(Number(code))
    const returned = [...text.matchAll(/return \{(\d)/g)].map(([, code]) => code)
    expect(new Set(named.map(([, code]) => code))).toEqual(new Set(returned))
  })

  it('S30 is constant, and known by its SHA-1', () => {
    expect(sha1).toBe(createHash('sha1').update(text).digest('hex'))
    expect(text).not.toMatch(/error_reply|error\(|loadstring|redis\.log/)
  })
})
