import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireListener } from '../../src/operations/reach/reach.ts'
import { runCli } from '../support/cli.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'

let server: RedisServer
let folder: string
beforeAll(async () => {
  server = await startRedis({ tcp: true })
  folder = mkdtempSync(join(tmpdir(), 'sj-cli-'))
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('a server that is not there', () => {
  it('is told of at once, with its address', async () => {
    for (const [args, where, side = ''] of [
      [['ls', '--redis', 'redis://127.0.0.1:1'], '127.0.0.1:1'],
      [
        ['doctor', '--redis', '{"cluster":["127.0.0.1:1","127.0.0.1:2"]}'],
        '127.0.0.1:1, 127.0.0.1:2',
      ],
      [['migrate', '--from', server.url, '--to', 'redis://[::1]:1'], '[::1]:1', '--to: '],
    ] as const) {
      const from = performance.now()
      const { code, stdout, stderr } = await runCli(args)
      // It was the deadline of a command: 5 s.
      expect(performance.now() - from).toBeLessThan(4_500)
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain(`sojourn: ${side}connect to ${where}: Redis cannot be reached: `)
    }
  })

  it('does not matter where another one is', async () => {
    const cluster = ['127.0.0.1:1', `127.0.0.1:${server.port}`]
    await expect(requireListener({ cluster })).resolves.toBeUndefined()
  })
})

describe('stderr', () => {
  it("has Sojourn's warnings as its own words, and none of Node's", async () => {
    writeFileSync(
      join(folder, 'sojourn.config.mjs'),
      `process.emitWarning('of a module')
       process.emitWarning('something failed', { code: 'SOJOURN_ERROR', detail: 'sessions.on' })
       export default { redis: '${server.url}' }`,
    )
    const { stderr } = await runCli(['ls'], { cwd: folder })
    expect(stderr.split('\n').toSorted()).toEqual([
      '',
      '0 of 0 sessions',
      'sojourn: something failed',
      'there is none',
    ])
  })
})

it('help fits 80 columns, of each command', async () => {
  const { stdout } = await runCli(['--help'])
  const commands = [...stdout.matchAll(/^ {2}([a-z-]+) .*/gm)].map(([, name]) => String(name))
  expect(commands).toEqual(expect.arrayContaining(['ls', 'revoke', 'migrate', 'completion']))
  const pages = await Promise.all(
    commands.filter((name) => name !== 'help').map((name) => runCli([name, '--help'])),
  )
  const long = [stdout, ...pages.map((page) => page.stdout)]
    .flatMap((page) => page.split('\n'))
    .filter((line) => line.length > 80)
  expect(long).toEqual([])
})
