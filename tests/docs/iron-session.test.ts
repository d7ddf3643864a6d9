/** The example of docs/iron-session.md, run as it stands there, against the build. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sealData } from 'iron-session'
import { afterAll, beforeAll, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
// Inside the package, so that it finds it by its own name.
const folder = `${root}tests/docs/.iron-session`
const PASSWORD = 'a password of iron-session, 32 characters'
let app: ChildProcess
let origin: string

beforeAll(async () => {
  execFileSync(process.execPath, ['scripts/setup.mjs', 'build'], { cwd: root })
  const page = readFileSync(`${root}docs/iron-session.md`, 'utf8')
  const example = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? ''
  if (!example.includes('app.listen(3000)')) throw new Error('the page has no such example')
  const listening = 'app.listen(0, "127.0.0.1", function () { console.log(this.address().port) })'
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${folder}/app.mjs`, example.replace('app.listen(3000)', listening))
  app = spawn(process.execPath, [`${folder}/app.mjs`], {
    env: { ...process.env, NODE_ENV: '', IRON_PASSWORD: PASSWORD },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [port] = (await once(app.stdout as NodeJS.ReadableStream, 'data')) as [Buffer]
  origin = `http://localhost:${port.toString().trim()}`
}, 120_000)

afterAll(() => {
  app.kill()
  rmSync(folder, { recursive: true, force: true })
})

const ask = (path: string, cookie: string, method = 'GET'): Promise<Response> =>
  fetch(origin + path, { method, headers: { cookie }, redirect: 'manual' })

it('knows who comes with a cookie of iron-session, until they sign out', async () => {
  const data = { userId: 'ada', views: 7 }
  const iron = `iron=${await sealData(data, { password: PASSWORD })}`
  const first = await ask('/', iron)
  expect(await first.json()).toEqual({ views: 8, user: 'ada' })
  const [ours = '', gone] = first.headers.getSetCookie()
  expect(gone).toMatch(/^iron=;.*Max-Age=0/)
  const cookie = ours.split(';')[0] ?? ''
  expect(await (await ask('/', cookie)).json()).toEqual({ views: 9, user: 'ada' })
  expect((await ask('/logout', cookie, 'POST')).status).toBe(302)
  expect(await (await ask('/', iron)).json()).toEqual({ views: 1, user: null })
})
