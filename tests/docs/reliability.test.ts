import { existsSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const docs = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8')
const named = [...docs.matchAll(/`((?:engines|faults)\/[a-z0-9/-]+)`/g)].map(([, name]) =>
  String(name),
)

it('docs/reliability.md names tests that there are', () => {
  expect(named.length).toBeGreaterThan(12)
  const missing = named.filter(
    (name) => !existsSync(new URL(`../${name}.test.ts`, import.meta.url)),
  )
  expect(missing).toEqual([])
})
