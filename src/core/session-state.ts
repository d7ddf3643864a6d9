import { Attributes, applyDelta, type Delta } from './attributes.ts'
import { Confirmation, type Outcome, type WaitFor } from './durability.ts'
import { LONGEST_LIFETIME } from './duration.ts'
import { Ending } from './ending.ts'
import { isTrail, type SessionId, type Stamp } from './engine.ts'
import {
  HeadersSentError,
  NotSignedInError,
  SessionEndedError,
  type StoreUnavailableError,
} from './errors.ts'
import type { EventHub } from './events.ts'
import type { Live } from './live.ts'
import { type LoginPlan, login } from './login.ts'
import {
  isPersistent,
  type Meta,
  NO_META,
  noteOf,
  principalOf,
  withNote,
  withPersistent,
  withStepUp,
} from './meta.ts'
import { rebase } from './rebase.ts'
import { readHeader } from './record.ts'
import {
  type Destroyed,
  hasLifetime,
  type Lifetime,
  type Repository,
  type Written,
} from './repository.ts'
import { isStoreError } from './revoke.ts'
import type { Rotation } from './rotations.ts'
import { createToken, type Token } from './token.ts'
import { equalValues } from './values.ts'

const NOTHING: ReadonlyMap<string, unknown> = new Map()

/**
 * One request's session: nobody's yet (`live` is undefined), live, or ended. Operations on it run
 * one after the other, in the order of their calls.
 */
export class SessionState {
  readonly repository: Repository
  readonly #events: EventHub
  #attributes: Attributes
  #live: Live | undefined
  /** Set when the session was ended by someone else; what this request changes is dropped then. */
  #ended: 'ended' | 'superseded' | undefined
  #loggedOut = false
  /** Stamps of own writes whose answers were lost. */
  #unknown: Stamp[] | undefined
  /** A forward led here: the request came with a former token, and its answer brings the successor. */
  #forwarded: boolean
  #lifetime: Lifetime | undefined
  /** What is to be noted and is not stored yet. */
  #note: { readonly value: unknown } | undefined
  /** A forward has led here whose time is over: the request goes on, and its client is not told the token. */
  #concealed = false
  /** The last operation; undefined: none is under way. */
  #queue: Promise<unknown> | undefined
  /** From then on no cookie can be set. */
  headersSent = false
  /** The id that the last write has moved the session from, if it has. */
  #previousId: SessionId | undefined
  /** Its token is old: the commit is to bring a new one. */
  rotationDue = false
  /** Of the session that this was, or that the browser's cookie named. */
  lastId: SessionId | undefined
  /** The token that nobody could be asked about, and why. The request goes on with nobody's session. */
  unavailable: { readonly token: Token; readonly error: StoreUnavailableError } | undefined
  /** What the framework hands out for the request, where somebody wants to know. */
  request: object | undefined
  /** The store did not answer: this is what was last known of the session. */
  cached = false
  /** Nobody is there any more to take a new session's cookie. */
  abandoned = false
  /** A commit has failed, and whoever asked for it has been told. */
  failed = false
  /** A new session is to be stored though nothing has been set. */
  wanted = false
  /** The token that a new session is to have, where it had to be known before. */
  #reserved: Token | undefined
  /** Operations under way or waiting for their turn. */
  #running = 0
  /** Made when somebody asks for the signal. */
  #ending: Ending | undefined
  #released = false

  constructor(
    repository: Repository,
    events: EventHub,
    live: Live | undefined,
    ended?: 'superseded',
    forwarded = false,
  ) {
    this.repository = repository
    this.#events = events
    this.#live = live
    this.#ended = ended
    this.#forwarded = forwarded
    this.#attributes = new Attributes(live?.attributes ?? none)
  }

  get live(): Live | undefined {
    return this.#live
  }

  /** Whether the session's token is for others than this request's client. */
  get concealed(): boolean {
    return this.#concealed
  }

  /** Whether the commit is to bring a new token, and it can still be told. */
  get renewable(): boolean {
    return this.rotationDue && this.#live !== undefined && !this.headersSent && !this.abandoned
  }

  /** Whether `logout` has ended the session that the request came with. */
  get loggedOut(): boolean {
    return this.#loggedOut
  }

  get attributes(): Attributes {
    return this.#attributes
  }

