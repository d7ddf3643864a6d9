import { type Duration, parseDuration } from './duration.ts'
import { OptionError } from './errors.ts'

/**
 * What becomes of a request whose session cannot be read because the store does not answer:
 * - `'fail'`: it fails with StoreUnavailableError, whose `status` is 503
 * - `'anonymous'`: it goes on with nobody's session. The cookie stays as it is; what would be stored fails
 * - `'serve-cached'`: it gets what this process has last known of the session, for at most `outageGrace`
 *   after the store has last answered; others fail. What would be stored fails
 */
export type OutagePolicy = 'fail' | 'anonymous' | 'serve-cached'

export interface OutageOptions {
  /** For requests whose store does not answer. Default `'fail'`. See OutagePolicy. */
  readonly outage?: OutagePolicy
  /** For `'serve-cached'`. Default 1 minute, at most 1 hour: so long a revocation elsewhere may go unnoticed. */
  readonly outageGrace?: Duration
}

export interface OutageSettings {
  readonly outage: OutagePolicy
  /** Milliseconds. */
  readonly outageGrace: number
}

const POLICIES: readonly OutagePolicy[] = ['fail', 'anonymous', 'serve-cached']
const LONGEST_GRACE = 3_600_000

/** @throws OptionError */
export function checkOutage(options: OutageOptions): OutageSettings {
  const { outage = 'fail', outageGrace = '1m' } = options
  return {
    outage: checkOutagePolicy(outage),
    outageGrace: parseDuration('outageGrace', outageGrace, LONGEST_GRACE),
  }
}

/** @throws OptionError */
export function checkOutagePolicy(policy: unknown): OutagePolicy {
  const known = POLICIES.find((each) => each === policy)
  if (known !== undefined) return known
  throw new OptionError('outage', `takes '${POLICIES.join("', '")}'`)
}
