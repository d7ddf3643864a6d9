import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export interface Built {
  readonly root: string
  remove(): void
}

/** The page of this checkout, as it is now, built as it is published: a second. */
export function builtPage(): Built {
  const root = mkdtempSync(join(tmpdir(), 'sojourn-console-'))
  const vite = here('../../node_modules/vite/bin/vite.js')
  const config = here('../../console/vite.config.ts')
  const args = [vite, 'build', '-c', config, '--outDir', root, '--logLevel', 'warn']
  const { NODE_ENV: _, ...env } = process.env
  const { status, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`the page does not build: ${stderr}`)
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) }
}
