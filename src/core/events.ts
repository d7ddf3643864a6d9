import { publishEvent } from './diagnostics.ts'
import type { Confirmation } from './durability.ts'
import type { SessionId } from './engine.ts'
import { type CsrfError, OptionError } from './errors.ts'
import type { OutagePolicy } from './outage.ts'
import type { RejectReason } from './record.ts'

/** Events of this process' own sessions. None carries a token or an attribute's value. */
export interface SessionEvents {
  created: { readonly id: SessionId }
  /** A session of another system was taken over, and is this one from now on. Comes after `created`. */
  adopted: {
    readonly id: SessionId
    readonly source: string
    readonly principal: string | undefined
  }
  /** Attributes were stored; `attributes` are the names of the changed ones. */
  changed: { readonly id: SessionId; readonly attributes: readonly string[] }
  login: {
    readonly id: SessionId
    readonly previousId: SessionId | undefined
    readonly principal: string
    readonly kind: string | undefined
    readonly level: number | undefined
    readonly device: string | undefined
    readonly address: string | undefined
  }
  rotated: { readonly id: SessionId; readonly previousId: SessionId }
  /** The principal has authenticated again. Comes after `rotated`: the former token is refused from then on. */
  'step-up': {
    readonly id: SessionId
    readonly previousId: SessionId
    readonly principal: string
    readonly level: number
  }
  /**
   * Somebody came with a former token after its time, while its successor was in use: the token has been
   * copied, or a browser has gone back to an old state. Once for each former token in a process. `id`: of the session now.
   */
  'token-reuse': {
    readonly id: SessionId
    readonly formerId: SessionId
    readonly principal: string | undefined
  }
  /**
   * A request of a signed-in session is not from such a client as signed in: `changed` names what `binding` compares. Once for each
   * session and change on a node.
   */
  anomaly: {
    readonly id: SessionId
    readonly principal: string | undefined
    readonly changed: readonly string[]
  }
  logout: { readonly id: SessionId; readonly principal: string | undefined }
  revoked: { readonly id: SessionId; readonly principal: string | undefined }
  /** A login (`by` is its session) has ended it: the principal had as many as `maxSessions` allows. */
  evicted: { readonly id: SessionId; readonly principal: string; readonly by: SessionId }
  /** Its time was over. Whose it was is there where the store still knows. */
  expired: {
    readonly id: SessionId
    readonly principal?: string | undefined
    readonly kind?: string | undefined
    readonly device?: string | undefined
    readonly address?: string | undefined
  }
  /** Another writer was first; the changes were rebased and tried again. */
  conflict: { readonly id: SessionId }
  /**
   * A cookie was presented that opens no session; a client has had too many new ones lately, `newSessions`; or `sojourn/csrf` has
   * refused a request.
   */
  rejected: {
    readonly id: SessionId | undefined
    readonly reason:
      | RejectReason
      | 'malformed'
      | 'forged'
      | 'absent'
      | 'superseded'
      | 'reused'
      | 'rate-limited'
      | `csrf-${CsrfError['reason']}`
  }
  /** Changes could not be stored because the session had ended or its cookie could not be sent. */
  dropped: {
    readonly id: SessionId | undefined
    readonly reason: 'ended' | 'superseded' | 'headers-sent'
    readonly attributes: readonly string[]
  }
  /**
   * The store did not answer, and a request went on all the same: with nobody's session, or with what was last
   * known of its own. `id`: of what its cookie names.
   */
  outage: { readonly id: SessionId; readonly policy: Exclude<OutagePolicy, 'fail'> }
  /**
   * A write that was to be durable is done, and nobody knows whether it outlasts the server: the replicas or the
   * disk that it was to wait for (`durability`) have not confirmed it in time.
   */
  uncertain: {
    readonly operation: 'create' | 'commit' | 'rotate' | 'logout' | 'revoke'
    /** Of all of a principal's there is none. */
    readonly id: SessionId | undefined
  }
  /**
   * Somebody who runs the deployment has looked at what a session holds, or has sessions ended, by the console or the
   * command line. Only in the audit, where it is written before it is done; `revoked` tells how it went.
   */
  operator: {
    /** Of one session. */
    readonly id?: SessionId | undefined
    /** Of several that were named by their ids: the first 100; `found` says how many there were. */
    readonly ids?: readonly SessionId[] | undefined
    /** Who. */
    readonly operator: string
    /**
     * `values`: looks at what the session holds. `revoke`: is about to end sessions. `revoked`: has done so. `reseal`: is about
     * to seal sessions with another secret. `resealed`: has done so.
     */
    readonly action: 'values' | 'revoke' | 'revoked' | 'reseal' | 'resealed'
    readonly reason?: string | undefined
    /** Whose sessions. */
    readonly principal?: string | undefined
    /** Which sessions, where many were chosen by a rule. */
    readonly filter?: string | undefined
    /** How many there were to be ended, or sealed. */
    readonly found?: number | undefined
    readonly revoked?: number | undefined
    /** Whether the primary was asked again, and had none of them any more. */
    readonly verified?: boolean | undefined
  }
  /** Something off the request's path failed: a touch, a migration, a clean-up. */
  error: { readonly operation: string; readonly error: unknown }
}

