/**
 * The console's page under load: 2,000 events a second for 20 s from the fixture of its tests, the view of events open.
 * Prints the longest time in which the page does not answer (long tasks, and the longest task of the trace), the heap
 * before and after, and what the page says of events that it has not shown. Exit code 1 where a limit is passed.
 * Usage: node bench/console/main.mjs [--events 2000] [--seconds 20]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const LONGEST = 100
const MOST_GROWN = 16
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

const folder = mkdtempSync(join(tmpdir(), 'sojourn-console-bench-'))
const trace = join(folder, 'trace.json')
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
  const session = await page.context().newCDPSession(page)
  const heap = async () => {
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    return usedSize / 1_048_576
  }
  const before = await heap()
  await page.evaluate(() => {
    globalThis.longTasks = []
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration)
    }).observe({ type: 'longtask' })
  })
  await browser.startTracing(page, { path: trace, categories: ['toplevel', 'devtools.timeline'] })
  await page.waitForTimeout(seconds * 1_000)
  await browser.stopTracing()
  const longTasks = await page.evaluate(() => globalThis.longTasks)
  const after = await heap()
  const dropped = await page.getByText(/came faster than they can be shown$/).innerText()
  const rows = await page.locator('tr[data-row]').count()
  const longest = longestTask(JSON.parse(readFileSync(trace, 'utf8')))
  console.log(`${values.events} events a second for ${seconds} s`)
  console.log(
    `long tasks (over 50 ms): ${longTasks.length}, longest ${Math.max(0, ...longTasks).toFixed(0)} ms`,
  )
  const { wall, processor } = longest
  console.log(
    `longest task of the trace: ${wall.toFixed(0)} ms, or ${processor.toFixed(0)} ms of the processor's time`,
  )
  console.log(`heap: ${before.toFixed(1)} MiB before, ${after.toFixed(1)} MiB after`)
  console.log(`rows in the document: ${rows}; “${dropped}”`)
  if (processor >= LONGEST || Math.max(0, ...longTasks) >= LONGEST || after - before > MOST_GROWN) {
    console.error(`more than ${LONGEST} ms, or ${MOST_GROWN} MiB`)
    process.exitCode = 1
  }
} finally {
  await browser.close()
  await fixture.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Of the page's own thread, milliseconds. */
function longestTask({ traceEvents }) {
  const threads = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain',
  )
  const isPage = ({ pid, tid }) =>
    threads.some((thread) => thread.pid === pid && thread.tid === tid)
  const tasks = traceEvents.filter(
    (event) => event.ph === 'X' && /RunTask/.test(event.name) && isPage(event),
  )
  if (tasks.length === 0) throw new Error('the trace tells of no task')
  // On a machine that has other work a task lasts longer than it works.
  return {
    wall: Math.max(...tasks.map(({ dur }) => dur / 1_000)),
    processor: Math.max(...tasks.map(({ tdur = 0 }) => tdur / 1_000)),
  }
}
