import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { KINDS, limitOf } from './setting.mjs'

const script = readFileSync(new URL('check.lua', import.meta.url), 'utf8')
/** Keys of one step; those of indexes and sets lead to others. */
const AT_ONCE = 200

const hmac = (text) => createHmac('sha256', '').update(text).digest()
const kindTags = KINDS.map((kind) => hmac(`kind\0${kind}`).subarray(0, 4))

/** What the server holds, seen past Sojourn. @param command of a connection of its own */
export class Keyspace {
  #command
  /** By principal: the tag of the partition. */
  #partitions = new Map()

  constructor(command) {
    this.#command = command
  }

  /** A principal's sessions are all in one partition, which their ids name. */
  learn(principal, id) {
    this.#partitions.set(principal, id.slice(0, 3))
  }

  /**
   * All keys.
   * @param overdue milliseconds for which an expired session may wait to be told of
   * @returns `counts` by what is there, and `problems`
   */
  async scan(overdue) {
    const counts = {}
    const problems = []
    let cursor = '0'
    do {
      const [next, keys] = await this.#command('SCAN', cursor, 'COUNT', String(AT_ONCE))
      cursor = String(next)
      if (keys.length === 0) continue
      const seen = await this.#check(keys, overdue)
      for (const [name, value] of Object.entries(seen.counts)) {
        const isMost = name.startsWith('ttl') || name.startsWith('ms')
        counts[name] = isMost ? Math.max(counts[name] ?? 0, value) : (counts[name] ?? 0) + value
      }
      problems.push(...seen.problems)
    } while (cursor !== '0')
    return { counts, problems }
  }

  /** A principal's sessions beside the limit. @param replacing see `Replacing` */
  async checkLimit(principal, overdue, replacing) {
    const partition = this.#partitions.get(principal)
    const limit = limitOf(principal)
    if (partition === undefined) return []
    const allowance = replacing.allowance(principal)
    const tag = hmac(principal).toString('base64url', 0, 16)
    const { counts, problems } = await this.#check([`sj:{${partition}}:p:${tag}`], overdue)
    if (limit === undefined) return problems
    const surplus = allowance()
    const compare = (what, live = 0, max) => {
      if (live <= max + surplus) return
      problems.push(`${principal}: ${live} ${what}, the limit is ${max} (${surplus} replaced)`)
    }
    compare('sessions', counts.live, limit.max)
    for (const [i, kind] of KINDS.entries()) {
      const max = limit.kinds[kind]
      if (max !== undefined) compare(`sessions of kind ${kind}`, counts[`kind ${i + 2}`], max)
    }
    return problems
  }

  async #check(keys, overdue) {
    const parts = ['EVAL', script, String(keys.length), ...keys, String(overdue), ...kindTags]
    const [flat, problems] = await this.#command(...parts)
    const counts = {}
    for (let i = 0; i < flat.length; i += 2) counts[String(flat[i])] = Number(flat[i + 1])
    return { counts, problems: problems.map(String) }
  }

  /** Bytes. */
  memory() {
    return this.#info('memory', 'used_memory')
  }

  /**
   * Names of keys that the server keeps to tell near caches. Of one that does not exist (an old cookie has
   * come back, a login was refused) it forgets the name only when there are `tracking-table-max-keys`.
   */
  trackedNames() {
    return this.#info('stats', 'tracking_total_keys')
  }

  async #info(section, name) {
    const info = String(await this.#command('INFO', section))
    return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)[1])
  }

  /** Removes what is there by design when all sessions have ended. @returns how many keys */
  async clear() {
    let cursor = '0'
    let removed = 0
    do {
      const [next, keys] = await this.#command('SCAN', cursor, 'COUNT', '1000')
      cursor = String(next)
      if (keys.length > 0) removed += Number(await this.#command('DEL', ...keys))
    } while (cursor !== '0')
    return removed
  }
}

/**
 * Logins that replace a session of the same principal: it ends right after the new one is there, so one
 * too many may be seen for a moment; until it expires, when the node died in between.
 */
export class Replacing {
  #principals = new Map()
  #longest

  /** @param longest milliseconds that a session can live */
  constructor(longest) {
    this.#longest = longest
  }

  started(principal) {
    this.#of(principal).started += 1
  }

  ended(principal, isUnknown) {
    if (!isUnknown) this.#of(principal).ended += 1
    else setTimeout(() => this.ended(principal, false), this.#longest).unref()
  }

  /** @returns a function to call after the look: how many there may have been at its moment */
  allowance(principal) {
    const one = this.#of(principal)
    const { ended } = one
    return () => one.started - ended
  }

  #of(principal) {
    const known = this.#principals.get(principal)
    if (known !== undefined) return known
    const one = { started: 0, ended: 0 }
    this.#principals.set(principal, one)
    return one
  }
}
