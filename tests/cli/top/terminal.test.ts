import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createSessions } from '../../../src/create-sessions.ts'
import { report } from '../../../src/operations/metrics/index.ts'
import { runCli } from '../../support/cli.ts'
import { type RedisServer, startRedis } from '../../support/redis-server.ts'
import { SECRET, signIn } from '../../support/requests.ts'
import { hasTerminal, see, startTerminal, type Terminal } from '../../support/terminal.ts'

let redis: RedisServer
const ends: (() => unknown)[] = []

beforeAll(async () => {
  redis = await startRedis({ tcp: true })
})
afterAll(() => redis.stop())
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

const ESC = '\u001B'

function top(env: NodeJS.ProcessEnv = {}, before = ''): Terminal {
  const terminal = startTerminal('top', { env: { SOJOURN_REDIS: redis.url, ...env }, before })
  ends.push(() => terminal.child.kill('SIGKILL'))
  return terminal
}

const COLOURS = new RegExp(`${ESC}\\[\\d+m`)
const RESTORED = '\u001B[?7h\u001B[?25h\u001B[?1049l'

describe.skipIf(!hasTerminal)('sojourn top under a terminal', () => {
  it('shows what there is, follows the keys, and leaves the terminal as it was', async () => {
    const sessions = createSessions({ redis: redis.url, secrets: [SECRET] })
    ends.push(() => sessions.close())
    report(sessions, { name: 'web-7', every: '500ms' })
    for (let i = 0; i < 3; i++) await signIn(sessions, { theme: 'dark' }, `u${i}`)
    const terminal = top()
    await see(terminal, /LIVE[^]*sessions[^]*\b3\b[^]*1 up/)
    terminal.press('n')
    await see(terminal, /web-7/)
    terminal.press('\r')
    await see(terminal, /SERVER/)
    terminal.press('\r')
    await see(terminal, /when full[^]*noeviction/)
    terminal.press('\u001B')
    await see(terminal, /SERVER/)
    terminal.press('s')
    await see(terminal, /sort: p99/)
    terminal.press('/nothing\r')
    await see(terminal, /filter \(nothing\)/)
    terminal.press(' ')
    await see(terminal, /PAUSED/)
    const asked = () => redis.cli('INFO', 'commandstats')
    const infos = async () => /cmdstat_dbsize:calls=\d+/.exec(await asked())?.[0]
    const before = await infos()
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(await infos()).toBe(before)
    terminal.press(' d')
    await see(terminal, /mem\.limit/)
    terminal.press('q')
    expect(await terminal.ended).toBe(0)
    expect(terminal.raw()).toContain('\u001B[?1049h')
    expect(terminal.raw().trimEnd().endsWith(RESTORED)).toBe(true)
    // Frames are differences: it has not drawn the whole screen each second.
    expect(terminal.raw().split('sojourn top').length).toBeLessThan(30)
  })

  it('says that the server is away, and sees it again', async () => {
    const terminal = top()
    await see(terminal, /LIVE/)
    await redis.kill()
    await see(terminal, /STALE/)
    await redis.restart()
    await see(terminal, /LIVE/)
    terminal.press('\u0003')
    expect(await terminal.ended).toBe(0)
    expect(terminal.raw()).toContain(RESTORED)
  })

  it('has no colours where there are to be none', async () => {
    const terminal = top({ NO_COLOR: '1' })
    await see(terminal, /LIVE/)
    terminal.press('q')
    await terminal.ended
    expect(terminal.raw()).not.toMatch(COLOURS)
    const coloured = top()
    await see(coloured, /LIVE/)
    coloured.press('q')
    await coloured.ended
    expect(coloured.raw()).toMatch(COLOURS)
  })

  it('is told by its exit code that nobody answers, on the screen that was there', async () => {
    const terminal = top({ SOJOURN_REDIS: 'unix:///nowhere/redis.sock' })
    expect(await terminal.ended).toBe(3)
    expect(terminal.raw()).toContain('there is no such socket')
    expect(terminal.raw()).not.toContain('\u001B[?1049h')
  })

  it('leaves the terminal before it is told what was thrown', async () => {
    const late = "setTimeout(() => { throw new Error('thrown late') }, 2500)"
    const terminal = top({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(late)}`,
    })
    await see(terminal, /LIVE/)
    expect(await terminal.ended).toBe(1)
    const raw = terminal.raw()
    expect(raw.indexOf(RESTORED)).toBeGreaterThan(0)
    expect(raw.indexOf('Error: thrown late')).toBeGreaterThan(raw.indexOf(RESTORED))
  })

  it('leaves the terminal when it is ended from outside', async () => {
    const terminal = top({}, 'echo "pid $$";')
    await see(terminal, /LIVE/)
    const pid = Number(/pid (\d+)/.exec(terminal.raw())?.[1])
    process.kill(pid, 'SIGTERM')
    await terminal.ended
    expect(terminal.raw()).toContain(RESTORED)
  })
})

it('without a terminal says what does without', async () => {
  const env = { SOJOURN_REDIS: redis.url }
  expect(await runCli(['top'], { env })).toMatchObject({
    ...{ code: 2, stdout: '' },
    stderr: expect.stringContaining('sojourn stats --watch'),
  })
})
