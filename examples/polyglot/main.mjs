/**
 * One shop on three stacks, one sign-in: `npm run polyglot`. Builds what it needs, starts the applications and a small proxy in front
 * of them, and a page to try it on.
 *   PORT        of the page, 3000
 *   REDIS_URL   without it a redis-server is started for as long as this runs
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPolyglot } from '../../scripts/polyglot.mjs'
import { startRedis } from '../harness/redis.mjs'
import { createFront } from './front.mjs'
import { stacksWith } from './stacks.mjs'

const { PORT = '3000', REDIS_URL } = process.env

const tools = buildPolyglot()
const scratch = mkdtempSync(join(tmpdir(), 'sojourn-polyglot-'))
const redis = REDIS_URL === undefined ? await startRedis({ tcp: true }) : { url: REDIS_URL }
const start = stacksWith(tools, scratch)
const env = { REDIS_URL: redis.url, SESSION_SECRETS: randomBytes(32).toString('base64url') }
const sites = {}

async function stop() {
  front?.close()
  await Promise.all(Object.values(sites).map((site) => site.stop()))
  await redis.stop?.()
  rmSync(scratch, { recursive: true, force: true })
}

let front
try {
  for (const stack of Object.keys(start)) {
    const missing = tools[stack]?.missing
    if (missing === undefined) {
      sites[stack] = await start[stack](env)
      console.log(`${stack} is up`)
    } else {
      console.log(`without ${stack}: ${missing}`)
    }
  }
  const page = readFileSync(new URL('index.html', import.meta.url))
  front = createFront(sites, page).listen(Number(PORT), '127.0.0.1')
  await once(front, 'listening')
  console.log(`http://localhost:${PORT}   ada / lovelace, bob / bobby   Ctrl-C ends it`)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stop())
} catch (error) {
  await stop()
  throw error
}
