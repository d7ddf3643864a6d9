import type { AuditedEvent } from './audit-entry.ts'
import { type Duration, parseDuration } from './duration.ts'
import { OptionError } from './errors.ts'
import { type SessionEventName, sessionEventNames } from './events.ts'
import { refuseUnknown } from './unknown-options.ts'

export interface AuditOptions {
  /** About so many entries are kept, 1 to 100,000,000. Default 100,000. */
  readonly maxLength?: number
  /** Entries are kept so long. Default 90 days. */
  readonly retention?: Duration
  /**
   * What is kept. Default: all but `created`, `changed`, `conflict`, `rejected` and `dropped`; never `error`.
   * `expired` needs `expiry: 'reliable'`, or the embedded engine.
   */
  readonly events?: readonly AuditedEvent[]
}

export interface AuditSettings {
  /** None: no audit is kept. */
  readonly events: ReadonlySet<SessionEventName>
  /** `expired` was named, rather than among those of the default, which are kept as far as they come. */
  readonly needsExpired: boolean
  readonly maxLength: number
  /** Milliseconds. */
  readonly retention: number
}

const NAMES: readonly (keyof AuditOptions)[] = ['maxLength', 'retention', 'events']
/** Daily business, or what anybody can bring about without a session. */
const NOT_BY_DEFAULT: readonly AuditedEvent[] = [
  'created',
  'changed',
  'conflict',
  'rejected',
  'dropped',
]
const LONGEST = 100_000_000

/** @throws OptionError */
export function checkAudit(audit: boolean | AuditOptions): AuditSettings {
  const isObject = typeof audit === 'object' && audit !== null && !Array.isArray(audit)
  if (!isObject && typeof audit !== 'boolean') {
    throw new OptionError('audit', 'takes true, false or an object')
  }
  const options = isObject ? audit : {}
  refuseUnknown(options, NAMES, 'audit.')
  const { maxLength = 100_000, retention = '90d' } = options
  if (!Number.isInteger(maxLength) || maxLength < 1 || maxLength > LONGEST) {
    throw new OptionError('audit.maxLength', `takes a whole number from 1 to ${LONGEST}`)
  }
  const auditable = sessionEventNames.filter((name): name is AuditedEvent => name !== 'error')
  const byDefault = auditable.filter((name) => audit !== false && !NOT_BY_DEFAULT.includes(name))
  const { events: chosen = byDefault } = options
  if (!Array.isArray(chosen) || !chosen.every((name) => auditable.includes(name))) {
    throw new OptionError('audit.events', `takes a list of ${auditable.join(', ')}`)
  }
  return {
    events: new Set(chosen),
    needsExpired: options.events?.includes('expired') === true,
    maxLength,
    retention: parseDuration('audit.retention', retention),
  }
}
