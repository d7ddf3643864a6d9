/*
 * Every metric, once: Prometheus and OpenTelemetry have the same, by the rules of each for names. Never a principal, session,
 * client's address or key as a label: their number has no bound.
 */

export type MetricKind = 'counter' | 'gauge' | 'histogram'

export interface Metric {
  /** As OpenTelemetry has it; Prometheus puts `_` for `.`, adds the unit, and `_total` to counters. */
  readonly name: string
  readonly kind: MetricKind
  /** UCUM. */
  readonly unit: '1' | 's' | 'By'
  readonly help: string
  /** As OpenTelemetry has them; Prometheus puts `_` for `.`. One that is empty is left out. */
  readonly labels: readonly string[]
  /** Of a histogram: upper bounds, in its unit. */
  readonly buckets?: readonly number[]
}

export type MetricId =
  | 'operations'
  | 'created'
  | 'ended'
  | 'lifetime'
  | 'validations'
  | 'rotated'
  | 'rejected'
  | 'conflicts'
  | 'dropped'
  | 'reuse'
  | 'anomalies'
  | 'outages'
  | 'uncertain'
  | 'errors'
  | 'recordSize'
  | 'expiryLag'
  | 'connections'
  | 'retries'
  | 'cacheRequests'
  | 'cacheInvalidations'
  | 'cacheEvictions'
  | 'cacheEntries'
  | 'cacheBytes'
  | 'cacheOn'
  | 'cacheAge'

/** A series' labels with their names, without those that it has not. */
export function labelPairs({ labels }: Metric, values: readonly string[]): [string, string][] {
  return labels.flatMap((label, i): [string, string][] => {
    const value = values[i] ?? ''
    return value === '' ? [] : [[label, value]]
  })
}

/** Seconds: from what one command takes to what nobody waits for. */
export const DURATIONS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
]
const SIZES = [128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 65_536, 262_144, 1_048_576]
/** Seconds: a look of another node, and then a failure of one. */
const LAGS = [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600]

/** Seconds: a visit, a working day, a month. */
const LIFETIMES = [
  10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 259_200, 604_800, 2_592_000,
]

export const METRICS: Readonly<Record<MetricId, Metric>> = {
  operations: {
    name: 'sojourn.operation.duration',
    kind: 'histogram',
    unit: 's',
    help: 'What the store was asked, until its answer, by operation and outcome, and what it has failed with.',
    labels: ['operation', 'outcome', 'error.type'],
    buckets: DURATIONS,
  },
  created: {
    name: 'sojourn.session.created',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that were made, by how: anonymous, login, adopted.',
    labels: ['method'],
  },
  ended: {
    name: 'sojourn.session.ended',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that have ended, by why: logout, revoked, evicted, expired (where that is listened for).',
    labels: ['reason'],
  },
  lifetime: {
    name: 'sojourn.session.lifetime',
    kind: 'histogram',
    unit: 's',
    help: 'From the making of a session to its end, by why, where it is known when it was made: logout, revoked, expired.',
    labels: ['reason'],
    buckets: LIFETIMES,
  },
  validations: {
    name: 'sojourn.validation.count',
    kind: 'counter',
    unit: '1',
    help: 'Tokens that came, by what was said of them (accepted, rejected, unknown) and by whom: near, store, keyring.',
    labels: ['outcome', 'source'],
  },
  rotated: {
    name: 'sojourn.session.rotated',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that have a new token.',
    labels: [],
  },
  rejected: {
    name: 'sojourn.session.rejected',
    kind: 'counter',
    unit: '1',
    help: 'Cookies that opened no session, requests that `sojourn/csrf` and new sessions that `newSessions` refused, by why.',
    labels: ['reason'],
  },
  conflicts: {
    name: 'sojourn.session.conflicts',
    kind: 'counter',
    unit: '1',
    help: 'Commits that found another writer first, and were merged and tried again.',
    labels: [],
  },
  dropped: {
    name: 'sojourn.session.dropped',
    kind: 'counter',
    unit: '1',
    help: 'Changes that nothing was left of to be stored in, by why.',
    labels: ['reason'],
  },
  reuse: {
    name: 'sojourn.session.token_reuse',
    kind: 'counter',
    unit: '1',
    help: 'Former tokens that came after their time: copied, or an old browser state.',
    labels: [],
  },
  anomalies: {
    name: 'sojourn.session.anomalies',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that came from another client than signed in, each of them once on a node.',
    labels: [],
  },
  outages: {
    name: 'sojourn.outage.requests',
    kind: 'counter',
    unit: '1',
    help: 'Requests that went on without the store, by policy.',
    labels: ['policy'],
  },
  uncertain: {
    name: 'sojourn.durability.uncertain',
    kind: 'counter',
    unit: '1',
    help: 'Writes that were not confirmed to be durable in time, by operation.',
    labels: ['operation'],
  },
  errors: {
    name: 'sojourn.errors',
    kind: 'counter',
    unit: '1',
    help: 'What failed off the path of a request, by operation.',
    labels: ['operation'],
  },
  recordSize: {
    name: 'sojourn.session.payload.size',
    kind: 'histogram',
    unit: 'By',
    help: 'Sessions as they are written, sealed and compressed.',
    labels: [],
    buckets: SIZES,
  },
  expiryLag: {
    name: 'sojourn.event.lag',
    kind: 'histogram',
    unit: 's',
    help: "How long after its end the latest of each batch of expired sessions was found, with expiry: 'reliable'.",
    labels: [],
    buckets: LAGS,
  },
  connections: {
    name: 'sojourn.store.connections',
    kind: 'gauge',
    unit: '1',
    help: 'Servers, by how the connection to them is: connected, connecting, broken (what is asked of them fails at once).',
    labels: ['state'],
  },
  retries: {
    name: 'sojourn.store.retries',
    kind: 'counter',
    unit: '1',
    help: 'Commands that were sent once more, by why: connection, demoted, moved, script.',
    labels: ['reason'],
  },
  cacheRequests: {
    name: 'sojourn.cache.requests',
    kind: 'counter',
    unit: '1',
    help: 'Reads of the near cache, by result: hit, miss.',
    labels: ['result'],
  },
  cacheInvalidations: {
    name: 'sojourn.cache.invalidations',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that the near cache was told to forget.',
    labels: [],
  },
  cacheEvictions: {
    name: 'sojourn.cache.evictions',
    kind: 'counter',
    unit: '1',
    help: 'Sessions that the near cache has made room of.',
    labels: [],
  },
  cacheEntries: {
    name: 'sojourn.cache.entries',
    kind: 'gauge',
    unit: '1',
    help: 'Sessions in the near cache.',
    labels: [],
  },
  cacheBytes: {
    name: 'sojourn.cache.size',
    kind: 'gauge',
    unit: 'By',
    help: 'Memory of the near cache, estimated.',
    labels: [],
  },
  cacheOn: {
    name: 'sojourn.cache.on',
    kind: 'gauge',
    unit: '1',
    help: '1 where the near cache answers, 0 where every read goes to the store.',
    labels: [],
  },
  cacheAge: {
    name: 'sojourn.cache.age',
    kind: 'gauge',
    unit: 's',
    help: 'Since the last answer of the store: nothing that the near cache serves is older news. Absent before the first.',
    labels: [],
  },
}
