import { createInterface } from 'node:readline/promises'
import { Argument, Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { Catalogue } from '../operations/sessions/catalogue.ts'
import { endSessions } from '../operations/sessions/endings.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { type FilterFlags, filterOf, filterOptions, isFiltered } from './ls.ts'
import { operator } from './operator.ts'
import { say, shown, startBar } from './talk.ts'

interface RevokeFlags extends CommonFlags, FilterFlags {
  readonly principal?: string
  readonly all?: true
  readonly reason?: string
  readonly dryRun?: true
  readonly yes?: true
}

const HELP = `
Ends sessions on every node: those with these ids, all of a user, or all that a filter lets through. First it counts, then it
asks for the number to be typed; --yes does not ask. What cannot be undone by anybody: their users sign in again.
The audit is told who has done it, and why, before it is done: \`sojourn tail\` shows it.

Examples:
  $ sojourn revoke 00aAb3kPq…
  $ sojourn revoke --principal ada@example.org --reason 'lost phone, ticket 4711'
  $ sojourn revoke --idle-for 30d --dry-run
  $ sojourn revoke --all --yes

Exit code: 0 all have ended, 1 there was none or not all have, 2 usage, 3 not reachable, 4 not permitted.`

export function revokeCommand(): Command {
  return filterOptions(commonOptions(new Command('revoke')))
    .description('End sessions: sign out.')
    .addArgument(new Argument('[ids...]', 'their public ids'))
    .addOption(new Option('--principal <name>', 'all of this user; needs the secrets'))
    .option('--all', 'all sessions that there are')
    .option('--reason <text>', 'why, for the audit')
    .option('--dry-run', 'only count')
    .option('--yes', 'without asking')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(ids: readonly string[], flags: RevokeFlags): Promise<void> {
  const filter = filterOf(flags)
  const ways = [
    ids.length > 0,
    flags.principal !== undefined,
    flags.all === true || isFiltered(filter),
  ]
  if (ways.filter(Boolean).length !== 1) {
    throw new OptionError('revoke', 'takes either ids, or --principal, or a filter, or --all')
  }
  const isAsking = flags.yes !== true && flags.dryRun !== true && ids.length === 0
  if (isAsking && !process.stdin.isTTY) {
    throw new OptionError(
      'revoke',
      'asks first, and nobody is there to answer: add --yes, or --dry-run',
    )
  }
  const isByFilter = ids.length === 0 && flags.principal === undefined
  const catalogue = new Catalogue({
    ...(await configured(flags)),
    // A filter may be about more than the audit should have entries: it has one, with their number.
    audit: isByFilter ? 'operators' : 'each',
  })
  try {
    const wanted =
      ids.length > 0
        ? ids
        : flags.principal === undefined
          ? await found(catalogue, flags)
          : (await catalogue.of(flags.principal)).map(({ id }) => id)
    if (flags.dryRun === true) return tell({ found: wanted.length, revoked: 0 }, flags)
    if (wanted.length > 0 && isAsking && !(await isAgreed(wanted.length))) {
      say('nothing has ended')
      process.exitCode = 1
      return
    }
    if (wanted.length === 0) return tell({ found: 0, revoked: 0 }, flags)
    const bar = startBar('ending')
    const target = flags.principal === undefined ? { ids: wanted } : { principal: flags.principal }
    const { revoked } = await endSessions(catalogue, target, wanted, {
      operator: operator(),
      reason: flags.reason,
      filter: isByFilter ? described(flags) : undefined,
      progress: (done) => bar.set(done, wanted.length),
    })
    bar.end(`${shown(revoked)} sessions`)
    tell({ found: wanted.length, revoked }, flags)
  } finally {
    await catalogue.close()
  }
}

function tell(result: { found: number; revoked: number }, { json, dryRun }: RevokeFlags): void {
  if (json === true) console.log(JSON.stringify(result))
  else if (dryRun === true) console.log(`${shown(result.found)} would end`)
  else console.log(`${shown(result.revoked)} of ${shown(result.found)} have ended`)
  const isDone = result.found > 0 && (dryRun === true || result.revoked >= result.found)
  if (!isDone) process.exitCode = 1
}

/** Ids only: 25 bytes each, a million of them some 60 MB. */
async function found(catalogue: Catalogue, flags: RevokeFlags): Promise<string[]> {
  const total = await catalogue.size()
  const bar = startBar('looking at')
  const ids = new Set<string>()
  const looked = (count: number): void => bar.set(count, total)
  for await (const page of catalogue.list(filterOf(flags), { rate: flags.rate, looked })) {
    for (const { id } of page) ids.add(id)
  }
  bar.end(`${shown(ids.size)} sessions`)
  return [...ids]
}

/** For the audit. */
function described(flags: RevokeFlags): string {
  const chosen = Object.entries(filterOf(flags)).filter(([, value]) => value !== undefined)
  return chosen.length === 0
    ? 'all'
    : chosen.map(([name, value]) => `${name}=${String(value)}`).join(' ')
}

/** The count, typed: nobody means a million by pressing y. */
async function isAgreed(count: number): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await asking.question(
      `${shown(count)} sessions will end. Type ${count} to go on: `,
    )
    return answer.trim().replaceAll(',', '') === String(count)
  } finally {
    asking.close()
  }
}
