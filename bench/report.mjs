// Prints what benchmarks have written with --json as Markdown: `node bench/report.mjs FILE …`. With
// `--into docs/performance.md` it goes there instead, between <!-- bench --> and <!-- /bench --> for the
// report of `npm run bench`, and so on.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import * as django from './django/tables.mjs'
import * as growth from './growth/tables.mjs'
import { inShort } from './http/in-short.mjs'
import * as http from './http/tables.mjs'
import * as micro from './micro/tables.mjs'
import * as migrate from './migrate/tables.mjs'
import * as soak from './soak/tables.mjs'
import * as spring from './spring/tables.mjs'
import * as staleness from './staleness/tables.mjs'
import { renderChecks, renderTables } from './support/markdown.mjs'

const kinds = {
  bench: http,
  'bench:micro': micro,
  'bench:django': django,
  'bench:growth': growth,
  'bench:migrate': migrate,
  'bench:spring': spring,
  'bench:staleness': staleness,
  soak,
}

function render(report) {
  const parts = report.kind === 'bench' ? [inShort(report)] : []
  parts.push(renderTables(kinds[report.kind].tables(report)))
  if (report.checks !== undefined) parts.push(`\`\`\`text\n${renderChecks(report.checks)}\n\`\`\``)
  return parts.join('\n\n')
}

function replaceBlock(document, kind, content) {
  const [start, end] = [`<!-- ${kind} -->`, `<!-- /${kind} -->`]
  const from = document.indexOf(start)
  const to = document.indexOf(end)
  if (from === -1 || to < from) throw new Error(`there is no ${start} … ${end} to write between`)
  return `${document.slice(0, from + start.length)}\n\n${content}\n\n${document.slice(to)}`
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { into: { type: 'string' } },
})
if (positionals.length === 0) {
  console.error('usage: node bench/report.mjs [--into FILE.md] FILE.json …')
  process.exit(1)
}
for (const file of positionals) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  if (kinds[report.kind] === undefined) throw new Error(`${file} is not a benchmark's report`)
  if (report.format !== kinds[report.kind].FORMAT) {
    throw new Error(`${file} was written by another version of the benchmark: measure again`)
  }
  const content = render(report)
  if (values.into === undefined) console.log(`${content}\n`)
  else {
    const document = readFileSync(values.into, 'utf8')
    writeFileSync(values.into, replaceBlock(document, report.kind, content))
  }
}
