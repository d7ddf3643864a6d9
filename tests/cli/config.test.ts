import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'sj-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a command says of such a file: it is read before any server is asked. */
async function said(name: string, text: string): Promise<string> {
  const path = join(folder, name)
  writeFileSync(path, text)
  const { code, stdout, stderr } = await runCli(['ls'], { cwd: folder })
  rmSync(path)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  return stderr.replaceAll(folder, '').trim()
}

describe('sojourn.config', () => {
  it('refuses what no option is, with the one that was probably meant, and tells no value', async () => {
    const text = `export default { redis: 'redis://:hunter2@nowhere', secret: ['hunter2'] }`
    const stderr = await said('sojourn.config.mjs', text)
    expect(stderr).toContain(
      '/sojourn.config.mjs: option `secret`: is not known: did you mean `secrets`?',
    )
    expect(stderr).not.toContain('hunter2')
  })

  it('may have all options of the application', async () => {
    const text = `export default { idleTimeout: '1h', cookie: { name: 'id' }, nearCache: false, audit: true }`
    expect(await said('sojourn.config.mjs', text)).toContain('`--redis`: is needed')
  })

  it('says where it is wrong: the file, the line, and what', async () => {
    const script = `export default {\n  redis: 'x',\n  prefix 'sj',\n}\n`
    for (const name of ['sojourn.config.mjs', 'sojourn.config.js']) {
      expect(await said(name, script)).toBe(
        `sojourn: option \`config\`: /${name}, line 3: Unexpected string`,
      )
    }
    expect(await said('sojourn.config.json', `{\n  "redis": "x",\n  "prefix": 'sj'\n}\n`)).toMatch(
      /: \/sojourn\.config\.json, line 3: it is no JSON$/,
    )
    expect(await said('sojourn.config.json', `{\n  "redis": "x",\n}\n`)).toContain(', line 3: ')
    // The parser's own message quotes the end of it.
    const secret = `{ "secrets": ["0123456789abcdefghij",] }`
    expect(await said('sojourn.config.json', secret)).not.toContain('defghij')
    expect(
      await said(
        'sojourn.config.mjs',
        `const url = undefined\nexport default { redis: url.href }\n`,
      ),
    ).toContain("/sojourn.config.mjs, line 2: Cannot read properties of undefined (reading 'href')")
    expect(await said('sojourn.config.mjs', `export const redis = 'x'\n`)).toContain(
      '/sojourn.config.mjs: it has no `export default`',
    )
  })
})

it('SOJOURN_SECRETS of several lines is refused, and not taken for one', async () => {
  const env = { SOJOURN_SECRETS: `${'a'.repeat(40)}\n${'b'.repeat(40)}\n` }
  const { code, stderr } = await runCli(['ls'], { cwd: folder, env })
  expect(code).toBe(2)
  expect(stderr).toContain('several secrets are a JSON list')
  expect(stderr).not.toContain('aaa')
})

it('SOJOURN_SECRETS that begins like a list and is none is refused, and not shown', async () => {
  const env = { SOJOURN_SECRETS: '["0123456789abcdefghij"' }
  const { code, stderr } = await runCli(['ls'], { cwd: folder, env })
  expect(code).toBe(2)
  expect(stderr).toContain('`SOJOURN_SECRETS`: begins like a JSON list and is none')
  expect(stderr).not.toContain('defghij')
})
