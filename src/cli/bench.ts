import { Command, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'
import { type BenchResult, bench, type Timing } from '../operations/bench/bench.ts'
import { type CommonFlags, commonOptions, configured } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { paint } from './paint.ts'
import { type Column, table } from './table.ts'
import { type Bar, say, shown, startBar } from './talk.ts'

interface BenchFlags extends CommonFlags {
  readonly sessions: number
  readonly duration: string
  readonly concurrency: number
  readonly rate: number
  readonly payload: number
  readonly writes: number
}

const LONGEST = 10 * 60_000

const HELP = `
How long session operations take from this machine to that Redis: signing in,
reads, changes, signing out, and how long until a sign-out is known at another
node. It writes sessions of its own under a prefix of its own and takes them
away again; those of the application are not touched. Its load is added to what
the server has: 2,000 requests a second where --rate does not say otherwise.
Redis users need rights for \`<prefix>-bench:*\`, which a user of the application
has not: \`sojourn acl --user bench --prefix sj-bench\` makes one. If it is killed
its sessions end by themselves within 15 minutes (a longer run: its time and 5).

Examples:
  $ sojourn bench --redis redis://localhost:6379
  $ sojourn bench --sessions 10000 --duration 60s --rate 0 --concurrency 128

Exit code: 0, 1 some failed, 2 usage, 3 not reachable, 4 not permitted.`

export function benchCommand(): Command {
  return commonOptions(new Command('bench'))
    .description('How long session operations take from here.')
    .addOption(
      new Option('--sessions <n>', 'that are signed in')
        .argParser(wholeNumber(1, 1_000_000))
        .default(1_000),
    )
    .addOption(new Option('--duration <time>', 'of requests, up to 10m').default('10s'))
    .addOption(
      new Option('--concurrency <n>', 'requests at once')
        .argParser(wholeNumber(1, 1_000))
        .default(32),
    )
    .addOption(
      new Option(
        '--rate <n>',
        'requests a second, and sign-ins, and sign-outs, at most; 0: no limit',
      )
        .argParser(wholeNumber(0))
        .default(2_000),
    )
    .addOption(
      new Option('--payload <bytes>', 'of a session')
        .argParser(wholeNumber(0, 1_000_000))
        .default(400),
    )
    .addOption(
      new Option('--writes <percent>', 'of the requests that change their session')
        .argParser(wholeNumber(0, 100))
        .default(10),
    )
    .addHelpText('after', HELP)
    .action(run)
}

async function run(flags: BenchFlags): Promise<void> {
  const { redis, prefix } = await configured(flags)
  const duration = parseDuration('--duration', flags.duration)
  if (duration > LONGEST) throw new OptionError('--duration', 'takes up to 10m')
  const told = new AbortController()
  const end = (): void => {
    say('signing out what was signed in …')
    told.abort()
  }
  process.once('SIGINT', end)
  process.once('SIGTERM', end)
  let shownPhase: { phase: string; bar: Bar } | undefined
  const endPhase = (): void => shownPhase?.bar.end(`${shownPhase.phase}: done`)
  try {
    const { sessions, concurrency, rate, payload } = flags
    const result = await bench({
      ...{ redis, prefix, duration, sessions, concurrency, rate, payload },
      writes: flags.writes / 100,
      signal: told.signal,
      progressed(phase, done, total) {
        if (shownPhase?.phase !== phase) {
          endPhase()
          shownPhase = { phase, bar: startBar(phase) }
        }
        shownPhase.bar.set(Math.round(done), total)
      },
    })
    endPhase()
    if (flags.json === true) console.log(JSON.stringify(result))
    else console.log(render(result))
    if (!result.cleaned)
      say(
        `not all that it wrote could be taken away: the sessions end by themselves within ${result.endsWithin} minutes`,
      )
    if (result.problem !== undefined || !result.cleaned) process.exitCode = 1
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}

const ms = (value: number): string =>
  value < 0.1 ? `${(value * 1_000).toFixed(0)} µs` : `${value.toFixed(value < 10 ? 2 : 0)} ms`

const COLUMNS: readonly Column<Timing>[] = [
  { title: 'operation', of: ({ operation }) => operation },
  { title: 'times', of: ({ count }) => shown(count), align: 'right' },
  { title: 'a second', of: ({ perSecond }) => shown(Math.round(perSecond)), align: 'right' },
  { title: 'p50', of: ({ p50 }) => ms(p50), align: 'right' },
  { title: 'p99', of: ({ p99 }) => ms(p99), align: 'right' },
  { title: 'longest', of: ({ max }) => ms(max), align: 'right' },
  { title: 'failed', of: ({ failed }) => shown(failed), align: 'right' },
]

function render({ timings, nearCache, problem }: BenchResult): string {
  const lines = [table(COLUMNS, timings), '', `near cache: ${nearCache.state}`]
  if (problem !== undefined) lines.push(paint('red', `the first that failed: ${problem}`))
  return lines.join('\n')
}
