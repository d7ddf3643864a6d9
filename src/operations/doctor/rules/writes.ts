import type { ServerFacts } from '../facts.ts'
import {
  ALLOW,
  numberOf,
  PRIMARY,
  perServer,
  type Rule,
  type Saying,
  settingOf,
  unknown,
} from '../finding.ts'
import { set } from '../remedy.ts'

const WHY = 'nobody can sign in or out there, and no change of a session is stored'

export const writeRules: readonly Rule[] = [
  {
    id: 'top.writes',
    group: 'Topology',
    well: 'every primary takes writes',
    // In the order in which servers look for a reason: the first is what applications are told.
    check: perServer(PRIMARY, (server, { window }) => {
      const seconds = Math.round(window / 1_000)
      return isFull(server, seconds) ?? cannotSave(server, seconds) ?? isLeftAlone(server, seconds)
    }),
  },
]

function isFull(server: ServerFacts, seconds: number): Saying | undefined {
  const refused = refusedIn(server, 'OOM')
  if (refused === 0) return undefined
  return {
    severity: 'error',
    seen: `memory is full: it refuses what makes it grow (OOM)${told(refused, seconds)}`,
    why: 'nobody can sign in there; signing out works',
    fix: [
      'give it more memory now: raise maxmemory if the machine has room',
      ...(server.info.get('maxmemory_policy') === 'volatile-ttl'
        ? [
            'what is there has no time to live, so that nothing can be dropped: see key.ttl, key.foreign',
          ]
        : [`or drop what ends soonest: ${first(set(server, 'maxmemory-policy', 'volatile-ttl'))}`]),
    ],
  }
}

function cannotSave(server: ServerFacts, seconds: number): Saying | undefined {
  const { info, config } = server
  const [snapshot, file] = [info.get('rdb_last_bgsave_status'), info.get('aof_last_write_status')]
  if (snapshot === undefined) return unknown('whether it can save')
  const refused = refusedIn(server, 'MISCONF')
  if (info.get('aof_enabled') === '1' && file !== undefined && file !== 'ok') {
    return {
      severity: 'error',
      seen: `it refuses every write (MISCONF): it cannot write its append-only file${told(refused, seconds)}`,
      why: WHY,
      fix: [
        'its log says why: most often the disk is full. It takes writes again by itself when there is room',
      ],
    }
  }
  if (snapshot === 'ok') return undefined
  if (config === undefined && refused === 0) {
    return unknown('whether it refuses writes since its last snapshot failed', ALLOW.config)
  }
  const stops = config?.get('stop-writes-on-bgsave-error') !== 'no' && config?.get('save') !== ''
  if (!stops) return undefined
  return {
    severity: 'error',
    seen: `it refuses every write (MISCONF): its last snapshot failed${told(refused, seconds)}`,
    why: WHY,
    fix: [
      'its log says why: most often the disk is full, or fork was refused: vm.overcommit_memory 1',
      'then `BGSAVE`: it takes writes again as soon as a snapshot succeeds',
      'to take them before, without anything to start from after a crash: ' +
        first(set(server, 'stop-writes-on-bgsave-error', 'no')),
    ],
  }
}

function isLeftAlone(server: ServerFacts, seconds: number): Saying | undefined {
  // Told only where replicas are asked for.
  const near = numberOf(server.info, 'min_slaves_good_slaves')
  if (near === undefined) return undefined
  const least = settingOf(server, 'min-replicas-to-write')
  const refused = refusedIn(server, 'NOREPLICAS')
  if (least === undefined && near > 0 && refused === 0) {
    return unknown('how many replicas it must have to take writes', ALLOW.config)
  }
  if (least === undefined ? near > 0 && refused === 0 : near >= least) return undefined
  return {
    severity: 'error',
    seen:
      `it refuses every write (NOREPLICAS): ${near} of its replicas keep up` +
      `${least === undefined ? '' : `, min-replicas-to-write is ${least}`}${told(refused, seconds)}`,
    why: WHY,
    fix: [
      'bring its replicas back: top.away and repl.link say which are missing, and why',
      'to take writes before, which are lost with this server: ' +
        first(set(server, 'min-replicas-to-write', '0')),
      `and ${least ?? 1} again when they are back`,
    ],
  }
}

/** Of a setting that is to hold for a while only: not what would keep it. */
const first = ([line = '']: readonly string[]): string => line

/** By the server's count of errors; it has none of those that never were. */
function refusedIn({ info, before }: ServerFacts, reason: string): number {
  if (before.size === 0) return 0
  const count = (told: ReadonlyMap<string, string>): number =>
    Number(/count=(\d+)/.exec(told.get(`errorstat_${reason}`) ?? '')?.[1] ?? 0)
  return Math.max(0, count(info) - count(before))
}

const told = (refused: number, seconds: number): string =>
  refused === 0 ? '' : `; ${refused.toLocaleString('en')} refused within ${seconds} s`
