/** No requirement of docs/security.md is lost, and none is without a test that names it. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('docs/security.md', root), 'utf8')
const [, list = ''] = /<!-- security -->([^]*?)<!-- \/security -->/.exec(page) ?? []
const rows = [...list.matchAll(/^\| (S\d\d) \| .+ \|$/gm)].map(([, id]) => String(id))
const LAST = 32
/** Numbers that are in no row, and what docs/security.md says of them. */
const FREE: ReadonlyMap<string, string> = new Map(
  ['S09', 'S22'].map((id) => [id, 'S09 and S22 name no requirement']),
)

/** Ids at the beginning of a text, as titles have them; not those of the tests of this list itself. */
function idsIn(folder: string): string[] {
  return readdirSync(fileURLToPath(new URL(folder, root)), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/^(?:docs\/security|security\/report)\./.test(name))
    .map((name) => readFileSync(new URL(`${folder}/${name}`, root), 'utf8'))
    .flatMap((text) => [...text.matchAll(/['"`]((?:[A-Z]\d+ )+)\S/g)])
    .flatMap(([, ids = '']) => ids.trim().split(' '))
}

it('docs/security.md has every requirement, or says why not', () => {
  const all = Array.from({ length: LAST }, (_, i) => `S${String(i + 1).padStart(2, '0')}`)
  expect([...rows, ...FREE.keys()].sort()).toEqual(all)
  for (const said of FREE.values()) expect(page).toContain(said)
})

it('each of them has a test whose title begins with its id', () => {
  const titled = new Set(['tests', 'src/testing'].flatMap(idsIn))
  expect(rows.filter((id) => !titled.has(id))).toEqual([])
})
