/** The applications of examples/polyglot on a Redis of the test's own, and people who use them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { Browser } from '../../examples/harness/browser.mjs'
import { startRedis } from '../../examples/harness/redis.mjs'
import { stacksWith } from '../../examples/polyglot/stacks.mjs'

const tools = JSON.parse(process.env.POLYGLOT)

/** Those that this machine can run. */
export const STACKS = ['express', 'django', 'spring'].filter(
  (stack) => tools[stack]?.missing === undefined,
)
/** Every one with each other. */
export const PAIRS = STACKS.flatMap((one) =>
  STACKS.filter((other) => other !== one).map((other) => [one, other]),
)
export const SECRET = 'a secret of the interop tests of 32 bytes or more'
const PASSWORDS = { ada: 'lovelace', bob: 'bobby', eve: 'evening', ADA: 'another' }

/**
 * Starts all of them, for the file.
 * @param env by the stack's name, besides where Redis is
 */
export async function openShops(env = {}) {
  const redis = await startRedis({ tcp: true })
  const scratch = mkdtempSync(join(tmpdir(), 'sojourn-interop-'))
  const start = stacksWith(tools, scratch)
  const sites = {}
  const close = async () => {
    await Promise.all(Object.values(sites).map((site) => site.stop()))
    await redis.stop()
    rmSync(scratch, { recursive: true, force: true })
  }
  const open = async (stack, own = {}) => {
    const all = { REDIS_URL: redis.url, SESSION_SECRETS: SECRET, ...env[stack], ...own }
    sites[stack] = await start[stack](all)
  }
  const opened = await Promise.allSettled(STACKS.map((stack) => open(stack)))
  const failed = opened.find(({ status }) => status === 'rejected')
  if (failed !== undefined) {
    await close()
    throw failed.reason
  }
  after(close)
  return {
    redis,
    originOf: (stack) => sites[stack].origin,
    outputOf: (stack) => sites[stack].output(),
    /** Another process of it, with other settings. */
    async restart(stack, own) {
      await sites[stack].stop()
      await open(stack, own)
    },
    person: (name = 'ada') => new Person(sites, name),
  }
}

/** With one cookie jar for all applications: they are under one host name. */
class Person {
  browser = new Browser()
  #sites
  #name

  constructor(sites, name) {
    this.#sites = sites
    this.#name = name
  }

  /** With the same cookies, as they are now. */
  copy() {
    const copy = new Person(this.#sites, this.#name)
    copy.browser.jar = new Map(this.browser.jar)
    return copy
  }

  /** @returns the answer's JSON; nothing where it has none */
  async ask(stack, method, path, body) {
    const { status, text } = await this.try(stack, method, path, body)
    if (status >= 300) throw new Error(`${method} ${path} on ${stack}: ${status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  try(stack, method, path, body) {
    const json = body === undefined ? {} : { body: JSON.stringify(body) }
    const headers = {
      'content-type': 'application/json',
      'user-agent': `${this.#name} on ${stack}`,
    }
    return this.browser.get(this.#sites[stack].origin + path, { method, headers, ...json })
  }

  login(stack, user = this.#name) {
    return this.ask(stack, 'POST', '/login', { user, password: PASSWORDS[user] })
  }

  me(stack) {
    return this.ask(stack, 'GET', '/me')
  }

  set(stack, name, value) {
    return this.ask(stack, 'PUT', `/attributes/${name}`, { value })
  }
}
