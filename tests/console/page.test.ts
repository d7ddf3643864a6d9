import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { axeViolations, isSkipped, type Opened, openPage, startBrowser } from './browser.ts'
import { type Built, builtPage } from './built.ts'
import { type Fixture, type Scenario, scenarios, startFixture } from './fixture/server.ts'

const views = ['overview', 'principals', 'sessions', 'events', 'topology', 'doctor', 'audit']
/** An address of each view that has something to show. */
const shown: Readonly<Record<string, string>> = {
  principals: 'principals?name=ada@example.com',
  sessions: 'sessions?signedIn=true',
}

describe.skipIf(isSkipped)('the console in a browser', { timeout: 60_000 }, () => {
  let built: Built
  let browser: Browser
  let fixture: Fixture
  let opened: Opened[] = []

  beforeAll(async () => {
    built = builtPage()
    browser = await startBrowser()
  }, 60_000)
  afterEach(async () => {
    for (const { page } of opened) await page.context().close()
    opened = []
    await fixture?.close()
  })
  afterAll(async () => {
    await browser?.close()
    built?.remove()
  })

  async function open(
    path: string,
    scenario: Partial<Scenario> = scenarios.calm,
    options: BrowserContextOptions = {},
  ): Promise<Page> {
    fixture = await startFixture({ root: built.root, scenario })
    return (await openOn(path, options)).page
  }

  async function openOn(path: string, options: BrowserContextOptions = {}): Promise<Opened> {
    const made = await openPage(browser, `${fixture.url}#/${path}`, options)
    opened.push(made)
    return made
  }

  /** There, and to be seen. */
  const expectShown = (locator: Locator): Promise<void> => locator.waitFor()
  const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { name })
  const rows = (page: Page, label: string) =>
    page.getByRole('region', { name: label }).locator('tr[data-row]')
  const focused = (page: Page): Promise<string | null> =>
    page.evaluate(() => document.activeElement?.getAttribute('data-row') ?? null)

  test('the page is small, names nothing by an absolute path and holds nothing inline', () => {
    const html = readFileSync(join(built.root, 'index.html'), 'utf8')
    expect(html).not.toMatch(/(?:src|href)="(?!\.\/)/)
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=/)
    const assets = readdirSync(join(built.root, 'assets'))
    expect(assets.every((name) => /-[\w-]{8}\.\w+(?:\.br)?$/.test(name))).toBe(true)
    const bytes = assets
      .filter((name) => /\.(?:js|css)$/.test(name))
      .map((name) => gzipSync(readFileSync(join(built.root, 'assets', name)), { level: 9 }).length)
      .reduce((all, size) => all + size, 0)
    expect(bytes).toBeLessThan(60_000)
  })

  test.each(['light', 'dark'] as const)(
    'axe finds nothing in any view, and the policy refuses nothing: %s',
    async (colorScheme) => {
      fixture = await startFixture({ root: built.root, scenario: scenarios.cluster })
      const { page, troubles } = await openOn('overview', { colorScheme })
      for (const view of views) {
        await page.goto(`${fixture.url}#/${shown[view] ?? view}`)
        await page.locator('main h1').waitFor()
        await page.locator('.loading').waitFor({ state: 'detached' })
        expect({ at: view, found: await axeViolations(page) }).toEqual({ at: view, found: [] })
      }
      await page.goto(`${fixture.url}#/sessions`)
      await rows(page, 'Sessions').first().click()
      await heading(page, 'Attributes').waitFor()
      expect({ at: 'inspector', found: await axeViolations(page) }).toEqual({
        at: 'inspector',
        found: [],
      })
      await page.getByRole('button', { name: /^End it/ }).click()
      await page.getByLabel('Why').waitFor()
      expect({ at: 'dialog', found: await axeViolations(page) }).toEqual({
        at: 'dialog',
        found: [],
      })
      expect(troubles).toEqual([])
    },
  )

  test('that all is well is not said before doctor has looked', async () => {
    const page = await open('overview', { ...scenarios.calm, examines: 1_500 })
    await heading(page, 'Every server answers; doctor is looking.').waitFor()
    expect(await heading(page, /^All is well/).count()).toBe(0)
    await heading(page, /^All is well/).waitFor()
  })

  test('the overview begins with a verdict in a sentence, and draws what was before', async () => {
    const page = await open('overview')
    await heading(
      page,
      /^All is well: about [\d,]+ live sessions, [\d,]+ of them signed in\.$/,
    ).waitFor()
    const drawn = await page
      .getByRole('img', { name: /^Live sessions in the last 15/ })
      .boundingBox()
    expect(drawn?.height).toBeGreaterThan(80)
    await page.getByRole('row', { name: /^load/ }).waitFor()
    await page.getByText('Nothing to mend.').waitFor()
    await page.getByRole('img', { name: /^Idle time left: most, \d+ %/ }).waitFor()
    fixture.set({ kind: 'cluster', lost: true, lagging: true })
    await heading(page, '10.4.1.13:6379 does not answer.').waitFor()
    await page
      .getByText(/is [\d.]+ MiB behind its primary/)
      .first()
      .waitFor()
  })

  test('what applications may not be heard of is not told as nothing', async () => {
    const page = await open('overview', { ...scenarios.calm, reports: 'refused' })
    await page.getByText('may not subscribe to shop:reports').waitFor()
    expect(await page.getByText('no application reports').count()).toBe(0)
    fixture.set({ reports: 'awaited' })
    await page.getByText(/· listening …$/).waitFor()
  })

  test('of the time when nobody looked charts draw nothing', async () => {
    const drawn = async (unseen: number): Promise<number> => {
      const page = await open('overview', { ...scenarios.calm, unseen })
      await page.locator('.verdict').waitFor()
      // Pixels of the area below the line of memory, 6 of 15 minutes ago.
      const height = await page
        .locator('.chart canvas')
        .nth(3)
        .evaluate(async (canvas: HTMLCanvasElement) => {
          await new Promise((resolve) => setTimeout(resolve, 500))
          const { width, height } = canvas
          const column =
            canvas.getContext('2d')?.getImageData(width * 0.65, 0, 1, height).data ?? []
          return [...column].filter((value, i) => i % 4 === 3 && value > 0).length
        })
      await fixture.close()
      return height
    }
    expect(await drawn(0)).toBeGreaterThan(20)
    expect(await drawn(8)).toBeLessThan(12)
  })

  test('where the mouse is in one chart all of them tell of that moment', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    const live = page.locator('.instrument').first()
    await live.getByText(/signed in$/).waitFor()
    await page
      .locator('.chart')
      .nth(2)
      .hover({ position: { x: 120, y: 50 } })
    await live.getByText(/^at \d\d:\d\d:\d\d$/).waitFor()
    expect(await page.getByText(/^at \d\d:\d\d:\d\d$/).count()).toBe(3)
    await page.mouse.move(0, 0)
    await live.getByText(/signed in$/).waitFor()
  })

  test('the first paint is within half a second', { retry: 2 }, async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    const painted = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    )
    expect(painted).toBeLessThan(500)
  })

  test('find and end by keyboard, in three actions', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    // 1: who
    await page.keyboard.press('/')
    await page.keyboard.type('ada@example.com')
    await page.keyboard.press('Enter')
    await heading(page, 'ada@example.com 3 sessions').waitFor()
    await page.waitForFunction(() => document.activeElement?.hasAttribute('data-row'))
    // 2: all of them
    await page.keyboard.press('a')
    const dialog = page.getByRole('dialog', { name: 'End all sessions of ada@example.com' })
    await dialog.getByText('3 sessions end at once').waitFor()
    // 3: why, and how many
    await page.keyboard.type('Stolen laptop, ticket 4711')
    expect(await dialog.getByRole('button', { name: 'End 3 sessions' }).isDisabled()).toBe(true)
    await page.keyboard.press('Tab')
    await page.keyboard.type('3')
    await page.keyboard.press('Enter')
    await dialog.getByText('3 sessions ended').waitFor()
    await dialog.getByText('Verified at the primary after 12 ms.').waitFor()
    await page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await page.getByText('“ada@example.com” has no session').waitFor()
    expect(fixture.asked.filter((asked) => asked === 'POST revoke')).toHaveLength(2)
    // It is in the audit, by name and reason.
    await page.keyboard.press('g')
    await page.keyboard.press('a')
    await page
      .getByRole('row', { name: /mara.*ended.*ada@example\.com.*3.*Stolen laptop/ })
      .waitFor()
  })

  test('where there are others by the time it is confirmed it is counted again', async () => {
    const page = await open('principals?name=ada@example.com')
    await page.getByRole('button', { name: /^End all/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Why').fill('Left the company')
    await dialog.getByLabel(/^Type 3/).fill('3')
    fixture.signIn('ada@example.com')
    await dialog.getByRole('button', { name: 'End 3 sessions' }).click()
    await dialog.getByText('Meanwhile there are others: counted again.').waitFor()
    await dialog.getByLabel(/^Type 4/).fill('4')
    await dialog.getByRole('button', { name: 'End 4 sessions' }).click()
    await expectShown(dialog.getByText('4 sessions ended'))
  })

  test('the store goes away while they end: says that some may have ended, and counts again', async () => {
    const page = await open('principals?name=ada@example.com')
    await page.getByRole('button', { name: /^End all/ }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Why').fill('Left the company')
    await dialog.getByLabel(/^Type 3/).fill('3')
    fixture.set({ away: true })
    await dialog.getByRole('button', { name: 'End 3 sessions' }).click()
    await dialog.getByText('Some may have ended already').waitFor()
    fixture.set({ away: false })
    await dialog.getByRole('button', { name: 'Try again' }).click()
    await expectShown(dialog.getByText('3 sessions end at once'))
    expect(await dialog.getByLabel('Why').inputValue()).toBe('Left the company')
  })

  test('the others are ended, and the one stays; Esc ends nothing and gives the focus back', async () => {
    const page = await open('principals?name=ada@example.com')
    const first = page.locator('.devices > li').first()
    await first.focus()
    const id = await focused(page)
    await page.keyboard.press('j')
    expect(await focused(page)).not.toBe(id)
    await page.keyboard.press('k')
    await page.keyboard.press('o')
    const dialog = page.getByRole('dialog', { name: /but one$/ })
    await dialog.getByText('2 sessions end at once').waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await focused(page)).toBe(id)
    await page.keyboard.press('o')
    await dialog.getByLabel('Why').fill('Signed in elsewhere')
    await dialog.getByLabel(/^Type 2/).fill('2')
    await page.keyboard.press('Enter')
    await dialog.getByText('2 sessions ended').waitFor()
    await page.keyboard.press('Escape')
    await heading(page, 'ada@example.com 1 session').waitFor()
  })

  test('sessions: look further, filter, sort, walk, inspect, all of it in the address', async () => {
    const page = await open('sessions')
    await page.getByText(/^120 sessions/).waitFor()
    await page.getByRole('button', { name: 'Look further' }).click()
    await page.getByText(/^240 sessions/).waitFor()
    await page.getByLabel('Signed in').selectOption('yes')
    await page.getByLabel('Larger than').selectOption('4.0 KiB')
    await page.waitForURL(/signedIn=true&largerThan=4096/)
    await page.getByText(/, and that is all$/).waitFor()
    await page.getByRole('button', { name: 'Size' }).click()
    await page.waitForURL(/sort=-size/)
    await page
      .getByRole('columnheader', { name: 'Size' })
      .and(page.locator('[aria-sort=descending]'))
      .waitFor()
    const list = rows(page, 'Sessions')
    await list.first().focus()
    await page.keyboard.press('j')
    await page.keyboard.press('ArrowDown')
    const id = await focused(page)
    expect(id).toBe(await list.nth(2).getAttribute('data-row'))
    await page.keyboard.press('Enter')
    const inspector = page.getByRole('complementary', { name: 'Session' })
    await inspector
      .getByText('Safari on')
      .or(inspector.getByText(/Chrome|Firefox|Edge/))
      .first()
      .waitFor()
    const address = page.url()
    await page.keyboard.press('Escape')
    await inspector.waitFor({ state: 'detached' })
    expect(await focused(page)).toBe(id)
    // Somebody else opens the same address.
    const { page: other } = await openOn(address.split('#/')[1] as string)
    await other
      .getByRole('complementary', { name: 'Session' })
      .getByText(id as string)
      .waitFor()
    await other.locator('[aria-sort=descending]', { hasText: 'Size' }).waitFor()
    expect(await other.getByLabel('Larger than').inputValue()).toBe('4096')
  })

  test('values are shown when they are asked for, and not before', async () => {
    const page = await open('sessions?signedIn=true')
    await rows(page, 'Sessions').first().click()
    const inspector = page.getByRole('complementary', { name: 'Session' })
    await inspector.getByRole('cell', { name: 'preferences' }).waitFor()
    expect(await inspector.getByText('currency').count()).toBe(0)
    await inspector.getByRole('button', { name: /^Show values/ }).click()
    await inspector.getByText('currency').waitFor()
    expect(fixture.asked.filter((asked) => asked.includes('values=1'))).toHaveLength(1)
  })

  test('many sessions are selected and ended together', async () => {
    const page = await open('sessions')
    await page.getByText(/^120 sessions/).waitFor()
    const list = rows(page, 'Sessions')
    await list.first().focus()
    await page.keyboard.press('x')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByRole('button', { name: 'End 2 selected' }).waitFor()
    await page.keyboard.press('r')
    const dialog = page.getByRole('dialog', { name: 'End 2 sessions' })
    await dialog.getByLabel('Why').fill('Test accounts')
    await dialog.getByLabel(/^Type 2/).fill('2')
    await page.keyboard.press('Enter')
    await dialog.getByText('2 sessions ended').waitFor()
    await page.keyboard.press('Escape')
    await expectShown(page.getByText(/^118 sessions/))
  })

  test('events come in, wait while paused, are filtered and taken away', async () => {
    const page = await open('events', { ...scenarios.calm, events: 40 })
    await page.getByText(/^2\d\d events/).waitFor()
    await page.keyboard.press('p')
    const frozen = await rows(page, 'Events').first().getAttribute('data-row')
    await page.getByRole('button', { name: /^[1-9]\d* new/ }).waitFor()
    expect(await rows(page, 'Events').first().getAttribute('data-row')).toBe(frozen)
    await page.keyboard.press('p')
    await page.waitForFunction(
      (was) => document.querySelector('tr[data-row]')?.getAttribute('data-row') !== was,
      frozen,
    )
    await page.getByRole('combobox', { name: 'Event' }).selectOption('login')
    await page.keyboard.press('/')
    await page.keyboard.type('ada@')
    await page.waitForURL(/event=login.*q=ada/)
    const words = await rows(page, 'Events').locator('td:nth-child(2)').allInnerTexts()
    expect(new Set(words.map((word) => word.trim()))).toEqual(new Set(['login']))
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ])
    expect(download.suggestedFilename()).toMatch(/^events-.*\.ndjson$/)
    const lines = readFileSync(await download.path(), 'utf8')
      .trim()
      .split('\n')
    const entries = lines.map((line) => JSON.parse(line) as { event: string; at: number })
    expect(entries.every(({ event }) => event === 'login')).toBe(true)
    expect(entries.map(({ at }) => at)).toEqual(entries.map(({ at }) => at).sort((a, b) => a - b))
  })

  test('more events than can be shown: a bounded list, few rows, an honest number', async () => {
    const page = await open('events', scenarios.busy)
    await page.getByText(/^1,000 events/).waitFor()
    await page.getByText(/^[\d,]+ came faster than they can be shown$/).waitFor()
    expect(await rows(page, 'Events').count()).toBeLessThan(80)
    const list = page.getByRole('region', { name: 'Events' })
    await page.keyboard.press('p')
    await list.evaluate((element) => element.scrollTo(0, 20_000))
    await rows(page, 'Events').first().focus()
    await page.keyboard.press('End')
    await page.waitForFunction(() => {
      const at = document.activeElement?.getAttribute('aria-rowindex')
      return at === '1001'
    })
  })

  test('events are asked for only where they are seen, and nothing while the page is hidden', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    expect(fixture.streams).toBe(1)
    expect(fixture.asked.filter((asked) => asked.includes('events'))).toEqual([])
    await page.keyboard.press('g')
    await page.keyboard.press('e')
    await rows(page, 'Events').first().waitFor()
    expect(fixture.asked).toContain('GET live?events=1')
    await hide(page, true)
    await expect.poll(() => fixture.streams).toBe(0)
    await hide(page, false)
    await expect.poll(() => fixture.streams).toBe(1)
  })

  /** As if another tab were in front. */
  const hide = (page: Page, isHidden: boolean): Promise<void> =>
    page.evaluate((hidden) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden })
      document.dispatchEvent(new Event('visibilitychange'))
    }, isHidden)

  test('the store is away: said within 2 s, values stay and are dimmed, and it recovers alone', async () => {
    const page = await open('overview')
    await heading(page, /^All is well/).waitFor()
    const started = performance.now()
    fixture.set({ away: true })
    await page.getByText('The store does not answer.').waitFor()
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(await page.locator('main.dimmed').count()).toBe(1)
    // What was well may not be so any more.
    expect(await heading(page, /^All is well/).count()).toBe(0)
    await page.getByText('connect ECONNREFUSED').waitFor()
    expect(await axeViolations(page)).toEqual([])
    fixture.set({ away: false })
    await page.getByText('The store does not answer.').waitFor({ state: 'detached' })
    expect(await page.locator('main.dimmed').count()).toBe(0)
  })

  test('the console itself is away: its stream is opened again by the page', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    await fixture.stop()
    await expectShown(page.getByText('The console does not answer.'))
    await fixture.start()
    await page.getByText('The console does not answer.').waitFor({ state: 'detached' })
    // It wants another token by now, which the page did not know of.
    await page.goto(`${fixture.url}#/sessions`)
    await rows(page, 'Sessions').first().focus()
    await page.keyboard.press('r')
    await expectShown(page.getByText('One session ends at once'))
  })

  test('names are text, whatever is in them, and however long they are', async () => {
    const name = '<img src=x onerror=alert(1)>'.repeat(12)
    const page = await open(`principals?name=${encodeURIComponent(name)}`, scenarios.calm, {
      viewport: { width: 360, height: 700 },
    })
    await page.getByText(`“${name}” has no session`).waitFor()
    expect(await page.locator('img').count()).toBe(0)
    const wider = await page.evaluate(
      () => (document.querySelector('main')?.scrollWidth ?? 0) - innerWidth,
    )
    expect(wider).toBeLessThanOrEqual(0)
    expect(opened.flatMap(({ troubles }) => troubles)).toEqual([])
  })

  test('a store that is away from the start, and one that comes', async () => {
    const page = await open('overview', scenarios.away)
    await page.getByText('There is nothing to show yet.').waitFor()
    await expectShown(page.getByText('Looking at the servers'))
    fixture.set({ away: false })
    await heading(page, /^All is well/).waitFor()
  })

  test('the store goes away while doctor looks: it looks again when the store is back', async () => {
    const page = await open('overview', { ...scenarios.calm, examines: 1_000 })
    await heading(page, 'Every server answers; doctor is looking.').waitFor()
    const failed = page.waitForResponse((answer) => answer.status() === 503)
    fixture.set({ away: true })
    expect((await failed).url()).toMatch(/api\/doctor$/)
    fixture.set({ away: false, examines: 0 })
    await heading(page, /^All is well/).waitFor()
  })

  test('an address that leads nowhere says so', async () => {
    const page = await open('nowhere')
    await page.getByText('There is no view “nowhere”').waitFor()
    expect(await page.locator('nav [aria-current]').count()).toBe(0)
    await page.getByRole('link', { name: 'To the overview' }).click()
    await page.locator('.verdict').waitFor()
  })

  test('while nothing is seen the verdict is that, and a server that hangs is told as likely', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    fixture.set({ hangs: true, away: true })
    await heading(page, 'How it is now is not known.').waitFor()
    const banner = await page.locator('.stale-banner').innerText()
    const [likely, other] = [banner.indexOf('the server hangs, or'), banner.indexOf('rediss://')]
    expect(likely).toBeGreaterThan(0)
    expect(other).toBeGreaterThan(likely)
    expect(await page.getByText(/^(All is well|It runs well)/).count()).toBe(0)
    fixture.set({ away: false })
    await heading(page, /^All is well/).waitFor()
  })

  test('of a remedy what is a command is copied, alone', async () => {
    const page = await open('doctor', scenarios.cluster, {
      permissions: ['clipboard-read', 'clipboard-write'],
    })
    await page.getByText('CONFIG SET maxmemory-policy volatile-ttl').waitFor()
    const lag = page.locator('#finding-repl\\.lag')
    await lag.getByText('which waits for it').waitFor()
    expect(await lag.getByRole('button').count()).toBe(0)
    const policy = page.locator('#finding-mem\\.policy')
    expect(await policy.getByRole('button', { name: 'Copy' }).count()).toBe(2)
    await policy.getByRole('button', { name: 'Copy' }).first().click()
    await policy.getByText('Copied').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      'redis-cli -h 10.4.1.13 -p 6379 --tls CONFIG SET maxmemory-policy volatile-ttl',
    )
  })

  test('at 1280 pixels no figure is cut', async () => {
    const page = await open('overview', scenarios.calm, { viewport: { width: 1_280, height: 800 } })
    await page
      .locator('.figure')
      .getByText(/cached$/)
      .waitFor()
    const cut = await page
      .locator('.figure, .figure *')
      .evaluateAll(
        (all) =>
          all.filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).length,
      )
    expect(cut).toBe(0)
  })

  test('whoever is known and may not look is told so, and not to sign in', async () => {
    const page = await open('overview', { ...scenarios.calm, unwanted: true })
    await heading(page, 'You may not look here').waitFor()
    await page.getByText('ask who runs the application').waitFor()
    expect(await page.getByText(/signed out|sojourn console/).count()).toBe(0)
  })

  test('signed out, in the midst of it: says what to do', async () => {
    const page = await open('overview')
    await page.locator('.verdict').waitFor()
    fixture.set({ signedOut: true })
    await page.keyboard.press('g')
    await page.keyboard.press('a')
    await page.getByText('You are signed out').waitFor()
    await page.getByText('start `sojourn console` again').waitFor()
    expect(await axeViolations(page)).toEqual([])
    await expect.poll(() => fixture.streams).toBe(0)
  })

  test('read only: nothing that ends anything, by mouse or key', async () => {
    const page = await open('principals?name=ada@example.com', scenarios.readOnly)
    await page.getByText('Read only').waitFor()
    await page.locator('.who-we-are', { hasText: 'reads only' }).waitFor()
    await page.locator('.devices > li').first().focus()
    for (const key of ['a', 'r', 'o']) await page.keyboard.press(key)
    expect(await page.getByRole('dialog').count()).toBe(0)
    expect(await page.getByRole('button', { name: /^End/ }).count()).toBe(0)
    await page.goto(`${fixture.url}#/sessions`)
    await rows(page, 'Sessions').first().click()
    await heading(page, 'Attributes').waitFor()
    expect(await page.getByRole('button', { name: /^End|^Show values/ }).count()).toBe(0)
  })

  test('without secrets, without sessions, without permission: each view says so', async () => {
    const page = await open('principals', scenarios.noSecrets)
    await page.getByText('Without the secrets no principal is found').waitFor()
    await page.goto(`${fixture.url}#/sessions`)
    await rows(page, 'Sessions').nth(1).click()
    await page.getByText('The console was started without secrets.').waitFor()
    await fixture.close()
    const empty = await open('overview', scenarios.empty)
    await heading(empty, 'Every server answers, and there is no session yet.').waitFor()
    await empty.getByText('No session in the sample').waitFor()
    const texts = {
      sessions: 'No such session',
      events: 'Nothing has happened',
      topology: 'No application reports',
      audit: 'Nobody has done anything',
      'principals?name=nobody': '“nobody” has no session',
    }
    for (const [path, text] of Object.entries(texts)) {
      await empty.goto(`${fixture.url}#/${path}`)
      await empty.getByText(text).first().waitFor()
    }
    fixture.set({ denied: true, audit: false })
    await empty.goto(`${fixture.url}#/audit?since=7d`)
    await empty.getByText('You may not see this').waitFor()
    await empty.goto(`${fixture.url}#/events`)
    await empty.getByText('No audit is kept').waitFor()
    fixture.set({ slow: 1_500 })
    await empty.goto(`${fixture.url}#/sessions?idleFor=1d`)
    await expectShown(empty.getByText('Looking through the keys'))
  })

  test('doctor: findings with their remedies, and what is well if asked for', async () => {
    const page = await open('doctor', scenarios.cluster)
    await page.getByText('maxmemory-policy is allkeys-lru').waitFor()
    await page.getByText('CONFIG SET maxmemory-policy volatile-ttl').waitFor()
    await page.getByText('docs/doctor.md#mempolicy').waitFor()
    await page.getByRole('button', { name: /well$/ }).click()
    await page.waitForURL(/show=all/)
    await page.getByText('mem.swap').waitFor()
    await page.getByRole('button', { name: /^\d to mend now/ }).click()
    await page.waitForURL(/severity=error/)
    expect(await page.locator('.findings > li').count()).toBe(1)
    await page.getByRole('button', { name: 'Examine again' }).click()
    await page.getByText('looked just now').waitFor()
  })

  test('topology: replicas under their primaries, what is behind, and nodes by their versions', async () => {
    const page = await open('topology', scenarios.cluster)
    await rows(page, 'Servers').first().waitFor()
    const names = await rows(page, 'Servers').locator('td:first-child').allInnerTexts()
    expect(names.map((name) => name.trim())).toEqual(
      [11, 12, 13].flatMap((host) => [`10.4.1.${host}:6379`, `10.4.2.${host}:6379`]),
    )
    await page.getByRole('row', { name: /10\.4\.2\.12:6379.*behind/ }).waitFor()
    expect(await page.locator('.piece.hot').count()).toBe(2)
    await page.getByRole('row', { name: /0\.1\.0/ }).waitFor()
    fixture.set({ lost: true })
    await page.getByRole('row', { name: /10\.4\.1\.13:6379.*away/ }).waitFor()
    await page.getByText('10.4.1.13:6379: connect ECONNREFUSED').waitFor()
  })

  test('360 px and 200 %: no view is wider than the page, and all of it is reached', async () => {
    const page = await open('overview', scenarios.cluster, {
      viewport: { width: 360, height: 700 },
    })
    for (const size of [360, 640]) {
      await page.setViewportSize({ width: size, height: size === 640 ? 400 : 700 })
      for (const view of views) {
        await page.goto(`${fixture.url}#/${shown[view] ?? view}`)
        await page.locator('main h1').waitFor()
        const wider = await page.evaluate(() =>
          [document.documentElement, document.querySelector('main')].map((element) =>
            element === null ? 0 : element.scrollWidth - element.clientWidth,
          ),
        )
        expect({ view, size, wider }).toEqual({ view, size, wider: [0, 0] })
      }
    }
    await page.setViewportSize({ width: 360, height: 700 })
    await page.getByRole('link', { name: 'Sessions' }).click()
    await rows(page, 'Sessions').first().click()
    await page.getByRole('complementary', { name: 'Session' }).waitFor()
    expect(await axeViolations(page)).toEqual([])
  })

  test('colours as the system has them, or as they were chosen', async () => {
    const page = await open('overview', scenarios.calm, { colorScheme: 'dark' })
    const ground = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await page.locator('.verdict').waitFor()
    expect(await ground()).toBe('rgb(21, 22, 26)')
    await page.keyboard.press('t')
    await expect.poll(ground).toBe('rgb(255, 255, 255)')
    await page.reload()
    await page.locator('.verdict').waitFor()
    expect(await ground()).toBe('rgb(255, 255, 255)')
  })

  test('the keys are told, and the help goes as it came', async () => {
    const page = await open('topology')
    await page.getByRole('heading', { name: 'Servers' }).waitFor()
    await page.keyboard.press('?')
    const help = page.getByRole('dialog', { name: 'Keys' })
    await help.getByText("end all of the principal's").waitFor()
    expect(await axeViolations(page)).toEqual([])
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    for (const [key, view] of [
      ['p', 'Principals'],
      ['s', 'Sessions'],
      ['o', 'Overview'],
    ] as const) {
      await page.keyboard.press('Escape')
      await page.keyboard.press('g')
      await page.keyboard.press(key)
      await page.waitForFunction((name) => document.title.startsWith(name), view)
    }
  })
})
