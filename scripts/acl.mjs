// The tests as the user that `sojourn acl` makes for an application: whoever connects may do what it allows and no more.
// Usage: npm run test:acl [-- a part of a test file's name …]
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const named = process.argv.slice(2)
// Not adopt, cli and operations: they do what an old store or an operator does.
const folders = ['engines', 'core', 'faults', 'frameworks', 'security']
const files = named.length > 0 ? named : folders.map((folder) => `tests/${folder}`)
const { status } = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--typecheck.enabled=false', ...files],
  { cwd: root, stdio: 'inherit', env: { ...process.env, SOJOURN_TEST_ACL: '1' } },
)
process.exitCode = status ?? 1
