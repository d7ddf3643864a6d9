import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Browser } from '../harness/browser.mjs'
import { eventually, scenario } from '../harness/scenario.mjs'

const cwd = import.meta.dirname
const command = [
  process.execPath,
  'node_modules/next/dist/bin/next',
  'start',
  '-H',
  '127.0.0.1',
  '-p',
  'PORT',
]
const world = scenario({ cwd, command, env: { NEXT_TELEMETRY_DISABLED: '1' } })

/** Submits a form as a browser without JavaScript does: with the fields that Next has put into it. */
async function submit(
  /** @type {Browser} */ browser,
  /** @type {string} */ origin,
  /** @type {string} */ id,
  /** @type {Record<string, string>} */ fields = {},
) {
  const { text } = await browser.get(`${origin}/account`)
  const form = new RegExp(`<form[^>]*id="${id}"[^>]*>(.*?)</form>`).exec(text)?.[1] ?? ''
  const boundary = 'a-boundary'
  const parts = Object.entries(fields)
  for (const [input] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1] ?? ''
    const value = /value="([^"]*)"/.exec(input)?.[1] ?? ''
    parts.push([name, value.replaceAll('&quot;', '"')])
  }
  const body = parts
    .map(
      ([name, value]) =>
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    .join('')
  const type = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  return browser.post(`${origin}/account`, type, `${body}--${boundary}--\r\n`)
}

void test('an action signs in and redirects: the new token comes with the redirect', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/count`)
  const former = browser.token
  const answer = await submit(browser, world.a, 'login', { name: 'ada' })
  assert.equal(answer.status, 303, answer.text)
  assert.equal(answer.headers.location, '/')
  assert.equal(answer.cookies.length, 1)
  assert.match(answer.cookies[0] ?? '', /Secure.*HttpOnly.*SameSite=lax/i)
  assert.notEqual(browser.token, former)
  const { text } = await browser.get(`${world.b}/`)
  assert.match(text, /ada[^]*count: 100/)
  assert.ok(!text.includes(browser.token ?? '-'))
})

void test('an action and what renders after it: one session, one write, and the page has the new state', async () => {
  const browser = new Browser()
  for (let i = 0; i < 3; i++) await browser.post(`${world.a}/api/count`)
  await submit(browser, world.a, 'count')
  const commands = await world.redis.commandsOf(async () => {
    const { text } = await submit(browser, world.a, 'count')
    assert.match(text, /count: 7/)
  })
  assert.equal(commands.length, 1, commands.join())
  await eventually(async () => {
    assert.match((await browser.get(`${world.b}/`)).text, /count: 7/)
  })
})

void test('two withSession at once, of which the first makes the session: one session, both count', async () => {
  const before = await world.redis.keys()
  const browser = new Browser()
  const answer = await submit(browser, world.a, 'count-twice')
  assert.equal(answer.cookies.length, 1)
  assert.match(answer.text, /count: 2/)
  assert.equal(await world.redis.keys(), before + 1)
})

void test('a layout and a page read once', async () => {
  const browser = new Browser()
  await browser.post(`${world.a}/api/count`)
  await browser.get(`${world.b}/api/session`)
  const other = new Browser()
  await other.post(`${world.a}/api/count`)
  const commands = await world.redis.commandsOf(() => other.get(`${world.b}/`))
  assert.deepEqual(commands, ['get', 'pttl'])
})

void test('a component that would change the session is told where to, before anything has happened', async () => {
  const browser = new Browser()
  const answer = await browser.get(`${world.a}/wrong`)
  assert.match(answer.text, /ERR_SOJOURN_READ_ONLY ERR_SOJOURN_READ_ONLY/)
  assert.deepEqual(answer.cookies, [])
})

void test('the proxy reads the session', async () => {
  const browser = new Browser()
  const answer = await browser.get(`${world.a}/admin`)
  assert.equal(answer.status, 307)
  await browser.post(`${world.a}/api/login`)
  assert.match((await browser.get(`${world.b}/admin`)).text, /admin: .*ada/)
})

void test('a route handler’s answer says that it depends on the cookie', async () => {
  const browser = new Browser()
  const { headers } = await browser.post(`${world.a}/api/count`)
  assert.match(headers.vary ?? '', /Cookie/)
  assert.equal(headers['cache-control'], 'private')
})

void test('a session that is given to a client component is refused, not shown', async () => {
  const browser = new Browser()
  for (let i = 0; i < 3; i++) await browser.post(`${world.a}/api/count`)
  const answer = await browser.get(`${world.a}/leak`)
  assert.ok(!answer.text.includes(browser.token ?? '-'))
  assert.doesNotMatch(answer.text, /"count":/)
  assert.match(answer.text, /digest/)
})

void test('after() comes too late to change the session, and is told so', async () => {
  const before = await world.redis.keys()
  await eventually(async () => {
    const { last } = await new Browser().json(`${world.a}/api/after`)
    assert.equal(last, 'ERR_SOJOURN_READ_ONLY')
  })
  assert.equal(await world.redis.keys(), before)
})
