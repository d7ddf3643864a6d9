import { isIP } from 'node:net'
import { isUnverified, LOOKER } from '../../../engines/redis/options.ts'
import { PERMISSIONS, REPLICA_RULES, SENTINEL_RULES } from '../../acl/permissions.ts'
import type { Facts, ServerFacts } from '../facts.ts'
import {
  ALLOW,
  counted,
  DATA,
  EVERY,
  PRIMARY,
  perServer,
  type Rule,
  type Saying,
  unknown,
} from '../finding.ts'
import { providerOf } from '../provider.ts'
import { cli, configure } from '../remedy.ts'
import type { Rights } from '../rights.ts'

const SHORT_LEFT = 21
/** Seconds: older refusals are of another day. */
const RECENT = 3_600
/** What doctor asks, and those who look at sessions. */
const LOOKS: ReadonlySet<string> = new Set([
  ...PERMISSIONS.filter(({ features }) => features.includes('ops')).map(({ command }) => command),
  ...['sentinel|master', 'sentinel|get-master-addr-by-name', 'sentinel|sentinels'],
  ...['sentinel|replicas', 'sentinel|ckquorum'],
])
/** Who gets as far as the user default. */
const REACH = {
  exposed: { severity: 'error', words: 'protected-mode is no, and it listens to other machines' },
  // A Sentinel, which has no protected-mode unless it is told to.
  network: { severity: 'error', words: 'it lets in whoever reaches it over the network' },
  // By us, from another machine, though its settings are not told.
  reached: { severity: 'warn', words: 'it lets in whoever reaches its address' },
  near: {
    severity: 'info',
    words: 'only protected-mode, or the address it listens at, keeps others out',
  },
} as const
const LOOPBACK = /^(?:localhost|127\.|::1$|\[::1\])/

