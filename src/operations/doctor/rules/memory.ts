import { DAY, evictionsOf } from '../evictions.ts'
import type { Facts, ServerFacts } from '../facts.ts'
import {
  bytes,
  counted,
  DATA,
  grownBy,
  numberOf,
  PRIMARY,
  percent,
  perServer,
  type Rule,
  type Saying,
  span,
  unknown,
} from '../finding.ts'
import { growthIn } from '../history.ts'
import { LOOPBACK } from '../host.ts'
import { set } from '../remedy.ts'

const MIB = 1_048_576
/** Of which a ratio says something, and so much of it is worth an effort. Bytes. */
const NOTABLE = 100 * MIB
const NEARLY_FULL = 0.75
const FULL = 0.9
const WASTEFUL = 1.5
const SWAPPED = 0.9
const CLIENTS_PART = 0.1
/** Of the machine: the rest is for copies while it saves, and for buffers. */
const USABLE = 0.7
/** Growth within the window that is more than chance, bytes. */
const GROWTH = MIB
const HOUR = 3_600_000
/** Days within which it is worth a word. */
const SOON = 14
const NEVER = Number.POSITIVE_INFINITY

export const memoryRules: readonly Rule[] = [
  {
    id: 'mem.policy',
    group: 'Memory',
    well: 'a full server drops what ends soonest, or refuses logins',
    check: perServer(DATA, (server) => {
      const policy = server.info.get('maxmemory_policy') ?? server.config?.get('maxmemory-policy')
      if (policy === undefined) return unknown('its maxmemory-policy')
      if (policy === 'volatile-ttl' || policy === 'noeviction') return undefined
      const isMild = policy === 'volatile-lru'
      const dropsIndexes = policy.startsWith('allkeys')
      return {
        severity: isMild ? 'warn' : 'error',
        seen: `maxmemory-policy is ${policy}`,
        why: dropsIndexes
          ? "full, it drops any key: people are signed out at random, and the lists by which a user's sessions are ended"
          : isMild
            ? 'full, it drops the sessions that were used least recently, by a sample: near enough to those that end soonest'
            : 'full, it drops sessions whether they are in use or not: people are signed out at random',
        fix: [
          ...set(server, 'maxmemory-policy', 'volatile-ttl'),
          'or noeviction, if logins should be refused instead when memory is full',
        ],
        setting: { name: 'maxmemory-policy', value: 'volatile-ttl' },
      }
    }),
  },
  {
    id: 'mem.limit',
    group: 'Memory',
    well: 'memory has a limit',
    check: perServer(DATA, (server, { servers }) => {
      const limit = numberOf(server.info, 'maxmemory')
      if (limit === undefined) return unknown('its maxmemory')
      if (limit > 0) return undefined
      const known = server.host?.memory
      const machine = known ?? numberOf(server.info, 'total_system_memory')
      const used = numberOf(server.info, 'used_memory') ?? 0
      const sharing = servers.filter(
        (other) => DATA.includes(other.role) && machineOf(other) === machineOf(server),
      ).length
      const usable =
        machine === undefined ? undefined : Math.floor((machine * USABLE) / MIB / sharing)
      const value = usable === undefined ? '<70 % of the machine>' : `${usable}mb`
      return {
        severity: 'error',
        seen: 'maxmemory is 0, no limit',
        why: 'when memory is full the machine ends the server, and all sessions with it, instead of dropping the idlest',
        fix: [
          ...set(server, 'maxmemory', value),
          ...(sharing > 1
            ? [`that is a part of 70 %: ${sharing} of the servers share a machine`]
            : []),
          ...(known === undefined
            ? ["less in a container: its server sees the machine's memory"]
            : []),
        ],
        // Where others take of the memory too, or where a container may have less of it, somebody has to think. And one that is
        // below what is there already would drop sessions at once.
        setting:
          known === undefined ||
          sharing > 1 ||
          usable === undefined ||
          used > usable * MIB * NEARLY_FULL
            ? undefined
            : { name: 'maxmemory', value },
      }
    }),
  },
  {
    id: 'mem.used',
    group: 'Memory',
    well: 'there is room',
    check: perServer(DATA, (server, facts) => {
      const limit = numberOf(server.info, 'maxmemory')
      const used = numberOf(server.info, 'used_memory')
      if (limit === undefined || used === undefined) return unknown('how much memory it uses')
      if (limit === 0) return undefined
      const part = used / limit
      const growth = growthOf(server, used, facts)
      const days = growth === undefined ? NEVER : (limit - used) / growth.rate / DAY
      const isFillingUp = days < SOON
      if (part < NEARLY_FULL && !isFillingUp) return undefined
      const ends =
        days < 1
          ? `in ${Math.max(Math.round(days * 24), 1)} h`
          : `in ${counted(Math.round(days), 'day')}`
      return {
        severity: part >= FULL || days < 1 ? 'error' : 'warn',
        seen:
          `${bytes(used)} of ${bytes(limit)} are used, ${percent(part)}` +
          (isFillingUp ? `; at the ${growth?.name} it is full ${ends}` : ''),
        why: 'full, it drops sessions that are not over, or refuses logins',
        fix: [
          'give it more memory, or spread the sessions over a Cluster',
          'or make idle sessions end sooner: `idleTimeout`, see `sojourn advise`',
        ],
      }
    }),
  },
  {
    id: 'mem.evicted',
    group: 'Memory',
    well: 'no session was dropped since the server started',
    check: perServer(PRIMARY, (server, facts) => {
      const evicted = grownBy(server, 'evicted_keys')
      if (evicted === undefined) return unknown('what it evicts')
      if (evicted === 0) return evictedBefore(server, facts)
      return {
        severity: 'error',
        seen: `${counted(evicted, 'key')} evicted within ${Math.round(facts.window / 1_000)} s`,
        why: 'people are being signed out at this moment, because memory is full',
        fix: [
          'give it more memory now: raise maxmemory if the machine has room',
          'then make idle sessions end sooner',
        ],
      }
    }),
  },
  {
    id: 'mem.frag',
    group: 'Memory',
    well: 'memory is not wasted between keys',
    check: perServer(DATA, (server) => {
      const ratio = numberOf(server.info, 'mem_fragmentation_ratio')
      const used = numberOf(server.info, 'used_memory')
      const waste = numberOf(server.info, 'mem_fragmentation_bytes')
      if (ratio === undefined || used === undefined || waste === undefined) {
        return unknown('how its memory is fragmented')
      }
      if (ratio <= WASTEFUL || used < NOTABLE || waste < NOTABLE) return undefined
      return {
        severity: 'warn',
        seen: `its process has ${ratio} times the memory that is in use, ${bytes(waste)} more`,
        why: 'the machine runs out of memory before maxmemory is reached',
        fix: set(server, 'activedefrag', 'yes'),
        setting: { name: 'activedefrag', value: 'yes' },
      }
    }),
  },
  {
    id: 'mem.swap',
    group: 'Memory',
    well: 'nothing is swapped out',
    check: perServer(DATA, ({ info }) => {
      const ratio = numberOf(info, 'mem_fragmentation_ratio')
      const used = numberOf(info, 'used_memory')
      if (ratio === undefined || used === undefined) return unknown('whether it is swapped')
      if (used < NOTABLE || ratio >= SWAPPED) return undefined
      return {
        severity: 'warn',
        seen: `only ${percent(ratio)} of its ${bytes(used)} are in memory`,
        why: 'what is swapped out takes milliseconds to read: requests time out',
        fix: ['give the machine more memory or lower maxmemory, and set vm.swappiness to 1'],
      }
    }),
  },
  {
    id: 'mem.clients',
    group: 'Memory',
    well: "clients' buffers are small",
    check: perServer(DATA, (server) => {
      const buffers = numberOf(server.info, 'mem_clients_normal')
      const limit = numberOf(server.info, 'maxmemory')
      if (buffers === undefined || limit === undefined)
        return unknown("what its clients' buffers take")
      const evicted = grownBy(server, 'evicted_clients')
      const isLarge = limit > 0 && buffers > limit * CLIENTS_PART
      if (!isLarge && evicted === undefined) return unknown('which clients it throws out')
      if (!isLarge && evicted === 0) return undefined
      return {
        severity: 'warn',
        seen: isLarge
          ? `clients' buffers take ${bytes(buffers)}, ${percent(buffers / limit)} of maxmemory`
          : `${counted(evicted ?? 0, 'client was', 'clients were')} thrown out for their buffers' size`,
        why: 'what buffers take, sessions do not have: they are dropped earlier',
        fix: [
          'CLIENT LIST shows who does not read its answers: `omem`',
          ...set(server, 'maxmemory-clients', '5%'),
        ],
      }
    }),
  },
]

