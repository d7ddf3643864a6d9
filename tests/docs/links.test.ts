/** Where README, docs and what the code says lead to: files that there are, and headings in them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { rules } from '../../src/operations/doctor/examine.ts'
import { docsOf } from '../../src/operations/doctor/finding.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
/** Below a folder, without what is installed or made. */
const filesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isFile()) return [path]
    return /^(?:\..*|node_modules|dist.*|target)$/.test(entry.name) ? [] : filesIn(path)
  })

const files = filesIn('.')
const pages = files.filter((path) => path.endsWith('.md'))
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '')

/** As GitHub makes them: of two headings that are called the same the second one is `-1`. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(read(page)).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim()
    const anchor = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
      .replaceAll(' ', '-')
    let [other, count] = [anchor, 0]
    while (anchors.has(other)) other = `${anchor}-${++count}`
    anchors.add(other)
  }
  return anchors
}

/** @returns why it leads nowhere */
function broken(from: string, link: string): string | undefined {
  const [path = '', anchor] = link.split('#')
  const to = path === '' ? from : normalize(join(dirname(from), path))
  if (!existsSync(join(root, to))) return `${from}: there is no ${to}`
  if (anchor === undefined || !to.endsWith('.md') || anchorsOf(to).has(anchor)) return undefined
  return `${from}: ${to} has no heading #${anchor}`
}

it('links of the pages', () => {
  const links = pages.flatMap((page) => {
    const text = withoutCode(read(page)).replaceAll(/`[^`\n]*`/g, '')
    const inText = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    const inHtml = [...text.matchAll(/ (?:src|srcset|href)="([^"]+)"/g)]
    return [...inText, ...inHtml].map(([, link = '']) => [page, link] as const)
  })
  const own = links.filter(([, link]) => !/^[a-z]+:/.test(link))
  expect(own.length).toBeGreaterThan(400)
  expect(own.map(([page, link]) => broken(page, link)).filter(Boolean)).toEqual([])
})

it('pages that the code names', () => {
  const code = files.filter((path) => /^(?:src|console\/src|dashboards)\//.test(path))
  const named = code.flatMap((file) =>
    [...read(file).matchAll(/\bdocs\/[a-z0-9/-]+\.md(?:#[\w-]+)?/g)].map(([link]) => link),
  )
  expect(named.length).toBeGreaterThan(10)
  expect(named.map((link) => broken('README.md', link)).filter(Boolean)).toEqual([])
})

it.each(rules.map(({ id }) => id))('what there is to read of %s', (id) => {
  const link = docsOf(id)
  // The package is called sojourn, and has its docs.
  const { name, files: packed } = JSON.parse(read('package.json'))
  expect(packed).toContain('docs')
  expect(link.startsWith(`node_modules/${name}/`)).toBe(true)
  expect(broken('README.md', link.replace(`node_modules/${name}/`, ''))).toBeUndefined()
})

it('every picture is shown somewhere', () => {
  const shown = pages.map(read).join('\n')
  const pictures = filesIn('docs/pictures').map((path) => path.replace('docs/', ''))
  expect(pictures.length).toBeGreaterThan(4)
  expect(pictures.filter((path) => !shown.includes(path))).toEqual([])
})
