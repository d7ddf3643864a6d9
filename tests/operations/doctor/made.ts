/** What doctor's rules look at, made: for what no server can be brought to within a test. */
import type { Facts, ServerFacts } from '../../../src/operations/doctor/facts.ts'

const target: ServerFacts['target'] = {
  ...{ name: '10.0.0.1:6379', address: { host: '10.0.0.1', port: 6379 }, tls: {} },
  ...{ username: undefined, password: undefined, database: 0 },
}

/** A server that answers, and tells nothing but what is said here. */
export const serverOf = (
  name: string,
  role: ServerFacts['role'],
  told: Partial<ServerFacts> = {},
): ServerFacts => ({
  ...{ name, role, target, problem: undefined, info: new Map(), before: new Map() },
  ...{ config: undefined, clockOffset: undefined, roundTrips: [], slowCommands: undefined },
  ...{ aclLog: undefined, cluster: undefined, sentinel: undefined, host: undefined },
  ...{ rights: undefined, defaultUser: undefined, libraries: undefined, busySlots: undefined },
  ...{ primary: undefined, slots: undefined, announced: '10.0.0.1', certificateDays: undefined },
  ...told,
})

export const factsOf = (
  kind: Facts['kind'],
  servers: readonly (ServerFacts['role'] | ServerFacts)[],
): Facts => ({
  servers: servers.map((each, i) => (typeof each === 'string' ? serverOf(`s${i}`, each) : each)),
  wants: { prefix: 'sj', expiry: 'off', durable: false },
  ...{ kind, window: 10_000, keys: undefined, history: undefined, now: Date.now() },
})