export const securityRules: readonly Rule[] = [
  {
    id: 'sec.open',
    group: 'Security',
    well: 'nobody gets in without a password',
    check: perServer(EVERY, (server, facts) => {
      const { defaultUser } = server
      if (defaultUser === undefined) return unknown('the rights of its users', ALLOW.rights)
      const { isOpen, commands } = defaultUser
      if (!isOpen) return undefined
      const { severity, words } = REACH[reachOf(server)]
      const may = commands.includes('+@all') ? '' : `, and may ${commands}`
      return {
        severity,
        seen: `the user default has no password${may}: ${words}`,
        ...(server.role === 'sentinel'
          ? {
              why: 'whoever reaches the port can have it name a server of theirs as the primary: applications follow it',
              fix: closingSentinel(server),
            }
          : {
              why: 'whoever reaches the port can end and list all sessions, and run what they like',
              fix: closing(server, facts),
            }),
      }
    }),
  },
  {
    id: 'sec.auth',
    group: 'Security',
    well: 'the application has a user of its own',
    check: perServer(PRIMARY, (server) => {
      const { rights } = server
      if (rights === undefined) return unknown('the rights of its users', ALLOW.rights)
      if (!rights.isBroad || !rights.hasPassword || rights.user !== 'default') return undefined
      return {
        severity: 'info',
        seen: 'it is asked as the user default, who may do everything',
        why: 'an application with this password can also empty the server and change its settings',
        fix: ['`sojourn acl` prints a user who may do what sessions need, and no more'],
      }
    }),
  },
  {
    id: 'sec.acl',
    group: 'Security',
    well: 'the user may do what sessions need',
    // Replicas too: each has its own users, and takes over with those.
    check: perServer(DATA, ({ rights }, { wants }) => {
      if (rights !== undefined && rights.state !== 'on') return turnedAway(rights)
      if (rights?.denied === undefined) return unknown('the rights of its users', ALLOW.rights)
      const { user, denied, deniedNearCache } = rights
      const all = [...denied, ...deniedNearCache]
      if (all.length === 0) return undefined
      if (!rights.isApplication && wants.user === undefined) {
        return {
          severity: 'unknown',
          seen: `${user}, who asks, is not the application's user`,
          why: 'whether that one may do what sessions need is not seen',
          fix: ["name the application's user: `--user <name>`"],
        }
      }
      const isMild = denied.length === 0
      return {
        severity: isMild ? 'warn' : 'error',
        seen: `the user ${user} may not use ${all.join(', ')}`,
        why: isMild
          ? 'there is no near cache: every request reads from Redis'
          : 'some requests fail with NOPERM, at the latest when somebody signs out everywhere',
        fix: [
          `\`ACL SETUSER ${user} ${all.map((name) => `+${name}`).join(' ')}\``,
          'or the whole line of `sojourn acl`',
        ],
      }
    }),
  },
  {
    id: 'sec.selectors',
    group: 'Security',
    well: 'the user may do no more by selectors',
    check: perServer(DATA, ({ rights }) => {
      if (rights === undefined) return unknown('the rights of its users', ALLOW.rights)
      const { user, selectors, isBroad } = rights
      // Who may do everything may do no more by them.
      if (selectors.length === 0 || isBroad) return undefined
      return {
        severity: 'warn',
        seen: `the user ${user} has ${counted(selectors.length, 'selector')}: ${selectors.map((each) => `(${each})`).join(' ')}`,
        why: 'what one of them allows the user may do beside all else: `sojourn acl` prints none',
        fix: [
          `\`ACL SETUSER ${user} clearselectors\`, if the rest is what \`sojourn acl\` prints`,
          'or the whole line of `sojourn acl`, which leaves none',
        ],
      }
    }),
  },
  {
    id: 'sec.acllog',
    group: 'Security',
    well: 'nobody was refused of late',
    check: perServer(EVERY, (server) => {
      const { aclLog, target } = server
      if (aclLog === undefined) return unknown('whom it has refused', ALLOW.aclLog)
      const recent = aclLog.filter(
        (entry) => Number(entry.get('age-seconds')) <= RECENT && !isOurs(entry, target.name),
      )
      const [last] = recent
      if (last === undefined) return undefined
      const what =
        last.get('reason') === 'auth'
          ? 'a wrong password'
          : `${last.get('reason')} ${last.get('object')}`
      return {
        severity: 'warn',
        seen: `${counted(recent.length, 'refusal')} within the last hour, the last one of ${last.get('username')}: ${what}`,
        why: 'an application lacks a permission, or somebody tries what they should not',
        fix: [
          `\`${cli(server)} ACL LOG\` shows all of them; \`${cli(server)} ACL LOG RESET\` when it is settled`,
        ],
      }
    }),
  },
  {
    id: 'sec.tls',
    group: 'Security',
    well: 'nothing goes over the network in clear',
    check: perServer(EVERY, (server) => {
      if (server.target.tls !== undefined || isLocal(server)) return undefined
      if (server.role === 'sentinel') return clearSentinel
      return {
        severity: 'warn',
        seen: 'it is reached over the network without TLS',
        why: 'who listens learns the password, and the ids of sessions; what is in them is sealed',
        fix: [
          ...configure(server, [
            ...['tls-port 6380', 'tls-cert-file <its certificate>', 'tls-key-file <its key>'],
            ...['tls-ca-cert-file <whom it trusts>', 'tls-auth-clients no'],
          ]),
          'then `rediss://` in the URL, with that port (docs/redis.md); `port 0` when nobody comes without TLS any more',
        ],
      }
    }),
  },
  {
    id: 'sec.verify',
    group: 'Security',
    well: 'the certificate that it shows is verified',
    check: perServer(EVERY, ({ target }) => {
      if (!isUnverified(target.tls)) return undefined
      return {
        severity: 'warn',
        seen: 'it is asked by TLS without a look at its certificate',
        why: 'who stands in between learns the password, and answers as they like; the application may be set up in the same way',
        fix: [
          'the certificate of who signed it as `tls.ca`, its name as `tls.servername`, and no `rejectUnauthorized: false` nor NODE_TLS_REJECT_UNAUTHORIZED=0 (docs/redis.md)',
        ],
      }
    }),
  },
  {
    id: 'sec.cert',
    group: 'Security',
    well: 'its certificate is good for some time',
    check: perServer(EVERY, ({ target, certificateDays: days }) => {
      if (target.tls === undefined) return undefined
      if (days === undefined) return untoldCertificate
      if (days > SHORT_LEFT) return undefined
      return {
        severity: days < 3 ? 'error' : 'warn',
        seen:
          days < 0
            ? 'its certificate has ended'
            : `its certificate ends in ${counted(days, 'day')}`,
        why: 'from then on no node can connect',
        fix: [
          'renew it, and `CONFIG SET tls-cert-file <the same path>` to load it without a restart',
        ],
      }
    }),
  },
]

