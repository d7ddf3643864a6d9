/**
 * What every example's site does, on two nodes and one Redis. Its API: GET /api/session gives
 * `{ principal, count }`; POST /api/count adds one; POST /api/login signs ada in, POST /api/logout out.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Browser, COOKIE } from './browser.mjs'
import { startRedis } from './redis.mjs'
import { startSite } from './site.mjs'

const SECRET = 'a secret for this example, 32 bytes or more'

/** Asks again until it holds. */
export async function eventually(/** @type {() => Promise<void>} */ check) {
  for (const end = Date.now() + 2_000; ; ) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

/**
 * @param {object} options
 * @param {readonly string[]} options.command that serves the built site
 * @param {string} options.cwd
 * @param {Record<string, string>} [options.env]
 * @returns what further tests of the example need: there when they run
 */
export function scenario({ command, cwd, env = {} }) {
  /** @type {{ a: string, b: string, redis: Awaited<ReturnType<typeof startRedis>>, outputs: () => string }} */
  const world = /** @type {never} */ ({})
  /** @type {(() => Promise<void>)[]} */
  const closing = []

  before(async () => {
    const redis = await startRedis()
    closing.push(() => redis.stop())
    const all = { ...env, REDIS_URL: redis.url, SESSION_SECRET: SECRET, NODE_ENV: 'production' }
    const sites = await Promise.all([startSite(command, all, cwd), startSite(command, all, cwd)])
    for (const site of sites) closing.push(() => site.stop())
    const [a, b] = sites
    const outputs = () => sites.map((site) => site.output()).join('')
    Object.assign(world, { a: a.origin, b: b.origin, redis, outputs })
  })
  after(async () => {
    for (const close of closing.toReversed()) await close()
  })

  void test('who only reads gets no session', async () => {
    const browser = new Browser()
    for (const path of ['/', '/api/session']) {
      const answer = await browser.get(world.a + path)
      assert.equal(answer.status, 200, answer.text)
      assert.deepEqual(answer.cookies, [])
    }
    assert.equal(await world.redis.keys(), 0)
  })

  void test('a change sets one cookie, of the right shape, and the other node sees it', async () => {
    const browser = new Browser()
    const answer = await browser.post(`${world.a}/api/count`)
    assert.equal(answer.cookies.length, 1)
    const [cookie = ''] = answer.cookies
    assert.match(cookie, /^__Host-session=[\w-]{30,}; /)
    assert.match(cookie, /; HttpOnly/i)
    assert.match(cookie, /; Secure/i)
    assert.match(cookie, /; SameSite=Lax/i)
    assert.match(cookie, /; Path=\//i)
    assert.doesNotMatch(cookie, /domain|undefined/i)
    assert.deepEqual(await browser.json(`${world.b}/api/session`), { count: 1 })
    const again = await browser.post(`${world.b}/api/count`)
    assert.deepEqual(again.cookies, [])
    // A node that has it at hand hears of a change elsewhere within milliseconds.
    await eventually(async () => {
      assert.deepEqual(await browser.json(`${world.a}/api/session`), { count: 2 })
    })
  })

  void test('one change is one write, and a session at hand is not read again', async () => {
    const browser = new Browser()
    // Redis learns each script once, which takes a command more.
    for (let i = 0; i < 3; i++) await browser.post(`${world.a}/api/count`)
    const writing = await world.redis.commandsOf(() => browser.post(`${world.a}/api/count`))
    assert.equal(writing.length, 1, writing.join())
    await browser.get(`${world.a}/api/session`)
    const reading = await world.redis.commandsOf(() => browser.get(`${world.a}/`))
    assert.deepEqual(reading, [])
  })

  void test('a login changes the token, and the former one opens nothing', async () => {
    const browser = new Browser()
    await browser.post(`${world.a}/api/count`)
    const former = browser.token
    const answer = await browser.post(`${world.a}/api/login`)
    assert.equal(answer.cookies.length, 1)
    assert.notEqual(browser.token, former)
    assert.equal((await browser.json(`${world.b}/api/session`)).principal, 'ada')
    const thief = new Browser()
    thief.jar.set(COOKIE, former ?? '')
    assert.equal((await thief.json(`${world.b}/api/session`)).principal, undefined)
  })

  void test('parallel changes on both nodes: none is lost', async () => {
    const browser = new Browser()
    await browser.post(`${world.a}/api/count`)
    const nodes = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? world.a : world.b))
    await Promise.all(nodes.map((node) => browser.post(`${node}/api/count`)))
    await eventually(async () => {
      assert.equal((await browser.json(`${world.a}/api/session`)).count, 21)
    })
  })

  void test('a logout on one node holds on the other', async () => {
    const browser = new Browser()
    await browser.post(`${world.a}/api/login`)
    const token = browser.token ?? ''
    assert.equal((await browser.json(`${world.b}/api/session`)).principal, 'ada')
    const answer = await browser.post(`${world.a}/api/logout`)
    assert.match(answer.cookies[0] ?? '', /^__Host-session=;/)
    assert.equal(browser.token, undefined)
    const other = new Browser()
    other.jar.set(COOKIE, token)
    await eventually(async () => {
      assert.equal((await other.json(`${world.b}/api/session`)).principal, undefined)
    })
  })

  void test('while Redis does not answer: 503 for who has a session to ask for, and all goes on after', async () => {
    const browser = new Browser()
    await browser.post(`${world.a}/api/count`)
    world.redis.pause()
    try {
      const answer = await browser.post(`${world.a}/api/count`)
      assert.equal(answer.status, 503, answer.text)
      assert.deepEqual(answer.cookies, [])
      assert.equal((await new Browser().get(`${world.a}/api/session`)).status, 200)
    } finally {
      world.redis.resume()
    }
    for (let status = 0; status !== 200; ) {
      status = (await browser.get(`${world.a}/api/session`)).status
    }
  })

  void test('no token is in what the nodes have logged', () => {
    assert.doesNotMatch(world.outputs(), /session=[\w-]{30,}/)
  })

  return world
}
