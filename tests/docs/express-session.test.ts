/** The example of docs/express-session.md, run as it stands there, against the build. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the package, so that it finds it by its own name.
const folder = `${root}tests/docs/.express-session`
let app: ChildProcess
let origin: string

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
  const page = readFileSync(`${root}docs/express-session.md`, 'utf8')
  const example = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  if (!example.includes('app.listen(3000)')) throw new Error('the page has no such example')
  const listening = 'app.listen(0, "127.0.0.1", function () { console.log(this.address().port) })'
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/app.mjs`, example.replace('app.listen(3000)', listening))
  app = spawn(process.execPath, [`${folder}/app.mjs`], {
    env: { ...process.env, NODE_ENV: '', SESSION_SECRET: 'a secret of 32 bytes for the page' },
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
  const cookie = cookieOf(first)
  expect(cookie).toMatch(/^connect\.sid=/)
  expect(await first.json()).toMatchObject({ views: 1 })
  expect(await (await ask('/', cookie)).json()).toMatchObject({ views: 2 })
  const signedIn = cookieOf(await ask('/login', cookie, 'POST'))
  expect(signedIn).not.toBe(cookie)
  expect(await (await ask('/', cookie)).json()).toMatchObject({ views: 1 })
  expect(await (await ask('/', signedIn)).json()).toMatchObject({ views: 1 })
  expect((await ask('/logout', signedIn, 'POST')).status).toBe(302)
  expect(await (await ask('/', signedIn)).json()).toMatchObject({ views: 1 })
})
