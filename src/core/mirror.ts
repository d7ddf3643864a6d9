import { Arrears } from './arrears.ts'
import { equalBytes, hmacSha256 } from './crypto.ts'
import { isTrail, type SessionId, stampOf } from './engine.ts'
import type { EventHub, SessionEventName, SessionEvents } from './events.ts'
import { Generations } from './generations.ts'
import type { Key } from './keyring.ts'
import type { LegacyMirror, LegacySource } from './legacy.ts'
import type { Live } from './live.ts'
import { formerOf, isPersistent, type Meta, principalOf } from './meta.ts'
import { withoutPrivate } from './private-names.ts'
import { reads } from './reads.ts'
import { openRecord, type RecordHeader } from './record.ts'
import type { Repository } from './repository.ts'
import { isStoreError } from './revoke.ts'
import { migrateData } from './schema.ts'
import { deriveToken, type Token } from './token.ts'
import { isSuperseded, makeClaim } from './trail.ts'

/** Keeps what is derived here apart from keys of records, forwards, descriptors and audit entries. */
const MIRROR_PURPOSE = 6
const KEY_BYTES = 24
const MARGIN = 3_600_000
/** Of so many sessions the old store's key is at hand. */
const MOST_KEYS = 10_000
/** Others write to the session on and on: the last of them writes what is so. */
const MOST_ROUNDS = 32

/** Whether the cookie of such a session outlives the browser, where its adapter forms it. */
export type LastingRule = (meta: Meta, attributes: ReadonlyMap<string, unknown>) => boolean

/**
 * Keeps the old store up to date with the sessions here, so that the old application can go on with them.
 *
 * Its key for a session derives one-way from the session's id: whoever ends a session by its id, on whichever
 * node, can remove it there as well. Writes come after the commit, and are checked: what is written is right
 * only if the record here is still the same afterwards, else it is written once more. So whatever order the
 * writes of several nodes arrive in, the last one writes what is so.
 */
export class Mirror {
  readonly #repository: Repository
  readonly #events: EventHub
  readonly #source: LegacySource
  readonly #mirror: LegacyMirror
  /** Keys in the old store, by session id. */
  readonly #keys = new Generations<string>({ maxCount: MOST_KEYS })
  /** Sessions whose claim this process has made sure of. */
  readonly #claimed = new Generations<true>({ maxCount: MOST_KEYS })
  readonly #removing = new Set<Promise<void>>()
  /** Entries that are to go, or to go soon. */
  readonly #leaving: Arrears
  /** Entries that are not as the session is: the last write may have failed, or come later. */
  readonly #stale: Arrears
  #lasting: LastingRule | undefined

  constructor(repository: Repository, events: EventHub, source: LegacySource) {
    this.#repository = repository
    this.#events = events
    this.#source = source
    this.#mirror = source.mirror as LegacyMirror
    this.#leaving = new Arrears(repository.settings, (count) => this.#fail(givenUp(count)))
    // Each has been told of when it failed, and the session's next change makes up for it.
    this.#stale = new Arrears(repository.settings, () => undefined)
    events.follow((name, event) => this.#follow(name, event))
  }

  /** Whether the browser has the session's cookie of the old application. */
  isHeld(header: string | undefined, id: SessionId): boolean {
    return header !== undefined && this.#mirror.holds(header, this.#keyOf(id))
  }

  /** See `Sessions.lastingBy`. */
  lastingBy(rule: LastingRule): void {
    this.#lasting = rule
  }

  /** Set-Cookie headers. They last as long as ours. */
  cookies({ token, meta, header, attributes }: Live): readonly string[] {
    const key = this.#keyOf(token.id)
    if (!this.#isLasting(meta, attributes())) return this.#mirror.cookies(key, undefined)
    const left = header.deadline - this.#repository.settings.engine.now()
    const { idleTimeout } = header
    const maxAge = this.#lasting === undefined ? left : Math.min(idleTimeout, left)
    return this.#mirror.cookies(key, maxAge)
  }

  #isLasting(meta: Meta, attributes: ReadonlyMap<string, unknown>): boolean {
    if (this.#lasting !== undefined) return this.#lasting(meta, attributes)
    return this.#repository.settings.cookie.persistent || isPersistent(meta)
  }

  /**
   * Writes the session as it is by now. Never rejects: the session itself is stored.
   * @param former the id of before a rotation @param isRefused whether whoever comes with it is refused
   */
  write(live: Live, former?: SessionId, isRefused = false): Promise<void> {
    return this.#move(live, former === undefined ? undefined : this.#keyOf(former), isRefused)
  }

  /** The session was taken over from that key: its browser may never get the cookie of the new one. */
  moveFrom(key: string, live: Live): Promise<void> {
    return this.#move(live, key, false)
  }

  async #move(live: Live, former: string | undefined, isRefused: boolean): Promise<void> {
    try {
      const last = await this.#write(live)
      if (former === undefined) return
      if (last === undefined || isRefused) await this.#remove(former)
      else await this.#leave(former, last)
    } catch (error) {
      this.#fail(error)
      const { token } = live
      this.#makeGoodLater(token.id, error, () => this.#makeGood(token))
      if (former === undefined) return
      // Whoever ends the session later knows nothing of a key that it has left before.
      this.#leaving.add(former, () =>
        isRefused ? this.#remove(former) : this.#giveUp(former, token),
      )
    }
  }