  /** Whether a commit would write anything. */
  get dirty(): boolean {
    if (this.#live === undefined) {
      // Without a cookie nobody would ever find it.
      const isStorable = this.#ended === undefined && !this.headersSent && !this.abandoned
      return (this.wanted && isStorable) || this.#attributes.dirty
    }
    return this.#lifetime !== undefined || this.#note !== undefined || this.#attributes.dirty
  }

  /**
   * The token of the session, or the one that it will have once it is stored.
   * @param make instead of a random one; where a session stands under it by then, what is set is set there
   */
  reserve(make?: () => Token): Token {
    if (this.#live !== undefined) return this.#live.token
    return (this.#reserved ??= make?.() ?? this.#newToken())
  }

  /** Whether operations are under way: what they take along does not count as dirty. */
  get busy(): boolean {
    return this.#running > 0
  }

  /** Fires when the session ends anywhere. Of nobody's session: once it is stored and ends. */
  get signal(): AbortSignal {
    if (this.#ending === undefined) {
      this.#ending = new Ending(this.repository.watches)
      if (this.#ended !== undefined || this.#loggedOut) this.#ending.fire()
      else if (this.#released) this.#ending.release()
      else this.#ending.follow(this.#live)
    }
    return this.#ending.signal
  }

  /** The signal is not needed any more, also one that is asked for later. */
  release(): void {
    this.#released = true
    this.#ending?.release()
  }

  setLifetime(lifetime: Lifetime): void {
    // The cookie's Max-Age and the principal's index follow the lifetime.
    this.#needHeaders('setLifetime')
    const live = this.#live
    if (this.#lifetime === undefined && live && hasLifetime(live, lifetime)) return
    this.#lifetime = { ...this.#lifetime, ...lifetime }
  }

  /** What the adapter keeps with the session beside its attributes. A new session is not stored for it alone. */
  get note(): unknown {
    if (this.#note !== undefined) return this.#note.value
    return this.#live && noteOf(this.#live.meta)
  }

  set note(value: unknown) {
    const stored = this.#live && noteOf(this.#live.meta)
    this.#note = equalValues(value, stored) ? undefined : { value }
  }

  commit(): Promise<void> {
    return this.#next(() => this.#commit())
  }

  update(name: string, make: (value: unknown) => unknown): Promise<unknown> {
    return this.#next(async () => {
      if (this.#ended !== undefined) throw new SessionEndedError('update')
      const before = this.#attributes.pendingChange(name)
      this.#attributes.update(name, make)
      try {
        await this.#commit()
      } catch (error) {
        // Whoever asks again makes the change again: left pending it would count twice.
        this.#attributes.restore(name, before)
        throw error
      }
      if (this.#ended !== undefined) throw new SessionEndedError('update')
      return this.#attributes.view(name)
    })
  }

  rotate(): Promise<void> {
    return this.#next(async () => {
      this.#needHeaders('rotate')
      if (this.#ended !== undefined) throw new SessionEndedError('rotate')
      const before = this.#live
      // Nobody holds a token yet: the first commit makes one.
      if (before === undefined) return
      // New to this client already. Of two successors the browser keeps the one whose answer comes last.
      const isRotated = this.#forwarded || this.#concealed
      this.#forwarded = false
      if (isRotated) return this.#commit()
      await this.#store(before, 'forward')
      if (this.#live === undefined) throw new SessionEndedError('rotate')
    })
  }

  stepUp(level: number): Promise<void> {
    return this.#next(async () => {
      this.#needHeaders('stepUp')
      if (this.#ended !== undefined) throw new SessionEndedError('stepUp')
      const before = this.#live
      const principal = before && principalOf(before.meta)
      if (before === undefined || principal === undefined) throw new NotSignedInError('stepUp')
      const at = Math.floor(this.repository.settings.engine.now())
      await this.#store(before, 'supersede', (meta) => withStepUp(meta, level, at))
      if (this.#live === undefined) throw new SessionEndedError('stepUp')
      this.#concealed = false
      const { id } = this.#live.token
      const previousId = this.#previousId ?? before.token.id
      await this.#events.record('step-up', { id, previousId, principal, level })
    })
  }

  login(plan: LoginPlan): Promise<void> {
    return this.#next(async () => {
      this.#needHeaders('login')
      const before = this.#live
      const delta = this.#attributes.take()
      // The end of the session before is not the end of this one.
      this.#ending?.pause()
      let live: Live
      try {
        const principal = plan.name?.principal
        const region = this.repository.regionForNew({ principal, request: this.request })
        live = await login(this.repository, before, delta, plan, region)
      } catch (error) {
        if (error instanceof SessionEndedError) {
          this.#end(delta, 'ended')
          throw error
        }
        this.#giveBack()
        this.#ending?.follow(before)
        throw error
      }
      this.#ended = undefined
      this.unavailable = undefined
      this.cached = false
      this.#lifetime = undefined
      this.#note = undefined
      this.wanted = false
      this.#reserved = undefined
      this.#concealed = false
      this.rotationDue = false
      this.#become(live, true)
      if (plan.name === undefined) {
        const left = before && { id: before.token.id, principal: principalOf(before.meta) }
        if (left !== undefined) await this.#events.record('logout', left)
        return
      }
      await this.#events.record('login', {
        id: live.token.id,
        previousId: before?.token.id,
        principal: plan.name.principal,
        kind: plan.kind,
        level: plan.level,
        device: plan.device,
        address: plan.address,
      })
    })
  }

  /** Afterwards this is nobody's session; what is set then makes a new one. */
  logout(waitFor?: WaitFor): Promise<Outcome> {
    return this.#next(async () => {
      const live = this.#live
      // The store has not said whose the cookie is: to call that signed out would be a guess.
      if (this.unavailable !== undefined) {
        this.#denyUnknown(this.unavailable.token)
        throw this.unavailable.error
      }
      // Of one that has ended before nobody knows whether its end has arrived everywhere.
      let outcome: Outcome = 'uncertain'
      if (live === undefined && this.lastId !== undefined) {
        outcome = await this.#endAgain(this.lastId, waitFor)
      }
      let entry: Promise<void> | undefined
      if (live !== undefined) {
        const destroyed = await this.#destroy(live, waitFor)
        if (destroyed.status === 'done') {
          const event = { id: destroyed.id, principal: principalOf(live.meta) }
          entry = this.#events.record('logout', event)
        }
        // A login elsewhere was first, and its cookie is not this request's to touch.
        if (destroyed.status === 'superseded') this.#ended = 'superseded'
        else this.#loggedOut = true
        if (destroyed.status !== 'superseded') outcome = destroyed.outcome
        this.lastId = live.token.id
      }
      this.#ending?.fire()
      this.#become(undefined, true)
      this.#attributes = new Attributes(none)
      this.#lifetime = undefined
      this.#note = undefined
      await entry
      return outcome
    })
  }

