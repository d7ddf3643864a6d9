// Each server, as two processes on one Redis.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { Browser } from '../../harness/browser.mjs'
import { startRedis } from '../../harness/redis.mjs'
import { eventually } from '../../harness/scenario.mjs'
import { startSite } from '../../harness/site.mjs'

const folder = fileURLToPath(new URL('..', import.meta.url))
let redis
before(async () => {
  redis = await startRedis()
})
after(() => redis.stop())

/** Tests with two processes of a server. */
function servers(name, work) {
  describe(name, () => {
    const sites = []
    before(async () => {
      const env = {
        REDIS_URL: redis.url,
        SESSION_SECRET: 'a secret for this example, 32 bytes or more',
        NODE_ENV: 'production',
      }
      const command = [process.execPath, `${name}.mjs`]
      const starting = [1, 2].map(() => startSite(command, env, folder))
      sites.push(...(await Promise.all(starting)))
    })
    after(() => Promise.all(sites.map((site) => site.stop())))
    const told = 'signs in on one node, is known on the other, and is signed out on both'
    // What is waited for may never come: a socket that stays open.
    it(told, { timeout: 20_000 }, () => {
      const [a, b] = sites.map(({ origin }) => origin)
      return work(a, b, new Browser())
    })
  })
}

for (const name of ['express', 'fastify', 'koa', 'hono', 'fetch']) {
  servers(name, async (a, b, browser) => {
    assert.deepEqual(await browser.json(`${a}/me`), { user: null, views: 0 })
    assert.equal(browser.token, undefined)
    await browser.post(`${a}/view`)
    const former = browser.token
    assert.equal((await browser.post(`${a}/login`)).status, 204)
    assert.notEqual(browser.token, former)
    await browser.post(`${b}/view`)
    await eventually(async () => {
      assert.deepEqual(await browser.json(`${a}/me`), { user: 'ada', views: 2 })
    })
    const held = new Map(browser.jar)
    assert.equal((await browser.post(`${b}/logout`)).status, 204)
    assert.equal(browser.token, undefined)
    browser.jar = held
    await eventually(async () => {
      assert.deepEqual(await browser.json(`${a}/me`), { user: null, views: 0 })
    })
  })
}

servers('graphql', async (a, b, browser) => {
  const ask = async (url, query) => {
    const type = { 'content-type': 'application/json' }
    const { text } = await browser.post(`${url}/graphql`, type, JSON.stringify({ query }))
    return JSON.parse(text).data
  }
  assert.deepEqual(await ask(a, '{ user views }'), { user: null, views: 0 })
  assert.deepEqual(await ask(a, 'mutation { view login }'), { view: 1, login: 'ada' })
  assert.deepEqual(await ask(b, '{ user views }'), { user: 'ada', views: 1 })
  const held = new Map(browser.jar)
  assert.deepEqual(await ask(b, 'mutation { logout }'), { logout: 'signed out' })
  browser.jar = held
  await eventually(async () => {
    assert.deepEqual(await ask(a, '{ user views }'), { user: null, views: 0 })
  })
})

servers('ws', async (a, b, browser) => {
  const connect = (url, headers) => new WebSocket(url.replace('http', 'ws'), { headers })
  const refusal = async (headers) => {
    const socket = connect(b, headers).on('error', () => undefined)
    const [, response] = await once(socket, 'unexpected-response')
    return response.statusCode
  }
  assert.equal(await refusal({}), 401)
  await browser.post(`${a}/login`)
  const cookie = [...browser.jar].map((pair) => pair.join('=')).join('; ')
  assert.equal(await refusal({ cookie, origin: 'https://evil.example' }), 403)
  const socket = connect(b, { cookie })
  await once(socket, 'open')
  socket.send('view')
  const [data] = await once(socket, 'message')
  assert.deepEqual(JSON.parse(data), { user: 'ada', views: 1 })
  const closed = once(socket, 'close')
  await browser.post(`${a}/logout`)
  assert.equal((await closed)[0], 4401)
})

servers('socket.io', async (a, b, browser) => {
  const connect = (headers) => {
    const socket = io(b, { forceNew: true, reconnection: false, extraHeaders: headers })
    after(() => socket.close())
    return socket
  }
  const event = (socket, name) => new Promise((resolve) => socket.once(name, resolve))
  assert.equal((await event(connect({}), 'connect_error')).description, 401)
  await browser.post(`${a}/login`)
  const cookie = [...browser.jar].map((pair) => pair.join('=')).join('; ')
  const socket = connect({ cookie })
  assert.deepEqual(await socket.emitWithAck('view'), { user: 'ada', views: 1 })
  const ended = event(socket, 'disconnect')
  await browser.post(`${a}/logout`)
  assert.equal(await ended, 'io server disconnect')
})
