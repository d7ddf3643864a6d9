// Prints what a benchmark has written with --json as Markdown: `node bench/report.mjs FILE …`.
import { readFileSync } from 'node:fs'
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

const files = process.argv.slice(2)
if (files.length === 0) {
  console.error('usage: node bench/report.mjs FILE …')
  process.exit(1)
}
for (const file of files) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const tables = kinds[report.kind]
  if (tables === undefined) throw new Error(`${file} is not the report of a benchmark`)
  console.log(`${renderTables(tables(report))}\n`)
  if (report.checks !== undefined) console.log(`\`\`\`\n${renderChecks(report.checks)}\n\`\`\`\n`)
}
