import { createInterface } from 'node:readline/promises'
import { Command, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'
import { type Examination, examine, type RuleResult } from '../operations/doctor/examine.ts'
import type { GatherOptions } from '../operations/doctor/facts.ts'
import type { Finding, Severity } from '../operations/doctor/finding.ts'
import { applyFix } from '../operations/doctor/fix.ts'
import { historyPath, MemoryHistory } from '../operations/doctor/history.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { paint } from './paint.ts'
import { Stop } from './stop.ts'
import { plain } from './table.ts'
import { say } from './talk.ts'

interface DoctorFlags extends CommonFlags {
  readonly window: string
  readonly expiry?: GatherOptions['expiry']
  readonly durable?: true
  readonly user?: string
  readonly all?: true
  /** A file; false with --no-history. */
  readonly history: string | false
  readonly fix?: true
  readonly yes?: true
}

/** Of each command, milliseconds. */
const COMMAND_TIMEOUT = 5_000

const HELP = `
Asks every server, replicas and Sentinels too, and says what is amiss, what
comes of it, and what to do. It changes nothing but with --fix, which asks
before each change. Give it a user that may use INFO and CONFIG GET: what it may
not see it calls unknown.

Examples:
  $ sojourn doctor --redis redis://localhost:6379
  $ sojourn doctor --durable --redis '{"sentinels":["s1:26379","s2:26379"],
      "username":"admin","password":"…"}'
  $ sojourn doctor --json | jq '.results[].findings[].seen'
  $ sojourn doctor --fix

Exit code: 0 nothing found, 1 warnings or errors, 2 usage, 3 not reachable, 4
not permitted, or most could not be seen.`

export function doctorCommand(): Command {
  return commonOptions(new Command('doctor'))
    .description('Find what is wrong with the servers, and how to mend it.')
    .addOption(new Option('--window <time>', 'over which counters are compared').default('10s'))
    .addOption(
      new Option('--expiry <how>', 'as the option of createSessions').choices([
        'off',
        'notify',
        'reliable',
      ]),
    )
    .option('--durable', 'sign-outs and changes must survive the loss of a server')
    .option('--user <name>', "the application's, whose rights are looked at (default: who asks)")
    .option('--all', 'also what is well')
    .addOption(
      new Option(
        '--history <file>',
        'what memory was in use at former looks, for how it grows',
      ).default(historyPath(), '~/.local/state/sojourn/memory.json'),
    )
    .option('--no-history', 'neither read nor written')
    .option('--fix', 'change settings that can be changed while it runs; asks before each')
    .option('--yes', 'with --fix: without asking')
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: DoctorFlags): Promise<void> {
  if (flags.fix === true && flags.yes !== true && !process.stdin.isTTY) {
    throw new OptionError(
      '--fix',
      'asks before each change, and nobody is there to answer: add --yes',
    )
  }
  const { redis, prefix, expiry, durability } = await configured(flags)
  const history = flags.history === false ? undefined : new MemoryHistory(flags.history)
  const options: GatherOptions = {
    history,
    prefix,
    expiry: flags.expiry ?? expiry ?? 'off',
    durable: flags.durable ?? (durability !== undefined && durability !== 'async'),
    user: flags.user,
    window: parseDuration('--window', flags.window),
    commandTimeout: COMMAND_TIMEOUT,
  }
  const look = async (): Promise<Examination> => {
    say(`looking for ${flags.window} …`)
    return examine(redis, options)
  }
  let examination = await look()
  if (flags.fix === true) {
    const stop = new Stop()
    const isChanged = await fix(examination, flags, stop, (finding) =>
      applyFix(redis, finding, COMMAND_TIMEOUT),
    ).finally(() => stop.close())
    if (stop.exitCode !== undefined) {
      process.exitCode = stop.exitCode
      return
    }
    if (isChanged) examination = await look()
  }
  const problem = history?.save()
  if (problem !== undefined)
    say(`what memory is in use could not be noted for the next look: ${problem}`)
  if (flags.json === true) console.log(JSON.stringify(examination, null, 2))
  else console.log(renderExamination(examination, flags.all === true))
  const { error, warn } = examination.counts
  if (error + warn > 0) process.exitCode = 1
  else if (isBlind(examination)) {
    say('most could not be seen: `sojourn acl --role ops` makes a user who may look')
    process.exitCode = 4
  }
}

/** More could not be seen than was well: that nothing was found says nothing. */
function isBlind({ results }: Examination): boolean {
  const unseen = results.filter(({ findings }) =>
    findings.some(({ severity }) => severity === 'unknown'),
  )
  return unseen.length > results.length / 2
}

const MARKS: Readonly<Record<Severity | 'ok', string>> = {
  ok: paint('green', '✓'),
  info: paint('blue', 'i'),
  warn: paint('yellow', '!'),
  error: paint('red', '✗'),
  unknown: paint('gray', '?'),
}

/** @public Also for scripts/pictures.mjs. */
export function renderExamination(
  { kind, servers, results, counts }: Examination,
  isAll: boolean,
): string {
  const lines: string[] = []
  const roles = Object.entries(ROLES).flatMap(([role, several]) => {
    const count = servers.filter((server) => server.role === role).length
    return count === 0 ? [] : `${count} ${count === 1 ? role : several}`
  })
  lines.push(paint('bold', `${NAMES[kind]}: ${roles.join(', ')}`), '')
  for (const group of new Set(results.map((result) => result.group))) {
    const own = results.filter((result) => result.group === group)
    const amiss = own.filter(({ findings }) => findings.length > 0)
    const isWell = amiss.length === 0
    lines.push(isWell && !isAll ? `${MARKS.ok} ${group}` : paint('bold', group))
    for (const result of own) lines.push(...linesOf(result, isAll))
  }
  const told = (['error', 'warn', 'info', 'unknown'] as const).flatMap((severity) =>
    counts[severity] === 0 ? [] : `${counts[severity]} ${WORDS[severity]}`,
  )
  lines.push('', told.length === 0 ? 'Nothing to do.' : `${told.join(', ')}.`)
  return lines.join('\n')
}

const ROLES = { primary: 'primaries', replica: 'replicas', sentinel: 'sentinels' }
const NAMES = { single: 'One server', sentinel: 'Sentinels', cluster: 'Cluster' }
const WORDS: Readonly<Record<Severity, string>> = {
  error: 'to mend now',
  warn: 'to mend',
  info: 'to know',
  unknown: 'not to be seen',
}

function linesOf({ id, well, docs, findings }: RuleResult, isAll: boolean): string[] {
  if (findings.length === 0) return isAll ? [`  ${MARKS.ok} ${paint('dim', id)}  ${well}`] : []
  return findings.flatMap((finding) => [
    `  ${MARKS[finding.severity]} ${paint('dim', id)}  ${plain(finding.seen + where(finding))}`,
    `      ${plain(finding.why)}`,
    ...finding.fix.map((line, i) => `      ${i === 0 ? 'Fix:' : '    '} ${plain(line)}`),
    ...(finding.severity === 'unknown' ? [] : [paint('dim', `      ${docs}`)]),
  ])
}

/** Which servers, up to three of them by name. */
function where({ servers }: Finding): string {
  if (servers.length === 0) return ''
  const named = servers.slice(0, 3).join(', ')
  return ` (${named}${servers.length > 3 ? ` and ${servers.length - 3} more` : ''})`
}

type Apply = (finding: Finding) => ReturnType<typeof applyFix>

/** @returns whether anything was changed */
async function fix(
  { results }: Examination,
  flags: DoctorFlags,
  stop: Stop,
  apply: Apply,
): Promise<boolean> {
  let isChanged = false
  for (const { id, findings } of results) {
    for (const finding of findings) {
      const { setting, seen, servers } = finding
      if (setting === undefined || stop.signal.aborted) continue
      const change = `CONFIG SET ${setting.name} ${setting.value === '' ? '""' : setting.value}`
      say(`${id}: ${seen}`)
      const question = `  ${change} on ${servers.join(', ')}? [y/N] `
      if (flags.yes !== true && !(await agreed(question, stop))) continue
      for (const { server, isSet, isKept, problem } of await apply(finding)) {
        isChanged ||= isSet
        if (isKept) say(`  ${server}: ${change}, also after a restart`)
        else if (isSet) say(`  ${server}: ${change}; it does not outlast a restart: ${problem}`)
        else say(`  ${server}: not changed: ${problem}`)
      }
    }
  }
  if (!isChanged) say('nothing was changed')
  return isChanged
}

async function agreed(question: string, stop: Stop): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  // It has the keyboard, and with it Ctrl-C.
  asking.once('SIGINT', () => stop.now('SIGINT'))
  try {
    const answer = await asking.question(plain(question), { signal: stop.signal })
    return /^y(?:es)?$/i.test(answer.trim())
  } catch (error) {
    if (!stop.signal.aborted) throw error
    say('')
    return false
  } finally {
    asking.close()
  }
}
