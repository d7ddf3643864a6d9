import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from '../harness/browser.mjs'
import { eventually, scenario } from '../harness/scenario.mjs'

const cwd = import.meta.dirname
const world = scenario({ cwd, command: [process.execPath, '.output/server/index.mjs'] })

void test('a page reads the session by its API, and does not carry its token', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/login`)
  const { text } = await browser.get(`${world.b}/`)
  assert.match(text, /ada: /)
  assert.ok(!text.includes(browser.token ?? '-'))
})

void test('what a page calls changes the page’s session: one write, and the page brings the cookie', async () => {
  const browser = new Browser()
  const commands = await world.redis.commandsOf(async () => {
    const first = await browser.get(`${world.a}/visit`)
    assert.match(first.text, /nobody: 1/)
    assert.equal(first.cookies.length, 1)
  })
  assert.equal(commands.length, 1, commands.join())
  assert.match((await browser.get(`${world.b}/visit`)).text, /nobody: 2/)
  await eventually(async () => {
    assert.equal((await browser.json(`${world.a}/api/session`)).count, 2)
  })
})

void test('a page whose session cannot be stored is answered by Nuxt’s error page', async () => {
  const browser = new Browser()
  await browser.get(`${world.a}/visit`)
  world.redis.pause()
  try {
    const answer = await browser.get(`${world.a}/visit`, { headers: { accept: 'text/html' } })
    assert.equal(answer.status, 503)
    assert.match(answer.headers['content-type'] ?? '', /text\/html/)
    assert.doesNotMatch(answer.text, /nobody: /)
  } finally {
    world.redis.resume()
  }
})
