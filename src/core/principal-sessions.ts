import { refuseAdoptions } from './adoption.ts'
import type { Change } from './attributes.ts'
import { type ChangedSessions, changeAll, type DeltaOf } from './change-all.ts'
import type { Denials } from './denials.ts'
import { Confirmation, type DurabilityOption, type Outcome, waitForOf } from './durability.ts'
import type { Engine, ListedSession, SessionId } from './engine.ts'
import { hasPartialLists, hasRegions } from './engine-abilities.ts'
import { SessionElsewhereError, SessionEndedError } from './errors.ts'
import type { EventHub } from './events.ts'
import type { Mirror } from './mirror.ts'
import type { Settings } from './options.ts'
import { openDescriptor, type PrincipalName } from './principal.ts'
import { checkOwnName } from './private-names.ts'
import { reads } from './reads.ts'
import type { Repository } from './repository.ts'
import { revoke } from './revoke.ts'
import { refuseUnknown, requireObject } from './unknown-options.ts'
import { checkedUpdate } from './update.ts'
import { cloneValue } from './values.ts'

/** A session as its owner sees it. Times are milliseconds since the epoch. */
export interface SessionInfo {
  /** Names the session for `revoke`; of no use as a cookie. */
  readonly id: SessionId
  readonly createdAt: number | undefined
  /** To the part of the idle timeout after which activity is written down (`touchAfter`). */
  readonly lastActiveAt: number | undefined
  readonly expiresAt: number
  readonly deadline: number | undefined
  /** Whether it is the session that was given to `sessions.of`. */
  readonly current: boolean
  /** Of client, as the login has named it. */
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
}

export interface RevokeAllOptions extends DurabilityOption {
  /** Is spared. */
  readonly except?: SessionId | undefined
}

/** What has ended. */
export interface Revoked {
  /** How many were live. */
  readonly count: number
  readonly outcome: Outcome
}

/** A session, whatever the type of its data. */
export interface SignedIn {
  readonly id: SessionId | undefined
  readonly principal: string | undefined
}

/** All sessions of one principal, on every node. */
export class PrincipalSessions<Data extends object = Record<string, unknown>> {
  readonly #settings: Settings
  readonly #events: EventHub
  readonly #denials: Denials
  readonly #name: PrincipalName
  readonly #own: SignedIn | undefined
  readonly #mirror: Mirror | undefined

  /** Use `sessions.of(principal)`. */
  constructor(
    settings: Settings,
    events: EventHub,
    { denials, adoption }: Pick<Repository, 'denials' | 'adoption'>,
    name: PrincipalName,
    own?: SignedIn,
  ) {
    this.#mirror = adoption?.mirror
    this.#settings = settings
    this.#events = events
    this.#denials = denials
    this.#name = name
    this.#own = own
  }

  /** Oldest first. */
  async list(): Promise<SessionInfo[]> {
    const { tag, partitionTag } = this.#name
    return this.#infosOf(await this.#settings.engine.list(partitionTag, tag))
  }

  /**
   * For tools of operators: some of them where there are very many, oldest first.
   * @returns `total`: about how many there are; exact where all are among `sessions`
   */
  async some(most: number): Promise<{ sessions: SessionInfo[]; total: number }> {
    const { engine } = this.#settings
    const { tag, partitionTag } = this.#name
    if (!hasPartialLists(engine)) {
      const all = await this.list()
      return { sessions: all.slice(0, most), total: all.length }
    }
    const { sessions, total } = await engine.some(partitionTag, tag, most)
    return { sessions: this.#infosOf(sessions), total }
  }

  #infosOf(listed: readonly ListedSession[]): SessionInfo[] {
    const { engine, keyring } = this.#settings
    const { tag } = this.#name
    const now = engine.now()
    const own = this.#own?.id
    return listed.map(({ id, descriptor, ttl }) => {
      const opened = openDescriptor(keyring, tag, id, descriptor)
      const expiresAt = now + ttl
      return {
        id,
        createdAt: opened?.createdAt,
        // Near the absolute deadline the remaining time says less; activity was then at the earliest so.
        lastActiveAt: opened && Math.max(opened.createdAt, expiresAt - opened.idleTimeout),
        expiresAt,
        deadline: opened?.deadline,
        current: id === own,
        kind: opened?.kind,
        device: opened?.device,
        address: opened?.address,
      }
    })
  }