const clearSentinel: Saying = {
  severity: 'warn',
  seen: 'it is reached over the network without TLS',
  why: 'who listens learns its password; who is in between can name another server as the primary',
  fix: [
    '`sojourn redis-conf --for sentinel --sentinel --tls` prints the lines for its configuration; and a restart',
    'then `sentinelAccess: { tls: true }`, or `tls` for servers and Sentinels alike (docs/redis.md)',
  ],
}

/** No permission is needed for it. */
const untoldCertificate: Saying = {
  severity: 'unknown',
  seen: 'no certificate came within 5 s',
  why: 'what is not seen may be wrong',
  fix: ['`openssl s_client -connect <host>:<port>` shows it'],
}

function turnedAway({ user, state }: Rights): Saying {
  return {
    severity: 'error',
    seen: state === 'off' ? `the user ${user} is off` : `there is no user ${user}`,
    why: 'an application that gives this name is turned away (WRONGPASS): its requests fail',
    fix:
      state === 'off'
        ? [`\`ACL SETUSER ${user} on\``]
        : [
            `\`sojourn acl --user ${user}\` prints the command that makes it, to be given to every server`,
            'or name the one that the application signs in as: `--user <name>`',
          ],
  }
}

/** A look of doctor's by somebody who may not see all: it is told of as unknown, and nobody is amiss for it. */
const isOurs = (entry: ReadonlyMap<string, string>, name: string): boolean =>
  entry.get('reason') === 'command' &&
  LOOKS.has(entry.get('object') ?? '') &&
  (entry.get('client-info') ?? '').split(' ').includes(`name=${name}${LOOKER}`)

function reachOf(server: ServerFacts): keyof typeof REACH {
  const { config, role, info } = server
  if (role === 'sentinel') {
    if (!isLocal(server)) return 'network'
    const listens = boundTo(info)
    return listens?.every((address) => LOOPBACK.test(address)) === true ? 'near' : 'reached'
  }
  const isOn = config?.get('protected-mode')
  if (!isLocal(server)) return isOn === 'no' ? 'exposed' : 'reached'
  const ports = [config?.get('port'), config?.get('tls-port')]
  if (isOn !== 'no' || ports.every((port) => port === undefined || port === '0')) return 'near'
  const listens = config?.get('bind')?.split(' ') ?? []
  return listens.every((address) => LOOPBACK.test(address.replace(/^-/, ''))) ? 'near' : 'exposed'
}

/** Addresses that it listens at, as Redis 7.2 and Valkey tell: `listener0:name=tcp,bind=127.0.0.1,bind=-::1,port=26379` */
function boundTo(info: ServerFacts['info']): string[] | undefined {
  const listeners = [...info].filter(
    ([name, text]) => /^listener\d+$/.test(name) && !text.startsWith('name=unix'),
  )
  if (listeners.length === 0) return undefined
  return listeners.flatMap(([, text]) =>
    [...text.matchAll(/(?:^|,)bind=-?([^,]+)/g)].map(([, address = '']) => address),
  )
}

