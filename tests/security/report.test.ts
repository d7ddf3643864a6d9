/** `npm run security-report` may pass only where each row was shown, and nothing was left out in silence. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const PAGE = '<!-- security -->\n| id | |\n| S01 | one |\n| S02 | two |\n<!-- /security -->\n'
const START = "import { describe, expect, it } from 'vitest'\n"

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sj-report-'))
  for (const folder of ['docs', 'tests/frameworks'])
    mkdirSync(join(root, folder), { recursive: true })
  symlinkSync(here('../../node_modules'), join(root, 'node_modules'))
  writeFileSync(join(root, 'docs/security.md'), PAGE)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function report(files: Readonly<Record<string, string>>): { status: number | null; text: string } {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(root, 'tests', `${name}.test.ts`), START + text)
  }
  const args = [here('../../scripts/security-report.mjs'), '--root', root]
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, text: stdout }
}

const both = "it('S01 a', () => expect(1).toBe(1)); it('S02 b', () => expect(1).toBe(1))\n"

it('passes where each row has a test that has passed', () => {
  const { status, text } = report({ both })
  expect(text).toContain('2 requirements; 2 tests passed, 0 failed, 0 not run')
  expect(status).toBe(0)
}, 60_000)

it('fails for a file that does not load, though each row has another test', () => {
  const { status, text } = report({ both, broken: "throw new Error('at its top')\n" })
  expect(text).toContain('✗ tests/broken.test.ts: ')
  expect(status).toBe(1)
}, 60_000)

it('fails for a row of which nothing has run, and names what was skipped elsewhere', () => {
  const { status, text } = report({
    one: "it('S01 a', () => expect(1).toBe(1))\nit.skip('S01 c', () => undefined)\n",
    skipped: "describe.skip('S02', () => { it('b', () => expect(1).toBe(1)) })\n",
  })
  expect(text).toContain('– S01 c  (tests/one.test.ts): not run')
  expect(text).toContain('– S02 b  (tests/skipped.test.ts): not run')
  expect(text).toContain('without a test that has passed: S02')
  expect(status).toBe(1)
}, 60_000)

it('fails for a skipped test though its row has one that has passed', () => {
  const { status, text } = report({ both, more: "it.skip('S02 c', () => undefined)\n" })
  expect(text).not.toContain('without a test that has passed')
  expect(text).toContain('with a test that was skipped without a reason: S02\n')
  expect(status).toBe(1)
}, 60_000)

it('takes one that it names with a reason, in its file alone, and prints the reason', () => {
  const title = 'S02 a cookie that is cleared is not for shared caches either'
  const skipped = `it.skip('${title}', () => undefined)\n`
  const named = report({ both, 'frameworks/koa-session-suite': skipped })
  expect(named.text).toContain(': not run, a session of that interface has no `logout`')
  expect(named.status).toBe(0)
  expect(report({ other: skipped }).status).toBe(1)
}, 60_000)

it('fails for a leak after the last test', () => {
  const late = "it('S01 z', () => { void Promise.reject(new Error('late')) })\n"
  expect(report({ both, late }).status).toBe(1)
}, 60_000)
