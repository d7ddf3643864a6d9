import type { Facts, ServerFacts } from '../facts.ts'
import {
  ALLOW,
  counted,
  DATA,
  type Finding,
  PRIMARY,
  perServer,
  type Rule,
  type Saying,
  unknown,
  unknownOfAll,
} from '../finding.ts'

/**
 * The oldest release of each line without a known hole, as of 2026-07: the security releases of that month; and where
 * CVE-2026-81934 (TLS) was mended since.
 * https://redis.io/docs/latest/operate/rs/release-notes/, https://valkey.io/download/
 */
const FLOORS: Readonly<Record<'redis' | 'valkey', readonly string[]>> = {
  redis: ['6.2.24', '7.2.16', '7.4.11', '8.2.9', '8.4.6', '8.6.6', '8.8.2', '8.10.1'],
  valkey: ['7.2.14', '8.0.10', '8.1.9', '9.0.5', '9.1.1'],
}
const AS_OF = Date.UTC(2026, 6, 31)
const LEAST: Readonly<Record<'redis' | 'valkey', string>> = { redis: '7.0.0', valkey: '7.2.0' }
/** Days: then it is not known any more what is safe. */
const GOOD_FOR = 90

export const versionRules: readonly Rule[] = [
  {
    id: 'ver.least',
    group: 'Versions',
    well: 'the server is new enough for Sojourn',
    check: perServer(DATA, (server) => {
      const known = versionOf(server)
      if (known === undefined) return unknown('its version')
      if (compare(known.version, LEAST[known.software]) >= 0) return undefined
      return {
        severity: 'error',
        seen: `it is ${known.software} ${known.version}`,
        why: 'Sojourn needs Redis 7.0, or Valkey',
        fix: ['update the server'],
      }
    }),
  },
  {
    id: 'ver.cve',
    group: 'Versions',
    well: 'no known hole in this release',
    check: (facts) => {
      const age = Math.floor((facts.now - AS_OF) / 86_400_000)
      return [
        ...perServer(DATA, holeOf)(facts),
        ...(age <= GOOD_FOR
          ? []
          : [
              {
                severity: 'info' as const,
                seen: `the list of releases with known holes is ${counted(age, 'day')} old`,
                servers: [],
                why: 'what was found since is not in it',
                fix: ['update Sojourn, or look at the release notes of the server'],
              },
            ]),
      ]
    },
  },
  {
    id: 'ver.mixed',
    group: 'Versions',
    well: 'all servers run the same release',
    check: ({ servers }) => {
      const versions = new Map<string, string[]>()
      for (const server of servers) {
        const known = server.role === 'sentinel' ? undefined : versionOf(server)
        if (known === undefined) continue
        const text = `${known.software} ${known.version}`
        versions.set(text, [...(versions.get(text) ?? []), server.name])
      }
      if (versions.size < 2) {
        const isTold = servers.every(
          (server) =>
            server.role === 'sentinel' ||
            server.problem !== undefined ||
            versionOf(server) !== undefined,
        )
        return isTold ? [] : unknownOfAll('its version', ALLOW.info)
      }
      return [
        {
          severity: 'info',
          seen: [...versions].map(([version, at]) => `${at.length} run ${version}`).join(', '),
          servers: [],
          why: 'a failover to an older one may not know what the newer one has written',
          fix: ['finish the update: replicas first, primaries by failover'],
        },
      ]
    },
  },
  {
    id: 'lib.drift',
    group: 'Versions',
    well: 'all nodes run the same version of Sojourn, as far as the server tells (Redis 7.2)',
    check: (facts) => [...perServer(PRIMARY, untoldLibraries)(facts), ...driftOf(facts)],
  },
]

function untoldLibraries({ libraries }: ServerFacts): Saying | undefined {
  return libraries === undefined ? unknown('who is connected', ALLOW.clients) : undefined
}

function driftOf({ servers }: Facts): Finding[] {
  const versions = new Map<string, number>()
  const names: string[] = []
  for (const { name, role, libraries } of servers) {
    if (role !== 'primary' || libraries === undefined || libraries.size === 0) continue
    names.push(name)
    for (const [version, count] of libraries) {
      versions.set(version, (versions.get(version) ?? 0) + count)
    }
  }
  if (versions.size < 2) return []
  const told = [...versions].sort(([one], [other]) => compare(other, one))
  return [
    {
      severity: 'warn',
      seen: told
        .map(([version, count]) => `${counted(count, 'connection')} of ${version}`)
        .join(', '),
      servers: names,
      why: 'what a newer version writes an older one may not read, or may not know to keep',
      fix: [
        'finish the roll-out; where it is meant to take long, the changelog says what old nodes do not know',
        'CLIENT LIST shows which nodes those are (lib-ver)',
      ],
    },
  ]
}

function holeOf(server: ServerFacts): Saying | undefined {
  const known = versionOf(server)
  if (known === undefined) return unknown('its version')
  const { software, version } = known
  const line = version.split('.').slice(0, 2).join('.')
  const floor = FLOORS[software].find((each) => each.startsWith(`${line}.`))
  const next = FLOORS[software].find((each) => compare(each, version) > 0)
  if (floor !== undefined && compare(version, floor) >= 0) return undefined
  // Newer than any line of the list.
  if (floor === undefined && next === undefined) return undefined
  if (floor === undefined) {
    return {
      severity: 'info',
      seen: `${software} ${version} is of a line that gets no fixes any more, but from distributions`,
      why: 'holes that were found since are open, unless the distribution has mended them under the same number',
      fix: [`update to ${next}`, 'or see the changelog of the package'],
    }
  }
  return {
    severity: 'warn',
    seen: `${software} ${version} has known holes`,
    why: 'whoever may send commands may do more than they are meant to',
    fix: [`update to ${floor}`],
  }
}

function versionOf({
  info,
}: ServerFacts): { software: 'redis' | 'valkey'; version: string } | undefined {
  const valkey = info.get('valkey_version')
  if (valkey !== undefined) return { software: 'valkey', version: valkey }
  const redis = info.get('redis_version')
  return redis === undefined ? undefined : { software: 'redis', version: redis }
}

function compare(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => text.split('.').map(Number))
  for (let i = 0; i < 3; i++) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
