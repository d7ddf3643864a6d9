// Makes the pictures in docs/pictures: of made-up data that is the same each time, but for doctor's, which show what it
// finds at a real server. Needs chromium and redis-server; looks best with the font Inter (Debian: fonts-inter).
// Usage: node scripts/pictures.mjs, after a build.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runnerImport } from 'vite'
import { withPalette } from './palette-png.mjs'
import { terminalPicture } from './terminal-picture.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const folder = here('../docs/pictures')
const MOST = 200_000
const MOST_TOGETHER = 600_000

// What a page asks for as the system's font is Inter here, where it is installed, and not whatever the machine has.
const settings = mkdtempSync(join(tmpdir(), 'sojourn-pictures-'))
const inter = ['system-ui', 'sans', 'sans-serif'].map(
  (name) =>
    `<match target="pattern"><test name="family"><string>${name}</string></test>` +
    '<edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>',
)
writeFileSync(
  join(settings, 'fonts.conf'),
  `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>` +
    `<include ignore_missing="yes">/etc/fonts/fonts.conf</include>${inter.join('')}</fontconfig>`,
)
process.env.FONTCONFIG_FILE = join(settings, 'fonts.conf')

const { startFixture, scenarios } = (await runnerImport(here('../tests/console/fixture/server.ts')))
  .module
const { startBrowser, openPage } = (await runnerImport(here('../tests/console/browser.ts'))).module

// Cut between two parts of the page.
const desk = { width: 1280, height: 888 }
const phone = { width: 390, height: 732 }
const pictures = [
  { name: 'console-overview-light', path: 'overview', seen: 'What sessions look like' },
  { name: 'console-overview-dark', path: 'overview', seen: 'What sessions look like', dark: true },
  {
    name: 'console-principal',
    path: 'principals?name=ada@example.com',
    seen: 'End others',
    height: 720,
    act,
  },
  { name: 'console-doctor', path: 'doctor', seen: 'mem.policy', height: 860, calm: true },
  {
    name: 'console-phone',
    path: 'overview',
    seen: 'All is well',
    size: phone,
    scale: 2,
    calm: true,
  },
]

/** The question before three sessions end. */
async function act(page) {
  await page.locator('.devices > li').first().press('a')
  await page.getByLabel('Why').fill('Stolen laptop, ticket 4711')
  await page.getByLabel(/^Type 3/).fill('3')
}

mkdirSync(folder, { recursive: true })

// What the terminal shows. Colours are wanted, though this is none.
process.env.FORCE_COLOR = '1'
delete process.env.NO_COLOR
const load = async (path) => (await runnerImport(here(path))).module

/** What doctor finds at a server with faults that are often met. */
async function examined() {
  const [{ startRedis }, { examine }, { redisConf }, { aclRules }] = await Promise.all(
    ['../tests/support/redis-server.ts', '../src/operations/doctor/examine.ts']
      .concat('../src/operations/redis-conf/redis-conf.ts', '../src/operations/acl/acl.ts')
      .map(load),
  )
  const conf = { kind: 'single', memory: 512 * 1_048_576, processes: 12, durable: true }
  const user = (role) =>
    `user ${aclRules({ user: role, role, prefix: 'sj', features: [], database: 0 }).join(' ')}`
  const faults = ['maxmemory-policy allkeys-lru', 'appendonly no', 'timeout 30']
  const users = ['user default off', user('ops'), `${user('app')} -evalsha`]
  const config = [redisConf({ ...conf, expiry: 'off', tls: false }), ...faults, ...users, '']
  const server = await startRedis({ tcp: true, config: config.join('\n') })
  try {
    const url = `redis://ops:password@127.0.0.1:${server.port}`
    const wants = { prefix: 'sj', user: 'app', expiry: 'off', durable: false }
    const found = await examine(url, { ...wants, window: 1_000, commandTimeout: 5_000 })
    // The port is another one each time.
    return JSON.parse(JSON.stringify(found).replaceAll(String(server.port), '6379'))
  } finally {
    await server.stop()
  }
}
const examination = await examined()

const terminals = {
  async doctor() {
    const { renderExamination } = await load('../src/cli/doctor.ts')
    return renderExamination(examination, false)
  },
  async top() {
    const [{ initialState, withSnapshot }, { render }, { paint }, { snapshotAt }] =
      await Promise.all(
        ['../src/cli/top/state.ts', '../src/cli/top/render.ts', '../src/cli/paint.ts']
          .concat('../tests/console/fixture/snapshot.ts')
          .map(load),
      )
    const at = Date.UTC(2026, 6, 14, 10, 20)
    let state = initialState(1_000)
    for (let second = 120; second >= 0; second--) {
      const traffic = 3 * (0.75 + 0.25 * Math.cos(second / 2))
      const load = { ...scenarios.cluster, traffic }
      state = withSnapshot(state, snapshotAt(at - second * 1_000, load))
    }
    return render(state, 112, 32, at + 200, paint).join('\n')
  },
}
for (const [name, made] of Object.entries(terminals)) {
  const svg = terminalPicture(`$ npx sojourn ${name}`, (await made()).split('\n'))
  writeFileSync(join(folder, `${name}.svg`), svg)
}

const browser = await startBrowser()
let together = 0
try {
  for (const {
    name,
    path,
    seen,
    dark,
    act: before,
    calm,
    height,
    size = desk,
    scale = 1,
  } of pictures) {
    const fixture = await startFixture({
      root: here('../dist/console'),
      scenario: calm ? scenarios.calm : scenarios.cluster,
      startAt: Date.UTC(2026, 6, 14, 10, 20),
      examination: name === 'console-doctor' ? examination : undefined,
    })
    const { page } = await openPage(browser, `${fixture.url}#/${path}`, {
      viewport: { ...size, height: height ?? size.height },
      deviceScaleFactor: scale,
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
    })
    await page.getByText(seen).first().waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    await before?.(page)
    // The charts are drawn in the next frame.
    await page.waitForTimeout(300)
    const png = withPalette(await page.screenshot({ caret: 'hide' }))
    writeFileSync(join(folder, `${name}.png`), png)
    together += png.length
    console.log(`docs/pictures/${name}.png: ${(png.length / 1_000).toFixed(0)} kB`)
    if (png.length > MOST) throw new Error(`${name} has more than ${MOST} bytes`)
    await page.context().close()
    await fixture.close()
  }
  if (together > MOST_TOGETHER) throw new Error(`together they have ${together} bytes`)
} finally {
  await browser.close()
  rmSync(settings, { recursive: true, force: true })
}
