// What comes along with the package: its dependencies are few, pinned by their content, of licences that ask for nothing
// but to be named, and run nothing when they are installed; and the bill of materials says the same. Publishing is tried, without
// publishing; and the registry's signatures are verified where it offers them. Usage: npm run check:supply [-- [--sbom FILE] [--strict]]
//   --strict   for a release: what could not be looked at is a problem too
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Each further one is a decision: docs/decisions. */
const DEPENDENCIES = ['@standard-schema/spec', 'commander', 'lilconfig']
/** What is in the console's bundle, and so is shipped though it is installed for development alone. */
const BUNDLED = ['@preact/signals', '@preact/signals-core', 'preact', 'uplot']
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
    strict: { type: 'boolean', default: false },
    // Another lock file, and then nothing but that is looked at.
    lock: { type: 'string' },
    // Another list of what is bundled than the one that the bundler makes.
    bundle: { type: 'string' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const bundle = values.bundle ?? join(root, 'dist/console/licenses.md')
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const own = read('package.json')
const { packages } =
  values.lock === undefined
    ? read('package-lock.json')
    : JSON.parse(readFileSync(values.lock, 'utf8'))
const problems = []
const shipped = []
/** @type {string[]} */
const bundled = []
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
  // Others may have packages of the same name below them: those are tools.
  const isBundled = path === `node_modules/${name}` && BUNDLED.includes(name)
  const allowed = isShipped || isBundled ? OURS : TOOLS
  const licenses = new Set([licenceOf(manifest), licenceOf(entry)].filter(Boolean))
  const isUnnamed = licenses.size === 0 && !(entry.dev && UNNAMED.has(name))
  if (isUnnamed) problems.push(`${path}: licence not named`)
  for (const license of licenses) {
    if (!allowed.has(license)) problems.push(`${path}: licence ${JSON.stringify(license)}`)
  }
  // Of tools as well: they run where the package is made.
  if (entry.hasInstallScript) problems.push(`${path}: runs something when it is installed`)
  for (const step of RUN) {
    if (step in (manifest?.scripts ?? {})) problems.push(`${path}: runs something at ${step}`)
  }
  if (isBundled) bundled.push(`${name}@${entry.version} (${[...licenses].join(', ')})`)
  if (isShipped || isBundled) versions.push(`${name}@${entry.version}`)
  if (!isShipped) continue
  shipped.push(name)
  if (own.dependencies[name] !== entry.version) {
    problems.push(`${path}: package.json has ${own.dependencies[name]}, the lock ${entry.version}`)
  }
}

if (shipped.sort().join() !== DEPENDENCIES.join()) {
  problems.push(`shipped are ${shipped.join(', ')}, and not ${DEPENDENCIES.join(', ')}`)
}
if (values.lock === undefined) {
  lookIntoBundle()
  const bill = billOf(versions)
  const billed = bill.components.map(nameOf).sort()
  if (billed.join() !== [...DEPENDENCIES, ...BUNDLED].sort().join()) {
    problems.push(`the bill of materials has ${billed.join(', ')}`)
  }
  if (values.sbom !== undefined) writeFileSync(values.sbom, `${JSON.stringify(bill, null, 2)}\n`)
  tryPublishing()
  verifySignatures()
}

for (const problem of problems) console.error(problem)
console.log(
  `${Object.keys(packages).length - 1} packages, ${shipped.length} of them shipped, ${bundled.length} bundled: ${problems.length} problems`,
)
process.exitCode = problems.length === 0 ? 0 : 1

function nameOf({ 'bom-ref': ref }) {
  return ref.slice(0, ref.lastIndexOf('@'))
}

/** The list is held against what was bundled. */
function lookIntoBundle() {
  if (!existsSync(bundle)) {
    problems.push(`${bundle} is not there: npm run build`)
    return
  }
  const text = readFileSync(bundle, 'utf8')
  const found = [...text.matchAll(/^## (\S+) - (\S+) \((.+)\)$/gm)]
    .map(([, name, version, license]) => `${name}@${version} (${license})`)
    .sort()
    .join(', ')
  const known = [...bundled].sort().join(', ')
  if (found !== known) {
    problems.push(`bundled are ${found}, and not ${known}`)
  }
}

function isNoTool({ name }) {
  return name !== 'cdx:npm:package:development'
}

/** CycloneDX. Not by `npm sbom --omit dev`, which leaves out what tools need as well (npm 11.19: @standard-schema/spec). */
function billOf(wanted) {
  const text = execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx'], {
    ...{ cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
  })
  const all = JSON.parse(text)
  const components = all.components
    .filter((each) => wanted.includes(each['bom-ref']))
    // What is bundled is no tool to whoever has the package.
    .map(({ properties = [], ...rest }) => ({ ...rest, properties: properties.filter(isNoTool) }))
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
  if (status === 0) console.log('publishing: tried, nothing sent')
  if (own.repository === undefined) {
    unverified('provenance: not looked at, it needs `repository` in package.json')
  }
}

/** Not every registry signs, and the keys are somewhere else. Whatever else keeps npm from looking is a problem. */
function verifySignatures() {
  const args = ['audit', 'signatures', '--json', '--fetch-retries=0']
  const { status, error, stdout, stderr } = npm(args)
  let found
  try {
    found = JSON.parse(stdout)
  } catch {
    found = {}
  }
  const { invalid, missing } = found
  if (!Array.isArray(invalid) || !Array.isArray(missing)) {
    const said = found.error?.summary || found.error?.detail || firstLine(stderr)
    const reason = said || error?.message || `exit ${status}`
    const why = reasonOf(`${found.error?.code ?? ''} ${reason}`)
    if (why === undefined) problems.push(`signatures: npm has failed (${reason})`)
    else unverified(`signatures: not looked at, ${why} (${reason})`)
    return
  }
  for (const { name, version } of [...invalid, ...missing]) {
    problems.push(`${name}@${version}: not signed as the registry says that it signs`)
  }
  if (invalid.length + missing.length > 0) return
  if (status === 0) console.log('signatures: all verified')
  else problems.push(`signatures: npm has failed (exit ${status})`)
}

/** @returns why nothing could be looked at, of what is nobody's fault here */
function reasonOf(said) {
  if (/found no (?:installed )?dependencies to audit/.test(said)) return 'the registry offers none'
  // Where npm has the keys from: https://tuf-repo-cdn.sigstore.dev.
  if (/\bTUF_|\btuf-repo/.test(said)) return 'the keys cannot be had'
  return undefined
}

/** What a release does not go without. */
function unverified(text) {
  if (values.strict) problems.push(text)
  else console.log(text)
}

function npm(args) {
  const settings = { cwd: root, encoding: 'utf8', timeout: 120_000, maxBuffer: 64 * 1024 * 1024 }
  return spawnSync('npm', args, settings)
}

function firstLine(text = '') {
  return text.replaceAll('npm error ', '').split('\n')[0].trim()
}
