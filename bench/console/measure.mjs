// How long a page does not answer, and what it keeps, while something happens to it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Milliseconds, and MiB. */
export const LONGEST = 100
export const MOST_GROWN = 16

/**
 * @param work what is done meanwhile; resolves when it is over
 * @returns `longTasks` (over 50 ms), `wall` and `processor` of the longest task of the trace, milliseconds; `before` and
 * `after`: the heap, MiB
 */
export async function measurePage(browser, page, work) {
  const folder = mkdtempSync(join(tmpdir(), 'sojourn-console-bench-'))
  const trace = join(folder, 'trace.json')
  try {
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
    await work()
    await browser.stopTracing()
    const longTasks = await page.evaluate(() => globalThis.longTasks)
    const after = await heap()
    return { longTasks, before, after, ...longestTask(JSON.parse(readFileSync(trace, 'utf8'))) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const isResponsive = ({ processor, longTasks, before, after }) =>
  processor < LONGEST && Math.max(0, ...longTasks) < LONGEST && after - before <= MOST_GROWN

/** Lines for people. */
export function told({ longTasks, wall, processor, before, after }) {
  return [
    `long tasks (over 50 ms): ${longTasks.length}, longest ${Math.max(0, ...longTasks).toFixed(0)} ms`,
    `longest task of the trace: ${wall.toFixed(0)} ms, or ${processor.toFixed(0)} ms of the processor's time`,
    `heap: ${before.toFixed(1)} MiB before, ${after.toFixed(1)} MiB after`,
  ]
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
