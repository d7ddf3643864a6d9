import { createInterface } from 'node:readline/promises'
import { Argument, Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import { Catalogue } from '../operations/sessions/catalogue.ts'
import { ENDED_A_SECOND, endSessions, sessionsOf } from '../operations/sessions/endings.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { exitCodeOf } from './exit-codes.ts'
import { type FilterFlags, filterOf, filterOptions, isFiltered, LOOKED_A_SECOND } from './ls.ts'
import { operator } from './operator.ts'
import { type Bar, say, shown, startBar } from './talk.ts'

interface RevokeFlags extends CommonFlags, FilterFlags {
  readonly principal?: string
  readonly all?: true
  readonly reason?: string
  readonly dryRun?: true
  readonly yes?: true
}

const EXIT_CODES: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143 }

const HELP = `
Ends sessions on every node: those with these ids, all of a user, or all that a filter lets through. First it counts, then it
asks for the number to be typed; --yes does not ask. What cannot be undone by anybody: their users sign in again.
The audit is told who has done it, and why, before it is done, and how it went: \`sojourn tail\` shows it. Nothing else ends than
was counted: sessions of a user are counted again, and what a filter has chosen is looked at again before it ends.

\`--rate\` is also how many end in a second, ${ENDED_A_SECOND} where it is not given. Ctrl-C stops, and says how many have ended; another one
ends at once.

Examples:
  $ sojourn revoke 00aAb3kPq…
  $ sojourn revoke --principal ada@example.org --reason 'lost phone, ticket 4711'
  $ sojourn revoke --idle-for 30d --dry-run
  $ sojourn revoke --all --yes

Exit code: 0 all have ended, 1 there was none or not all have, 2 usage, 3 not reachable, 4 not permitted, 130 stopped.`

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
  const stop = new Stop()
  try {
    const { wanted, missing } = await chosen(catalogue, ids, flags, stop.signal)
    const found = wanted.length + missing
    if (stop.by === undefined) {
      if (flags.dryRun === true) return tell({ found: wanted.length, revoked: 0 }, flags)
      if (wanted.length === 0) return tell({ found, revoked: 0 }, flags)
    }
    const isAgreed = stop.by === undefined && (!isAsking || (await isTyped(wanted.length, stop)))
    if (!isAgreed || stop.by !== undefined) return nothing(found, flags, stop)
    const target = flags.principal === undefined ? { ids: wanted } : { principal: flags.principal }
    if (isAsking && 'principal' in target) {
      const { length } = await sessionsOf(catalogue, target)
      if (length !== wanted.length) {
        say(`there are ${shown(length)} by now, not ${shown(wanted.length)}: begin again`)
        return nothing(found, flags, stop)
      }
    }
    const filter = filterOf(flags)
    const bars = new Bars()
    const ended = await endSessions(catalogue, target, wanted, {
      operator: operator(),
      reason: flags.reason,
      filter: isByFilter ? described(flags) : undefined,
      isWanted: isFiltered(filter) ? (id) => catalogue.matches(id, filter) : undefined,
      rate: flags.rate,
      signal: stop.signal,
      progress: (phase, done, total) => bars.set(phase, done, total),
    })
    const { revoked, problem, isTold } = ended
    bars.end(`${shown(revoked)} sessions`)
    const skipped = ended.skipped === 0 ? undefined : ended.skipped
    tell({ found, revoked, skipped }, flags)
    if (flags.principal !== undefined && problem === undefined && stop.by === undefined) {
      const { length } = await catalogue.of(flags.principal)
      if (length > 0)
        say(`${shown(length)} of this user are there: signed in since they were counted`)
    }
    if (!isTold) say('the audit could not be told how many have ended: it has that it was begun')
    if (problem !== undefined) {
      say(`sojourn: ${problem.message}`)
      process.exitCode = exitCodeOf(problem)
    } else if (stop.by !== undefined) process.exitCode = EXIT_CODES[stop.by]
  } finally {
    stop.close()
    await catalogue.close()
  }
}

interface Chosen {
  readonly wanted: readonly string[]
  /** Ids that were given, and that no session has. */
  readonly missing: number
}

async function chosen(
  catalogue: Catalogue,
  ids: readonly string[],
  flags: RevokeFlags,
  signal: AbortSignal,
): Promise<Chosen> {
  if (ids.length > 0) {
    const found = new Set<string>()
    let missing = 0
    for (const asked of new Set(ids)) {
      const id = await catalogue.find(asked)
      if (id === undefined) missing++
      else found.add(id)
    }
    return { wanted: [...found], missing }
  }
  if (flags.principal === undefined) {
    return { wanted: await found(catalogue, flags, signal), missing: 0 }
  }
  say('looking for the sessions of this user')
  return { wanted: await sessionsOf(catalogue, { principal: flags.principal }), missing: 0 }
}

/** Told by a signal to stop. Another one ends the process at once. */
class Stop {
  readonly #abort = new AbortController()
  by: NodeJS.Signals | undefined
  readonly #told = (by: NodeJS.Signals): void => this.now(by)

  constructor() {
    process.on('SIGINT', this.#told)
    process.on('SIGTERM', this.#told)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  now(by: NodeJS.Signals): void {
    this.by = by
    this.close()
    this.#abort.abort()
  }

  close(): void {
    process.off('SIGINT', this.#told)
    process.off('SIGTERM', this.#told)
  }
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

function nothing(found: number, { json }: RevokeFlags, { by }: Stop): void {
  if (json === true) console.log(JSON.stringify({ found, revoked: 0 }))
  say('nothing has ended')
  process.exitCode = by === undefined ? 1 : (EXIT_CODES[by] ?? 1)
}

interface Result {
  readonly found: number
  readonly revoked: number
  /** What a filter had chosen, and did not match any more. */
  readonly skipped?: number | undefined
}

function tell(result: Result, { json, dryRun }: RevokeFlags): void {
  const { found, revoked, skipped = 0 } = result
  const rest = skipped === 0 ? '' : `, ${shown(skipped)} were not as the filter says any more`
  if (json === true) console.log(JSON.stringify(result))
  else if (dryRun === true) console.log(`${shown(found)} would end`)
  else console.log(`${shown(revoked)} of ${shown(found)} have ended${rest}`)
  const isDone = found > 0 && (dryRun === true || revoked + skipped >= found)
  if (!isDone) process.exitCode = 1
}

/** Ids only: a million of them take some 250 MB (bench:operations). */
async function found(
  catalogue: Catalogue,
  flags: RevokeFlags,
  signal: AbortSignal,
): Promise<string[]> {
  const { rate = LOOKED_A_SECOND } = flags
  const total = await catalogue.size()
  const bar = startBar('looking at')
  const ids = new Set<string>()
  const looked = (count: number): void => bar.set(count, total)
  for await (const page of catalogue.list(filterOf(flags), { rate, looked })) {
    if (signal.aborted) break
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
async function isTyped(count: number, stop: Stop): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  // It has the keyboard, and with it Ctrl-C.
  asking.once('SIGINT', () => stop.now('SIGINT'))
  try {
    const question = `${shown(count)} sessions will end. Type ${count} to go on: `
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
