import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { probe } from '../../../src/engines/redis/probe.ts'
import { open, start } from './harness.ts'

/** Looks at keys of Sojourn and at what they say of each other. */
const CHECK = readFileSync(new URL('../../../bench/soak/check.lua', import.meta.url), 'utf8')
const PARTITION = 'abc'

it("whoever looks while a process starts finds the start's own session whole, and nothing after it", async () => {
  const server = await start()
  const engine = open(server.url, { expiry: 'reliable' })
  const problems: string[] = []
  let seen = 0
  const look = async () => {
    const keys = (await server.cli('KEYS', 'sj:{*')).split('\n').filter((key) => key !== '')
    if (keys.length === 0) return
    seen += 1
    problems.push(await server.cli('EVAL', CHECK, String(keys.length), ...keys, '0'))
  }
  const watched = new Proxy(engine, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      return async (...args: unknown[]) => {
        const result: unknown = await Reflect.apply(value, target, args)
        await look()
        return result
      }
    },
  })
  await probe(watched, PARTITION)
  expect(problems.filter((text) => /is a|has |waits|holds|keeps|is no/.test(text))).toEqual([])
  expect(seen).toBeGreaterThan(3)
  expect(await server.cli('KEYS', 'sj:{*')).toBe('')
})
