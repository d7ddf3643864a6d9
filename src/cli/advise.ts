import { Command, Option } from 'commander'
import { type Advice, advise } from '../operations/advise/advise.ts'
import { counted } from '../operations/doctor/finding.ts'
import { Listening } from '../operations/observe/listening.ts'
import { Catalogue, type SessionDetails } from '../operations/sessions/catalogue.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { paint } from './paint.ts'
import { span, table } from './table.ts'
import { say, shown, startBar } from './talk.ts'

interface AdviseFlags extends CommonFlags {
  readonly sample: number
}

const HELP = `
Reads how long people are away before they come back, as all nodes have counted
it, and looks at a sample of the sessions: what a shorter idle timeout would
free, and whom it would sign out. With the secrets (SOJOURN_SECRETS, or
sojourn.config) also which attributes are large, the same everywhere or twice in
a session, and which no process that reports has read.

Examples:
  $ sojourn advise
  $ sojourn advise --sample 50000 --json

Exit code: 0, 2 usage, 3 not reachable, 4 not permitted.`

export function adviseCommand(): Command {
  return commonOptions(new Command('advise'))
    .description('Is the idle timeout right, and what is in the sessions?')
    .addOption(
      new Option('--sample <n>', 'sessions that are looked at')
        .argParser(wholeNumber(1, 9_999_999))
        .default(10_000),
    )
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: AdviseFlags): Promise<void> {
  const catalogue = new Catalogue(await configured(flags))
  const listening = catalogue.hasSecrets ? new Listening(catalogue) : undefined
  try {
    const bar = startBar('looking at')
    const size = await catalogue.size()
    const total = Math.min(size, flags.sample)
    const sessions: SessionDetails[] = []
    for await (const session of catalogue.sample(flags.sample)) {
      sessions.push(session)
      bar.set(sessions.length, total)
    }
    bar.end(`looked at ${counted(sessions.length, 'session')}`)
    // Keys are also lists of users: about as many as there are sessions, or fewer. Rather too few sessions than too many.
    const live =
      sessions.length < flags.sample ? sessions.length : Math.max(size / 2, sessions.length)
    const known = { ...(await catalogue.gaps()), live, now: catalogue.now() }
    const advice = advise(sessions, { ...known, reads: await listening?.reads() })
    console.log(flags.json === true ? JSON.stringify(advice, null, 2) : render(advice))
  } finally {
    listening?.end()
    await catalogue.close()
  }
}

const BAR = 24

function render(advice: Advice): string {
  const { looked, returns, days, observed, idleTimeout, timeouts, recommended } = advice
  const { attributes, isOpen, readers } = advice
  if (looked === 0) return 'There are no sessions.'
  const lines = [
    paint('bold', `Idle timeout: ${span(idleTimeout ?? 0)}`),
    `${counted(returns, 'return was', 'returns were')} counted ${days === 1 ? 'today' : `within ${days} days`}, and ${counted(looked, 'session')} looked at.`,
    '',
  ]
  if (timeouts.length > 0) {
    lines.push(
      table(
        [
          { title: 'idle timeout', of: (each) => span(each.idleTimeout), align: 'right' },
          { title: 'signed out a day', of: (each) => percent(each.signedOut), align: 'right' },
          { title: 'of returns', of: (each) => percent(each.ofReturns), align: 'right' },
          { title: 'memory freed', of: (each) => percent(each.freed), align: 'right' },
          { title: '', of: (each) => '█'.repeat(Math.round(each.freed * BAR)) },
        ],
        timeouts,
      ),
      '',
    )
  }
  const isEarly = observed < 2 * (timeouts.at(-1)?.idleTimeout ?? 0)
  lines.push(
    recommended === undefined
      ? returns < 200
        ? 'Too few returns for advice: at least 200 are needed.'
        : isEarly
          ? `Too early for advice: this is of the last ${span(observed)}, and who is away for longer has not come back yet.`
          : 'Leave it: nothing shorter frees more than 5 % and signs out fewer than 1 % of the sessions a day.'
      : `${paint('green', `idleTimeout: '${span(recommended.idleTimeout)}'`)} frees ${percent(recommended.freed)} of the memory; ` +
          `at most ${percent(recommended.signedOut)} of the sessions would have to sign in again on a day.`,
    'Whether a longer one would serve people better cannot be seen: who comes back after the end is not counted.',
  )
  if (!isOpen) {
    say(
      'with SOJOURN_SECRETS, or `secrets` in sojourn.config, it also says what is in the sessions',
    )
    return lines.join('\n')
  }
  lines.push(
    '',
    paint('bold', 'Attributes'),
    table(
      [
        { title: 'attribute', of: ({ name }) => name },
        { title: 'in', of: ({ present }) => percent(present), align: 'right' },
        {
          title: 'bytes',
          of: ({ averageBytes }) => shown(Math.round(averageBytes)),
          align: 'right',
        },
        { title: 'largest', of: ({ largestBytes }) => shown(largestBytes), align: 'right' },
        { title: 'of all', of: ({ share }) => percent(share), align: 'right' },
        { title: 'read', of: ({ read }) => (read === undefined ? '?' : read ? 'yes' : 'no') },
        { title: '', of: (each) => each.advice ?? '' },
      ],
      attributes.slice(0, 20),
    ),
    readers === undefined
      ? 'What is never read is not known: with `report` of sojourn/metrics applications tell which attributes they read.'
      : `Read by ${readers.nodes === 1 ? 'the process' : `one of the ${shown(readers.nodes)} processes`} that ${readers.nodes === 1 ? 'reports' : 'report'}, within ${span(readers.counted)} at most.`,
  )
  return lines.join('\n')
}

const percent = (part: number): string =>
  part > 0 && part < 0.001 ? '< 0.1 %' : `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`
