import { TRACKED } from '../../plan/plan.ts'
import type { ServerFacts } from '../facts.ts'
import {
  ALLOW,
  bytes,
  counted,
  DATA,
  grownBy,
  numberOf,
  PRIMARY,
  percent,
  perServer,
  type Rule,
  settingOf,
  unknown,
} from '../finding.ts'
import { fits, freeIn, set } from '../remedy.ts'

const CROWDED = 0.8
/** Seconds: our connections ask more often than that, and so do most pools. */
const SHORT_TIMEOUT = 60
const FULL_TABLE = 0.8
/** What the server does when it is not told: redis.conf, tracking-table-max-keys. */
const TRACKING_DEFAULT = 1_000_000
/** Of a near cache that is left at its default. */
const NEAR_ENTRIES = 100_000

export const clientRules: readonly Rule[] = [
  {
    id: 'cli.max',
    group: 'Clients',
    well: 'there is room for more connections',
    check: perServer(DATA, (server) => {
      const clients = numberOf(server.info, 'connected_clients')
      const most = numberOf(server.info, 'maxclients')
      if (clients === undefined || most === undefined)
        return unknown('how many connections it takes')
      if (clients / most < CROWDED) return undefined
      return {
        severity: 'warn',
        seen: `${clients} of ${most} connections are taken, ${percent(clients / most)}`,
        why: 'above that nodes that start or reconnect are turned away: their requests fail',
        fix: [
          ...set(server, 'maxclients', String(most * 2)),
          'CLIENT LIST shows who has them: Sojourn opens two or three a process',
        ],
        setting: { name: 'maxclients', value: String(most * 2) },
      }
    }),
  },
  {
    id: 'cli.reject',
    group: 'Clients',
    well: 'nobody is turned away',
    check: perServer(DATA, (server, { window }) => {
      const rejected = grownBy(server, 'rejected_connections')
      if (rejected === undefined) return unknown('whom it turns away')
      if (rejected === 0) return undefined
      const most = numberOf(server.info, 'maxclients')
      return {
        severity: 'error',
        seen: `${counted(rejected, 'connection was', 'connections were')} turned away within ${Math.round(window / 1_000)} s`,
        why: 'maxclients is reached: nodes cannot connect, their requests fail',
        fix: [
          ...(most === undefined
            ? ['raise maxclients']
            : set(server, 'maxclients', String(most * 2))),
          'and the limit of open files with it',
          'CLIENT LIST shows who has the connections',
        ],
      }
    }),
  },
  {
    id: 'cli.idle',
    group: 'Clients',
    well: 'quiet connections are left alone',
    check: perServer(DATA, (server) => {
      const timeout = settingOf(server, 'timeout')
      if (timeout === undefined) return unknown('its timeout', ALLOW.config)
      if (timeout === 0 || timeout >= SHORT_TIMEOUT) return undefined
      return {
        severity: 'warn',
        seen: `timeout is ${timeout}: connections that ask nothing for ${timeout} s are ended`,
        why: 'near caches start empty with each new connection, and requests wait for it',
        fix: set(server, 'timeout', '0'),
        setting: { name: 'timeout', value: '0' },
      }
    }),
  },
  {
    id: 'cli.buffers',
    group: 'Clients',
    well: 'nobody is cut off for reading too slowly, where its release counts it (Redis 7.0 does not)',
    check: perServer(DATA, (server, { window }) => {
      const counter = 'client_output_buffer_limit_disconnections'
      const isCounted = server.info.get(counter) !== undefined
      // A release before it tells of the other counters beside it.
      if (!isCounted && server.info.get('rejected_connections') !== undefined) return undefined
      const cut = grownBy(server, counter)
      if (cut === undefined) return unknown('whom it cuts off')
      if (cut === 0) return undefined
      return {
        severity: 'warn',
        seen: `${counted(cut, 'client was', 'clients were')} cut off for what they had not read, within ${Math.round(window / 1_000)} s`,
        why: 'a near cache that is cut off starts empty; a replica copies everything anew',
        fix: [
          'its log says who: `client-output-buffer-limit pubsub` or `replica` larger, or a node with more processor',
        ],
      }
    }),
  },
  {
    id: 'track.table',
    group: 'Clients',
    well: 'the near caches have room at the server',
    check: perServer(PRIMARY, (server) => {
      const keys = numberOf(server.info, 'tracking_total_keys')
      if (keys === undefined) return unknown('how much it tracks for near caches')
      if (keys === 0) return undefined
      if (server.config === undefined) return unknown('how many keys it tracks', ALLOW.config)
      const most = settingOf(server, 'tracking-table-max-keys') ?? TRACKING_DEFAULT
      if (most === 0 || keys / most < FULL_TABLE) return undefined
      const needed = trackable(server, keys)
      const value = String(roomFor(needed))
      const each = bytesOfTracked(server, keys)
      const takes = (Number(value) - keys) * each
      const free = freeIn(server)
      const isAffordable = fits(server, takes)
      return {
        severity: 'warn',
        seen: `it tracks ${keys.toLocaleString('en')} of at most ${most.toLocaleString('en')} keys`,
        why: 'above that it forgets some, and near caches drop what is still true: more requests go to Redis',
        fix: [
          ...(isAffordable
            ? []
            : [
                `more memory first, or a smaller nearCache.maxEntries: of ${bytes(free)} that are free it would take ${bytes(takes)}`,
              ]),
          ...set(server, 'tracking-table-max-keys', value),
          `its near caches may hold ${needed.toLocaleString('en')} keys: up to ${bytes(needed * each)}`,
        ],
        setting: isAffordable ? { name: 'tracking-table-max-keys', value } : undefined,
      }
    }),
  },
]

/** Keys that near caches hold, or will: all that there are, or as many as they have room for. */
function trackable({ info }: ServerFacts, tracked: number): number {
  const caches = numberOf(info, 'tracking_clients') ?? 1
  const stored = [...info].reduce(
    (sum, [name, line]) =>
      sum + (/^db\d+$/.test(name) ? Number(/keys=(\d+)/.exec(line)?.[1] ?? 0) : 0),
    0,
  )
  return Math.max(tracked, Math.min(stored, caches * NEAR_ENTRIES))
}

/** A key, with as many holders as those have that are tracked now. */
function bytesOfTracked({ info }: ServerFacts, keys: number): number {
  const holders = (numberOf(info, 'tracking_total_items') ?? keys) / keys
  return TRACKED.key + TRACKED.further * (holders - 1)
}

/** With half as much again, as a round number. */
function roomFor(keys: number): number {
  const exact = keys * 1.5
  const step = 10 ** Math.max(0, Math.floor(Math.log10(exact)) - 1)
  return Math.ceil(exact / step) * step
}
