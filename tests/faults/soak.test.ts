/** The long run, `npm run soak`, in short; and that it finds what it is there to find. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type SoakReport, soak } from '../../bench/soak/soak.mjs'
import { seeded } from '../support/random.ts'
import { atEnd, server } from './setup.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
let built: string

beforeAll(() => {
  built = mkdtempSync(join(tmpdir(), 'sj-soak-'))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', built]
  execFileSync(process.execPath, [tsc, ...options], { cwd: root, stdio: 'pipe' })
  writeFileSync(join(built, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rmSync(built, { recursive: true, force: true }))

async function run(operations: number, module = join(built, 'index.js')): Promise<SoakReport> {
  const redis = await server()
  const client = createClient({
    ...redis.admin,
    RESP: 2,
    socket: { path: redis.socketPath, tls: false },
  })
  client.on('error', () => undefined)
  await client.connect()
  atEnd(async () => client.destroy())
  return soak({
    redis: redis.socketPath,
    command: (...parts) => client.sendCommand(parts),
    module: pathToFileURL(module).href,
    operations,
    seed: seeded('soak').seed,
    killEvery: 400,
    pace: 0.3,
    say: () => undefined,
  })
}

/** A build in which a script does something else. */
function planted(script: string, from: string, to: string): string {
  const path = join(built, `${script}.planted.js`)
  const program = `
    import { createHash } from 'node:crypto'
    import { scripts } from './engines/redis/scripts.generated.js'
    const script = scripts[${JSON.stringify(script)}]
    const text = script.text.replaceAll(${JSON.stringify(from)}, ${JSON.stringify(to)})
    if (text === script.text) throw new Error('there is no such text to change')
    Object.assign(script, { text, sha1: createHash('sha1').update(text).digest('hex') })
    export { createSessions } from './index.js'
  `
  writeFileSync(path, program)
  return path
}

it('logins, expiries and evictions with nodes killed: nothing is left, lost or untold', async () => {
  const report = await run(5_000)
  expect(report.problems).toEqual([])
  expect(report.kills).toBeGreaterThan(0)
  expect(report.cuts).toBeGreaterThan(0)
  expect(report.sessions.untold).toBe(0)
  expect(report.sessions.expired).toBeGreaterThan(100)
  expect(report.sessions.ended['evicted']).toBeGreaterThan(10)
}, 60_000)

/** Chance decides whether a run of this length comes upon it: not in three. */
async function problemsOf(bug: string, operations: number, problem: RegExp): Promise<string> {
  let found = ''
  for (let attempt = 1; attempt <= 3 && !problem.test(found); attempt++) {
    found = (await run(operations, bug)).problems.join('\n')
  }
  return found
}

it('finds a session that has ended and is still waited for', async () => {
  const bug = planted('destroy', "redis.pcall('ZREM', awaited, id .. owner)", '')
  const problem = /waits for a marker|is not in that index/
  expect(await problemsOf(bug, 1_000, problem)).toMatch(problem)
}, 120_000)

it('finds an entry of an index that nobody removes', async () => {
  const bug = planted('ack', "redis.call('HDEL', string.sub", "redis.call('HGET', string.sub")
  const problem = /has an entry that leads to nothing/
  expect(await problemsOf(bug, 1_000, problem)).toMatch(problem)
}, 120_000)

it('finds what is kept of a session that was told of', async () => {
  const bug = planted('ack', "redis.pcall('HDEL', string.sub(x, 1, -2) .. 'd', member)", '')
  const problem = /keeps what nobody waits for/
  expect(await problemsOf(bug, 8_000, problem)).toMatch(problem)
}, 120_000)
