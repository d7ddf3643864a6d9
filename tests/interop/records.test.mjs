/** Random records that each language makes are opened by each other one. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const COUNT = 1_000
const SEED = 20_261_130
const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const { django, spring } = JSON.parse(process.env.POLYGLOT)
const core = at('clients/java/sojourn-core')

const LANGUAGES = {
  node: [process.execPath, [`${core}/src/test/node/records.mjs`, at('dist')]],
  ...(django.python && { python: [django.python, ['-m', 'tests.records']] }),
  ...(spring.java && {
    java: [
      spring.java,
      ['-cp', `${core}/target/classes:${core}/target/test-classes`, 'dev.sojourn.Records'],
    ],
  }),
}

async function run(language, args, input = '') {
  const [program, first] = LANGUAGES[language]
  const child = spawn(program, [...first, ...args], {
    cwd: at('clients/python'),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  // One that ends early says why.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await ended
  assert.equal(code, 0, `${language} ${args[0]}: ${errors.slice(-2_000)}`)
  return output
}

for (const maker of Object.keys(LANGUAGES)) {
  test(`records of ${maker} are opened by all`, async () => {
    const lines = await run(maker, ['make', String(COUNT), String(SEED)])
    assert.equal(lines.trimEnd().split('\n').length, COUNT)
    for (const reader of Object.keys(LANGUAGES)) {
      assert.equal((await run(reader, ['check'], lines)).trim(), `${COUNT} right`, reader)
    }
  })
}
