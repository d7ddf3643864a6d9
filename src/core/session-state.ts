import { createAnonymous, newToken } from './anonymous-session.ts'
import { Attributes, applyDelta, type Delta } from './attributes.ts'
import { traitsOf } from './binding.ts'
import { equalBytes } from './crypto.ts'
import type { Outcome, WaitFor } from './durability.ts'
import { Ending } from './ending.ts'
import type { SessionId, Stamp, Trail } from './engine.ts'
import {
  HeadersSentError,
  isOutOfOrder,
  NotSignedInError,
  SessionEndedError,
  type StoreUnavailableError,
} from './errors.ts'
import type { EventHub } from './events.ts'
import { HandOver } from './hand-over.ts'
import type { Live } from './live.ts'
import { type LoginPlan, login, type SignedIn, tellOfLogin } from './login.ts'
import {
  boundOf,
  isPersistent,
  type Meta,
  noteOf,
  principalOf,
  withBound,
  withNote,
  withStepUp,
} from './meta.ts'
import { permitNew } from './new-sessions.ts'
import type { OutagePolicy } from './outage.ts'
import { NOTHING_SAID, type Pending, saidSince } from './pending.ts'
import { checkOwnName } from './private-names.ts'
import { rebase, replaceBy, yieldTo } from './rebase.ts'
import {
  type DestroyHow,
  hasLifetime,
  type Lifetime,
  type Repository,
  type Written,
} from './repository.ts'
import type { Rotation } from './rotations.ts'
import { denyUnknown, type SignedOut, signOut, signOutAgain } from './sign-out.ts'
import type { Token } from './token.ts'
import { Unmirrored } from './unmirrored.ts'
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
  #pending: Pending | undefined
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
  /** What of the client is not as it was at the login, by `binding`. Until the next one. */
  anomaly: readonly string[] | undefined
  /** For `binding`: told of who it is where that was not known at first. A promise: it is not for this client. */
  onFound: (() => Promise<void> | undefined) | undefined
  /** What the framework hands out for the request, where somebody wants to know. */
  request: object | undefined
  /** The store did not answer: this is what was last known of the session. */
  cached = false
  /** Nobody is there any more to take a new session's cookie. */
  abandoned = false
  /** A commit has failed, and whoever asked for it has been told. */
  failed = false
  /** It failed because the store is out of order, and not for what was to be stored. */
  outOfOrder = false
  /** The application has asked for something of it. */
  used = false
  /** Set when no commit comes any more: changes are stored by themselves. */
  #handedOver: HandOver | undefined
  /** Where an old store is kept up to date. */
  readonly #unmirrored: Unmirrored | undefined
  /** For adapters that show copies of the attributes: told when the application has signed in or out by `Session`. */
  onDecided: (() => void) | undefined
  /** Operations under way or waiting for their turn. */
  #running = 0
  /** What `leave` has left, to be ended by the next commit; `undefined` stands for nobody's session. */
  #left: (Live | undefined)[] | undefined
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
    const mirror = repository.adoption?.mirror
    this.#unmirrored = mirror && new Unmirrored(mirror)
  }

  get live(): Live | undefined {
    return this.#live
  }

  /** Whether the session's token is for others than this request's client. */
  get concealed(): boolean {
    return this.#concealed
  }

  /** Nobody can be told a token here. */
  conceal(): void {
    this.#concealed = true
  }

  /** Whether the commit is to bring a new token, and it can still be told. */
  get renewable(): boolean {
    return this.rotationDue && this.#live !== undefined && !this.headersSent && !this.abandoned
  }

  /** Whether `logout` has ended the session that the request came with. */
  get loggedOut(): boolean {
    return this.#loggedOut
  }

  /** Whether someone else has ended or replaced it: what this request changes is dropped. */
  get ended(): boolean {
    return this.#ended !== undefined
  }

  get attributes(): Attributes {
    this.#handedOver?.look(this)
    return this.#attributes
  }

  /** What the outage policy has made of it. */
  get outage(): Exclude<OutagePolicy, 'fail'> | undefined {
    if (this.unavailable !== undefined) return 'anonymous'
    return this.cached ? 'serve-cached' : undefined
  }

  /** Whether the application has its signal, or objects that it may change in place at any time. */
  get lasting(): boolean {
    return this.#ending !== undefined || this.#attributes.lent
  }

  /** Whether a commit would write anything. */
  get dirty(): boolean {
    if (this.#left !== undefined) return true
    if (this.#live === undefined) {
      // Without a cookie nobody would ever find it.
      const isStorable = this.#ended === undefined && !this.headersSent && !this.abandoned
      return (this.#pending?.wanted === true && isStorable) || this.#attributes.dirty
    }
    const pending = this.#pending
    if (pending?.lifetime !== undefined || pending?.note !== undefined) return true
    return this.#attributes.dirty
  }

  /** Whether the old store, or the browser's cookie for it, does not have the session yet. */
  get mirrorDue(): boolean {
    return this.#unmirrored?.isDue === true
  }

  /** The next commit brings the old store, and its cookie, up to date. */
  mirrorSoon(): void {
    if (this.#unmirrored !== undefined) this.#unmirrored.isDue = true
  }

  /** No commit comes any more: from now on changes are stored by themselves. */
  handOver(onError: (error: unknown) => void, client: HandOver['client']): void {
    this.#handedOver = new HandOver(onError, client)
  }

  /** Whether a new session is to be stored though nothing has been set. */
  want(wanted = true): void {
    if (wanted !== (this.#pending?.wanted === true)) this.#pending = { ...this.#pending, wanted }
  }

  /**
   * The token of the session, or the one that it will have once it is stored.
   * @param make instead of a random one; where a session stands under it by then, what is set is set there
   */
  reserve(make?: () => Token): Token {
    if (this.#live !== undefined) return this.#live.token
    if (this.#pending?.token !== undefined) return this.#pending.token
    const token = make?.() ?? newToken(this.repository, this.request)
    this.#pending = { ...this.#pending, token }
    return token
  }

  /** The next commit stores these attributes and no others, whatever another has written meanwhile. */
  replace(attributes: ReadonlyMap<string, unknown>): void {
    // Before anything is replaced.
    for (const name of attributes.keys()) checkOwnName(name)
    this.#attributes.clear()
    for (const [name, value] of attributes) this.#attributes.set(name, value)
    this.#pending = { ...this.#pending, rebase: replaceBy(attributes) }
  }

  /** Of a new session: where one stands under its token by then, the next commit leaves that one as it is. */
  offer(attributes: ReadonlyMap<string, unknown>): void {
    for (const name of attributes.keys()) checkOwnName(name)
    for (const [name, value] of attributes) this.#attributes.set(name, value)
    this.#pending = { ...this.#pending, rebase: yieldTo }
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
      else {
        this.#ending.follow(this.#live)
        // Nobody else says when it is not needed any more.
        const release = (): void => this.release()
        this.#handedOver?.client.signal?.addEventListener('abort', release, { once: true })
      }
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
    const said = this.#pending?.lifetime
    if (said === undefined && live && hasLifetime(live, lifetime)) return
    this.#pending = { ...this.#pending, lifetime: { ...said, ...lifetime } }
  }

  /** The application has signed in or out by `Session`. */
  decided(): void {
    try {
      this.onDecided?.()
    } catch {
      // What cannot be read: the commit refuses it, with an error to answer with.
    }
  }

  /** What the adapter keeps with the session beside its attributes. A new session is not stored for it alone. */
  get note(): unknown {
    if (this.#pending?.note !== undefined) return this.#pending.note.value
    return this.#live && noteOf(this.#live.meta)
  }

  set note(value: unknown) {
    const said = this.#pending?.note
    // One that is being stored may come in place of what is stored now.
    const isKnown = said === undefined || !this.busy
    const stored = this.#live && noteOf(this.#live.meta)
    const note = isKnown && equalValues(value, stored) ? undefined : { value }
    if (note !== said) this.#pending = { ...this.#pending, note }
  }

  commit(): Promise<void> {
    return this.#next(async () => {
      try {
        await this.#commit()
      } catch (error) {
        // Whatever it was, such as a value that throws when it is read.
        this.#fail(error)
        throw error
      }
    })
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
      const bound = this.#traits()
      await this.#store(before, 'supersede', (meta) =>
        withBound(withStepUp(meta, level, at), bound),
      )
      this.anomaly = undefined
      if (this.#live === undefined) throw new SessionEndedError('stepUp')
      this.#concealed = false
      const { id } = this.#live.token
      const previousId = this.#previousId ?? before.token.id
      await this.#events.record('step-up', { id, previousId, principal, level })
    })
  }

  /**
   * As `commit`, and under a new token, the former refused at once. What someone else has ended, or replaced, is not
   * brought back.
   */
  replaceToken(): Promise<void> {
    return this.#next(async () => {
      this.#needHeaders('regenerate')
      const before = this.#live
      // Nobody holds a token yet: the commit makes one.
      if (before === undefined) return this.#commit()
      await this.#store(before, 'supersede')
      this.#forwarded = false
      this.#concealed = false
    })
  }

  login(plan: LoginPlan): Promise<void> {
    return this.#next(async () => {
      this.#needHeaders('login')
      const before = this.#live
      const delta = this.#attributes.take()
      // The end of the session before is not the end of this one.
      this.#ending?.pause()
      let signedIn: SignedIn
      try {
        const principal = plan.name?.principal
        const permit = (): Promise<void> =>
          permitNew(this.repository.settings, this.#events, this.request)
        if (before === undefined) await permit()
        const region = this.repository.regionForNew({ principal, request: this.request })
        const isSame = plan.follows === true && before?.header.ownerTag === plan.name?.tag
        const bound = isSame ? before && boundOf(before.meta) : this.#traits()
        signedIn = await login(this.repository, before, delta, { ...plan, bound, permit }, region)
      } catch (error) {
        if (error instanceof SessionEndedError) {
          this.#end(delta, 'ended')
          throw error
        }
        this.#giveBack(error)
        this.#ending?.follow(before)
        throw error
      }
      this.#ended = undefined
      this.unavailable = undefined
      this.cached = false
      this.#pending = undefined
      this.#concealed = false
      this.rotationDue = false
      if (plan.follows !== true) this.anomaly = undefined
      this.#become(signedIn.live, true)
      if (before !== undefined) await this.repository.adoption?.release(before)
      await tellOfLogin(this.repository, this.#events, before, plan, signedIn)
    })
  }

  /**
   * Afterwards this is nobody's session; what is set then makes a new one.
   * @param trail left at the id, where a session ends there
   */
  logout(waitFor?: WaitFor, trail?: Trail): Promise<Outcome> {
    return this.#next(async () => (await this.#logout(waitFor, trail)).outcome)
  }

  async #logout(waitFor?: WaitFor, trail?: Trail): Promise<SignedOut> {
    const left = await this.#endLeft({ waitFor })
    const isEnded = left !== undefined && this.#live === undefined
    const ended: SignedOut = isEnded
      ? { outcome: left }
      : await this.#signOut(this.#live, { waitFor, ...(trail && { trail }) })
    this.#becomeNobodys()
    await ended.entry
    return ended
  }

  /**
   * As `logout`, and what is set afterwards makes a new session even where someone else was first to end it.
   * @returns false where someone else was: what the session has held must not go on in the new one
   */
  startAnew(): Promise<boolean> {
    return this.#next(async () => {
      const wasEnded = this.ended
      const { isLate } = await this.#logout()
      const isOurs = !wasEnded && isLate !== true && !this.ended
      this.#ended = undefined
      // A lifetime or a note that was said since is the new session's.
      if (this.#pending !== undefined) this.#pending = { ...this.#pending, token: undefined }
      return isOurs
    })
  }

  /** As `logout`, but the store hears of it with the next commit. For adapters where nobody can wait. */
  leave(): void {
    if (this.busy) {
      void this.#next(async () => this.#leave())
      return
    }
    this.#leave()
  }

  #leave(): void {
    if (this.#left === undefined) this.#left = [this.#live]
    else if (this.#live !== undefined) this.#left.push(this.#live)
    this.#becomeNobodys()
  }

  #becomeNobodys(): void {
    this.#ending?.fire()
    this.#become(undefined, true)
    this.#attributes = new Attributes(none)
    this.#pending = undefined
    // Of the session that was: a new one has a token of its own, and tells it.
    this.#concealed = false
    this.rotationDue = false
  }

  async #signOut(live: Live | undefined, how: DestroyHow): Promise<SignedOut> {
    // The store has not said whose the cookie is: to call that signed out would be a guess.
    if (this.unavailable !== undefined) {
      denyUnknown(this.repository, this.unavailable.token)
      throw this.unavailable.error
    }
    if (live === undefined) return signOutAgain(this.repository, this.#events, this.lastId, how)
    const { isSuperseded, ...signedOut } = await signOut(this.repository, this.#events, live, how)
    this.lastId = live.token.id
    // A login elsewhere was first, and its cookie is not this request's to touch.
    if (isSuperseded) this.#ended = 'superseded'
    else this.#loggedOut = true
    return signedOut
  }

  async #askAgain(token: Token): Promise<void> {
    const loaded = await this.repository.reader.load(token, true)
    this.unavailable = undefined
    if (loaded.status !== 'live') return
    this.#found(loaded.live)
    let ended: Promise<void> | undefined
    try {
      ended = this.onFound?.()
      if (ended === undefined) return
    } catch (error) {
      // It could not be compared: as where that fails at the beginning, nobody is let in.
      this.#becomeNobodys()
      throw error
    }
    this.#becomeNobodys()
    await ended
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
    const live = this.#live
    if (live === undefined) return
    await this.repository.touch(live)
    await this.repository.adoption?.mirror?.write(live)
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
        return this.#found(loaded.live)
      }
      const isReplaced = loaded.status === 'none' && loaded.reason === 'superseded'
      this.#ended = isReplaced ? 'superseded' : 'ended'
      this.#live = undefined
      this.#ending?.fire()
      this.#attributes = new Attributes(none)
    })
  }

  async #commit(): Promise<void> {
    if (this.#left !== undefined) await this.#endLeft()
    if (this.mirrorDue) this.#unmirrored?.wrote(this.#live)
    if (this.#live !== undefined && this.renewable) return this.#renew(this.#live)
    if (!this.dirty) return
    // Awaited: a promise that is returned is taken over by another, two turns later.
    if (this.#live !== undefined) {
      await this.#store(this.#live)
      return
    }
    // A new session would take the place of one that may be there.
    if (this.unavailable !== undefined) throw this.unavailable.error
    const delta = this.#attributes.take()
    if (this.#ended !== undefined) return this.#drop(delta, this.#ended)
    if (this.headersSent || this.abandoned) return this.#drop(delta, 'headers-sent')
    const pending = this.#pending
    let live: Live | undefined
    try {
      const { repository, request } = this
      const { settings } = repository
      if (settings.newSessions !== undefined) await permitNew(settings, this.#events, request)
      const token = pending?.token ?? newToken(repository, request)
      const made = applyDelta(NOTHING, delta)
      const unknown = (this.#unknown ??= [])
      live = await createAnonymous(repository, token, made, unknown, pending)
      if (live === undefined) return await this.#join(this.reserve(), delta)
    } catch (error) {
      this.#giveBack(error)
      throw error
    }
    this.#pending = saidSince(pending, this.#pending)
    this.#become(live, false)
    return this.#events.record('created', { id: live.token.id })
  }

  /** @returns whether the end of the last one outlasts the server */
  async #endLeft(how: DestroyHow = {}): Promise<Outcome | undefined> {
    const left = this.#left ?? []
    let outcome: Outcome | undefined
    while (left.length > 0) {
      const ended = await this.#signOut(left[0], how)
      left.shift()
      outcome = ended.outcome
      await ended.entry
    }
    this.#left = undefined
    return outcome
  }

  async #renew(live: Live): Promise<void> {
    if (this.dirty) return this.#store(live, 'forward')
    // Nobody has asked for it: that it fails is no reason to refuse the request.
    const { failed, outOfOrder } = this
    try {
      await this.#store(live, 'forward')
    } catch (error) {
      this.rotationDue = false
      this.failed = failed
      this.outOfOrder = outOfOrder
      this.#events.emit('error', { operation: 'rotate', error })
    }
  }

  /** Another has stored a session under the reserved token first: this is that one, whose lifetimes stay. */
  async #join(token: Token, delta: Delta): Promise<void> {
    const { reader, settings } = this.repository
    const pending = this.#pending
    const loaded = await reader.load(token, true)
    if (loaded.status === 'none') {
      this.#pending = undefined
      return this.#end(delta, 'ended')
    }
    const { live } = loaded
    const rule = pending?.rebase
    // Stored by an attempt of ours whose answer was lost: merged with itself, what was counted counts twice.
    const isOwn = this.#unknown?.some((stamp) => equalBytes(stamp, live.stamp)) === true
    const rebased = isOwn
      ? delta
      : (rule ?? rebase)(delta, NOTHING, live.attributes(), settings.merges)
    if (rebased.size === 0) {
      this.#pending = undefined
      return this.#become(live, true)
    }
    const change = { delta: rebased, unknown: (this.#unknown ??= []), rebase: rule }
    // Where that fails, whoever tries again is to come to the same token.
    const written = await this.repository.store(live, change)
    this.#pending = saidSince(pending, this.#pending)
    if (written.status === 'ended') return this.#end(delta, written.reason)
    this.#become(written.live, true)
    const attributes = [...rebased.keys()]
    return this.#events.record('changed', { id: written.live.token.id, attributes })
  }

  #traits(): Readonly<Record<string, string>> | undefined {
    const { binding, pepper } = this.repository.settings
    // What has no request has nothing to be compared later.
    return binding && this.request && traitsOf(binding, pepper, this.request)
  }

  async #store(live: Live, rotation?: Rotation, changeMeta?: (meta: Meta) => Meta): Promise<void> {
    const delta = this.#attributes.take()
    const pending = this.#pending
    const { lifetime, note, rebase } = pending ?? NOTHING_SAID
    // The index entry of a principal's session carries its lifetime; a rotation writes it anew.
    const isOwned = live.header.ownerTag !== undefined
    const moved = rotation ?? (lifetime !== undefined && isOwned ? 'forward' : undefined)
    const noted =
      note === undefined
        ? changeMeta
        : (meta: Meta): Meta => withNote(changeMeta?.(meta) ?? meta, note.value)
    let written: Written
    try {
      const unknown = (this.#unknown ??= [])
      const change = { delta, lifetime, changeMeta: noted, unknown, rebase }
      written = await this.repository.store(live, change, moved)
    } catch (error) {
      this.#giveBack(error)
      throw error
    }
    if (written.status === 'ended') return this.#end(delta, written.reason)
    this.#pending = saidSince(pending, this.#pending)
    this.cached = false
    this.#concealed ||= written.isOver
    if (moved !== undefined) this.rotationDue = false
    this.#become(written.live, written.rebased)
    const { previousId } = written
    const { id } = written.live.token
    this.#previousId = previousId
    if (previousId !== undefined) this.#unmirrored?.moved(previousId, moved === 'supersede')
    let entry: Promise<void> | undefined
    if (previousId !== undefined) entry = this.#events.record('rotated', { id, previousId })
    if (delta.size > 0) {
      entry = this.#events.record('changed', { id, attributes: [...delta.keys()] }) ?? entry
    }
    return entry
  }

  /** Nothing is to be stored: how that would have been done is of no use any more. */
  #found(live: Live): void {
    if (this.#pending?.rebase !== undefined) this.#pending = { ...this.#pending, rebase: undefined }
    this.#become(live, true)
  }

  #become(live: Live | undefined, rebased: boolean): void {
    this.#live = live
    this.#unmirrored?.wrote(live)
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
  #giveBack(error: unknown): void {
    this.#attributes.giveBack()
    this.#fail(error)
  }

  #fail(error: unknown): void {
    this.failed = true
    this.outOfOrder ||= isOutOfOrder(error)
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
    const unmirrored = this.#unmirrored
    const whole = unmirrored === undefined ? work : () => unmirrored.around(work)
    const result = this.#queue === undefined ? whole() : this.#queue.then(whole)
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
