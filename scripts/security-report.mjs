// Which test shows which requirement of docs/security.md. Runs all tests that have an id such as S05 in their title.
// Usage: npm run security-report [-- --json FILE]. Ends with 1 when a row has no test, or one fails.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { json: { type: 'string' } } })
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const [, list = ''] = /<!-- security -->([^]*?)<!-- \/security -->/.exec(page) ?? []
const rows = [...list.matchAll(/^\| (S\d\d) \| (.+) \|$/gm)].map(([, id, requirement]) => ({
  ...{ id, requirement },
  tests: [],
}))
if (rows.length === 0) throw new Error('docs/security.md has no list')

const folder = mkdtempSync(join(tmpdir(), 'sj-security-'))
const file = join(folder, 'report.json')
try {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const ids = rows.map(({ id }) => id).join('|')
  spawnSync(
    process.execPath,
    [
      ...[vitest, 'run', '--typecheck.enabled=false', '-t', `\\b(?:${ids})\\b`],
      ...['--reporter=json', `--outputFile=${file}`],
    ],
    { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  for (const { name, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    for (const { fullName, status } of assertionResults) {
      if (status !== 'passed' && status !== 'failed') continue
      for (const row of rows) {
        if (!new RegExp(`\\b${row.id}\\b`).test(fullName)) continue
        row.tests.push({ title: fullName, file: relative(root, name), passed: status === 'passed' })
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

let passed = 0
let failed = 0
for (const { id, requirement, tests } of rows) {
  console.log(`\n${id} ${requirement}`)
  if (tests.length === 0) console.log('   ✗ NO TEST')
  for (const test of tests) {
    console.log(`   ${test.passed ? '✓' : '✗'} ${test.title}  (${test.file})`)
    if (test.passed) passed++
    else failed++
  }
}
const bare = rows.filter(({ tests }) => tests.length === 0).map(({ id }) => id)
console.log(`\n${rows.length} requirements; ${passed} tests passed, ${failed} failed`)
if (bare.length > 0) console.log(`without a test: ${bare.join(', ')}`)
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)
if (bare.length > 0 || failed > 0) process.exitCode = 1
