// Prints what benchmarks have written with --json as Markdown: `node bench/report.mjs FILE …`. With
// `--into docs/performance.md` it goes there instead, between <!-- bench --> and <!-- /bench --> for the
// report of `npm run bench`, and so on.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { tables as growth } from './growth/tables.mjs'
import { tables as http } from './http/tables.mjs'
import { tables as micro } from './micro/tables.mjs'
import { tables as staleness } from './staleness/tables.mjs'
import { renderChecks, renderTables } from './support/markdown.mjs'

const kinds = {
  bench: http,
  'bench:micro': micro,
  'bench:growth': growth,
  'bench:staleness': staleness,
}

function render(report) {
  const tables = renderTables(kinds[report.kind](report))
  if (report.checks === undefined) return tables
  return `${tables}\n\n\`\`\`text\n${renderChecks(report.checks)}\n\`\`\``
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
  const content = render(report)
  if (values.into === undefined) console.log(`${content}\n`)
  else {
    const document = readFileSync(values.into, 'utf8')
    writeFileSync(values.into, replaceBlock(document, report.kind, content))
  }
}