  /** What the store cannot write down ends on this node at least. */
  async #destroy(live: Live, waitFor: WaitFor | undefined): Promise<Destroyed> {
    // A rotation may have moved it, and the store may have failed only there.
    const ids = [live.token.id]
    try {
      return await this.repository.destroy(live, { waitFor }, (id) => ids.push(id))
    } catch (error) {
      const { ownerTag, deadline } = live.header
      const principal = principalOf(live.meta)
      if (isStoreError(error)) {
        const { denials } = this.repository
        for (const id of ids) {
          denials.add({ id, ownerTag, deadline, event: 'logout', principal }, true)
        }
      }
      throw error
    }
  }

  async #askAgain(token: Token): Promise<void> {
    const loaded = await this.repository.reader.load(token, true)
    this.unavailable = undefined
    if (loaded.status === 'live') this.#become(loaded.live, true)
  }

  /** Whoever has its token may end it, whatever it is. */
  #denyUnknown({ id }: Token): void {
    const { denials, settings } = this.repository
    const deadline = settings.engine.now() + LONGEST_LIFETIME
    const of = { ownerTag: undefined, principal: undefined, deadline, event: 'logout' } as const
    denials.add({ id, ...of }, false)
  }

  /** What has ended is ended once more: what its former end has not waited for can be waited for now. */
  async #endAgain(id: SessionId, waitFor: WaitFor | undefined): Promise<Outcome> {
    const confirmation = new Confirmation(waitFor)
    const { engine } = this.repository.settings
    // Whom this process denies may stand there still.
    const record = (await engine.load(id))?.record
    const ownerTag = record && !isTrail(record) ? readHeader(record)?.ownerTag : undefined
    const owned = ownerTag === undefined ? {} : { ownerTag }
    const { status } = await engine.destroy(id, { spareTrail: true, confirmation, ...owned })
    if (status === 'done') await this.#events.record('logout', { id, principal: undefined })
    return confirmation.outcome
  }

  /** Whether enough of the idle timeout has passed for a renewal to be worth a write. */
  get touchDue(): boolean {
    const live = this.#live
    if (live === undefined || this.cached) return false
    const { engine, touchAfter } = this.repository.settings
    const now = engine.now()
    if (live.lease.expiresAt - now > live.touchBelow) return false
    const gain = gainOf(live, now)
    return gain > 0 && gain >= touchAfter * live.header.idleTimeout
  }

  /** Whether a renewal would give the session so much time. @param ms 1 or more */
  gains(ms: number): boolean {
    const live = this.#live
    if (live === undefined || this.cached) return false
    return gainOf(live, this.repository.settings.engine.now()) >= ms
  }

  async touch(): Promise<void> {
    if (this.#live !== undefined) await this.repository.touch(this.#live)
  }

  /** What the store holds now. Changes that are not stored yet are stored, which asks it as well. */
  refresh(): Promise<void> {
    return this.#next(async () => {
      if (this.unavailable !== undefined) return this.#askAgain(this.unavailable.token)
      if (this.dirty) return this.#commit()
      const live = this.#live
      if (live === undefined) return
      const loaded = await this.repository.reader.reload(live.token)
      this.cached = false
      const isDenied =
        loaded.status === 'live' && this.repository.denials.denies(loaded.live, live.token.id)
      if (loaded.status === 'live' && !isDenied) {
        this.#concealed ||= loaded.over !== undefined
        return this.#become(loaded.live, true)
      }
      const isReplaced = loaded.status === 'none' && loaded.reason === 'superseded'
      this.#ended = isReplaced ? 'superseded' : 'ended'
      this.#live = undefined
      this.#ending?.fire()
      this.#attributes = new Attributes(none)
    })
  }

  async #commit(): Promise<void> {
    if (this.#live !== undefined && this.renewable) return this.#renew(this.#live)
    if (!this.dirty) return
    if (this.#live !== undefined) return this.#store(this.#live)
    // A new session would take the place of one that may be there.
    if (this.unavailable !== undefined) throw this.unavailable.error
    const delta = this.#attributes.take()
    if (this.#ended !== undefined) return this.#drop(delta, this.#ended)
    if (this.headersSent || this.abandoned) return this.#drop(delta, 'headers-sent')
    let live: Live | undefined
    try {
      live = await this.#create(applyDelta(NOTHING, delta))
      if (live === undefined) return await this.#join(this.reserve(), delta)
    } catch (error) {
      this.#giveBack()
      throw error
    }
    this.#lifetime = undefined
    this.#note = undefined
    this.wanted = false
    this.#reserved = undefined
    this.#become(live, false)
    return this.#events.record('created', { id: live.token.id })
  }

  async #renew(live: Live): Promise<void> {
    if (this.dirty) return this.#store(live, 'forward')
    // Nobody has asked for it: that it fails is no reason to refuse the request.
    const { failed } = this
    try {
      await this.#store(live, 'forward')
    } catch (error) {
      this.rotationDue = false
      this.failed = failed
      this.#events.emit('error', { operation: 'rotate', error })
    }
  }

  /** Another has stored a session under the reserved token first: this is that one, whose lifetimes stay. */
  async #join(token: Token, delta: Delta): Promise<void> {
    const { reader, settings } = this.repository
    const loaded = await reader.load(token, true)
    this.#reserved = undefined
    this.wanted = false
    this.#lifetime = undefined
    this.#note = undefined
    if (loaded.status === 'none') return this.#end(delta, 'ended')
    const { live } = loaded
    const rebased = rebase(delta, NOTHING, live.attributes(), settings.merges)
    if (rebased.size === 0) return this.#become(live, true)
    const change = { delta: rebased, unknown: (this.#unknown ??= []) }
    const written = await this.repository.store(live, change)
    if (written.status === 'ended') return this.#end(delta, written.reason)
    this.#become(written.live, true)
    const attributes = [...rebased.keys()]
    return this.#events.record('changed', { id: written.live.token.id, attributes })
  }

  #newToken(): Token {
    const region = this.repository.regionForNew({ principal: undefined, request: this.request })
    return createToken(this.repository.settings.keyring, undefined, region)
  }

  #create(attributes: ReadonlyMap<string, unknown>): Promise<Live | undefined> {
    const { engine, schema, idleTimeout, absoluteTimeout } = this.repository.settings
    const now = Math.floor(engine.now())
    const lifetime = this.#lifetime ?? {}
    const header = {
      revision: 1,
      createdAt: now,
      deadline: lifetime.deadline ?? now + absoluteTimeout,
      idleTimeout: lifetime.idleTimeout ?? idleTimeout,
      schema: schema.version,
      ownerTag: undefined,
    }
    const lasting = lifetime.persistent === true ? withPersistent(NO_META, true) : NO_META
    const meta = this.#note === undefined ? lasting : withNote(lasting, this.#note.value)
    return this.repository.createOnce(this.#reserved ?? this.#newToken(), header, attributes, meta)
  }

  async #store(live: Live, rotation?: Rotation, changeMeta?: (meta: Meta) => Meta): Promise<void> {
    const delta = this.#attributes.take()
    const lifetime = this.#lifetime
    // The index entry of a principal's session carries its lifetime; a rotation writes it anew.
    const isOwned = live.header.ownerTag !== undefined
    const moved = rotation ?? (lifetime !== undefined && isOwned ? 'forward' : undefined)
    const note = this.#note
    const noted =
      note === undefined
        ? changeMeta
        : (meta: Meta): Meta => withNote(changeMeta?.(meta) ?? meta, note.value)
    let written: Written
    try {
      const change = { delta, lifetime, changeMeta: noted, unknown: (this.#unknown ??= []) }
      written = await this.repository.store(live, change, moved)
    } catch (error) {
      this.#giveBack()
      throw error
    }
    if (written.status === 'ended') return this.#end(delta, written.reason)
    this.#lifetime = undefined
    if (this.#note === note) this.#note = undefined
    this.cached = false
    this.#concealed ||= written.isOver
    if (moved !== undefined) this.rotationDue = false
    this.#become(written.live, written.rebased)
    const { previousId } = written
    const { id } = written.live.token
    this.#previousId = previousId
    let entry: Promise<void> | undefined
    if (previousId !== undefined) entry = this.#events.record('rotated', { id, previousId })
    if (delta.size > 0) {
      entry = this.#events.record('changed', { id, attributes: [...delta.keys()] }) ?? entry
    }
    return entry
  }

  #become(live: Live | undefined, rebased: boolean): void {
    this.#live = live
    if (live !== undefined) this.#ending?.follow(live)
    this.#attributes.settle(live?.attributes ?? none, rebased)
  }

  #end(delta: Delta, reason: 'ended' | 'superseded'): void {
    if (delta.size > 0) this.#drop(delta, reason)
    else this.#attributes = new Attributes(none)
    this.#ended = reason
    this.#live = undefined
    this.#ending?.fire()
  }

  #drop(delta: Delta, reason: 'ended' | 'superseded' | 'headers-sent'): void {
    this.#attributes = new Attributes(none)
    const id = this.#live?.token.id
    this.#events.emit('dropped', { id, reason, attributes: [...delta.keys()] })
  }

  /** A commit has failed, and whoever asked for it is told: its changes are pending again. */
  #giveBack(): void {
    this.#attributes.giveBack()
    this.failed = true
  }

  #needHeaders(operation: string): void {
    if (this.headersSent) throw new HeadersSentError(operation)
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const leave = (): void => {
      this.#running--
      if (this.#running === 0) this.#queue = undefined
    }
    this.#running++
    const result = this.#queue === undefined ? work() : this.#queue.then(work)
    this.#queue = result.then(leave, leave)
    return result
  }
}

/** How much later it would end if it was renewed now, milliseconds. */
function gainOf({ header, lease }: Live, now: number): number {
  return Math.min(header.idleTimeout, header.deadline - now) - (lease.expiresAt - now)
}

function none(): ReadonlyMap<string, unknown> {
  return NOTHING
}

/** When a session's cookie ends, milliseconds since the epoch, or nothing for one that ends with the browser. */
export function cookieEnd(state: SessionState, live: Live): number | undefined {
  const { cookie } = state.repository.settings
  return cookie.persistent || isPersistent(live.meta) ? live.header.deadline : undefined
}