/** Before the window: for a day after it was seen last it is to be mended. */
function evictedBefore(server: ServerFacts, facts: Facts): Saying | undefined {
  const { now } = facts
  const { all = 0, look, since, at } = evictionsOf(server, facts)
  if (all === 0) return undefined
  const uptime = numberOf(server.info, 'uptime_in_seconds')
  const start = uptime === undefined ? 'its start' : `its start ${span(uptime * 1_000)} ago`
  const count = (keys: number): string => `${counted(keys, 'key')} evicted since`
  const ago = look === undefined ? '' : `the look ${span(now - look.at)} ago`
  const isLate = at !== undefined && now - at <= DAY
  return {
    severity: isLate ? 'warn' : 'info',
    seen:
      look === undefined
        ? `${count(all)} ${start}`
        : since > 0
          ? `${count(since)} ${ago}`
          : `${count(all)} ${start}, ${isLate ? `seen last ${span(now - at)} ago` : `none since ${ago}`}`,
    why: 'memory was full: people were signed out for it, and will be again',
    fix: [
      'give it more memory, or make idle sessions end sooner: `sojourn advise`',
      '`CONFIG RESETSTAT` when it is settled, which sets all its counters to 0',
    ],
  }
}

/** By its address: all of the loopback, and sockets, are this one. */
function machineOf({ target: { address } }: ServerFacts): string {
  return 'path' in address || LOOPBACK.test(address.host) ? '' : address.host
}

interface NamedGrowth {
  /** Bytes a millisecond, above 0. */
  readonly rate: number
  readonly name: string
}

/** Of the days before, where there are looks of them; else within the window, if it is more than chance. */
function growthOf(
  server: ServerFacts,
  used: number,
  { history, window, now }: Facts,
): NamedGrowth | undefined {
  const points = [...(history?.of(server.name) ?? []), { at: now, used }]
  const past = growthIn(points, now)
  if (past !== undefined) {
    const days = Math.round(past.over / DAY)
    const name = `growth of the last ${days < 2 ? `${Math.round(past.over / HOUR)} h` : counted(days, 'day')}`
    return past.rate > 0 ? { rate: past.rate, name } : undefined
  }
  const grown = grownBy(server, 'used_memory') ?? 0
  return grown > GROWTH ? { rate: grown / window, name: 'present growth' } : undefined
}
