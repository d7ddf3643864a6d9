// Packs the package, installs the archive in an empty folder without development packages, imports every entry of
// `exports` there and runs every command of `bin`. Looks whether the console's page is whole and small, and pictures too.
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const root = fileURLToPath(new URL('..', import.meta.url))
const { name, version, exports, bin, devDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
)
/** What an entry imports of its framework; the others take types only. */
const peers = {
  './express-session': ['express-session'],
  './nest': ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'],
}
/** What stands in for a framework that is too large to install for one import. */
const standIns = {
  './next': ['next/headers.js', 'export const headers = undefined, cookies = undefined\n'],
}
const folder = mkdtempSync(join(tmpdir(), `${name}-pack-`))
const npm = (cwd, ...args) =>
  execFileSync('npm', [...args, '--loglevel=error'], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
  })

try {
  npm(root, 'pack', '--pack-destination', folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund']
  npm(folder, ...install, `./${name}-${version}.tgz`)
  // Those that need nothing first.
  const entries = Object.keys(exports).sort((a, b) => Number(a in peers) - Number(b in peers))
  for (const entry of entries) {
    const needed = (peers[entry] ?? []).map((peer) => `${peer}@${devDependencies[peer]}`)
    if (needed.length > 0) npm(folder, ...install, ...needed)
    if (entry in standIns) {
      const [path, text] = standIns[entry]
      const target = join(folder, 'node_modules', path)
      mkdirSync(dirname(target), { recursive: true })
      writeFileSync(join(dirname(target), 'package.json'), '{ "type": "module" }\n')
      writeFileSync(target, text)
    }
    const specifier = entry.replace('.', name)
    const code = `if (Object.keys(await import('${specifier}')).length === 0) throw new Error('no exports')`
    execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    console.log(`${specifier}: imported from the packed archive`)
  }
  for (const command of Object.keys(bin)) {
    const told = execFileSync(join(folder, 'node_modules/.bin', command), ['--version'], {
      encoding: 'utf8',
    })
    if (told.trim() !== version) throw new Error(`${command} --version says ${told}`)
    console.log(`${command}: runs from the packed archive`)
  }
  checkPage(join(folder, 'node_modules', name, 'dist/console'))
  checkPictures(join(folder, 'node_modules', name, 'docs/pictures'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** What a browser loads of the console: all that it names is there, and it is 60 kB at most. */
function checkPage(page) {
  const html = readFileSync(join(page, 'index.html'), 'utf8')
  const named = [...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map(([, path]) => path)
  const bytes = named
    .map((path) => readFileSync(join(page, path)))
    .reduce((all, file) => all + gzipSync(file, { level: 9 }).length, 0)
  if (named.length < 3 || bytes > 60_000) {
    throw new Error(`the page of the console: ${named.length} files, ${bytes} bytes by gzip`)
  }
  console.log(`the console: ${bytes} bytes by gzip`)
}

function checkPictures(pictures) {
  const bytes = readdirSync(pictures).reduce(
    (all, file) => all + statSync(join(pictures, file)).size,
    0,
  )
  if (bytes > 600_000) throw new Error(`pictures of ${bytes} bytes: make them smaller`)
}
