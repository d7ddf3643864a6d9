// Builds clients/java and runs its tests, against a real Redis and the library as it is built for Node.
// Usage: npm run test:java   (MAVEN: another command than `mvn`)
// Where there is no JDK 17 (or newer) with Maven it says so, and that is no failure.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jdk, MAVEN } from './jdk.mjs'

const project = fileURLToPath(new URL('../clients/java', import.meta.url))

const MODULES = ['sojourn-core', 'sojourn-spring-session', 'sojourn-spring-session-boot4']
const REPORTS = MODULES.map((module) => join(project, module, 'target/surefire-reports'))

/** What the reports say, and why tests were skipped. */
function results() {
  const total = { tests: 0, failed: 0, skipped: 0 }
  const reasons = new Set()
  for (const folder of REPORTS) {
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      if (!name.endsWith('.xml')) continue
      const report = readFileSync(join(folder, name), 'utf8')
      const suite = /<testsuite [^>]*>/.exec(report)?.[0] ?? ''
      const number = (attribute) =>
        Number(new RegExp(` ${attribute}="(\\d+)"`).exec(suite)?.[1] ?? 0)
      total.tests += number('tests')
      total.failed += number('failures') + number('errors')
      total.skipped += number('skipped')
      for (const [, reason] of report.matchAll(/Assumption failed: (skipped: [^\n<\]]*)/g))
        reasons.add(reason)
    }
  }
  return { ...total, reasons }
}

if (jdk() === undefined) {
  console.log('skipped: no JDK 17 with Maven')
} else {
  for (const folder of REPORTS) rmSync(folder, { recursive: true, force: true })
  const started = performance.now()
  const { status } = spawnSync(MAVEN, ['-q', '-B', 'verify'], { cwd: project, stdio: 'inherit' })
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const { tests, failed, skipped, reasons } = results()
  for (const reason of reasons) console.log(reason)
  console.log(
    `clients/java: ${tests - failed - skipped} passed, ${failed} failed, ${skipped} skipped`,
  )
  console.log(`(${seconds} s)`)
  // Nothing that has run has shown nothing.
  process.exitCode = status === 0 && tests > 0 ? 0 : 1
}
