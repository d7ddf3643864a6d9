// Commands of the on-call beside an application's requests, with a million sessions: `npm run bench:operations
// [-- --quick] [--sessions N] [--json FILE]`. Ends with 1 when others' requests wait too long, or memory grows.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSessions } from '../../dist/index.js'
import { isResponsive, LONGEST, MOST_GROWN, measurePage, told } from '../console/measure.mjs'
import { startChild } from '../support/child.mjs'
import { figure, renderChecks, renderTables } from '../support/markdown.mjs'
import { prepare } from '../support/run.mjs'

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const AT_ONCE = 128
const CALM = 10_000
/** Of the console: a second, for so many seconds; then so many pieces of the list. */
const [EVENTS, SECONDS, PIECES] = [2_000, 20, 20]
/** Milliseconds, and MiB. */
const MOST_P99 = 5
const MOST_MEMORY = 256

const options = { sessions: { type: 'string' } }
const run = prepare('bench:operations', { longest: 30 * 60_000, options })
const count = Number(run.values.sessions ?? (run.quick ? 50_000 : 1_000_000))
const ofMany = Math.round(count / 100)
const redis = await run.startRedis()
const secret = randomBytes(32).toString('base64')

const sessions = createSessions({ redis: redis.socket, secrets: [secret], commandTimeout: '30s' })
let made = 0
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (made < count) {
      const number = made++
      const session = await sessions.open()
      session.set('cart', [{ sku: 'A-1', count: number % 7 }])
      const principal = number < ofMany ? 'many devices' : `user ${number}`
      await session.login(principal, { keep: ['cart'] })
      if (number % 100_000 === 0) run.say(`${number} sessions`)
    }
  }),
)
await sessions.close()
run.say(`${count} sessions are stored`)

const program = new URL('others.mjs', import.meta.url)
const others = await startChild(program, { redis: redis.socket, secret })
run.ends(() => void others.kill())
await sleep(1_000)
await others.ask('since')
await sleep(CALM)
const calm = await others.ask('since')

const results = [{ command: '(none)', others: calm }]
for (const args of [
  ['ls', '--limit', '0', '--json'],
  ['revoke', '--principal', 'many devices', '--yes'],
  ['revoke', '--all', '--dry-run'],
]) {
  results.push(await during(args))
  run.say(`${args.join(' ')}: ${JSON.stringify(results.at(-1))}`)
}

/** Runs the command as it is shipped. @returns how long it took, its memory, and what others waited for meanwhile */
async function during(args) {
  await others.ask('since')
  const from = performance.now()
  const child = spawn(process.execPath, [CLI, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, SOJOURN_REDIS: redis.socket, SOJOURN_SECRETS: secret },
  })
  run.ends(() => child.kill('SIGKILL'))
  let [lines, talk, peak] = [0, 0, 0]
  child.stdout.on('data', (data) => {
    for (const byte of data) if (byte === 10) lines++
  })
  child.stderr.on('data', (data) => {
    for (const byte of data) if (byte === 10) talk++
  })
  const look = setInterval(() => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
  }, 200)
  const [code] = await once(child, 'exit')
  clearInterval(look)
  const took = performance.now() - from
  return {
    command: args.join(' '),
    code,
    took,
    peak,
    lines,
    talk,
    others: await others.ask('since'),
  }
}

const page = run.quick && run.values.sessions === undefined ? undefined : await inBrowser()

/** The console by the command line, in Chromium: events as they come, then pieces of the list of all sessions. */
async function inBrowser() {
  const { runnerImport } = await import('vite')
  const { startBrowser, openPage } = (
    await runnerImport(fileURLToPath(new URL('../../tests/console/browser.ts', import.meta.url)))
  ).module
  const child = spawn(process.execPath, [CLI, 'console', '--json', '--values'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, SOJOURN_REDIS: redis.socket, SOJOURN_SECRETS: secret },
  })
  run.ends(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data')
  const { link, url } = JSON.parse(String(line))
  const browser = await startBrowser()
  run.ends(() => void browser.close())
  const { page: opened } = await openPage(browser, link)
  await opened.goto(`${url}#/events`)
  await opened.getByRole('heading', { name: 'Events' }).waitFor()
  await others.ask('tell', { rate: EVENTS, seconds: 2 })
  let events = 0
  const measured = await measurePage(browser, opened, async () => {
    events = await others.ask('tell', { rate: EVENTS, seconds: SECONDS })
    await opened.goto(`${url}#/sessions`)
    for (let piece = 0; piece < PIECES; piece++) {
      await opened.getByRole('button', { name: 'Look further' }).click()
      await opened.waitForTimeout(300)
    }
    await opened.goto(`${url}#/overview`)
    await opened.waitForTimeout(3_000)
  })
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  const server = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024
  await browser.close()
  child.kill('SIGINT')
  return { ...measured, events, server }
}

const rows = results.map(({ command, took, peak, lines, others: { p50, p99, max, failed } }) => [
  ...[`\`${command}\``, figure(took === undefined ? undefined : took / 1_000, 1), figure(lines)],
  ...[figure(peak), figure(p50, 2), figure(p99, 2), figure(max, 1), failed],
])
const [memory] = /used_memory:\d+/.exec(await redis.command('INFO', 'memory')) ?? ['']
const report = run.report({ sessions: count, memory: Number(memory.split(':')[1]), results, page })
const head = ['command', 's', 'lines', 'MiB', "others' p50, ms", 'p99, ms', 'longest, ms', 'failed']
const title = `${figure(report.sessions)} sessions, beside 400 requests a second that ask Redis`
console.log(renderTables([{ title, head, rows }]))
const worst = Math.max(
  ...results.slice(1).map(({ others: { p99 } }) => p99 ?? Number.POSITIVE_INFINITY),
)
const largest = Math.max(...results.slice(1).map(({ peak }) => peak))
if (page !== undefined) {
  console.log(
    `\nThe console, ${Math.round(page.events / SECONDS)} events a second for ${SECONDS} s, then ${PIECES} pieces of the list:`,
  )
  for (const line of told(page)) console.log(line)
  console.log(`memory of its server: ${figure(page.server)} MiB`)
}
const checks = [
  { text: `others' p99 at most ${MOST_P99} ms: ${figure(worst, 2)}`, ok: worst <= MOST_P99 },
  { text: `memory at most ${MOST_MEMORY} MiB: ${figure(largest)}`, ok: largest <= MOST_MEMORY },
  {
    text: `the page answers within ${LONGEST} ms, and grows by at most ${MOST_GROWN} MiB`,
    ok: page === undefined ? null : isResponsive(page),
  },
  { text: 'every command has ended well', ok: results.slice(1).every(({ code }) => code === 0) },
]
console.log(`\n${renderChecks(checks)}`)
process.exit(checks.every(({ ok }) => ok !== false) ? 0 : 1)
