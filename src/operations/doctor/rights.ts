import { StoreRefusedError } from '../../core/errors.ts'
import { fieldsOf } from '../../engines/redis/fields.ts'
import type { Fleet, FleetServer } from '../../engines/redis/fleet.ts'
import { type Feature, PERMISSIONS } from '../acl/permissions.ts'

/** What a user may do at one server. */
export interface Rights {
  readonly user: string
  /** Every command and every key. */
  readonly isBroad: boolean
  readonly hasPassword: boolean
  /** Some command that stores something, wherever: else it is no application's user. */
  readonly isWriter: boolean
  /** Of the commands that sessions need, those that it may not use; absent where that may not be asked. */
  readonly denied: readonly string[] | undefined
}

/** Of those that a user of the application needs whatever it does. */
const NEEDED: ReadonlySet<Feature> = new Set(['sessions', 'near-cache'])
const EXAMPLE = '{000}:s:doctor'

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
  const fields = fieldsOf(await server.ask(['ACL', 'GETUSER', user]))
  const flags = (fields.get('flags') ?? '').split(',')
  const needed = PERMISSIONS.filter(
    ({ features, isNew }) =>
      isNew === undefined && features.some((each) => NEEDED.has(each) || each === kind),
  )
  let denied: string[] | undefined = []
  for (const { command, args } of needed) {
    const call = [
      ...command.split('|'),
      ...args.map((arg) => (arg === 'K' ? `${prefix}:${EXAMPLE}` : arg)),
    ]
    const answer = await server.ask(['ACL', 'DRYRUN', user, ...call]).catch((error: unknown) => {
      if (!(error instanceof StoreRefusedError)) throw error
      // An older server, or one that does not know the command.
      return error.reason === 'NOPERM' ? undefined : 'OK'
    })
    if (answer === undefined) {
      denied = undefined
      break
    }
    if (answer !== 'OK') denied.push(command)
  }
  return {
    user,
    isBroad: (fields.get('commands') ?? '').includes('+@all') && fields.get('keys') === '~*',
    isWriter: /(?:^| )\+(?:@all|@write|set)(?: |$)/.test(fields.get('commands') ?? ''),
    hasPassword: !flags.includes('nopass'),
    denied,
  }
}
