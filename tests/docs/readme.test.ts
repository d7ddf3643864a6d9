/** The README's example, run as it stands there, against the build. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the package, so that it finds it by its own name.
const folder = `${root}tests/docs/.readme`
let app: ChildProcess
let origin: string

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
  const readme = readFileSync(`${root}README.md`, 'utf8')
  const example = /## Use\n+```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  if (!example.includes('app.listen(3000)')) throw new Error('the README has no such example')
  const listening = 'app.listen(0, "127.0.0.1", function () { console.log(this.address().port) })'
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/app.mjs`, example.replace('app.listen(3000)', listening))
  const env = {
    ...process.env,
    SESSION_SECRET: 'a secret of 32 bytes for the README',
    NODE_ENV: '',
  }
  app = spawn(process.execPath, [`${folder}/app.mjs`], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [port] = (await once(app.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  origin = `http://localhost:${port.toString().trim()}`
}, 120_000)

afterAll(() => {
  app.kill()
  rmSync(folder, { recursive: true, force: true })
})

const ask = (path: string, cookie = '', method = 'GET'): Promise<Response> =>
  fetch(origin + path, { method, headers: { cookie }, redirect: 'manual' })
const cookieOf = (response: Response): string =>
  response.headers.getSetCookie()[0]?.split(';')[0] ?? ''

it('counts views, signs in and out', async () => {
  const first = await ask('/')
  expect(await first.json()).toEqual({ views: 1, user: null })
  const anonymous = cookieOf(first)
  expect(await (await ask('/', anonymous)).json()).toEqual({ views: 2, user: null })

  const signedIn = cookieOf(await ask('/login', anonymous, 'POST'))
  expect(signedIn).not.toBe(anonymous)
  expect(await (await ask('/', signedIn)).json()).toEqual({ views: 3, user: 'ada' })

  const other = cookieOf(await ask('/login', '', 'POST'))
  await ask('/logout-everywhere', signedIn, 'POST')
  for (const cookie of [signedIn, other]) {
    expect(await (await ask('/', cookie)).json()).toEqual({ views: 1, user: null })
  }
})
