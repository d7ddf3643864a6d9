import { Arrears } from './arrears.ts'
import { LONGEST_LIFETIME } from './duration.ts'
import { isTrail, type SessionId, type Stored, stampOf, type WriteResult } from './engine.ts'
import { SessionConflictError } from './errors.ts'
import type { EventHub } from './events.ts'
import { LeftOut } from './left-out.ts'
import type { LegacyCookie, LegacyEntry, LegacySource } from './legacy.ts'
import type { Live } from './live.ts'
import { adoptedMeta, type Meta, originOf } from './meta.ts'
import { Mirror } from './mirror.ts'
import { namePrincipal, type PrincipalName } from './principal.ts'
import type { RecordHeader } from './record.ts'
import type { Repository } from './repository.ts'
import { isStoreError } from './revoke.ts'
import { createToken, deriveToken, type Token } from './token.ts'
import { makeClaim, makeSuperseded, readTrail } from './trail.ts'

/** Longer than all who have begun before: old nodes may have renewed an entry since. Milliseconds. */
const MARGIN = 3_600_000
const MOST_ATTEMPTS = 32
/** So often another's claim is looked at again before it counts as left behind, after growing pauses. */
const PATIENCE = 7

export interface Found {
  readonly source: LegacySource
  readonly cookie: LegacyCookie
}

/** What is stored once it has been claimed. */
interface Plan {
  readonly token: Token
  readonly header: RecordHeader
  readonly meta: Meta
  readonly attributes: ReadonlyMap<string, unknown>
  readonly name: PrincipalName | undefined
  /** Of the claim, milliseconds. */
  readonly ttl: number
}

/**
 * Takes sessions of another system over, each one once, however many requests and nodes come with it at a
 * time, and never again after it has ended here.
 *
 * At an id that all nodes derive from the other system's key stands a claim: a forward to the session's own
 * token. It is written first, unsettled; then the session; then the claim is settled by compare-and-set, and
 * only then anybody is given the token. It outlives the old entry, and the session that it leads to may end
 * in whatever way, by whichever node or tool: the claim is still there, and leads to nothing.
 */
export class Adoption {
  readonly sources: readonly LegacySource[]
  readonly mirror: Mirror | undefined
  readonly #repository: Repository
  readonly #events: EventHub
  /** By the source's name. */
  readonly #leftOut = new Map<string, LeftOut>()
  /** Entries that are to go. */
  readonly #leaving: Arrears

