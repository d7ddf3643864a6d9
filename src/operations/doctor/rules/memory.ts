import { DAY, evictionsOf } from '../evictions.ts'
import type { Facts, ServerFacts } from '../facts.ts'
import {
  bytes,
  counted,
  DATA,
  type Finding,
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
import { type Growth, growthIn } from '../history.ts'
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
/** Growth that is more than chance: bytes, and seconds of the window. */
const GROWTH = MIB
const LEAST_WINDOW = 10
const HOUR = 3_600_000
/** Growth over less says nothing of the days to come. */
const FEW_HOURS = 6 * HOUR
/** Growth over less may be a burst; and it may go on for so many times as long as it was seen. */
const SOME_MINUTES = HOUR / 6
const FAR = 6
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
      const growth = growthOf(server, facts)
      const left = growth === undefined ? NEVER : (limit - used) / growth.rate
      const gravity = growth && gravityOf(growth, left)
      if (part < NEARLY_FULL && gravity === undefined) return undefined
      const ends =
        left < DAY
          ? `in ${Math.max(Math.round(left / HOUR), 1)} h`
          : `in ${counted(Math.round(left / DAY), 'day')}`
      return {
        severity: part >= FULL ? 'error' : (gravity ?? 'warn'),
        seen:
          `${bytes(used)} of ${bytes(limit)} are used, ${percent(part)}` +
          (gravity === undefined ? '' : `; at the ${growth?.name} it is full ${ends}`),
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

interface NamedGrowth extends Growth {
  readonly name: string
}

/** Of what is stored, by the looks before, where there are such of some minutes; else within the window. If it is more than chance. */
function growthOf(server: ServerFacts, { history, window, now }: Facts): NamedGrowth | undefined {
  const used = numberOf(server.info, 'used_memory_dataset')
  if (used === undefined) return undefined
  const past = growthIn([...(history?.of(server.name) ?? []), { at: now, used }], now)
  if (past !== undefined) {
    const isChance = past.rate * past.over <= GROWTH
    return isChance ? undefined : { ...past, name: `growth of the last ${span(past.over)}` }
  }
  const grown = grownBy(server, 'used_memory_dataset') ?? 0
  const isLong = Math.round(window / 1_000) >= LEAST_WINDOW
  if (!isLong || grown <= GROWTH) return undefined
  return { rate: grown / window, over: window, name: 'present growth' }
}

/** How bad what it says is, of a server that is full in so long a time at this rate. Milliseconds. */
function gravityOf({ over }: Growth, left: number): Finding['severity'] | undefined {
  if (left > (over < FEW_HOURS ? DAY : SOON * DAY)) return undefined
  // A burst, or the morning of a day, is no reason to wake anybody.
  const isSure = over >= SOME_MINUTES && left <= over * FAR
  return left <= DAY && isSure ? 'error' : 'warn'
}
