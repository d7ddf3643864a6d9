/** Debian's Chromium without a window, for the console's page. `SOJOURN_CHROMIUM` names another. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

function find(): string | undefined {
  const named = process.env['SOJOURN_CHROMIUM']?.trim()
  if (named) return named
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

const executablePath = find()
/** Without a browser there is nothing to test, but where all has to be tested. */
export const isSkipped: boolean = executablePath === undefined && process.env['CI'] !== 'true'
if (isSkipped) console.log('no chromium on PATH: the tests of the console in a browser are skipped')

export function startBrowser(): Promise<Browser> {
  if (executablePath === undefined) {
    throw new Error('chromium is not on PATH: install it, or name one with SOJOURN_CHROMIUM')
  }
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return chromium.launch({ executablePath, args })
}

export interface Opened {
  readonly page: Page
  /** What the content security policy has refused, and errors that nobody has caught. */
  readonly troubles: readonly string[]
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ timezoneId: 'UTC', ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const troubles: string[] = []
  page.on('pageerror', (error) => troubles.push(`uncaught: ${error.message}`))
  page.on('console', (message) => {
    const text = message.text()
    if (/Content Security Policy/.test(text)) troubles.push(text)
  })
  await page.goto(url)
  return { page, troubles }
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly {
      readonly target: readonly unknown[]
      readonly failureSummary: string
    }[]
  }[]
}

/** What axe has against the page as it is now. */
export async function axeViolations(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(options: object): Promise<AxeResults> } }).axe.run({
      resultTypes: ['violations'],
    }),
  )
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target.join(' ')}: ${failureSummary}`),
  )
}
