/**
 * The console's page under load: 2,000 events a second for 20 s from the fixture of its tests, the view of events open.
 * Prints the longest time in which the page does not answer (long tasks, and the longest task of the trace), the heap
 * before and after, and what the page says of events that it has not shown. Exit code 1 where a limit is passed.
 * Usage: node bench/console/main.mjs [--events 2000] [--seconds 20]
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'
import { isResponsive, LONGEST, MOST_GROWN, measurePage, told } from './measure.mjs'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '20' },
  },
})
const seconds = Number(values.seconds)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const load = async (path) => (await runnerImport(here(path))).module
const { startFixture, scenarios } = await load('../../tests/console/fixture/server.ts')
const { startBrowser, openPage } = await load('../../tests/console/browser.ts')

const fixture = await startFixture({
  root: here('../../dist/console'),
  scenario: { ...scenarios.busy, events: Number(values.events) },
})
const browser = await startBrowser()
try {
  const { page } = await openPage(browser, `${fixture.url}#/events`)
  await page.getByText(/^1,000 events/).waitFor()
  // What comes once, at the start, is not what is measured.
  await page.waitForTimeout(2_000)
  const measured = await measurePage(browser, page, () => page.waitForTimeout(seconds * 1_000))
  const dropped = await page.getByText(/came faster than they can be shown$/).innerText()
  const rows = await page.locator('tr[data-row]').count()
  console.log(`${values.events} events a second for ${seconds} s`)
  for (const line of told(measured)) console.log(line)
  console.log(`rows in the document: ${rows}; “${dropped}”`)
  if (!isResponsive(measured)) {
    console.error(`more than ${LONGEST} ms, or ${MOST_GROWN} MiB`)
    process.exitCode = 1
  }
} finally {
  await browser.close()
  await fixture.close()
}
