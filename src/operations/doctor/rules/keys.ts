import type { Facts } from '../facts.ts'
import {
  ALLOW,
  bytes,
  counted,
  type Finding,
  PRIMARY,
  percent,
  perServer,
  type Rule,
  unknown,
  unknownOfAll,
} from '../finding.ts'
import { set } from '../remedy.ts'

/** Bytes. */
const LARGE = 100_000
const LONG_INDEX = 5_000
const FOREIGN_PART = 0.05
/** Fewer keys say nothing. */
const ENOUGH = 100

export const keyRules: readonly Rule[] = [
  {
    id: 'key.notify',
    group: 'Keys',
    well: 'notifications are as they are needed',
    check: perServer(PRIMARY, (server, { wants }) => {
      const flags = server.config?.get('notify-keyspace-events')
      if (flags === undefined) return unknown('its notify-keyspace-events', ALLOW.config)
      if (wants.expiry === 'notify') {
        const hasEvents = flags.includes('E') && (flags.includes('x') || flags.includes('A'))
        if (!hasEvents) {
          const value = `${flags.replaceAll(/[Ex]/g, '')}Ex`
          return {
            severity: 'error',
            seen: `notify-keyspace-events is "${flags}", and expiry is 'notify'`,
            why: 'nobody is told of sessions that expire',
            fix: set(server, 'notify-keyspace-events', value),
            setting: { name: 'notify-keyspace-events', value },
          }
        }
      }
      if (!flags.includes('A')) return undefined
      return {
        severity: 'warn',
        seen: `notify-keyspace-events is "${flags}": every command is told of`,
        why: 'the server publishes with each read and write, whether anybody listens or not',
        fix: set(server, 'notify-keyspace-events', wants.expiry === 'notify' ? 'Ex' : ''),
      }
    }),
  },
  {
    id: 'key.ttl',
    group: 'Keys',
    well: 'every session ends some time',
    check: ({ keys, wants }) => {
      if (keys === undefined) return untold(wants)
      if (keys.immortal === 0) return []
      return [
        {
          severity: 'error',
          seen: `of ${counted(keys.records, 'session that was', 'sessions that were')} looked at ${counted(keys.immortal, 'has', 'have')} no time to live`,
          servers: [],
          why: 'they never end, whatever the idle timeout says, and are never dropped when memory is full',
          fix: [
            'something has run PERSIST on them, or has restored them without a time to live',
            '`sojourn revoke` ends them; a `PEXPIRE` of the idle timeout keeps their users signed in',
          ],
        },
      ]
    },
  },
  {
    id: 'key.big',
    group: 'Keys',
    well: 'sessions are small',
    check: ({ keys, wants }): Finding[] => {
      if (keys === undefined) return untold(wants)
      const largest = keys.sizes.at(-1) ?? 0
      if (largest <= LARGE) return []
      const many = keys.sizes.filter((size) => size > LARGE).length
      return [
        {
          severity: 'warn',
          seen: `of ${counted(keys.records, 'session that was', 'sessions that were')} looked at ${counted(many, 'is', 'are')} larger than ${bytes(LARGE)}, the largest ${bytes(largest)}`,
          servers: [],
          why: 'each change writes it whole, each read of another node loads it whole',
          fix: [
            'keep what is large elsewhere, and its key in the session',
            '`sojourn advise` says which attributes; `maxBytes` refuses what is too large',
          ],
        },
      ]
    },
  },
  {
    id: 'key.index',
    group: 'Keys',
    well: 'nobody has thousands of sessions',
    check: ({ keys, wants }) => {
      if (keys === undefined) return untold(wants)
      if (keys.longestIndex <= LONG_INDEX) return []
      return [
        {
          severity: 'warn',
          seen: `one user has ${counted(keys.longestIndex, 'session')}`,
          servers: [],
          why: 'each login and each list of theirs takes long, and holds up the others',
          fix: [
            '`maxSessions` bounds them (docs/principals.md)',
            'is it a machine that signs in for each request?',
          ],
        },
      ]
    },
  },
  {
    id: 'key.foreign',
    group: 'Keys',
    well: 'the database is the sessions’ own',
    check: ({ keys, wants }) => {
      if (keys === undefined) return untold(wants)
      if (keys.looked < ENOUGH || keys.foreign / keys.looked <= FOREIGN_PART) return []
      return [
        {
          severity: 'warn',
          seen: `${percent(keys.foreign / keys.looked)} of the keys that were looked at are not under ${wants.prefix}:`,
          servers: [],
          why: 'what else is in there fills the same memory: a cache that grows drops sessions, FLUSHDB signs everybody out',
          fix: [
            'a server of its own for sessions, with its own maxmemory',
            'or another `--prefix`, if the sessions have one',
          ],
        },
      ]
    },
  },
]

const untold = ({ prefix }: Facts['wants']): Finding[] =>
  unknownOfAll('which keys it has', `${ALLOW.keys} and the keys ~${prefix}:*`)
