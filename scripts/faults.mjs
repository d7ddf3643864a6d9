// The fault suite: servers are killed, hung, cut off and emptied under load, and what is left is looked at.
// Usage: npm run test:faults [-- [--long] [--into FILE] [a part of a test file's name …]]
//   --long       the numbers of the list of faults, where the usual run has smaller ones
//   --into FILE  writes the table of what was seen into it, between the lines `<!-- faults -->`
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MARK = '<!-- faults -->'
const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({
  options: { long: { type: 'boolean', default: false }, into: { type: 'string' } },
  allowPositionals: true,
})
const folder = mkdtempSync(join(tmpdir(), 'sj-faults-'))
const file = join(folder, 'rows.json')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const files = positionals.length > 0 ? positionals : ['tests/faults']
const { status } = spawnSync(process.execPath, [vitest, 'run', ...files], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    SOJOURN_FAULT_TABLE: file,
    ...(values.long ? { SOJOURN_FULL: '1' } : {}),
  },
})
const rows = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
rmSync(folder, { recursive: true, force: true })
if (rows.length > 0) {
  const text = table(rows)
  console.log(`\n${text}`)
  if (values.into !== undefined) insert(values.into, text)
}
process.exitCode = status ?? 1

function table(all) {
  const cells = ['operations', 'acknowledged', 'indeterminate', 'lost', 'signOuts', 'durable']
  const lines = all.map((row) =>
    [
      `${row.topology}: ${row.fault}`,
      ...cells.map((name) => row[name].toLocaleString('en')),
      row.resurrected,
      `${row.staleMs} ms`,
      `${row.recoveredMs} ms`,
    ].join(' | '),
  )
  return [
    '| fault | operations | changes acknowledged | unknown | lost | sign-outs | of them durable | undone | longest stale | served again after |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines.map((line) => `| ${line} |`),
  ].join('\n')
}

function insert(path, text) {
  const parts = readFileSync(path, 'utf8').split(MARK)
  if (parts.length !== 3) throw new Error(`${path} has no two lines ${MARK}`)
  writeFileSync(path, [parts[0], `\n\n${text}\n\n`, parts[2]].join(MARK))
}