  #makeGoodLater(name: string, error: unknown, work: () => Promise<void>): void {
    // What cannot be written at all is no better the next time.
    if (!isStoreError(error)) return
    this.#stale.add(name, () =>
      work().catch((failure: unknown) => {
        if (isStoreError(failure)) throw failure
      }),
    )
  }

  /** What was to be written. @throws what a store says */
  async #makeGood(token: Token): Promise<void> {
    const now = await this.#repository.reader.reload(token)
    const isHere = now.status === 'live' && now.live.token.id === token.id
    if (isHere) await this.#write(now.live)
    else await this.#giveUp(this.#keyOf(token.id), token)
  }

  /** A key whose session has moved on, and may have ended since. @throws what a store says */
  async #giveUp(key: string, token: Token): Promise<void> {
    const now = await this.#repository.reader.reload(token)
    if (now.status === 'none' || now.over !== undefined) return this.#remove(key)
    try {
      await this.#leave(key, now.live)
    } catch (error) {
      if (isStoreError(error)) throw error
      await this.#remove(key)
    }
  }

  /** Ends what is still to be done, after one more try. */
  async close(): Promise<void> {
    await Promise.all([this.#leaving.close(), this.#stale.close()])
  }

  /** Writes a session whose token is not at hand. Never rejects. */
  async rewrite(id: SessionId): Promise<void> {
    try {
      await this.#rewrite(id)
    } catch (error) {
      this.#fail(error)
      this.#makeGoodLater(`all ${id}`, error, () => this.#rewrite(id))
    }
  }

  async #rewrite(id: SessionId): Promise<void> {
    const { engine, keyring, schema } = this.#repository.settings
    const key = this.#keyOf(id)
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const stored = await engine.load(id, { fresh: true })
      if (stored === undefined) return this.#remove(key)
      if (isTrail(stored.record)) {
        // Whoever has rotated it writes it where it stands now; a login or a step-up has removed it.
        if (isSuperseded(stored.record)) await this.#remove(key)
        return
      }
      const opened = openRecord(stored.record, { keyring, id, token: undefined })
      if (opened.status === 'rejected') return
      const attributes = migrateData(schema, opened, opened.header.schema)?.attributes
      if (attributes === undefined) return
      await this.#put(key, opened.meta, opened.header, attributes, stored.ttl)
      const now = await engine.load(id, { fresh: true })
      if (now !== undefined && equalBytes(stampOf(now.record), stampOf(stored.record))) return
    }
  }

  /** It has ended: what stands at the key of before its last rotation goes as well. */
  async end({ token, meta }: Live): Promise<void> {
    const former = formerOf(meta)
    if (former !== undefined) await this.#removeAll(token.id.slice(0, -former.length) + former)
  }

  /** @returns as it was written; nothing when it has ended meanwhile */
  async #write(live: Live): Promise<Live | undefined> {
    let current = live
    for (let round = 1; round <= MOST_ROUNDS; round++) {
      const { id } = current.token
      const key = this.#keyOf(id)
      await this.#claim(key, current)
      await this.#putLive(key, current)
      const now = await this.#repository.reader.reload(current.token)
      if (now.status === 'none') {
        await this.#remove(key)
        return undefined
      }
      const isMoved = now.live.token.id !== id
      if (isMoved) await this.#leave(key, now.live)
      else if (equalBytes(now.live.stamp, current.stamp)) return current
      current = now.live
    }
    return current
  }

  /** Before the old store has the entry: it must not be taken for one that can be taken over. */
  async #claim(key: string, live: Live): Promise<void> {
    const { id } = live.token
    if (this.#claimed.get(id) !== undefined) return
    const { engine, keyring } = this.#repository.settings
    const claim = deriveToken(keyring, this.#source.name, key)
    const now = Math.floor(engine.now())
    const ttl = Math.ceil(Math.max(1, live.header.deadline - now)) + MARGIN
    await engine.create(claim.id, makeClaim(keyring, claim, live.token, now + ttl, true), ttl)
    this.#claimed.set(id, true)
  }

  /**
   * At a key that has been given up: for those whose browser does not have the new one yet. Whoever has ended
   * the session meanwhile may have removed it before it was there.
   */
  async #leave(key: string, live: Live): Promise<void> {
    await this.#putLive(key, live, this.#repository.settings.rotationPatience)
    const now = await this.#repository.reader.reload(live.token)
    if (now.status === 'none') await this.#remove(key)
  }

  #putLive(key: string, live: Live, longest: number = Number.POSITIVE_INFINITY): Promise<void> {
    const left = live.lease.expiresAt - this.#repository.settings.engine.now()
    return this.#put(key, live.meta, live.header, live.attributes(), Math.min(left, longest))
  }

  #put(
    key: string,
    meta: Meta,
    { idleTimeout }: RecordHeader,
    attributes: ReadonlyMap<string, unknown>,
    ttl: number,
  ): Promise<void> {
    const own = withoutPrivate(attributes)
    // By the old application, which gets all of them.
    reads.noteAll(own)
    return this.#mirror.write(key, {
      attributes: Object.fromEntries(own),
      principal: principalOf(meta),
      persistent: this.#isLasting(meta, attributes),
      idleTimeout,
      ttl: Math.max(1, Math.floor(ttl)),
    })
  }

  async #remove(key: string): Promise<void> {
    await this.#source.remove?.(key)
  }

  /** Whoever ends a session tells of it, and waits until it has ended there too. */
  #follow(name: SessionEventName, event: object): Promise<void> | undefined {
    const id = endedBy(name, event)
    if (id !== undefined) {
      // What has expired ends there by itself.
      const removing = this.#removeAll(id, name !== 'expired')
      this.#removing.add(removing)
      void removing.then(() => this.#removing.delete(removing))
    }
    return this.#removing.size === 0 ? undefined : Promise.all(this.#removing).then(() => undefined)
  }

  /** @param isOwed whether it is tried again where the old store is away */
  async #removeAll(id: SessionId, isOwed = true): Promise<void> {
    const { keys } = this.#repository.settings.keyring
    await Promise.all(keys.map((key) => this.#end(this.#derive(key, id), isOwed)))
  }

  /** Never rejects. */
  async #end(key: string, isOwed: boolean): Promise<void> {
    try {
      await this.#remove(key)
    } catch (error) {
      this.#fail(error)
      if (isOwed) this.#leaving.add(key, () => this.#remove(key))
    }
  }

  #keyOf(id: SessionId): string {
    let key = this.#keys.get(id)
    if (key === undefined) {
      key = this.#derive(this.#repository.settings.keyring.primary, id)
      this.#keys.set(id, key)
    }
    return key
  }

  #derive(key: Key, id: SessionId): string {
    const mac = hmacSha256(key.seal, Uint8Array.of(MIRROR_PURPOSE), Buffer.from(id, 'ascii'))
    return this.#mirror.keyOf(mac.subarray(0, KEY_BYTES))
  }

  #fail(error: unknown): void {
    this.#events.emit('error', { operation: 'mirror', error })
  }
}

function givenUp(count: number): Error {
  return new Error(`what the old store has of sessions that have ended is left there: ${count}`)
}

/** The id under which a session has ended, where an event tells of that. */
function endedBy(name: SessionEventName, event: object): SessionId | undefined {
  switch (name) {
    case 'logout':
    case 'revoked':
    case 'evicted':
    case 'expired':
      return (event as SessionEvents['logout']).id
    case 'login':
      return (event as SessionEvents['login']).previousId
    default:
      return undefined
  }
}
