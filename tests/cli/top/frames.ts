/** What an observer may have seen, for frames. */
import type {
  ApplicationState,
  ServerState,
  Snapshot,
} from '../../../src/operations/observe/snapshot.ts'

export const AT: number = Date.UTC(2026, 10, 30, 17, 0, 3)

export const server = (name: string, state: Partial<ServerState> = {}): ServerState => ({
  ...{ name, role: 'primary', problem: undefined, version: '7.2.15', uptime: 86_400 },
  ...{ usedMemory: 1_288_490_188, maxMemory: 4_294_967_296, memoryPolicy: 'volatile-ttl' },
  ...{ keys: 201_000, clients: 120, opsPerSecond: 12_345.6, cpu: 0.34 },
  ...{ evictedKeys: 0, evictedPerSecond: 0, expiredPerSecond: 12.3 },
  ...{ inputBytesPerSecond: 1_048_576, outputBytesPerSecond: 2_097_152 },
  ...{ lagBytes: undefined, primary: undefined, linked: undefined, slots: undefined },
  ...state,
})

export const APPLICATION: ApplicationState = {
  operations: [
    { name: 'load', perSecond: 1_234.4, p50: 0.42, p99: 1.8, failed: 0 },
    { name: 'commit', perSecond: 321, p50: 0.51, p99: 12.4, failed: 0.0123 },
    { name: 'create', perSecond: 12.34, p50: 0.6, p99: undefined, failed: 0 },
  ],
  created: { login: 10.1, anonymous: 2.25 },
  ended: { logout: 2, revoked: 1 },
  rejected: { absent: 0.4 },
  ...{ conflictsPerSecond: 0, errorsPerSecond: 0, outagesPerSecond: 0 },
  cache: {
    ...{ hitsPerSecond: 9_710, missesPerSecond: 290, invalidationsPerSecond: 12 },
    ...{ entries: 33_000, bytes: 33_000_000, on: 2, count: 2 },
  },
}

const node = (name: string, version: string): Snapshot['nodes'][number] => ({
  ...{ id: name, name, version, pid: 4_711, startedAt: AT - 7_200_000, age: 900 },
  state: APPLICATION,
})

const NONE = { bounds: [1], counts: [0, 0] }

export const SNAPSHOT: Snapshot = {
  ...{ at: AT, kind: 'sentinel', prefix: 'sj' },
  servers: [
    server('10.0.0.11:26379', { role: 'sentinel', keys: undefined, usedMemory: undefined, cpu: 0 }),
    server('10.0.0.2:6379', {
      role: 'replica',
      lagBytes: 1_536,
      linked: true,
      primary: '10.0.0.1:6379',
    }),
    server('10.0.0.1:6379'),
    server('10.0.0.3:6379', {
      ...{ role: 'replica', problem: 'INFO: Redis did not answer within 1000 ms' },
      ...{ keys: undefined, usedMemory: undefined, opsPerSecond: undefined, clients: undefined },
      ...{ cpu: undefined, version: undefined },
    }),
  ],
  sessions: {
    ...{ active: 200_134, exact: false, signedInShare: 0.842, sampled: 10_000 },
    ...{ averageBytes: 512.3, ttl: NONE, age: NONE, size: NONE, attributes: [] },
  },
  commands: [{ name: 'get', perSecond: 4_321, p50: 0.002, p99: 0.016, failed: 0 }],
  reports: 'heard',
  nodes: [node('web-1', '0.1.0'), node('web-2', '0.1.0')],
  application: APPLICATION,
  events: { kept: true, about: false, perSecond: { login: 10 } },
}
