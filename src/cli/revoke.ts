import { createInterface } from 'node:readline/promises'
import { Argument, Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import { Catalogue, type SessionFilter } from '../operations/sessions/catalogue.ts'
import {
  ENDED_A_SECOND,
  endSessions,
  type SessionIds,
  sessionsOf,
} from '../operations/sessions/endings.ts'
import { IdSet } from '../operations/sessions/id-set.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { exitCodeOf } from './exit-codes.ts'
import { type FilterFlags, filterOf, filterOptions, isFiltered, LOOKED_A_SECOND } from './ls.ts'
import { operator } from './operator.ts'
import { Stop } from './stop.ts'
import { type Bar, say, shown, startBar } from './talk.ts'

interface RevokeFlags extends CommonFlags, FilterFlags {
  readonly principal?: string
  readonly all?: true
  readonly reason?: string
  readonly dryRun?: true
  readonly yes?: true
}

const HELP = `
Ends sessions on every node: those with these ids, all of a user, or all that a
filter lets through. First it counts, then it asks for the number to be typed;
--yes does not ask. What cannot be undone by anybody: their users sign in again.
The audit is told who has done it, and why, before it is done, and how it went:
\`sojourn tail\` shows it. Nothing else ends than was counted: sessions of a user
are counted again, and what a filter has chosen is looked at again before it
ends.

\`--rate\` is also how many end in a second, ${ENDED_A_SECOND} where it is not given. Ctrl-C
stops, and says how many have ended; another one ends at once.

Examples:
  $ sojourn revoke 00aAb3kPq…
  $ sojourn revoke --principal ada@example.org --reason 'lost phone'
  $ sojourn revoke --idle-for 30d --dry-run
  $ sojourn revoke --all --yes

Exit code: 0 all have ended, 1 there was none or not all have, 2 usage, 3 not
reachable, 4 not permitted, 130 stopped.`

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

/** What names the sessions: exactly one of these. */
type Choice =
  | { readonly by: 'ids'; readonly ids: readonly string[] }
  | { readonly by: 'principal'; readonly principal: string }
  | { readonly by: 'filter'; readonly filter: SessionFilter }

async function run(ids: readonly string[], flags: RevokeFlags): Promise<void> {
  const choice = choiceOf(ids, flags)
  const isAsking = flags.yes !== true && flags.dryRun !== true && choice.by !== 'ids'
  if (isAsking && !process.stdin.isTTY) {
    throw new OptionError(
      'revoke',
      'asks first, and nobody is there to answer: add --yes, or --dry-run',
    )
  }
  const catalogue = new Catalogue({
    ...(await configured(flags)),
    // A filter may be about more than the audit should have entries: it has one, with their number.
    audit: choice.by === 'filter' ? 'operators' : 'each',
  })
  const stop = new Stop()
  try {
    const chosen = await choose(catalogue, choice, flags, stop.signal)
    const { wanted, missing } = chosen
    const found = wanted.size + missing
    if (stop.by !== undefined) return nothing(found, flags, stop)
    // Before anybody is asked.
    await catalogue.requireOwnSecrets(wanted)
    if (flags.dryRun === true) return tell({ found: wanted.size, revoked: 0 }, flags)
    if (wanted.size === 0) return tell({ found, revoked: 0 }, flags)
    if (isAsking && !(await isAgreed(catalogue, choice, wanted.size, stop))) {
      return nothing(found, flags, stop)
    }
    await end(catalogue, choice, chosen, flags, stop)
  } finally {
    stop.close()
    await catalogue.close()
  }
}

/** @throws OptionError */
function choiceOf(ids: readonly string[], flags: RevokeFlags): Choice {
  const { principal, all } = flags
  const filter = filterOf(flags)
  const choices: Choice[] = []
  if (ids.length > 0) choices.push({ by: 'ids', ids })
  if (principal !== undefined) choices.push({ by: 'principal', principal })
  if (all === true || isFiltered(filter)) choices.push({ by: 'filter', filter })
  const [choice] = choices
  if (choice !== undefined && choices.length === 1) return choice
  throw new OptionError('revoke', 'takes either ids, or --principal, or a filter, or --all')
}

interface Chosen {
  readonly wanted: SessionIds
  /** Ids that were given, and that no session has. */
  readonly missing: number
}

async function choose(
  catalogue: Catalogue,
  choice: Choice,
  flags: RevokeFlags,
  signal: AbortSignal,
): Promise<Chosen> {
  if (choice.by === 'filter') {
    return { wanted: await found(catalogue, choice.filter, flags, signal), missing: 0 }
  }
  if (choice.by === 'principal') {
    say('looking for the sessions of this user')
    return { wanted: await sessionsOf(catalogue, choice), missing: 0 }
  }
  const wanted = new Set<string>()
  let missing = 0
  for (const asked of new Set(choice.ids)) {
    const id = await catalogue.find(asked)
    if (id === undefined) missing++
    else wanted.add(id)
  }
  return { wanted, missing }
}

/** Whether the number was typed, and is still that of the user's sessions then. */
async function isAgreed(
  catalogue: Catalogue,
  choice: Choice,
  count: number,
  stop: Stop,
): Promise<boolean> {
  if (!(await isTyped(count, stop))) return false
  if (choice.by !== 'principal') return true
  const { size } = await sessionsOf(catalogue, choice)
  if (size === count) return true
  say(`there ${size === 1 ? 'is' : 'are'} ${shown(size)} by now, not ${shown(count)}: begin again`)
  return false
}

async function end(
  catalogue: Catalogue,
  choice: Choice,
  { wanted, missing }: Chosen,
  flags: RevokeFlags,
  stop: Stop,
): Promise<void> {
  const filter = choice.by === 'filter' ? choice.filter : undefined
  const isWanted =
    filter !== undefined && isFiltered(filter)
      ? (id: string) => catalogue.matches(id, filter)
      : undefined
  const bars = new Bars()
  const target = choice.by === 'principal' ? choice : { ids: wanted }
  const ended = await endSessions(catalogue, target, wanted, {
    operator: operator(),
    reason: flags.reason,
    filter: filter === undefined ? undefined : described(filter),
    isWanted,
    rate: flags.rate,
    signal: stop.signal,
    progress: (phase, done, total) => bars.set(phase, done, total),
  })
  const { revoked, problem, isTold } = ended
  bars.end(counted(revoked, 'session'))
  const skipped = ended.skipped === 0 ? undefined : ended.skipped
  tell({ found: wanted.size + missing, revoked, skipped }, flags)
  if (choice.by === 'principal' && problem === undefined && stop.by === undefined) {
    const { length } = await catalogue.of(choice.principal)
    if (length > 0)
      say(`this user has ${counted(length, 'session')}: signed in since they were counted`)
  }
  if (!isTold) say('the audit could not be told how many have ended: it has that it was begun')
  if (problem !== undefined) {
    say(`sojourn: ${problem.message}`)
    process.exitCode = exitCodeOf(problem)
  } else if (stop.by !== undefined) process.exitCode = stop.exitCode
}

/** One after the other: of each phase one. */
class Bars {
  #phase: string | undefined
  #bar: Bar | undefined

  set(phase: string, done: number, total: number): void {
    if (phase !== this.#phase) this.#bar = startBar(phase)
    this.#phase = phase
    this.#bar?.set(done, total)
  }

  end(line: string): void {
    if (this.#bar === undefined) say(line)
    else this.#bar.end(line)
  }
}

function nothing(found: number, { json }: RevokeFlags, { exitCode }: Stop): void {
  if (json === true) console.log(JSON.stringify({ found, revoked: 0 }))
  say('nothing has ended')
  process.exitCode = exitCode ?? 1
}

interface Result {
  readonly found: number
  readonly revoked: number
  /** What a filter had chosen, and did not match any more. */
  readonly skipped?: number | undefined
}

function tell(result: Result, { json, dryRun }: RevokeFlags): void {
  const { found, revoked, skipped = 0 } = result
  const rest =
    skipped === 0 ? '' : `, ${counted(skipped, 'was', 'were')} not as the filter says any more`
  if (json === true) console.log(JSON.stringify(result))
  else if (dryRun === true) console.log(`${shown(found)} would end`)
  else
    console.log(
      `${shown(revoked)} of ${shown(found)} ${revoked === 1 ? 'has' : 'have'} ended${rest}`,
    )
  const isDone = found > 0 && (dryRun === true || revoked + skipped >= found)
  if (!isDone) process.exitCode = 1
}

async function found(
  catalogue: Catalogue,
  filter: SessionFilter,
  { rate = LOOKED_A_SECOND }: RevokeFlags,
  signal: AbortSignal,
): Promise<IdSet> {
  const total = await catalogue.size()
  const bar = startBar('looking at')
  const ids = new IdSet()
  const looked = (keys: number): void => bar.set(keys, total)
  for await (const page of catalogue.list(filter, { rate, looked })) {
    if (signal.aborted) break
    for (const { id } of page) ids.add(id)
  }
  bar.end(counted(ids.size, 'session'))
  return ids
}

/** For the audit. */
function described(filter: SessionFilter): string {
  const chosen = Object.entries(filter).filter(([, value]) => value !== undefined)
  return chosen.length === 0
    ? 'all'
    : chosen.map(([name, value]) => `${name}=${String(value)}`).join(' ')
}

/** The count, typed: nobody means a million by pressing y. */
async function isTyped(count: number, stop: Stop): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  // It has the keyboard, and with it Ctrl-C.
  asking.once('SIGINT', () => stop.now('SIGINT'))
  try {
    const question = `${counted(count, 'session')} will end. Type ${count} to go on: `
    const answer = await asking.question(question, { signal: stop.signal })
    return answer.trim().replaceAll(',', '') === String(count)
  } catch (error) {
    if (!stop.signal.aborted) throw error
    say('')
    return false
  } finally {
    asking.close()
  }
}
