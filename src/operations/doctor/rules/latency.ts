import {
  ALLOW,
  counted,
  DATA,
  numberOf,
  PRIMARY,
  percent,
  perServer,
  type Rule,
  settingOf,
  unknown,
} from '../finding.ts'
import { cli, set } from '../remedy.ts'

/** Milliseconds. */
const SLOW_ROUND_TRIP = 5
/** Within one site; another one is farther away. Milliseconds. */
const ELSEWHERE = 50
const STALE_PART = 10
/** Redis' own default, microseconds. */
const USUAL_SLOW = 10_000

export const latencyRules: readonly Rule[] = [
  {
    id: 'lat.rtt',
    group: 'Latency',
    well: 'it answers quickly',
    check: perServer(PRIMARY, ({ roundTrips }) => {
      const median = roundTrips[Math.floor(roundTrips.length / 2)]
      const slow = roundTrips[Math.floor(roundTrips.length * 0.99)]
      if (median === undefined || slow === undefined)
        return unknown('how fast it answers', ALLOW.ping)
      if (median <= SLOW_ROUND_TRIP) return undefined
      return {
        severity: median > ELSEWHERE ? 'error' : 'warn',
        seen: `a PING takes ${median.toFixed(1)} ms from here, ${slow.toFixed(1)} ms at worst`,
        why: 'each login and each change waits for it, and each read that is not in the near cache',
        fix: [
          'if that is the network: run the nodes where the server is, or give each site a region (docs/redis.md#regions)',
          'if it is the server: `SLOWLOG GET` and `LATENCY DOCTOR` say what holds it up',
        ],
      }
    }),
  },
  {
    id: 'lat.slow',
    group: 'Latency',
    well: 'no command holds the others up',
    check: perServer(DATA, (server) => {
      if (server.slowCommands === undefined) return unknown('its slow log', ALLOW.slowLog)
      const threshold = settingOf(server, 'slowlog-log-slower-than') ?? USUAL_SLOW
      if (server.slowCommands === 0 || threshold < 0) return undefined
      return {
        severity: 'info',
        seen: `${counted(server.slowCommands, 'command')} in the slow log, ${server.slowCommands === 1 ? '' : 'each '}longer than ${threshold / 1_000} ms`,
        why: 'nothing else is answered meanwhile',
        fix: [
          `\`${cli(server)} SLOWLOG GET 10\` shows which, and whose; \`SLOWLOG RESET\` when it is settled`,
        ],
      }
    }),
  },
  {
    id: 'lat.monitor',
    group: 'Latency',
    well: 'slow commands are noted',
    check: perServer(DATA, (server) => {
      const threshold = settingOf(server, 'slowlog-log-slower-than')
      if (threshold === undefined) return unknown('whether it notes slow commands', ALLOW.config)
      if (threshold >= 0) return undefined
      return {
        severity: 'info',
        seen: 'the slow log is off',
        why: 'when requests are slow nothing says which command it was',
        fix: set(server, 'slowlog-log-slower-than', String(USUAL_SLOW)),
        setting: { name: 'slowlog-log-slower-than', value: String(USUAL_SLOW) },
      }
    }),
  },
  {
    id: 'lat.expire',
    group: 'Latency',
    well: 'ended sessions leave memory in time',
    check: perServer(PRIMARY, (server) => {
      const part = numberOf(server.info, 'expired_stale_perc')
      if (part === undefined) return unknown('how it gets rid of what has ended')
      if (part <= STALE_PART) return undefined
      return {
        severity: 'warn',
        seen: `some ${percent(part / 100)} of what has a deadline is over it and still in memory`,
        why: 'it looks for ended keys too seldom for so many: memory is full of sessions that are over',
        fix: set(server, 'active-expire-effort', '5'),
        setting: { name: 'active-expire-effort', value: '5' },
      }
    }),
  },
]
