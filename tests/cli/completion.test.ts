import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function script(shell: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(['completion', shell])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const file = join(folder, `completion.${shell}`)
  writeFileSync(file, stdout)
  return file
}

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

function ask(shell: string, args: readonly string[]): string[] {
  const { stdout, stderr, status } = spawnSync(shell, args, { encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout.split('\n').filter(Boolean)
}

describe('completion', () => {
  it('bash: commands, arguments of a command, and the values of one', async () => {
    const file = await script('bash')
    const at = (...typed: string[]): string[] => {
      const line = typed.map((word) => `'${word}'`).join(' ')
      const run = `. ${file}; COMP_WORDS=(${line}); COMP_CWORD=${typed.length - 1}; _sojourn; printf '%s\\n' "\${COMPREPLY[@]}"`
      return ask('bash', ['--norc', '-c', run])
    }
    expect(at('sojourn', '')).toEqual(
      expect.arrayContaining(['ls', 'revoke', 'doctor', 'completion', '--version']),
    )
    expect(at('sojourn', 're')).toEqual(['revoke', 'redis-conf'])
    expect(at('sojourn', 'revoke', '--pr')).toEqual(['--prefix', '--principal'])
    expect(at('sojourn', 'acl', '--role', '')).toEqual(['app', 'ops', 'operator'])
    expect(at('sojourn', 'tail', '--event', 'lo')).toEqual(['login', 'logout'])
    expect(at('sojourn', 'completion', '')).toEqual(
      expect.arrayContaining(['bash', 'zsh', 'fish', '--help']),
    )
    // What only the user knows.
    expect(at('sojourn', 'ls', '--principal', '')).toEqual([])
  })

  it.skipIf(!has('zsh'))('zsh reads its script', async () => {
    const file = await script('zsh')
    const run = `autoload -Uz compinit; compinit -u -D; eval "$(cat ${file})"; echo $_comps[sojourn]`
    expect(ask('zsh', ['-f', '-c', run])).toEqual(['_sojourn'])
    expect(ask('zsh', ['-f', '-n', file])).toEqual([])
  })

  it.skipIf(!has('fish'))(
    'fish: commands, arguments of a command, and the values of one',
    async () => {
      const file = await script('fish')
      const at = (line: string): string[] =>
        ask('fish', [
          '--no-config',
          '-c',
          `source ${file}; complete -C ${JSON.stringify(line)}`,
        ]).map((found) => found.split('\t')[0] ?? '')
      expect(at('sojourn re')).toEqual(expect.arrayContaining(['revoke', 'redis-conf']))
      expect(at('sojourn revoke --pri')).toEqual(['--principal'])
      expect(at('sojourn acl --role ')).toEqual(['app', 'operator', 'ops'])
    },
  )

  it('what no shell is: usage', async () => {
    expect(await runCli(['completion', 'tcsh'])).toMatchObject({ code: 2, stdout: '' })
  })
})
