import { randomBytes } from 'node:crypto'
import { Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { type AclOptions, aclRules, aclRulesFor } from '../operations/acl/acl.ts'
import type { Feature } from '../operations/acl/permissions.ts'
import { type CommonFlags, commonOptions, configuredOrNothing } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { say } from './talk.ts'

interface AclFlags extends CommonFlags {
  readonly user?: string
  readonly role: AclOptions['role']
  readonly for: readonly Feature[]
  readonly database: number
  readonly file?: true
}

const FEATURES = ['audit', 'scan', 'notify', 'durability', 'report', 'sentinel', 'cluster']

const HELP = `
Prints the command that makes a user who may do what sessions need, and no more.
With --redis, a config file or SOJOURN_REDIS the server is asked which commands
it knows, and whether it is part of a Cluster; without, the line fits Redis 7.0
and all later servers. It changes nothing itself.

Examples:
  $ sojourn acl --for audit durability
  $ sojourn acl --redis redis://localhost:6379 --user shop --prefix shop
  $ sojourn acl --role ops                     # for doctor, stats, top, to look
  $ sojourn acl --role operator --user oncall  # and to end sessions
  $ sojourn acl --file >> users.acl
  $ (umask 077; sojourn acl > app.acl) && redis-cli < app.acl

The line is for redis-cli's own prompt or its input: a shell takes > | and & for
its own.

Exit code: 0, 2 usage, 3 not reachable, 4 not permitted.`

export function aclCommand(): Command {
  return commonOptions(new Command('acl'))
    .description('A user who may do what sessions need, and no more.')
    .addOption(new Option('--user <name>', 'who is made (default: as the role)'))
    .addOption(
      new Option('--role <role>', 'the application, or those who run it')
        .choices(['app', 'ops', 'operator'])
        .default('app'),
    )
    .addOption(
      new Option('--for <features...>', 'what is used beside sessions')
        .choices(FEATURES)
        .default([]),
    )
    .addOption(
      new Option('--database <n>', 'for the channels of notifications and reports')
        .argParser(wholeNumber(0))
        .default(0),
    )
    .option('--file', 'as a line of an aclfile instead of a command')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: AclFlags): Promise<void> {
  const { redis, prefix } = await configuredOrNothing(flags)
  const { role, database } = flags
  // Not the same for each: who runs the sessions would take the place of the application's.
  const { user = role } = flags
  // Not only warned of: what is lost is lost at the next restart, and whether a server will have an append-only file by
  // then nobody knows. Nobody needs it either: an application can be given a name.
  if (user === 'default') {
    throw new OptionError(
      '--user',
      'takes another name than default: without all its rights a restart passes over what scripts have written to the ' +
        'append-only file. Make a user for the application, then `ACL SETUSER default off` (in an aclfile `user default off ~* &* +@all`)',
    )
  }
  const options = { user, role, database, prefix, features: flags.for }
  const printed = redis === undefined ? aclRules(options) : await aclRulesFor(redis, options)
  // Whoever pastes the line as it is has no user whom everybody can be.
  const rules = printed.map((rule) =>
    rule === '>password' ? `>${randomBytes(24).toString('base64url')}` : rule,
  )
  if (flags.json === true) return console.log(JSON.stringify({ user, rules: rules.slice(1) }))
  console.log(`${flags.file === true ? 'user' : 'ACL SETUSER'} ${rules.join(' ')}`)
  say('the password, behind `>`, is a new one, kept nowhere else')
  say(
    `it takes the place of a user who is called ${user} already; ACL SAVE (with an aclfile) or CONFIG REWRITE keeps it over a restart`,
  )
  if (flags.file === true) {
    say(
      'if the user default is to be off: `user default off ~* &* +@all`; without its rights a restart passes over what scripts have written to the append-only file',
    )
  }
  if (redis === undefined) {
    say(
      'Redis 7.2 and later, and Valkey, also know +client|setinfo' +
        (role === 'app' ? '' : ' and +client|no-touch') +
        (flags.for.includes('durability') ? ' and +waitaof' : '') +
        (role === 'app' ? '' : '; Redis 8.2 and Valkey 8 +cluster|slot-stats'),
    )
  }
}
