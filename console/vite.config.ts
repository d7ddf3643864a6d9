import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync } from 'node:zlib'
import { defineConfig, type Plugin, type UserConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Browsers of 2024 on: they know `light-dark()`, `<dialog>` and container queries. */
const browsers = ['chrome125', 'firefox128', 'safari17.5']

/** Of uPlot only lines are drawn: its bars, steps and splines stay out of the bundle. */
const linesOnly: Plugin = {
  name: 'lines-only',
  transform(code, id) {
    if (!id.endsWith('uPlot.esm.js')) return undefined
    const others = /uPlot\.join = join;|\(paths\.(?:stepped|bars|spline) *= \w+\);/g
    if (code.match(others)?.length !== 4) throw new Error('uPlot is put together otherwise by now')
    return { code: code.replace(others, ''), map: null }
  },
}

/** Beside each file, for browsers behind a slow line: all of them take this one. */
const compressed: Plugin = {
  name: 'compressed',
  writeBundle({ dir }) {
    const folder = join(dir as string, 'assets')
    for (const name of readdirSync(folder)) {
      if (!/\.(?:js|css)$/.test(name)) continue
      writeFileSync(
        join(folder, `${name}.br`),
        brotliCompressSync(readFileSync(join(folder, name))),
      )
    }
  },
}

const config: UserConfig = defineConfig({
  root: here('.'),
  // It is mounted under any path, so nothing of it names one.
  base: './',
  publicDir: false,
  plugins: [linesOnly, compressed],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../dist/console'),
    emptyOutDir: true,
    target: browsers,
    cssTarget: browsers,
    // No data: in what is loaded, and no script in the page: the content security policy forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Whose work is in the bundle.
    license: { fileName: 'licenses.md' },
  },
})

export default config