  /** How many are live. */
  async count(): Promise<number> {
    const { tag, partitionTag } = this.#name
    return (await this.#settings.engine.list(partitionTag, tag)).length
  }

  /**
   * Ends one of them, also by its id of before a rotation.
   * @returns false when there is no such session; else whether its end outlasts the server
   * @throws OptionError
   */
  async revoke(id: SessionId, options: DurabilityOption = {}): Promise<Outcome | false> {
    refuseUnknown(options, ['durability'])
    const [name, denials] = [this.#name, this.#denials]
    return revoke(this.#settings.engine, this.#events, id, { ...options, name, denials })
  }

  /**
   * Ends all of them, or all but one: whoever signed in before the call has no session after it.
   * @param options `except`: its id, also of before a rotation
   * @throws OptionError; nothing has ended then
   */
  async revokeAll(options: RevokeAllOptions = {}): Promise<Revoked> {
    // What was meant to spare one session must not end it.
    requireObject('options', options)
    refuseUnknown(options, ['except', 'durability'])
    const { tag, partitionTag, principal } = this.#name
    const { except } = options
    const confirmation = new Confirmation(waitForOf(options))
    const { engine } = this.#settings
    let count = 0
    let entry: Promise<void> | undefined
    const ended = (ids: readonly SessionId[]): void => {
      count += ids.length
      // Entries keep their order: the last stands for those before it.
      for (const id of ids) entry = this.#events.record('revoked', { id, principal })
    }
    await refuseAdoptions(this.#settings, tag)
    try {
      await engine.revokeAll(partitionTag, tag, { except, confirmation, ended })
    } finally {
      await entry
    }
    this.#events.missing('revoke', undefined, confirmation)
    throwIfBeyond(engine, 'revokeAll')
    return { count, outcome: confirmation.outcome }
  }

  /**
   * Changes an attribute of all of them, of each atomically, as `session.update` does: for what
   * belongs to the principal, such as roles. Nobody's idle timeout is renewed. Who signs in
   * meanwhile may not have it: change it first where the login reads it.
   * @param make gets a copy of a session's value that it may change, and returns the new value; runs
   * again when another writer was first
   * @throws as `session.update`; what was changed before the failure stays changed
   */
  update<Name extends keyof Data & string>(
    name: Name,
    make: (value: Data[Name] | undefined) => Data[Name],
  ): Promise<ChangedSessions> {
    return this.#change(() => {
      checkOwnName(name)
      const checked = checkedUpdate(name, make)
      if (reads.isOn) reads.note(name)
      return (attributes) => new Map([[name, { value: checked(cloneValue(attributes.get(name))) }]])
    })
  }

  /**
   * Sets attributes of all of them, as `update`; `undefined` deletes one.
   * @throws OptionError for anything but an object; as `session.commit`: what was changed before the failure stays changed
   */
  set(
    values: { readonly [Name in keyof Data]?: Data[Name] | undefined },
  ): Promise<ChangedSessions> {
    return this.#change(() => {
      requireObject('values', values)
      const delta = new Map<string, Change>()
      for (const [name, value] of Object.entries(values)) {
        checkOwnName(name)
        delta.set(name, { value })
      }
      return () => delta
    })
  }

  async #change(deltaOf: () => DeltaOf): Promise<ChangedSessions> {
    const mirror = this.#mirror
    const told = mirror && ((id: SessionId) => mirror.rewrite(id))
    const changed = await changeAll(this.#settings, this.#events, this.#name, deltaOf(), told)
    throwIfBeyond(this.#settings.engine, 'set')
    return changed
  }
}

/** "All of them" must not be said where there may be some that cannot be reached. @throws SessionElsewhereError */
function throwIfBeyond(engine: Engine, operation: string): void {
  if (!hasRegions(engine) || engine.beyond === undefined) return
  throw new SessionElsewhereError(operation, engine.beyond)
}

/** The sessions of the principal whose session this request has. */
export class OwnSessions<
  Data extends object = Record<string, unknown>,
> extends PrincipalSessions<Data> {
  readonly #own: SignedIn
  readonly #principal: string

  /** Use `sessions.of(session)`. */
  constructor(
    settings: Settings,
    events: EventHub,
    repository: Pick<Repository, 'denials' | 'adoption'>,
    name: PrincipalName,
    own: SignedIn,
  ) {
    super(settings, events, repository, name, own)
    this.#own = own
    this.#principal = name.principal
  }

  /**
   * Ends all but this one: "sign out everywhere else".
   * @throws SessionEndedError when this one has been signed out since, OptionError
   */
  async revokeOthers(options: DurabilityOption = {}): Promise<Revoked> {
    const { id, principal } = this.#own
    if (id === undefined || principal !== this.#principal) {
      throw new SessionEndedError('revokeOthers')
    }
    refuseUnknown(options, ['durability'])
    return this.revokeAll({ ...options, except: id })
  }
}