  constructor(repository: Repository, events: EventHub) {
    this.#repository = repository
    this.#events = events
    this.#leaving = new Arrears(repository.settings, (count) => {
      const error = new Error(`entries of sessions taken over are left in the old store: ${count}`)
      this.#events.emit('error', { operation: 'adopt', error })
    })
    this.sources = repository.settings.adopt
    const mirrored = this.sources.find(({ old }) => old === 'mirror')
    this.mirror = mirrored && new Mirror(repository, events, mirrored)
  }

  /** The first session of another system that the cookies name. No I/O. */
  find(header: string): Found | 'forged' | undefined {
    let forged: 'forged' | undefined
    for (const source of this.sources) {
      // What most headers have not is found out by one search.
      if (!header.includes(source.cookieName)) continue
      const cookie = source.find(header)
      if (cookie === 'forged') forged = cookie
      else if (cookie !== undefined) return { source, cookie }
    }
    return forged
  }

  /** The id that all nodes derive from the key. */
  claimOf({ source, cookie }: Found): Token {
    return deriveToken(this.#keyring, source.name, cookie.key)
  }

  /**
   * The session that the other system's one has become, or becomes now.
   * @returns nothing where there is none, it has ended, or it cannot be taken over, which is an `error` event
   * @throws StoreUnavailableError, StoreRefusedError, also of the old store; SessionConflictError
   */
  async open(found: Found, fresh: boolean): Promise<Live | undefined> {
    const claim = this.claimOf(found)
    try {
      const live = await this.#open(found, claim, fresh)
      if (live === undefined) this.#events.emit('rejected', { id: claim.id, reason: 'absent' })
      return live
    } catch (error) {
      if (isStoreError(error) || error instanceof SessionConflictError) throw error
      // It would be the same with each further request: nobody is locked out for that.
      this.#events.emit('error', { operation: 'adopt', error })
      return undefined
    }
  }

  async #open(found: Found, claim: Token, fresh: boolean): Promise<Live | undefined> {
    const { engine, keyring } = this.#repository.settings
    let entry: LegacyEntry | undefined
    let isSecondLook = found.source.old === 'keep'
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const stored = await engine.load(claim.id, { fresh: fresh || attempt > 1 })
      if (stored === undefined) {
        entry ??= await found.cookie.read()
        if (entry === undefined) {
          // Another may have taken it over and away since.
          if (isSecondLook) return undefined
          isSecondLook = true
          continue
        }
        const plan = this.#plan(found, entry)
        const record = this.#claimRecord(claim, plan, false)
        const created = await engine.create(claim.id, record, plan.ttl)
        if (created.status !== 'created') continue
        const live = await this.#fulfil(found, claim, record, plan)
        if (live !== undefined) return live === 'refused' ? undefined : live
        continue
      }
      if (!isTrail(stored.record)) return undefined
      const trail = readTrail(keyring, claim, stored.record)
      if (trail.kind !== 'forward') return undefined
      if (trail.isUsed) return this.#follow(claim, stored)
      // Another is at it. One that has died must not sign the user out.
      if (attempt <= PATIENCE) {
        await new Promise((resolve) => setTimeout(resolve, 2 ** attempt))
        continue
      }
      const there = await engine.load(trail.token.id, { fresh: true })
      if (there !== undefined) {
        const settled = makeClaim(keyring, claim, trail.token, trail.until, true)
        await engine.commit(claim.id, stampOf(stored.record), settled, undefined)
        continue
      }
      entry ??= await found.cookie.read()
      if (entry === undefined) return undefined
      const plan = this.#plan(found, entry)
      const record = this.#claimRecord(claim, plan, false)
      const base = stampOf(stored.record)
      const { status } = await engine.commit(claim.id, base, record, plan.ttl)
      if (status !== 'done') continue
      const live = await this.#fulfil(found, claim, record, plan)
      if (live !== undefined) return live === 'refused' ? undefined : live
    }
    throw new SessionConflictError(MOST_ATTEMPTS)
  }

  /** @returns nothing where another was first */
  async #fulfil(
    found: Found,
    claim: Token,
    record: Uint8Array,
    plan: Plan,
  ): Promise<Live | 'refused' | undefined> {
    const { engine } = this.#repository.settings
    const base = stampOf(record)
    let live: Live
    try {
      live = await this.#repository.create(plan.token, plan.header, plan.attributes, plan.meta)
    } catch (error) {
      // It has not become a session; where the store is away the claim is found left behind.
      if (!isStoreError(error)) await engine.destroy(claim.id, { base })
      throw error
    }
    // After the session has come into the index: who is signed out everywhere finds it there, or is found here.
    const isRefused = plan.name !== undefined && (await this.#isRefused(plan.name))
    const settled = this.#claimRecord(claim, plan, true)
    const result = await engine.commit(claim.id, base, settled, plan.ttl)
    // Somebody who waited for it may have settled it for us.
    const isOurs = result.status === 'done' || this.#leadsTo(claim, result, live)
    if (isRefused || !isOurs) {
      await this.#repository.destroy(live)
      if (!isRefused) return undefined
      await this.#remove(found.source, found.cookie.key)
      return 'refused'
    }
    const { id } = live.token
    await this.#events.record('created', { id })
    const principal = plan.name?.principal
    await this.#events.record('adopted', { id, source: found.source.name, principal })
    await this.#leave(found, live)
    return live
  }

  #leadsTo(claim: Token, result: WriteResult, live: Live): boolean {
    if (result.status !== 'conflict') return false
    const trail = readTrail(this.#keyring, claim, result.stored.record)
    return trail.kind === 'forward' && trail.token.id === live.token.id
  }

  /** What becomes of the old entry. */
  async #leave({ source, cookie }: Found, live: Live): Promise<void> {
    if (this.mirror !== undefined && source.old === 'mirror') {
      await this.mirror.moveFrom(cookie.key, live)
    } else if (source.old === 'delete') {
      await this.#remove(source, cookie.key)
    }
  }

  /** The session of the browser has ended, or a login has replaced it: so has what it was taken over from. */
  async release(live: Live): Promise<void> {
    const origin = originOf(live.meta)
    const source = this.sources.find(({ name }) => name === origin?.source)
    if (origin !== undefined && source !== undefined) await this.#remove(source, origin.key)
    await this.mirror?.end(live)
  }

  /** Now, or as soon as the old store takes it. Never rejects. */
  async #remove(source: LegacySource, key: string): Promise<void> {
    try {
      await source.remove?.(key)
    } catch (error) {
      this.#events.emit('error', { operation: 'adopt', error })
      this.#leaving.add(`${source.name} ${key}`, async () => source.remove?.(key))
    }
  }

  /** Tries once more what the old stores have not taken. */
  async close(): Promise<void> {
    await Promise.all([this.#leaving.close(), this.mirror?.close()])
  }

  async #follow(claim: Token, stored: Stored): Promise<Live | undefined> {
    const { reader, denials } = this.#repository
    const loaded = await reader.follow(claim, stored)
    if (loaded.status === 'none' || loaded.over !== undefined) return undefined
    return denials.denies(loaded.live, claim.id) ? undefined : loaded.live
  }

  #plan({ source, cookie }: Found, entry: LegacyEntry): Plan {
    const { settings } = this.#repository
    const { engine, keyring, schema } = settings
    const now = Math.floor(engine.now())
    const idleTimeout = Math.min(entry.idleTimeout ?? settings.idleTimeout, LONGEST_LIFETIME)
    // Who was promised a longer one has it.
    const absoluteTimeout = Math.max(settings.absoluteTimeout, idleTimeout)
    const attributes = new Map(this.#leftOutOf(source).from(Object.entries(entry.attributes)))
    const principal = entry.principal ?? this.#repository.ownerOf?.(attributes)
    const name = principal === undefined ? undefined : namePrincipal(principal, settings.pepper)
    const origin = { source: source.name, key: cookie.key }
    const lasts = Math.min(Math.max(entry.lasts, absoluteTimeout), LONGEST_LIFETIME)
    return {
      token: createToken(keyring, name?.partition),
      header: {
        revision: 1,
        createdAt: now,
        deadline: now + absoluteTimeout,
        idleTimeout,
        schema: schema.version,
        ownerTag: name?.tag,
      },
      meta: adoptedMeta(origin, now, principal, entry.persistent === true),
      attributes,
      name,
      ttl: Math.ceil(lasts) + MARGIN,
    }
  }

  #leftOutOf({ name }: LegacySource): LeftOut {
    const leftOut = this.#leftOut.get(name) ?? new LeftOut(`adopt (${name})`)
    this.#leftOut.set(name, leftOut)
    return leftOut
  }

  #claimRecord(claim: Token, plan: Plan, isSettled: boolean): Uint8Array {
    const until = plan.header.createdAt + plan.ttl
    return makeClaim(this.#keyring, claim, plan.token, until, isSettled)
  }

  get #keyring(): Repository['settings']['keyring'] {
    return this.#repository.settings.keyring
  }

  async #isRefused({ tag }: PrincipalName): Promise<boolean> {
    const { engine } = this.#repository.settings
    return (
      (await engine.load(refusalId(this.#repository.settings, tag), { fresh: true })) !== undefined
    )
  }
}

function refusalId({ keyring }: Repository['settings'], ownerTag: string): SessionId {
  return deriveToken(keyring, 'signed out everywhere', ownerTag).id
}

/**
 * From now on no session of this principal is taken over: to be written before all that are here are ended,
 * for those who have not come yet are among "all".
 */
export async function refuseAdoptions(
  settings: Repository['settings'],
  ownerTag: string,
): Promise<void> {
  if (!settings.adopt.some(({ hasPrincipals }) => hasPrincipals)) return
  const { engine } = settings
  await engine.create(refusalId(settings, ownerTag), makeSuperseded(), LONGEST_LIFETIME)
}