export type SessionEventName = keyof SessionEvents

/** All of them, for those who listen to everything. */
export const sessionEventNames: readonly SessionEventName[] = [
  'created',
  'adopted',
  'changed',
  'login',
  'rotated',
  'step-up',
  'token-reuse',
  'anomaly',
  'logout',
  'revoked',
  'evicted',
  'expired',
  'conflict',
  'rejected',
  'dropped',
  'outage',
  'uncertain',
  'operator',
  'error',
]

/**
 * Keeps events. @returns when this one is kept; nothing for one that is not to be kept. Rejects only with
 * `isToldAgain`, when it is not kept.
 */
export type EventKeeper = (
  name: SessionEventName,
  event: object,
  isToldAgain?: boolean,
) => Promise<void> | undefined
/** @returns when it has done what this event, and those before, ask for; nothing where that is nothing. Never rejects. */
export type EventFollower = (name: SessionEventName, event: object) => Promise<void> | undefined
export type SessionListener<Name extends SessionEventName> = (event: SessionEvents[Name]) => unknown

/** Local listeners. One that throws, at once or later, is reported as a warning and harms neither request nor others. */
export class EventHub {
  readonly #listeners = new Map<SessionEventName, Set<(event: never) => void>>()

  readonly #reported = new Set<string>()

  #keeper: EventKeeper | undefined
  #follower: EventFollower | undefined

  /** From now on `keeper` is handed each event, in order. */
  keep(keeper: EventKeeper): void {
    this.#keeper = keeper
  }

  /** From now on `follower` acts on each event, and `record` waits for that. */
  follow(follower: EventFollower): void {
    this.#follower = follower
  }

  /**
   * @returns a function that ends the subscription
   * @throws OptionError for an event that does not exist, or where there is no listener
   */
  on<Name extends SessionEventName>(name: Name, listener: SessionListener<Name>): () => void {
    if (!sessionEventNames.includes(name)) {
      throw new OptionError('event', `takes ${sessionEventNames.join(', ')}`)
    }
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners)
    if (typeof listener !== 'function') throw new OptionError('listener', 'takes a function')
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
    }
  }

  /** Tells of a write that was to be durable, if it is not known to be. */
  missing(
    operation: SessionEvents['uncertain']['operation'],
    id: SessionId | undefined,
    confirmation: Confirmation,
  ): void {
    if (confirmation.isMissing) this.emit('uncertain', { operation, id })
  }

  /** Nobody waits until it is kept; a later `record` is waited for together with it. */
  emit<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    void this.record(name, event)
  }

  /**
   * Tells the listeners at once.
   * @returns when this event, and all those before, are kept; nothing where nothing has to be waited for
   */
  record<Name extends SessionEventName>(
    name: Name,
    event: SessionEvents[Name],
  ): Promise<void> | undefined {
    this.#tell(name, event)
    const followed = this.#follower?.(name, event)
    const kept = this.#keeper?.(name, event)
    if (followed === undefined) return kept
    return kept === undefined ? followed : Promise.all([kept, followed]).then(() => undefined)
  }

  /**
   * For what can be told again: waits for listeners that are slow. Rejects when one has failed, which is
   * reported as ever, or when the event is not kept.
   * @param isKept whether it is to be kept at all
   */
  async deliver<Name extends SessionEventName>(
    name: Name,
    event: SessionEvents[Name],
    isKept: boolean,
  ): Promise<void> {
    publishEvent(name, event)
    const told = [...(this.#listeners.get(name) ?? [])].map(async (listener) => {
      try {
        await (listener as (event: SessionEvents[Name]) => unknown)(event)
      } catch (error) {
        warn(name, error)
        throw error
      }
    })
    await Promise.all([...told, isKept ? this.#keeper?.(name, event, true) : undefined])
  }

  #tell<Name extends SessionEventName>(name: Name, event: SessionEvents[Name]): void {
    publishEvent(name, event)
    const listeners = this.#listeners.get(name)
    if (listeners === undefined || listeners.size === 0) {
      if (name === 'error') this.#unheard(event as SessionEvents['error'])
      return
    }
    for (const listener of listeners) {
      try {
        const result: unknown = (listener as SessionListener<Name>)(event)
        if (result instanceof Promise) result.catch((error: unknown) => warn(name, error))
      } catch (error) {
        warn(name, error)
      }
    }
  }

  /** What nobody listens for must not fail in silence: once for each operation. */
  #unheard({ operation, error }: SessionEvents['error']): void {
    if (this.#reported.has(operation)) return
    this.#reported.add(operation)
    const text = error instanceof Error ? error.message : String(error)
    process.emitWarning(`${operation} failed: ${text}`, {
      code: 'SOJOURN_ERROR',
      detail: "Listen with sessions.on('error', …).",
    })
  }
}

function warn(event: SessionEventName, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error)
  process.emitWarning(`a listener of the session event '${event}' threw: ${text}`, {
    code: 'SOJOURN_LISTENER',
  })
}
