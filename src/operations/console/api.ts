/**
 * What the console's page and its server say to each other, as JSON under `<base>/api/`. The page is built from these
 * types too. Whatever is refused answers with `ApiProblem` and 400, 401, 403, 404, 409 or 503.
 */
import type { Examination } from '../doctor/examine.ts'
import type { HistoryEntry, SessionSummary } from '../sessions/catalogue.ts'
import type { PageNode, PageSnapshot } from './page-snapshot.ts'

/** `GET about`: once, at the start of the page. */
export interface About {
  /** Who is looking, as the application's `authorize` names them; the operator of `sojourn console` otherwise. */
  readonly operator: string
  readonly access: Access
  /** Whether this operator may see what attributes hold. */
  readonly values: boolean
  /** Without them no principal is found, and no attribute named. */
  readonly secrets: boolean
  readonly prefix: string
  /** Shown in the header: `production`. */
  readonly environment: string | undefined
  readonly version: string
  /** To be sent back as `X-Sojourn-Console` with each POST. */
  readonly csrf: string
}

export type Access = 'read' | 'write'

/**
 * `GET live`: server-sent events. `snapshot` (`PageSnapshot`) each second; `events` (`LiveEvents`) at most 4 times a second
 * and only with `?events=1`; `trouble` (`ApiProblem`) where the store does not answer. The server looks while somebody
 * listens, once for all of them.
 */
export interface LiveEvents {
  /** Oldest first, at most 200 at a time. */
  readonly entries: readonly HistoryEntry[]
  /** How many came between these that are not shown. */
  readonly dropped: number
  /** Whether still more came, which nobody has counted: than is read of the audit in a second. */
  readonly skipped: boolean
}

/** `GET history`: what the server has seen in the last 15 minutes, while somebody was looking. Oldest first. */
export interface History {
  readonly points: readonly HistoryPoint[]
}

/** Of a `Snapshot`, what is drawn over time. */
export interface HistoryPoint {
  readonly at: number
  readonly active: number | undefined
  readonly createdPerSecond: number | undefined
  readonly endedPerSecond: number | undefined
  readonly rejectedPerSecond: number | undefined
  /** 0 to 1. */
  readonly hitRate: number | undefined
  /** Of loads from the store, milliseconds. */
  readonly p99: number | undefined
  /** Of all primaries, bytes. */
  readonly usedMemory: number | undefined
  readonly opsPerSecond: number | undefined
}

/** `GET principals?name=`: exactly this one. Oldest first. */
export interface PrincipalAnswer {
  readonly name: string
  /** At most 500, oldest first: of more some of them. */
  readonly sessions: readonly Device[]
  /** How many there are; of more than 500 about. */
  readonly total: number
}

/** What was sealed with a secret that is not at hand is undefined. */
export interface Device {
  readonly id: string
  readonly createdAt: number | undefined
  readonly lastActiveAt: number | undefined
  readonly expiresAt: number
  readonly deadline: number | undefined
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
  readonly level: number | undefined
}

/**
 * `GET sessions?signedIn=&idleFor=&olderThan=&largerThan=&cursor=`: durations as `30m`, bytes as a number. One answer
 * is one bounded piece of a pass over all of them: it may hold no session and still not be the last.
 */
export interface SessionsAnswer {
  readonly sessions: readonly SessionSummary[]
  /** For the next piece; undefined: that was all. */
  readonly cursor: string | undefined
  /** How many keys this piece has looked at, and about how many there are. */
  readonly looked: number
  readonly total: number
}

/** `GET sessions/<id>`, with `?values=1` what they hold, where `About.values` says so; that is audited. */
export interface SessionAnswer extends SessionSummary {
  readonly revision: number
  readonly idleTimeout: number
  readonly version: number
  /** Why it does not open. */
  readonly closed: string | undefined
  readonly kind: string | undefined
  readonly device: string | undefined
  readonly address: string | undefined
  readonly level: number | undefined
  readonly authenticatedAt: number | undefined
  readonly attributes: readonly AttributeAnswer[]
}

export interface AttributeAnswer {
  readonly name: string
  readonly type: string
  readonly bytes: number
  /** As text for people; undefined: not shown. */
  readonly value: string | undefined
}

/** `POST revoke`. First with `dry: true`, which only counts. */
export interface RevokeRequest {
  readonly target: /** At most 1,000. */
  { readonly ids: readonly string[] } | { readonly principal: string; readonly except?: string }
  /** Why, for the audit; 1 to 200 characters, none for the dry run. */
  readonly reason?: string
  /** As counted by the dry run, and needed after it: where there are others by now it answers with 409. */
  readonly count?: number
  readonly dry?: boolean
}

export interface RevokeAnswer {
  readonly found: number
  readonly revoked: number
  /** Asked again at the primary: whether all of them are gone. */
  readonly verified: boolean
  /** Milliseconds from the request until they were seen to be gone there. */
  readonly took: number
}

/** `GET events?from=&after=`: of the audit, oldest first. `GET audit` takes the same: only what operators did. */
export interface EventsAnswer {
  /** At most 500. */
  readonly entries: readonly HistoryEntry[]
  /** For `after`: up to where it was looked at. Undefined where there was nothing. */
  readonly position: string | undefined
  /** Whether there is more behind `position` already; of the audit also where there are no entries here. */
  readonly more: boolean
}

/** `GET doctor` (what was found last, null if that is more than a minute ago) and `POST doctor` (looks again). */
export interface DoctorAnswer {
  readonly at: number
  /** Milliseconds over which counters were compared. */
  readonly window: number
  readonly examination: Examination
}

export interface ApiProblem {
  /**
   * Stable: one of SojournError's codes, or `UNAUTHORIZED`, `FORBIDDEN`, `NOT_FOUND`, `COUNT_CHANGED`, `BAD_REQUEST`,
   * `TOO_MANY` (people look already; 503), `INTERNAL` (500).
   */
  readonly code: string
  /** For people, with what to do. */
  readonly message: string
}

export type { Examination, HistoryEntry, PageNode, PageSnapshot as Snapshot, SessionSummary }
