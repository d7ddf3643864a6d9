import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { say } from './talk.ts'

/** By then a browser has read it. Milliseconds. */
const KEPT = 30_000

/**
 * By a page that leads to the link, and that only this user may read: what programs are given others see in `ps`.
 * @returns a function that removes the page, which is done anyway after half a minute
 */
export function openBrowser(link: string): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-'))
  const remove = (): void => {
    clearTimeout(later)
    rmSync(folder, { recursive: true, force: true })
  }
  const later = setTimeout(remove, KEPT).unref()
  const page = join(folder, 'console.html')
  writeFileSync(page, pageTo(link), { mode: 0o600 })
  const ways: Partial<Record<NodeJS.Platform, readonly string[]>> = {
    darwin: ['open'],
    win32: ['rundll32', 'url.dll,FileProtocolHandler'],
  }
  const [command = '', ...args] = ways[process.platform] ?? ['xdg-open']
  const child = spawn(command, [...args, pathToFileURL(page).href], {
    stdio: 'ignore',
    detached: true,
  })
  child.on('error', () => say('no browser was found: open the link by hand'))
  child.unref()
  return remove
}

/** The link's host may be an --origin, which is an origin and nothing more: it holds nothing that means something here. */
const pageTo = (link: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url=${link}">
<title>Sojourn</title>
<p><a href="${link}">To the console</a></p>
</html>
`
