// Writes protocol/scripts/*.lua into a TypeScript module, so that bundled applications keep the
// scripts. `--check` writes nothing and fails when the module is out of date.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = 'protocol/scripts'
const target = 'src/engines/redis/scripts.generated.ts'

const files = existsSync(join(root, folder))
  ? readdirSync(join(root, folder))
      .filter((file) => file.endsWith('.lua'))
      .sort()
  : []
const entries = files.map((file) => {
  const name = basename(file, '.lua')
  const text = readFileSync(join(root, folder, file), 'utf8')
  return { name, text, sha1: createHash('sha1').update(text).digest('hex') }
})
const union = entries.map(({ name }) => JSON.stringify(name)).join(' | ') || 'never'
const properties = entries.map(
  ({ name, text, sha1 }) => `  ${JSON.stringify(name)}: {
    name: ${JSON.stringify(name)},
    text: ${JSON.stringify(text)},
    sha1: ${JSON.stringify(sha1)},
  },
`,
)
const wanted = `// Generated from ${folder} by scripts/embed-lua.mjs. Do not edit.

export interface LuaScript {
  readonly name: string
  readonly text: string
  /** SHA-1 of the text in hex: the argument of EVALSHA. */
  readonly sha1: string
}

export const scripts: Readonly<Record<${union}, LuaScript>> = {
${properties.join('')}}
`

const path = join(root, target)
const upToDate = existsSync(path) && readFileSync(path, 'utf8') === wanted
if (upToDate) process.exit(0)
if (process.argv.includes('--check')) {
  console.error(`${target} is out of date: run \`node scripts/embed-lua.mjs\``)
  process.exit(1)
}
mkdirSync(dirname(path), { recursive: true })
writeFileSync(path, wanted)
console.log(`${target}: ${entries.length} scripts`)
