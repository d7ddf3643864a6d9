import { OptionError } from '../../core/errors.ts'
import { type FleetServer, findFleet } from '../../engines/redis/fleet.ts'
import { checkPrefix, reportsChannel } from '../../engines/redis/keys.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import { type Feature, PERMISSIONS, type Permission } from './permissions.ts'

/**
 * Who it is for: an application; those who run `sojourn doctor` and look at the sessions; those who also end sessions, by
 * the console or `sojourn revoke`, and have the audit told of it.
 */
export type AclRole = 'app' | 'ops' | 'operator'

export interface AclOptions {
  readonly role: AclRole
  readonly user: string
  readonly prefix: string
  /** Beside sessions and near cache, which every application needs. */
  readonly features: readonly Feature[]
  /** Channels have its number in their names. */
  readonly database: number
  /** Commands that the server does not know: naming one makes the whole line fail. Default: those that Redis 7.0 does not. */
  readonly unknown?: ReadonlySet<string>
}

/** Milliseconds. */
const COMMAND_TIMEOUT = 5_000
const ALWAYS: readonly Feature[] = ['sessions', 'near-cache']
/** Whatever an application uses. */
const OF_ROLE: Partial<Record<AclRole, readonly Feature[]>> = {
  ops: ['ops'],
  operator: ['ops', 'sessions', 'scan', 'audit'],
}
/** Not known to every server that Sojourn runs on. */
const NEW: ReadonlySet<string> = new Set(
  PERMISSIONS.filter(({ isNew }) => isNew).map(({ command }) => command),
)

/**
 * What `ACL SETUSER` takes: the user, and what they may do, no more than that.
 * @throws OptionError
 */
export function aclRules(options: AclOptions): string[] {
  const { role, user, prefix, features, database, unknown = NEW } = options
  checkPrefix(prefix)
  if (!/^[!-~]{1,64}$/.test(user)) {
    throw new OptionError('user', 'takes 1 to 64 printable ASCII characters without spaces')
  }
  if (!Number.isInteger(database) || database < 0) {
    throw new OptionError('database', 'takes a whole number from 0')
  }
  const own = OF_ROLE[role]
  const wanted = new Set<Feature>(
    own === undefined ? [...ALWAYS, ...features] : [...own, ...features.filter(isOfTopology)],
  )
  const commands = permissionsFor(wanted).filter(({ command }) => !unknown.has(command))
  const channels = [
    ...(wanted.has('notify') ? [`&__keyevent@${database}__:expired`] : []),
    ...(wanted.has('report') || wanted.has('ops') ? [`&${reportsChannel(prefix, database)}`] : []),
  ]
  return [
    // `reset` leaves nothing of a user of that name: no password, no key, no selector (Redis 7), nor what later releases add.
    // It leaves the channels of `acl-pubsub-default`, though.
    ...[user, 'reset', 'on', '>password', `~${prefix}:*`, 'resetchannels', ...channels],
    ...['-@all', ...commands.map(({ command }) => `+${command}`)],
  ]
}

/**
 * The same for a deployment: with what its kind needs, and without what one of its servers does not know.
 * @throws OptionError, StoreUnavailableError, StoreRefusedError
 */
export async function aclRulesFor(
  redis: RedisSource,
  options: Omit<AclOptions, 'unknown'>,
): Promise<string[]> {
  const fleet = await findFleet(redis, { commandTimeout: COMMAND_TIMEOUT })
  try {
    const servers = fleet.servers.filter(({ role }) => role !== 'sentinel')
    const unknown = new Set<string>()
    for (const server of servers) for (const name of await unknownTo(server)) unknown.add(name)
    const own: Feature[] = fleet.kind === 'single' ? [] : [fleet.kind]
    return aclRules({ ...options, features: [...options.features, ...own], unknown })
  } finally {
    fleet.close()
  }
}

async function unknownTo(server: FleetServer): Promise<string[]> {
  const names = PERMISSIONS.map(({ command }) => command)
  const answers = (await server.ask(['COMMAND', 'INFO', ...names])) as unknown[]
  return names.filter((_, i) => answers[i] === null)
}

const isOfTopology = (feature: Feature): boolean => feature === 'sentinel' || feature === 'cluster'

function permissionsFor(features: ReadonlySet<Feature>): Permission[] {
  return PERMISSIONS.filter((permission) => permission.features.some((each) => features.has(each)))
}