/** They sign in to each other by it; who comes with a password is let in also before it is asked for. */
function closingSentinel(server: ServerFacts): string[] {
  const sentinel = cli(server)
  return [
    'one password for all Sentinels, here in SENTINEL_PASSWORD. At every Sentinel:',
    `\`${sentinel} SENTINEL CONFIG SET sentinel-pass "\${SENTINEL_PASSWORD:?}"\``,
    'give it to all that ask them: `sentinelAccess: { password }` (docs/redis.md)',
    `then, at every Sentinel, \`${sentinel} ACL SETUSER default on ">\${SENTINEL_PASSWORD:?}"\``,
    `and \`REDISCLI_AUTH="\${SENTINEL_PASSWORD:?}" ${sentinel} SENTINEL FLUSHCONFIG\`, so that it outlasts a restart`,
  ]
}

/** Each step leaves somebody who can make the next, and undo it. Passwords are the shell's: none is one that was to be replaced. */
function closing(server: ServerFacts, facts: Facts): string[] {
  const provider = providerOf(server)
  const users =
    '`sojourn acl` prints the user of the application, with `--for audit report …` what it uses beside; `--role ops` and `--role operator` those on call'
  if (provider !== undefined) {
    return [users, `then ${provider.settings}: these users, and default off or with a password`]
  }
  const admin = `${cli(server)} --user admin --askpass`
  return [
    'first somebody who may change it back, or nobody gets in any more, with a password in ADMIN_PASSWORD:',
    `\`${cli(server)} ACL SETUSER admin on ">\${ADMIN_PASSWORD:?}" '~*' '&*' +@all\`, at every server`,
    `${users}: the same line at every server, for each has a new password`,
    ...signingIn(server, facts),
    `give all that connect their user, until \`${admin} CLIENT LIST\` shows nobody with user=default`,
    `then \`${admin} ACL SETUSER default off\``,
    keeping(server, admin),
  ]
}

/** For a shell. */
const quoted = (rule: string): string => (/[|&*]/.test(rule) ? `'${rule}'` : rule)

/** Replicas and Sentinels. */
function signingIn(server: ServerFacts, { kind, servers }: Facts): string[] {
  if (kind === 'single' && !servers.some(({ role }) => role === 'replica')) return []
  const to = cli(server)
  const user = (name: string, variable: string, rules: readonly string[]): string =>
    `\`${to} ACL SETUSER ${name} reset on ">\${${variable}:?}" ${rules.map(quoted).join(' ')}\`, at every server`
  const replica = [
    user('replica', 'REPLICA_PASSWORD', REPLICA_RULES),
    `\`${to} CONFIG SET masteruser replica masterauth "\${REPLICA_PASSWORD:?}"\`, at every server and in its configuration`,
  ]
  const sentinel = servers.find(({ role }) => role === 'sentinel')
  if (sentinel === undefined) return replica
  const primary = sentinel.sentinel?.master.get('name') ?? '<primary>'
  return [
    ...replica,
    user('sentinel', 'FAILOVER_PASSWORD', SENTINEL_RULES),
    `\`${cli(sentinel)} SENTINEL SET ${primary} auth-user sentinel auth-pass "\${FAILOVER_PASSWORD:?}"\`, at every Sentinel`,
  ]
}

function keeping({ info, config }: ServerFacts, admin: string): string {
  if ((config?.get('aclfile') ?? '') !== '')
    return `and \`${admin} ACL SAVE\`, so that it outlasts a restart`
  if ((info.get('config_file') ?? '') !== '') {
    return `and \`${admin} CONFIG REWRITE\`, so that it outlasts a restart`
  }
  return `and what \`${admin} ACL LIST\` prints in its configuration, so that it outlasts a restart: it was started without a file`
}

function isLocal({ target: { address } }: ServerFacts): boolean {
  if ('path' in address) return true
  return LOOPBACK.test(address.host) && (isIP(address.host) !== 0 || address.host === 'localhost')
}
