import type { Facts, ServerFacts } from './facts.ts'

/** `error`: sessions are lost, or will be; `warn`: they can be; `info`: worth knowing; `unknown`: could not be seen. */
export type Severity = 'error' | 'warn' | 'info' | 'unknown'

export interface Finding {
  readonly severity: Severity
  /** What was seen. */
  readonly seen: string
  /** Names of the servers that it was seen at. */
  readonly servers: readonly string[]
  /** What comes of it. */
  readonly why: string
  /** What to do about it, a line each. */
  readonly fix: readonly string[]
  /** A setting that can be changed while the server runs, without doing harm. */
  readonly setting?: Setting | undefined
}

export interface Setting {
  readonly name: string
  readonly value: string
}

export type RuleGroup =
  | 'Memory'
  | 'Persistence'
  | 'Replication'
  | 'Clients'
  | 'Latency'
  | 'Machine'
  | 'Security'
  | 'Versions'
  | 'Topology'
  | 'Keys'

export interface Rule {
  /** Stable: also its anchor in docs/doctor.md. */
  readonly id: string
  readonly group: RuleGroup
  /** What is so when nothing is found. */
  readonly well: string
  readonly check: (facts: Facts) => readonly Finding[]
}

/** What there is to read of a rule, where an application has it that has installed the package: it has no site. */
export const docsOf = (id: Rule['id']): string =>
  `node_modules/sojourn/docs/doctor.md#${id.replace('.', '')}`

/** What a rule says of one server. */
export type Saying = Omit<Finding, 'servers'>

/**
 * A rule that looks at each server by itself; servers of which it says the same are told of together.
 * @param check answers with nothing where all is well, and with `unknown` where it was not told what it needs
 */
export function perServer(
  roles: readonly ServerFacts['role'][],
  check: (server: ServerFacts, facts: Facts) => Saying | undefined,
): Rule['check'] {
  return (facts) => {
    const together = new Map<string, Finding & { servers: string[]; fix: readonly string[] }>()
    const concerned = facts.servers.filter(({ role }) => roles.includes(role))
    const answering = concerned.filter(({ problem }) => problem === undefined)
    if (answering.length === 0 && concerned.length > 0) return [away(concerned)]
    for (const server of answering) {
      const saying = check(server, facts)
      if (saying === undefined) continue
      const { severity, seen, why, setting } = saying
      const key = JSON.stringify([severity, seen, why, setting])
      const known = together.get(key)
      if (known === undefined) {
        together.set(key, { ...saying, servers: [server.name] })
        continue
      }
      // Commands name the server: those for the first one are enough to read.
      if (known.servers.length === 1 && known.fix.join() !== saying.fix.join()) {
        known.fix = [...known.fix, 'and the same at the others']
      }
      known.servers.push(server.name)
    }
    return [...together.values()]
  }
}

/** One of several that does not answer is told of by `top.away`; where none is left nothing was seen at all. */
const away = (servers: readonly ServerFacts[]): Finding => ({
  severity: 'unknown',
  seen: 'nothing is known of it: it does not answer',
  servers: servers.map(({ name }) => name),
  why: 'what is not seen may be wrong',
  fix: ['see top.away'],
})

export const PRIMARY: readonly ServerFacts['role'][] = ['primary']
export const REPLICA: readonly ServerFacts['role'][] = ['replica']
export const DATA: readonly ServerFacts['role'][] = ['primary', 'replica']
export const SENTINEL: readonly ServerFacts['role'][] = ['sentinel']
export const EVERY: readonly ServerFacts['role'][] = [...DATA, ...SENTINEL]

/** What the one who asks must be allowed, as ACL SETUSER takes it, to be told something. */
export const ALLOW = {
  info: '+info',
  config: '+config|get',
  slowLog: '+slowlog|len',
  aclLog: '+acl|log',
  rights: '+acl|whoami +acl|getuser +acl|dryrun',
  clients: '+client|list',
  cluster: '+cluster|info',
  slots: '+cluster|countkeysinslot',
  sentinel: '+sentinel|master +sentinel|ckquorum',
  keys: '+scan +dbsize +randomkey +pttl +strlen +hlen',
  time: '+time',
  ping: '+ping',
} as const

/**
 * What a rule needs was refused or is not told by this server.
 * @param allow what has it told
 */
export function unknown(what: string, allow: string = ALLOW.info): Saying {
  return {
    severity: 'unknown',
    seen: `the server does not tell ${what}`,
    why: 'what is not seen may be wrong',
    fix: [
      `allow ${allow} to the user that doctor asks as, or look at it where the server is managed`,
    ],
  }
}

/** The same of the deployment as a whole. */
export const unknownOfAll = (what: string, allow: string): Finding[] => [
  { ...unknown(what, allow), servers: [] },
]

/** By CONFIG GET; nothing where that is refused, or where the server has no such setting. */
export const settingOf = ({ config }: ServerFacts, name: string): number | undefined =>
  config === undefined ? undefined : numberOf(config, name)

export function numberOf(fields: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = fields.get(name)
  if (text === undefined || text === '') return undefined
  const number = Number(text)
  return Number.isFinite(number) ? number : undefined
}

/** How much a counter has grown in the window; nothing where it is not told, or was reset. */
export function grownBy({ info, before }: ServerFacts, name: string): number | undefined {
  const [now, then] = [numberOf(info, name), numberOf(before, name)]
  return now === undefined || then === undefined || now < then ? undefined : now - then
}

/** 1536 → 1.5 KiB */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, unit] = [count, 0]
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024
    unit++
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Milliseconds, in words: 3 h, 12 days */
export function span(time: number): string {
  const minutes = Math.max(1, Math.round(time / 60_000))
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`
}

export const percent = (part: number): string => `${Math.round(part * 100)} %`

/** 1 session; 2,000 sessions. @param several for what is not made by an s: `counted(2, 'entry was', 'entries were')` */
export function counted(count: number, one: string, several: string = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : several}`
}
