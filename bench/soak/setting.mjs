// What nodes and driver agree on.

export const KINDS = ['mobile', 'web']
const POLICIES = ['evict-oldest', 'evict-idle', 'reject']

/**
 * Milliseconds.
 * @param pace 1: sessions idle for one to five seconds; less: all is shorter
 */
export function timesOf(pace) {
  return {
    idle: { least: 1_000 * pace, most: 5_000 * pace },
    absolute: 15_000 * pace,
    rotateEvery: 2_000 * pace,
    grace: 500 * pace,
    // Longer than any session idles: a browser whose answer was lost is not signed out by that.
    patience: 6_000 * pace,
  }
}

/** The limit of `u<n>`: all policies, with and without kinds; one of ten has none. */
export function limitOf(principal) {
  const n = Number(principal.slice(1))
  if (n % 10 === 9) return undefined
  const kinds = n % 2 === 0 ? { mobile: 1, web: 2 } : {}
  return { max: 2 + (n % 4), policy: POLICIES[n % 3], kinds }
}

export function optionsOf({ redis, secret, times }) {
  return {
    redis,
    secrets: [secret],
    cookie: { secure: false },
    commandTimeout: '5s',
    idleTimeout: times.idle.most,
    absoluteTimeout: times.absolute,
    rotateEvery: times.rotateEvery,
    rotationGrace: times.grace,
    rotationPatience: times.patience,
    reuseWindow: times.patience,
    expiry: 'reliable',
    audit: { maxLength: 10_000 },
    maxSessions: ({ principal }) => limitOf(principal),
  }
}
