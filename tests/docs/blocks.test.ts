/** The TypeScript of README and docs, compiled as it stands there, against the build. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the package, so that the blocks find it by its own name.
const folder = `${root}tests/docs/.blocks`
const pages = ['README.md', ...readdirSync(`${root}docs`).map((name) => `docs/${name}`)]
const OPTIONS = '--ignoreConfig --noEmit --strict --module nodenext --target es2023 --types node'

/** Pages of frameworks whose own types do not pass without it. */
const SKIPPING = ['docs/h3.md']

/** One module a page: its blocks follow each other. */
function moduleOf(page: string): string | undefined {
  const text = readFileSync(root + page, 'utf8')
  const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, block]) => block)
  return blocks.length === 0 ? undefined : blocks.join('\n')
}

const modules = pages
  .filter((page) => page.endsWith('.md'))
  .map((page) => [page, moduleOf(page)] as const)
  .filter((entry): entry is [string, string] => entry[1] !== undefined)

beforeAll(() => {
  spawnSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
  mkdirSync(folder, { recursive: true })
}, 120_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.each(modules)('%s', (page, code) => {
  const file = `${folder}/${page.replaceAll('/', '-')}.ts`
  writeFileSync(file, code)
  const tsc = `${root}node_modules/typescript/bin/tsc`
  const options = SKIPPING.includes(page) ? `${OPTIONS} --skipLibCheck` : OPTIONS
  const { stdout, status } = spawnSync(process.execPath, [tsc, ...options.split(' '), file], {
    encoding: 'utf8',
    cwd: folder,
  })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
