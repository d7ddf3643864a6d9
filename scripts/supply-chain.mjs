// What comes along with the package: its dependencies are few, pinned by their content, of licences that ask for nothing
// but to be named, and run nothing when they are installed; and the bill of materials says the same. Publishing is tried, without
// publishing; and the registry's signatures are verified where it offers them. Usage: npm run check:supply [-- --sbom FILE]
import { execFileSync, spawnSync } from 'node:child_process'
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
/** Tools of one function each that name no licence; never shipped. */
const UNNAMED = new Set(['only', 'pause'])
const RUN = ['preinstall', 'install', 'postinstall']
const PINNED = /^sha512-[A-Za-z0-9+/]{86}==$/

const { values } = parseArgs({
  options: {
    sbom: { type: 'string' },
    // Another lock file, and then nothing but that is looked at.
    lock: { type: 'string' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const own = read('package.json')
const { packages } =
  values.lock === undefined
    ? read('package-lock.json')
    : JSON.parse(readFileSync(values.lock, 'utf8'))
const problems = []
const shipped = []
const versions = []

for (const [path, entry] of Object.entries(packages)) {
  if (path === '' || entry.link) continue
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  // Whoever installs the package gets all that is not for its development alone: optional ones and peers too.
  const isShipped = !entry.dev
  if (!PINNED.test(entry.integrity ?? '')) problems.push(`${path}: not pinned by its content`)
  if (entry.resolved !== undefined) problems.push(`${path}: names where it was downloaded from`)
  const file = join(path, 'package.json')
  // Packages for other systems are not here to be read.
  const manifest = existsSync(join(root, file)) ? read(file) : undefined
  if (manifest !== undefined && manifest.version !== entry.version) {
    problems.push(`${path}: ${manifest.version} is here, ${entry.version} in the lock`)
  }
  const license = licenceOf(manifest) ?? entry.license
  const allowed = isShipped ? OURS : TOOLS
  const isKnown = license === undefined ? !isShipped && UNNAMED.has(name) : allowed.has(license)
  if (!isKnown) problems.push(`${path}: licence ${JSON.stringify(license ?? 'not named')}`)
  // Of tools as well: they run where the package is made.
  if (entry.hasInstallScript) problems.push(`${path}: runs something when it is installed`)
  for (const step of RUN) {
    if (step in (manifest?.scripts ?? {})) problems.push(`${path}: runs something at ${step}`)
  }
  if (!isShipped) continue
  shipped.push(name)
  versions.push(`${name}@${entry.version}`)
  if (own.dependencies[name] !== entry.version) {
    problems.push(`${path}: package.json has ${own.dependencies[name]}, the lock ${entry.version}`)
  }
}

if (shipped.sort().join() !== DEPENDENCIES.join()) {
  problems.push(`shipped are ${shipped.join(', ')}, and not ${DEPENDENCIES.join(', ')}`)
}
if (values.lock === undefined) {
  const bill = billOf(versions)
  const billed = bill.components.map(nameOf).sort()
  if (billed.join() !== DEPENDENCIES.join()) {
    problems.push(`the bill of materials has ${billed.join(', ')}`)
  }
  if (values.sbom !== undefined) writeFileSync(values.sbom, `${JSON.stringify(bill, null, 2)}\n`)
  tryPublishing()
  verifySignatures()
}

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

/** Older packages have a list, or write it otherwise. */
function licenceOf({ license, licenses } = {}) {
  const found = license ?? licenses?.[0]?.type
  return found === 'Apache 2.0' ? 'Apache-2.0' : found
}

/** All but the upload: what npm refuses is refused here. */
function tryPublishing() {
  const args = ['publish', '--dry-run', '--ignore-scripts', '--json']
  const { status, stdout, stderr } = npm(args)
  const { access, provenance } = own.publishConfig ?? {}
  if (status !== 0) problems.push(`publishing would fail: ${firstLine(stderr)}`)
  else if (!stdout.includes(`"${own.name}@${own.version}"`)) problems.push('publishes another name')
  if (access !== 'public' || provenance !== true) {
    problems.push('publishConfig asks for no public access with provenance')
  }
  const where =
    own.repository === undefined ? '; provenance needs `repository` in package.json' : ''
  if (status === 0) console.log(`publishing: tried, nothing sent${where}`)
}

/** Not every registry signs, and the keys are somewhere else: what cannot be looked at is said, what is wrong is a problem. */
function verifySignatures() {
  const { status, stdout, stderr } = npm(['audit', 'signatures', '--json', '--fetch-retries=0'])
  let found
  try {
    found = JSON.parse(stdout)
  } catch {
    found = {}
  }
  const { invalid, missing } = found
  if (invalid === undefined || missing === undefined) {
    const reason = found.error?.summary || found.error?.detail || firstLine(stderr)
    console.log(`signatures: not looked at, not offered here (${reason || `exit ${status}`})`)
    return
  }
  for (const { name, version } of [...invalid, ...missing]) {
    problems.push(`${name}@${version}: not signed as the registry says that it signs`)
  }
  if (invalid.length + missing.length === 0) console.log('signatures: all verified')
}

function npm(args) {
  const settings = { cwd: root, encoding: 'utf8', timeout: 120_000, maxBuffer: 64 * 1024 * 1024 }
  return spawnSync('npm', args, settings)
}

function firstLine(text = '') {
  return text.replaceAll('npm error ', '').split('\n')[0].trim()
}
