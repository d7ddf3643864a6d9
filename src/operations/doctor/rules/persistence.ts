import {
  ALLOW,
  counted,
  DATA,
  grownBy,
  numberOf,
  perServer,
  type Rule,
  unknown,
} from '../finding.ts'
import { cli, set } from '../remedy.ts'

/** Milliseconds. */
const LONG_FORK = 200
/** Seconds that a snapshot may be older than it was to be. */
const STALE = 86_400

export const persistenceRules: readonly Rule[] = [
  {
    id: 'persist.any',
    group: 'Persistence',
    well: 'a restart signs nobody out',
    check: perServer(DATA, (server, { wants }) => {
      const aof = server.info.get('aof_enabled')
      const save = server.config?.get('save')
      // Where it is managed, whoever runs it decides on this; a snapshot of late shows that there are some.
      const hasSnapshots =
        save === undefined ? (numberOf(server.info, 'rdb_saves') ?? 0) > 0 : save !== ''
      if (aof === undefined || (aof === '0' && !hasSnapshots && save === undefined)) {
        return unknown('whether it writes to disk', `${ALLOW.info} ${ALLOW.config}`)
      }
      if (aof === '1' || (hasSnapshots && !wants.durable)) return undefined
      return {
        severity: wants.durable ? 'error' : 'warn',
        seen: hasSnapshots
          ? 'there are snapshots only: what has happened since the last one is lost with the server'
          : 'nothing is written to disk',
        why: hasSnapshots
          ? 'after a crash sessions that were ended are back, and logins since the snapshot are lost'
          : 'after a restart everybody is signed out',
        fix: set(server, 'appendonly', 'yes'),
        setting: { name: 'appendonly', value: 'yes' },
      }
    }),
  },
  {
    id: 'persist.user',
    group: 'Persistence',
    well: 'what is in its append-only file is carried out at a restart',
    check: perServer(DATA, ({ info, defaultUser }) => {
      const aof = info.get('aof_enabled')
      if (aof === '0') return undefined
      if (aof === undefined) return unknown('whether it writes to disk', ALLOW.info)
      if (defaultUser === undefined) return unknown('the rights of the user default', ALLOW.rights)
      const { unwritable, isOn } = defaultUser
      if (unwritable.length === 0) return undefined
      return {
        severity: 'error',
        seen: `the append-only file is read as the user default, who may not use ${unwritable.join(', ')}`,
        why: 'a restart passes over what scripts have written since its last rewrite: logins are lost, and who has signed out is back',
        fix: [
          ...(isOn
            ? [
                'first give who signs in as it a user of their own: `CLIENT LIST` shows them, user=default',
              ]
            : []),
          'off it lets nobody in, whatever it may do: `ACL SETUSER default off ~* &* +@all` (an administrator of your own is to be there first), then `ACL SAVE` or `CONFIG REWRITE`',
          'in an aclfile: `user default off ~* &* +@all`',
        ],
      }
    }),
  },
  {
    id: 'persist.rdb',
    group: 'Persistence',
    well: 'snapshots succeed',
    check: perServer(DATA, (server, { now }) => {
      const status = server.info.get('rdb_last_bgsave_status')
      if (status === undefined) return unknown('how its last snapshot went')
      if (status !== 'ok') {
        return {
          severity: 'error',
          seen: 'the last snapshot failed',
          why: 'the server may refuse writes (MISCONF), and has nothing to start from after a crash',
          fix: [
            'its log says why: most often the disk is full, or fork was refused: vm.overcommit_memory 1',
            `then \`${cli(server)} BGSAVE\``,
          ],
        }
      }
      const last = numberOf(server.info, 'rdb_last_save_time')
      const changes = numberOf(server.info, 'rdb_changes_since_last_save')
      if (last === undefined || changes === undefined) return unknown('when its last snapshot was')
      if (changes === 0 || now / 1_000 - last <= STALE) return undefined
      const save = server.config?.get('save')
      if (save === undefined) return unknown('when it makes snapshots', ALLOW.config)
      if (save === '') return undefined
      return {
        severity: 'warn',
        seen: `the last snapshot is ${Math.floor((now / 1_000 - last) / 3_600)} h old, with ${counted(changes, 'change')} since`,
        why: 'the server starts from it after a crash',
        fix: [`its log says why none was made; \`${cli(server)} BGSAVE\` makes one`],
      }
    }),
  },
  {
    id: 'persist.aof',
    group: 'Persistence',
    well: 'the append-only file is written in time',
    check: perServer(DATA, (server, { window }) => {
      const isOn = server.info.get('aof_enabled')
      if (isOn !== undefined && isOn !== '1') return undefined
      const isWritten = server.info.get('aof_last_write_status')
      const isRewritten = server.info.get('aof_last_bgrewrite_status')
      if (isOn === undefined || isWritten === undefined || isRewritten === undefined) {
        return unknown('how it writes its append-only file')
      }
      if (isWritten !== 'ok' || isRewritten !== 'ok') {
        return {
          severity: 'error',
          seen:
            isWritten === 'ok'
              ? 'the last rewrite of the append-only file failed'
              : 'writes to the append-only file fail',
          why:
            isWritten === 'ok'
              ? 'the file grows until the disk is full'
              : 'the server refuses writes: nobody can sign in or out',
          fix: [
            'its log says why: most often the disk is full',
            ...(isWritten === 'ok'
              ? [`then \`${cli(server)} BGREWRITEAOF\``]
              : ['it writes again by itself when there is room']),
          ],
        }
      }
      const delayed = grownBy(server, 'aof_delayed_fsync')
      if (delayed === undefined) return unknown('whether writes wait for the disk')
      if (delayed === 0) return undefined
      return {
        severity: 'warn',
        seen: `${counted(delayed, 'write')} waited for the disk within ${Math.round(window / 1_000)} s`,
        why: 'each holds up every request for as long as the disk takes',
        fix: [
          'a faster disk, or nobody else on it',
          'not `no-appendfsync-on-rewrite yes`: with the machine it loses up to 30 seconds of sign-ins and sign-outs',
        ],
      }
    }),
  },
  {
    id: 'persist.fork',
    group: 'Persistence',
    well: 'saving does not hold up requests',
    check: perServer(DATA, ({ info }) => {
      const took = numberOf(info, 'latest_fork_usec')
      if (took === undefined) return unknown('how long a fork takes')
      if (took / 1_000 <= LONG_FORK) return undefined
      return {
        severity: 'warn',
        seen: `the last fork held the server up for ${Math.round(took / 1_000)} ms`,
        why: 'no request is answered meanwhile; each snapshot and each rewrite forks',
        fix: [
          'turn transparent huge pages off, or spread the sessions over more and smaller servers',
        ],
      }
    }),
  },
  {
    id: 'persist.always',
    group: 'Persistence',
    well: 'writes do not wait for the disk one by one',
    check: perServer(DATA, (server) => {
      const isOn = server.info.get('aof_enabled')
      if (isOn !== undefined && isOn !== '1') return undefined
      const when = server.config?.get('appendfsync')
      if (isOn === undefined || when === undefined) {
        return unknown('when it writes to disk', `${ALLOW.info} ${ALLOW.config}`)
      }
      if (when !== 'always') return undefined
      return {
        severity: 'info',
        seen: 'appendfsync is always',
        why: 'every write waits for the disk; with everysec only those do that ask for it',
        fix: [
          ...set(server, 'appendfsync', 'everysec'),
          "and `durability: 'disk'` where a change must outlast a crash at once (docs/reliability.md)",
        ],
      }
    }),
  },
]
