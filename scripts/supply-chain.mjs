// What comes along with the package: its dependencies are few, pinned by their content, of licences that ask for nothing
// but to be named, and run nothing when they are installed; and the bill of materials says the same. Usage: npm run check:supply [-- --sbom FILE]
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Each further one is a decision: docs/decisions. */
const DEPENDENCIES = ['@standard-schema/spec', 'commander', 'lilconfig']
const OURS = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
])
/** Tools that are not shipped may be under these too. */
const TOOLS = new Set([
  ...OURS,
  'MIT OR Apache-2.0',
  'MPL-2.0',
  'CC0-1.0',
  'CC-BY-4.0',
  'Python-2.0',
  'Unlicense',
  '(MIT OR CC0-1.0)',
])
const RUN = ['preinstall', 'install', 'postinstall']

const { values } = parseArgs({ options: { sbom: { type: 'string' } } })
const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const { packages } = read('package-lock.json')
const problems = []
const shipped = []
const versions = []

for (const [path, entry] of Object.entries(packages)) {
  if (path === '' || entry.link) continue
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const isShipped = !entry.dev && !entry.devOptional && !entry.peer && !entry.optional
  if (!entry.integrity?.startsWith('sha512-')) problems.push(`${path}: not pinned by its content`)
  if (entry.resolved !== undefined) problems.push(`${path}: names where it was downloaded from`)
  const manifest = join(path, 'package.json')
  const { license = entry.license, scripts = {} } = existsSync(join(root, manifest))
    ? read(manifest)
    : entry
  const allowed = isShipped ? OURS : TOOLS
  // Packages for other systems are not here to be read.
  if (license !== undefined && !allowed.has(license))
    problems.push(`${path}: licence ${JSON.stringify(license)}`)
  if (!isShipped) continue
  shipped.push(name)
  versions.push(`${name}@${entry.version}`)
  for (const step of RUN) if (step in scripts) problems.push(`${path}: runs something at ${step}`)
}

if (shipped.sort().join() !== DEPENDENCIES.join()) {
  problems.push(`shipped are ${shipped.join(', ')}, and not ${DEPENDENCIES.join(', ')}`)
}
const bill = billOf(versions)
const billed = bill.components.map(nameOf).sort()
if (billed.join() !== DEPENDENCIES.join())
  problems.push(`the bill of materials has ${billed.join(', ')}`)
if (values.sbom !== undefined) writeFileSync(values.sbom, `${JSON.stringify(bill, null, 2)}\n`)

for (const problem of problems) console.error(problem)
console.log(
  `${Object.keys(packages).length - 1} packages, ${shipped.length} of them shipped: ${problems.length} problems`,
)
process.exitCode = problems.length === 0 ? 0 : 1

function nameOf({ 'bom-ref': ref }) {
  return ref.slice(0, ref.lastIndexOf('@'))
}

/** CycloneDX. Not by `npm sbom --omit dev`, which leaves out what tools need as well (npm 11.19: @standard-schema/spec). */
function billOf(wanted) {
  const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    ...{ cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  })
  const all = JSON.parse(text)
  const components = all.components.filter((each) => wanted.includes(each['bom-ref']))
  const refs = new Set([
    all.metadata.component['bom-ref'],
    ...components.map((each) => each['bom-ref']),
  ])
  const dependencies = all.dependencies
    .filter(({ ref }) => refs.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((each) => refs.has(each)) }))
  return { ...all, components, dependencies }
}
