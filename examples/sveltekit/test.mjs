import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from '../harness/browser.mjs'
import { eventually, scenario } from '../harness/scenario.mjs'

const cwd = import.meta.dirname
const world = scenario({ cwd, command: [process.execPath, 'build/index.js'] })

void test('a form signs in and redirects: the new token comes with the redirect', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/count`)
  const former = browser.token
  const answer = await browser.submit(`${world.a}/account?/login`, { name: 'ada' })
  assert.equal(answer.status, 303)
  assert.equal(answer.headers.location, '/')
  assert.equal(answer.cookies.length, 1)
  assert.notEqual(browser.token, former)
  const { text } = await browser.get(`${world.b}/`)
  assert.match(text, /ada[^]*count: 100/)
  assert.ok(!text.includes(browser.token ?? '-'))
})

void test('an action, and the `load` functions that run after it and their calls: one session, one write', async () => {
  const browser = new Browser()
  for (let i = 0; i < 3; i++) await browser.post(`${world.a}/api/count`)
  const commands = await world.redis.commandsOf(async () => {
    const { text } = await browser.submit(`${world.a}/account?/count`)
    assert.match(text, /count: 6/)
  })
  assert.equal(commands.length, 1, commands.join())
  await eventually(async () => {
    assert.match((await browser.get(`${world.b}/`)).text, /count: 6/)
  })
})

void test('what `load` calls begins the page’s session: one session, whose cookie the page brings', async () => {
  const before = await world.redis.keys()
  const browser = new Browser()
  const answer = await browser.get(`${world.a}/account`)
  assert.equal(answer.cookies.length, 1)
  assert.match(answer.text, /count: 2/)
  assert.equal(await world.redis.keys(), before + 1)
})

void test('data requests of the browser’s router read the session too, and are not for shared caches', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/login`)
  const answer = await browser.get(`${world.b}/__data.json`)
  assert.match(answer.text, /"ada"/)
  assert.match(answer.headers.vary ?? '', /Cookie/)
  assert.match(answer.headers['cache-control'] ?? '', /private|no-store/)
})

void test('a session that is returned by `load` is refused, not shown', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/login`)
  for (const path of ['/leak', '/leak/__data.json']) {
    const answer = await browser.get(world.a + path)
    assert.ok(!answer.text.includes(browser.token ?? '-'), answer.text)
    assert.match(answer.text, /500|error/i)
  }
})
