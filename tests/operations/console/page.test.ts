import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createConsole } from '../../../src/operations/console/console.ts'
import { PageFiles } from '../../../src/operations/console/page.ts'

let folder: string
let page: PageFiles
const SCRIPT = 'console.log("x")'.repeat(100)

beforeEach(() => {
  folder = `${mkdtempSync(join(tmpdir(), 'sj-page-'))}/`
  page = new PageFiles(folder)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function build(title: string, at = 1_000): void {
  mkdirSync(`${folder}assets`, { recursive: true })
  writeFileSync(`${folder}index.html`, `<title>${title}</title>`)
  utimesSync(`${folder}index.html`, at, at)
  writeFileSync(`${folder}assets/index-Ab3_x9Qz.js`, SCRIPT)
  writeFileSync(`${folder}assets/index-Ab3_x9Qz.js.br`, brotliCompressSync(SCRIPT))
  writeFileSync(`${folder}assets/index-Ab3_x9Qz.js.gz`, gzipSync(SCRIPT))
  writeFileSync(`${folder}icon.svg`, '<svg/>')
  writeFileSync(`${folder}notes.md`, 'x')
}

const ask = (path: string, headers = {}, method = 'GET'): Promise<Response | undefined> =>
  page.answer(path, new Request(`http://localhost/${path}`, { headers, method }))

describe('the page', () => {
  it('that is not built says so, and is there when it is', async () => {
    const missing = await ask('')
    expect(missing?.status).toBe(503)
    expect(await missing?.text()).toContain('npm run build')
    build('one')
    expect(await (await ask(''))?.text()).toBe('<title>one</title>')
  })

  it('is asked for each time, and sent only where it is another', async () => {
    build('one')
    const first = await ask('')
    expect(first?.headers.get('cache-control')).toBe('no-cache')
    expect(first?.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const known = { 'if-none-match': first?.headers.get('etag') ?? '' }
    expect((await ask('', known))?.status).toBe(304)
    build('two', 2_000)
    const second = await ask('', known)
    expect(second?.status).toBe(200)
    expect(await second?.text()).toBe('<title>two</title>')
  })

  it('has files that stand for their content kept, and sent small', async () => {
    build('one')
    const path = 'assets/index-Ab3_x9Qz.js'
    const plain = await ask(path)
    expect(plain?.headers.get('cache-control')).toContain('immutable')
    expect(plain?.headers.get('content-encoding')).toBeNull()
    expect(await plain?.text()).toBe(SCRIPT)
    const small = await ask(path, { 'accept-encoding': 'gzip, deflate, br' })
    expect(small?.headers.get('content-encoding')).toBe('br')
    expect(small?.headers.get('vary')).toBe('accept-encoding')
    const bytes = Buffer.from((await small?.arrayBuffer()) as ArrayBuffer)
    expect(brotliDecompressSync(bytes).toString()).toBe(SCRIPT)
    const gzip = await ask(path, { 'accept-encoding': 'gzip, br;q=0' })
    expect(gzip?.headers.get('content-encoding')).toBe('gzip')
    const made = await ask('icon.svg', { 'accept-encoding': 'gzip' })
    expect(made?.headers.get('content-encoding')).toBe('gzip')
    expect(gunzipSync(Buffer.from((await made?.arrayBuffer()) as ArrayBuffer)).toString()).toBe(
      '<svg/>',
    )
    const head = await ask(path, {}, 'HEAD')
    expect([head?.status, await head?.text()]).toEqual([200, ''])
    expect((await ask('icon.svg'))?.headers.get('cache-control')).toBe('no-cache')
  })

  it('is what is in its folder, and of known kinds: nothing beside it', async () => {
    build('one')
    writeFileSync(`${folder}../secret-${process.pid}.txt`, 'x')
    const others = [
      `../secret-${process.pid}.txt`,
      `assets/../../secret-${process.pid}.txt`,
      `%2e%2e/secret-${process.pid}.txt`,
      '/etc/passwd',
      'assets',
      'assets/index-Ab3_x9Qz.js.br',
      'notes.md',
      'constructor',
      '__proto__',
    ]
    for (const path of others) {
      const request = new Request('http://localhost/')
      expect([path, await page.answer(path, request)]).toEqual([path, undefined])
    }
    rmSync(`${folder}../secret-${process.pid}.txt`)
  })

  it('is found from the sources and from the build', async () => {
    const console = createConsole({
      redis: 'redis://127.0.0.1:1',
      authorize: () => ({ name: 'grace', access: 'read' }),
    })
    const response = await console.fetch(new Request('http://localhost/'))
    const text = await response.text()
    expect(text).toContain('<!doctype html>')
    // At home under any path: nothing begins with a slash.
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '')
    expect(links.length).toBeGreaterThan(1)
    for (const link of links.filter((each) => !each.startsWith('data:'))) {
      expect(link).toMatch(/^\.\/[\w./-]+$/)
      const file = await console.fetch(new Request(new URL(link, 'http://localhost/')))
      expect([link, file.status]).toEqual([link, 200])
    }
    await console.close()
  })
})
