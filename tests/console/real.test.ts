import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSessions, type Sessions } from '../../src/index.ts'
import {
  type StandaloneConsole,
  standaloneConsole,
} from '../../src/operations/console/standalone.ts'
import { report } from '../../src/operations/metrics/index.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { SECRET, signIn } from '../support/requests.ts'
import { axeViolations, isSkipped, openPage, startBrowser } from './browser.ts'

/** The page as it is built, by a real console, in front of a real Redis. */
describe.skipIf(isSkipped)('the console, all of it', () => {
  let redis: RedisServer
  let sessions: Sessions
  let console: StandaloneConsole
  let server: Server
  let browser: Browser
  let origin: string
  let tokens: string[]

  beforeAll(async () => {
    redis = await startRedis({ tcp: true })
    const options = { redis: redis.url, prefix: 'shop', secrets: [SECRET] }
    sessions = createSessions({ ...options, audit: true })
    sessions.on('error', () => undefined)
    server = createServer((request, response) => console.node(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    console = standaloneConsole({
      ...{ redis: redis.url, prefix: 'shop', secrets: [SECRET], values: true },
      operator: { name: 'mara', access: 'write', values: true },
      ...{ environment: 'staging', origins: [origin], cookieName: 'console', secure: false },
    })
    browser = await startBrowser()
    tokens = []
    for (let device = 0; device < 3; device++) {
      tokens.push(await signIn(sessions, { theme: 'dark', cart: [{ sku: 'A-1' }] }, 'ada'))
    }
    for (let guest = 0; guest < 20; guest++) await signIn(sessions, { theme: 'light' })
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await console?.close()
    server?.closeAllConnections()
    server?.close()
    await sessions?.close()
    await redis?.stop()
  })

  test('sign in by the link, see, find, end, see it in the audit; Redis goes and comes', async () => {
    const endReport = report(sessions, { name: 'web-1', every: 1_000 })
    const { page, troubles } = await openPage(browser, origin + console.newLink())
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await page.getByText('staging').waitFor()
    await page.getByText('One server · 1 primary').waitFor()
    await page.waitForFunction(
      () => document.querySelector('.instrument .value')?.textContent === '23',
    )
    await page.getByRole('img', { name: /^Idle time left: most/ }).waitFor()
    await page.getByText('· 1 node').waitFor()
    await page.getByRole('heading', { name: 'What doctor has found' }).waitFor()
    expect(await axeViolations(page)).toEqual([])

    await page.keyboard.press('/')
    await page.keyboard.type('ada')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'ada 3 sessions' }).waitFor()
    await page.getByRole('link', { name: 'Inspect' }).first().click()
    const inspector = page.getByRole('complementary', { name: 'Session' })
    await inspector.getByRole('button', { name: /^Show values/ }).click()
    await inspector.getByText("sku: 'A-1'").waitFor()
    await page.goBack()

    await page.locator('.devices > li').first().focus()
    await page.keyboard.press('a')
    const dialog = page.getByRole('dialog', { name: 'End all sessions of ada' })
    await dialog.getByLabel('Why').fill('Stolen laptop')
    await dialog.getByLabel(/^Type 3/).fill('3')
    await page.keyboard.press('Enter')
    await dialog.getByText('3 sessions ended').waitFor()
    await dialog.getByText(/^Verified at the primary after [\d.,]+ (?:µs|ms)\.$/).waitFor()
    for (const token of tokens) {
      expect((await sessions.open(token, { fresh: true })).id).toBeUndefined()
    }
    await page.keyboard.press('Escape')
    await page.getByText('“ada” has no session').waitFor()

    await page.keyboard.press('g')
    await page.keyboard.press('a')
    await page.getByRole('row', { name: /mara.*is to end.*ada.*3.*Stolen laptop/ }).waitFor()
    await page.getByRole('row', { name: /mara.*ended.*ada.*3.*Stolen laptop/ }).waitFor()
    await page.getByRole('row', { name: /mara.*looked into/ }).waitFor()

    await page.keyboard.press('g')
    await page.keyboard.press('e')
    await page
      .getByRole('row', { name: /login.*ada/ })
      .first()
      .waitFor()
    await signIn(sessions, { theme: 'dark' }, 'grace')
    await page.getByRole('row', { name: /login.*grace/ }).waitFor()

    await page.keyboard.press('g')
    await page.keyboard.press('t')
    await page.getByRole('row', { name: /web-1/ }).waitFor()

    await page.keyboard.press('g')
    await page.keyboard.press('o')
    await page.locator('.verdict').waitFor()
    const killed = performance.now()
    await redis.kill()
    await page.getByText('The store does not answer.').waitFor()
    expect(performance.now() - killed).toBeLessThan(2_500)
    expect(await page.locator('main.dimmed .verdict').count()).toBe(1)
    await redis.restart()
    await page
      .getByText('The store does not answer.')
      .waitFor({ state: 'detached', timeout: 15_000 })
    expect(troubles).toEqual([])
    endReport()
  }, 60_000)

  test('a link opens once', async () => {
    const link = origin + console.newLink()
    const first = await openPage(browser, link)
    await first.page.getByRole('navigation', { name: 'Views' }).waitFor()
    const second = await openPage(browser, link)
    expect(await second.page.getByRole('navigation', { name: 'Views' }).count()).toBe(0)
    expect((await second.page.goto(`${origin}/`))?.status()).toBe(401)
    // Its cookie is what lets the first one in.
    await first.page.context().clearCookies()
    await first.page.keyboard.press('g')
    await first.page.keyboard.press('s')
    await first.page.getByText('You are signed out').waitFor()
  })
})
