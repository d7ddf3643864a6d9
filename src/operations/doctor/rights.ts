import { StoreRefusedError } from '../../core/errors.ts'
import { fieldPairs, fieldsOf } from '../../engines/redis/fields.ts'
import type { Fleet, FleetServer } from '../../engines/redis/fleet.ts'
import { type Feature, PERMISSIONS, type Permission } from '../acl/permissions.ts'

/** What a user may do at one server. */
export interface Rights {
  readonly user: string
  /** One that is off, or not there at all, is turned away. */
  readonly state: 'on' | 'off' | 'absent'
  /** Every command and every key. */
  readonly isBroad: boolean
  readonly hasPassword: boolean
  /** What it may do beside, each as ACL SETUSER takes it between brackets. */
  readonly selectors: readonly string[]
  /** May store something, and is none of those that `sojourn acl` makes for whoever is on call. */
  readonly isApplication: boolean
  /** Of the commands that sessions need, those that it may not use; absent where that may not be asked. */
  readonly denied: readonly string[] | undefined
  /** The same of those without which there are sessions, but no near cache. */
  readonly deniedNearCache: readonly string[]
}

/** The user that a connection is until it has said who it is. */
export interface DefaultUser {
  /** Whoever connects is in, without a password. */
  readonly isOpen: boolean
  /** What they may do then, as ACL GETUSER says it. */
  readonly commands: string
  /** Of what scripts write, what it may not, whether or not anybody may sign in as it: an append-only file is read as this user. */
  readonly unwritable: readonly string[]
  readonly isOn: boolean
}

/** Of those that a user of the application needs whatever it does. */
const NEEDED: ReadonlySet<Feature> = new Set(['sessions', 'near-cache'])
/** What a login, a rotation or a sign-out leaves in an append-only file. */
const WRITES = new Set(['set', 'del', 'pexpire', 'hset', 'hdel', 'zadd', 'zrem'])
const WRITTEN_BY_SCRIPTS = PERMISSIONS.filter(({ command }) => WRITES.has(command))
const EXAMPLE = '{000}:s:doctor'
/** What somebody who may do nothing else cannot do harm with. */
const HARMLESS = new Set(['+ping', '+echo', '+hello', '+auth', '+quit', '+reset'])

/** @param options `user`: without it of the one who asks @throws StoreRefusedError where it may not ask that */
export async function rightsOf(
  server: FleetServer,
  options: {
    readonly prefix: string
    readonly user?: string | undefined
    readonly kind: Fleet['kind']
  },
): Promise<Rights> {
  const { prefix, kind } = options
  const user = options.user ?? String(await server.ask(['ACL', 'WHOAMI']))
  const { isThere, flags, commands, keys, selectors } = await userAt(server, user)
  const needed = PERMISSIONS.filter(
    ({ features, isNew }) =>
      isNew === undefined && features.some((each) => NEEDED.has(each) || each === kind),
  )
  const refused = isThere ? await refusedOf(server, user, prefix, needed) : undefined
  const named = (of: boolean): string[] | undefined =>
    refused?.filter((each) => isOfNearCache(each) === of).map(({ command }) => command)
  return {
    user,
    state: !isThere ? 'absent' : flags.has('off') ? 'off' : 'on',
    isBroad: commands.includes('+@all') && keys === '~*',
    isApplication:
      /(?:^| )\+@(?:all|write)(?: |$)/.test(commands) ||
      (/(?:^| )\+set(?: |$)/.test(commands) && !commands.includes('+acl|getuser')),
    hasPassword: !flags.has('nopass'),
    selectors,
    denied: named(false),
    deniedNearCache: named(true) ?? [],
  }
}

/** @throws StoreRefusedError where that may not be asked */
export async function defaultUserOf(server: FleetServer, prefix: string): Promise<DefaultUser> {
  const { flags, commands, keys } = await userAt(server, 'default')
  const isUsual = commands === '+@all' && keys === '~*'
  const refused = isUsual ? [] : await refusedOf(server, 'default', prefix, WRITTEN_BY_SCRIPTS)
  const allowed = commands.split(' ').filter((each) => each.startsWith('+') && !HARMLESS.has(each))
  return {
    isOpen: flags.has('on') && flags.has('nopass') && allowed.length > 0,
    commands,
    // Where it may not be asked, nothing is said.
    isOn: flags.has('on'),
    unwritable: refused?.map(({ command }) => command) ?? [],
  }
}

async function userAt(server: FleetServer, user: string) {
  const answer = await server.ask(['ACL', 'GETUSER', user])
  const fields = fieldsOf(answer)
  return {
    isThere: answer !== null,
    flags: new Set((fields.get('flags') ?? '').split(',')),
    commands: fields.get('commands') ?? '',
    keys: fields.get('keys') ?? '',
    selectors: selectorsIn(answer),
  }
}

/** None where the server knows none. */
function selectorsIn(answer: unknown): string[] {
  const found = fieldPairs(answer).find(([name]) => name === 'selectors')?.[1]
  return (Array.isArray(found) ? found : []).map((each) => {
    const fields = fieldsOf(each)
    const parts = ['commands', 'keys', 'channels'].map((name) => fields.get(name) ?? '')
    return parts.filter((part) => part !== '').join(' ')
  })
}

/** @returns nothing where ACL DRYRUN is refused */
async function refusedOf(
  server: FleetServer,
  user: string,
  prefix: string,
  needed: readonly Permission[],
): Promise<Permission[] | undefined> {
  const refused: Permission[] = []
  for (const permission of needed) {
    const { command, args } = permission
    const call = [
      ...command.split('|'),
      ...args.map((arg) => (arg === 'K' ? `${prefix}:${EXAMPLE}` : arg)),
    ]
    const answer = await server.ask(['ACL', 'DRYRUN', user, ...call]).catch((error: unknown) => {
      if (!(error instanceof StoreRefusedError)) throw error
      // An older server, or one that does not know the command.
      return error.reason === 'NOPERM' ? undefined : 'OK'
    })
    if (answer === undefined) return undefined
    if (answer !== 'OK') refused.push(permission)
  }
  return refused
}

const isOfNearCache = ({ features }: Permission): boolean =>
  features.every((each) => each === 'near-cache')
