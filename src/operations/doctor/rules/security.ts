import { isIP } from 'node:net'
import type { ServerFacts } from '../facts.ts'
import {
  ALLOW,
  counted,
  DATA,
  PRIMARY,
  perServer,
  type Rule,
  type Saying,
  unknown,
} from '../finding.ts'
import { cli, configure } from '../remedy.ts'

const SHORT_LEFT = 21
/** Seconds: older refusals are of another day. */
const RECENT = 3_600
const LOOPBACK = /^(?:localhost|127\.|::1$|\[::1\])/

export const securityRules: readonly Rule[] = [
  {
    id: 'sec.open',
    group: 'Security',
    well: 'nobody gets in without a password',
    check: perServer(DATA, (server) => {
      if (server.rights === undefined) return unknown('the rights of its users', ALLOW.rights)
      if (server.rights.hasPassword || server.rights.user !== 'default') return undefined
      const isOpen = server.config?.get('protected-mode') === 'no' && !isLocal(server)
      return {
        severity: isOpen ? 'error' : 'info',
        seen: isOpen
          ? 'the user default has no password, and protected-mode is no'
          : 'the user default has no password: only protected-mode, or the address it listens at, keeps others out',
        why: 'whoever reaches the port can end and list all sessions, and run what they like',
        fix: [
          '`sojourn acl` prints a user for the application',
          `then \`${cli(server)} ACL SETUSER default off\``,
        ],
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
    check: perServer(PRIMARY, ({ rights }, { wants }) => {
      if (rights?.denied === undefined) return unknown('the rights of its users', ALLOW.rights)
      if (rights.denied.length === 0) return undefined
      if (!rights.isWriter && wants.user === undefined) {
        return {
          severity: 'unknown',
          seen: `${rights.user}, who asks, is not the application's user`,
          why: 'whether that one may do what sessions need is not seen',
          fix: ["name the application's user: `--user <name>`"],
        }
      }
      return {
        severity: 'error',
        seen: `the user ${rights.user} may not use ${rights.denied.join(', ')}`,
        why: 'some requests fail with NOPERM, at the latest when somebody signs out everywhere',
        fix: [
          `\`ACL SETUSER ${rights.user} ${rights.denied.map((name) => `+${name}`).join(' ')}\``,
          'or the whole line of `sojourn acl`',
        ],
      }
    }),
  },
  {
    id: 'sec.acllog',
    group: 'Security',
    well: 'nobody was refused of late',
    check: perServer(DATA, ({ aclLog }) => {
      if (aclLog === undefined) return unknown('whom it has refused', ALLOW.aclLog)
      const recent = aclLog.filter((entry) => Number(entry.get('age-seconds')) <= RECENT)
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
        fix: ['`ACL LOG` shows all of them; `ACL LOG RESET` when it is settled'],
      }
    }),
  },
  {
    id: 'sec.tls',
    group: 'Security',
    well: 'nothing goes over the network in clear',
    check: perServer(DATA, (server) => {
      if (server.target.tls !== undefined || isLocal(server)) return undefined
      return {
        severity: 'warn',
        seen: 'it is reached over the network without TLS',
        why: 'who listens learns the password, and the ids of sessions; what is in them is sealed',
        fix: [...configure(server, 'tls-port 6380'), 'then `rediss://` in the URL (docs/redis.md)'],
      }
    }),
  },
  {
    id: 'sec.cert',
    group: 'Security',
    well: 'its certificate is good for some time',
    check: perServer(DATA, ({ target, certificateDays: days }) => {
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

/** No permission is needed for it. */
const untoldCertificate: Saying = {
  severity: 'unknown',
  seen: 'no certificate came within 5 s',
  why: 'what is not seen may be wrong',
  fix: ['`openssl s_client -connect <host>:<port>` shows it'],
}

function isLocal({ target: { address } }: ServerFacts): boolean {
  if ('path' in address) return true
  return LOOPBACK.test(address.host) && (isIP(address.host) !== 0 || address.host === 'localhost')
}
