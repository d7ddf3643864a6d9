// Which test shows which requirement of docs/security.md. Runs all tests that have an id such as S05 in their title.
// Usage: npm run security-report [-- [--long] [--json FILE]]. Ends with 1 when a row has no test that has passed, one fails or is skipped
// that MAY_BE_SKIPPED does not name, or a file of tests does not load.
//   --long   a million of fuzzed cookies, records and tokens, and the times of refusals (npm run bench:timing)
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** By their file and a part of their title. What is not named here has to run wherever the report is made. */
const MAY_BE_SKIPPED = [
  ...['express-compat-suite', 'koa-session-suite'].flatMap((name) =>
    ['a cookie that is cleared is not for', 'create no record and no cookie'].map((part) => ({
      ...{ file: `tests/frameworks/${name}.test.ts`, part },
      reason: 'a session of that interface has no `logout`, which the test calls',
    })),
  ),
  {
    ...{ file: 'tests/frameworks/shared-cache.test.ts', part: 'S12 behind nginx' },
    reason: 'nginx is not there',
  },
]

const own = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    long: { type: 'boolean', default: false },
    // Where docs/security.md and the tests are.
    root: { type: 'string', default: own },
  },
})
const { root } = values
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const [, list = ''] = /<!-- security -->([^]*?)<!-- \/security -->/.exec(page) ?? []
const rows = [...list.matchAll(/^\| (S\d\d) \| (.+) \|$/gm)].map(([, id, requirement]) => ({
  ...{ id, requirement },
  tests:
    /** @type {{ title: string, file: string, outcome: 'passed' | 'failed' | 'skipped' }[]} */ ([]),
}))
if (rows.length === 0) throw new Error('docs/security.md has no list')

/** What went wrong that is no test's. */
const problems = []
const folder = mkdtempSync(join(tmpdir(), 'sj-security-'))
const file = join(folder, 'report.json')
try {
  const { status, error, signal } = spawnSync(
    process.execPath,
    [
      ...[join(own, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false'],
      ...['-t', `\\b(?:${rows.map(({ id }) => id).join('|')})\\b`],
      ...['--reporter=json', `--outputFile=${file}`],
    ],
    {
      ...{ cwd: root, stdio: ['ignore', 'ignore', 'inherit'] },
      env: { ...process.env, ...(values.long ? { SOJOURN_FULL: '1' } : {}) },
    },
  )
  const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).testResults : []
  let failed = 0
  for (const { name, status: fileStatus, message, assertionResults } of results) {
    const path = relative(root, name)
    // It did not load, or what goes before its tests has failed.
    const isBroken = fileStatus === 'failed' && !assertionResults.some(isFailed)
    if (isBroken) problems.push(`${path}: ${(message || 'did not run').split('\n')[0]}`)
    for (const result of assertionResults) {
      if (isFailed(result)) failed++
      for (const row of rows) {
        if (!new RegExp(`\\b${row.id}\\b`).test(result.fullName)) continue
        const outcome = ['passed', 'failed'].includes(result.status) ? result.status : 'skipped'
        row.tests.push({ title: result.fullName, file: path, outcome })
      }
    }
  }
  // A leak after the last test, or the run itself.
  if (status !== 0 && failed === 0 && problems.length === 0) {
    problems.push(`the run failed: ${error?.message ?? signal ?? `exit ${status}`}`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const MARKS = { passed: '✓', failed: '✗', skipped: '–' }
const counts = { passed: 0, failed: 0, skipped: 0 }
for (const { id, requirement, tests } of rows) {
  console.log(`\n${id} ${requirement}`)
  if (tests.length === 0) console.log('   ✗ NO TEST')
  for (const { title, file: path, outcome } of tests) {
    console.log(
      `   ${MARKS[outcome]} ${title}  (${path})${outcome === 'skipped' ? `: not run${reasonOf(path, title)}` : ''}`,
    )
    counts[outcome]++
  }
}
if (values.long) timing()

const bare = rows.filter(({ tests }) => !tests.some(({ outcome }) => outcome === 'passed'))
const unnamed = rows.filter(({ tests }) =>
  tests.some((test) => test.outcome === 'skipped' && reasonOf(test.file, test.title) === ''),
)
const { passed, failed, skipped } = counts
console.log(
  `\n${rows.length} requirements; ${passed} tests passed, ${failed} failed, ${skipped} not run`,
)
for (const problem of problems) console.log(`✗ ${problem}`)
if (bare.length > 0) {
  console.log(`without a test that has passed: ${bare.map(({ id }) => id).join(', ')}`)
}
if (unnamed.length > 0) {
  console.log(
    `with a test that was skipped without a reason: ${unnamed.map(({ id }) => id).join(', ')}`,
  )
}
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ rows, problems }, null, 2)}\n`)
}
if (bare.length > 0 || unnamed.length > 0 || failed > 0 || problems.length > 0) process.exitCode = 1

function reasonOf(path, title) {
  const found = MAY_BE_SKIPPED.find((each) => each.file === path && title.includes(each.part))
  return found === undefined ? '' : `, ${found.reason}`
}

function isFailed({ status }) {
  return status === 'failed'
}

/** Not among the tests: it needs a machine that does little else. */
function timing() {
  console.log('\nTimes of refusals (S05)')
  const script = join(own, 'bench/timing.mjs')
  const { status } = spawnSync(process.execPath, [script], { cwd: own, stdio: 'inherit' })
  if (status !== 0) problems.push('bench:timing: it failed, or saw a leak')
}
