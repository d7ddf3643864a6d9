// Enforces the direction of imports in src. Usage: node scripts/check-imports.mjs [root]
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)))

/** What each layer may import besides itself. A path ending in `/` means a folder. */
const layers = {
  core: [],
  engines: ['core/'],
  adopt: ['core/'],
  frameworks: ['core/', 'index.ts'],
  operations: ['core/', 'engines/', 'index.ts'],
  console: ['core/', 'index.ts', 'operations/'],
  cli: ['core/', 'index.ts', 'operations/', 'console/'],
  testing: ['core/', 'engines/'],
}
/** Files above the layers: they put the parts together and may import all of them. */
const assembly = ['index.ts', 'create-sessions.ts']
/** The only packages that core may import. */
const corePackages = ['@standard-schema/spec']
/** The folders in frameworks that the others may import. */
const sharedFrameworks = ['node', 'fetch']
/** Frameworks that run on others. */
const platforms = { nest: ['express', 'fastify'], express: ['express-compat'] }

// One pass over the text. Comments, regular expressions, templates and plain strings are matched
// first so that an import written inside one of them does not count.
const tokens = new RegExp(
  [
    /\/\/.*|\/\*[^]*?\*\//,
    /(?<=(?:[=(,:;[!&|?{}>]|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//,
    /`(?:\\[^]|[^`\\])*`/,
    /(?<![\w$.])(?:from|import|import\s*\(|require\s*\()\s*(?:\/\*[^]*?\*\/\s*)?(?:'(?<single>[^'\n]+)'|"(?<double>[^"\n]+)")/,
    /(?<![\w$.])(?<computed>import\s*\()(?!\s*['"])/,
    /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/,
  ]
    .map((part) => part.source)
    .join('|'),
  'g',
)

function* importsOf(text) {
  for (const match of text.matchAll(tokens)) {
    const { single, double, computed } = match.groups
    if (single ?? double ?? computed) {
      const line = text.slice(0, match.index).split('\n').length
      yield { specifier: single ?? double, line }
    }
  }
}

/** Why `file` may not import `specifier`, or nothing. Paths are relative to src, with `/`. */
function violation(file, specifier) {
  // The one that reads the user's own file.
  if (specifier === undefined && file === 'cli/config-file.ts') return
  if (specifier === undefined) return 'import() of a computed path cannot be checked'
  if (/^sojourn(?:\/|$)/.test(specifier)) return 'src imports its own files by relative path'
  const layer = file.includes('/') ? file.slice(0, file.indexOf('/')) : ''
  if (!specifier.startsWith('.')) {
    if (specifier.startsWith('node:')) return
    if (builtinModules.includes(specifier)) return `write node:${specifier}`
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/')
    if (layer === 'core' && !corePackages.includes(name))
      return `core may import only these packages: ${corePackages.join(', ')}`
    return
  }
  if (layer === '' && assembly.includes(file)) return
  const target = join(dirname(file), specifier).split(sep).join('/')
  if (target.startsWith('../')) return 'the path leaves src'
  const allowed = layers[layer]
  if (!allowed) return `no rule for ${layer ? `src/${layer}` : `src/${file}`}: add one`
  if (target.startsWith(`${layer}/`)) {
    if (layer !== 'frameworks') return
    const [, mine] = file.split('/')
    const [, theirs] = target.split('/')
    const others = [...sharedFrameworks, ...(platforms[mine] ?? [])]
    if (mine === theirs || others.includes(theirs)) return
    return `a framework may import only its own folder and frameworks/${others.join(', ')}`
  }
  if (allowed.some((path) => (path.endsWith('/') ? target.startsWith(path) : target === path)))
    return
  return `${layer} may import only ${[`${layer}/`, ...allowed].join(', ')}`
}

const source = join(root, 'src')
const paths = existsSync(source)
  ? readdirSync(source, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.(?:[cm]?[jt]s|tsx)$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
  : []
let failures = 0
for (const path of paths) {
  const file = relative(source, path).split(sep).join('/')
  for (const { specifier, line } of importsOf(readFileSync(path, 'utf8'))) {
    const reason = violation(file, specifier)
    if (!reason) continue
    failures += 1
    console.error(`src/${file}:${line}: ${specifier ?? 'import()'}: ${reason}`)
  }
}
if (failures) process.exit(1)
