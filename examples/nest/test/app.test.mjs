// Two nodes of the application on one Redis, driven over HTTP.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const folder = mkdtempSync(join(tmpdir(), 'sojourn-nest-'))
const socket = join(folder, 'redis.sock')
const [program, ...programArgs] = (
  process.env.SOJOURN_REDIS_SERVER?.trim() || 'redis-server'
).split(/\s+/)
const running = []

/** Starts a program and waits until its output matches. */
async function start(command, args, env, ready) {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  let output = ''
  for await (const chunk of child.stdout) {
    output += chunk
    const found = ready.exec(output)
    if (found) {
      child.stdout.resume()
      return { child, found }
    }
  }
  throw new Error(`${command} ended: ${output}`)
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function startNode(platform) {
  const env = {
    ...{ PLATFORM: platform, PORT: '0', REDIS_URL: socket },
    SESSION_SECRET: 'a secret of the example, of 32 bytes or more',
  }
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
  const { child, found } = await start(process.execPath, [main], env, /listening on (\S+)/)
  return { child, url: found[1] }
}

/** Keeps the cookie, as a browser does. */
class Browser {
  cookie = ''

  async ask(method, url, body) {
    const headers = { cookie: this.cookie, ...(body ? { 'content-type': 'application/json' } : {}) }
    const sent = body ? { body: JSON.stringify(body) } : {}
    const answer = await fetch(url, { method, headers, ...sent })
    const [cookie] = answer.headers.getSetCookie()
    if (cookie !== undefined) this.cookie = cookie.split(';', 1)[0]
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text), cookie }
  }
}

before(async () => {
  const args = [
    ...programArgs,
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--save',
    '',
    '--dir',
    folder,
  ]
  await start(program, args, {}, /ready to accept connections/i)
})
after(async () => {
  for (const child of running.toReversed()) await stop(child)
  rmSync(folder, { recursive: true, force: true })
})

for (const platform of ['express', 'fastify']) {
  describe(platform, () => {
    let one
    let two
    before(async () => {
      ;[one, two] = await Promise.all([startNode(platform), startNode(platform)])
    })

    it('reads create nothing, and what needs a login is 401', async () => {
      const browser = new Browser()
      assert.deepEqual(await browser.ask('GET', `${one.url}/cart`), {
        status: 200,
        body: [],
        cookie: undefined,
      })
      assert.equal((await browser.ask('GET', `${one.url}/account`)).status, 401)
      assert.equal(browser.cookie, '')
    })

    it('a login on one node is known on the other, with what it keeps, under a new token', async () => {
      const browser = new Browser()
      assert.deepEqual((await browser.ask('POST', `${one.url}/cart/tea`)).body, ['tea'])
      const before = browser.cookie
      assert.equal(
        (await browser.ask('POST', `${one.url}/account/login`, { user: 'ada' })).status,
        204,
      )
      assert.notEqual(browser.cookie, before)
      assert.deepEqual((await browser.ask('GET', `${two.url}/account`)).body, { user: 'ada' })
      assert.deepEqual((await browser.ask('GET', `${two.url}/cart`)).body, ['tea'])
      const thief = new Browser()
      thief.cookie = before
      assert.equal((await thief.ask('GET', `${one.url}/account`)).status, 401)
    })

    it('of parallel changes on both nodes none is lost', async () => {
      const browser = new Browser()
      await browser.ask('POST', `${one.url}/cart/first`)
      const skus = Array.from({ length: 12 }, (_, i) => `sku-${i}`)
      await Promise.all(
        skus.map((sku, i) => browser.ask('POST', `${i % 2 === 0 ? one.url : two.url}/cart/${sku}`)),
      )
      const { body } = await browser.ask('GET', `${two.url}/cart`)
      assert.deepEqual(new Set(body), new Set(['first', ...skus]))
      assert.equal(body.length, skus.length + 1)
    })

    it('a level is asked for, and given by a second factor', async () => {
      const browser = new Browser()
      await browser.ask('POST', `${one.url}/account/login`, { user: `grace-${platform}` })
      assert.equal((await browser.ask('GET', `${two.url}/account/devices`)).status, 403)
      await browser.ask('POST', `${two.url}/account/second-factor`)
      assert.deepEqual((await browser.ask('GET', `${one.url}/account/devices`)).body, { count: 1 })
    })

    it('a logout on one node holds on the other, and so does one from everywhere', async () => {
      const user = `lin-${platform}`
      const [phone, laptop] = [new Browser(), new Browser()]
      for (const each of [phone, laptop])
        await each.ask('POST', `${one.url}/account/login`, { user })
      const held = laptop.cookie
      await laptop.ask('POST', `${two.url}/account/logout`)
      laptop.cookie = held
      assert.equal((await laptop.ask('GET', `${two.url}/account`)).status, 401)
      assert.equal((await phone.ask('GET', `${one.url}/account`)).status, 200)
      await laptop.ask('POST', `${one.url}/account/login`, { user })
      await phone.ask('POST', `${one.url}/account/logout-everywhere`)
      assert.equal((await laptop.ask('GET', `${one.url}/account`)).status, 401)
    })

    it('SIGTERM ends both, in order', async () => {
      for (const { child } of [one, two]) {
        child.kill('SIGTERM')
        await once(child, 'exit')
        assert.ok(child.signalCode === 'SIGTERM' || child.exitCode === 0)
      }
    })
  })
}
