import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { sessionEventNames } from '../../src/index.ts'

const page = readFileSync(new URL('../../docs/events.md', import.meta.url), 'utf8')

it.each(sessionEventNames)('docs/events.md says what %s carries', (name) => {
  expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| \`\\w+\``, 'm'))
})
