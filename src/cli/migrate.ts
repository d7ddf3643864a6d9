import { setTimeout as sleep } from 'node:timers/promises'
import { Command, Option } from 'commander'
import { OptionError, StoreUnavailableError } from '../core/errors.ts'
import { counted } from '../operations/doctor/finding.ts'
import {
  Migration,
  type MigrationOptions,
  naming,
  type Verification,
} from '../operations/migrate/migration.ts'
import type { MigrationCounts } from '../operations/migrate/mirror.ts'
import { requireListener } from '../operations/reach/reach.ts'
import { redisOf } from './config.ts'
import { wholeNumber } from './numbers.ts'
import { plain } from './table.ts'
import { say, shown, startBar } from './talk.ts'

interface MigrateOptions {
  readonly from?: string
  readonly to?: string
  readonly prefix: string
  readonly rate?: number
  readonly trust?: 'from' | 'to'
  readonly once?: true
  readonly verify?: true
  readonly finish?: true
  readonly json?: true
}

/** For what is under way at the end, milliseconds. */
const PATIENCE = 30_000
const SIGN_OF_LIFE = 60_000

const HELP = `
Copies all sessions, then follows what changes on either side, so that
applications can go from one to the other one by one, and back. A sign-out on
one side holds on the other. End it with Ctrl-C when the last application has
moved: it compares both sides and says whether they are the same. Run it again
and it goes on.

Examples:
  $ sojourn migrate --from redis://old:6379 --to redis://new:6379
  $ sojourn migrate --from redis://old:6379 \\
      --to '{"cluster":["n1:6379","n2:6379"]}'
  $ sojourn migrate --from redis://old:6379 --to redis://new:6379 --verify
  $ sojourn migrate --from redis://old:6379 --to redis://new:6379 --finish

Exit code: 0 both sides are the same, 1 they differ, or it had to stop or was
ended before all was copied, 2 usage, 3 not reachable, 4 not permitted.`

export function migrateCommand(): Command {
  const where = 'URL, or the option `redis` as JSON'
  return new Command('migrate')
    .description('Move all sessions to another Redis while applications go on.')
    .addOption(new Option('--from <redis>', `where they are: ${where}`).env('SOJOURN_FROM'))
    .addOption(new Option('--to <redis>', `where they go: ${where}`).env('SOJOURN_TO'))
    .addOption(new Option('--prefix <prefix>', 'of the keys, on both sides').default('sj'))
    .addOption(
      new Option('--rate <n>', 'sessions a second that are copied, at most').argParser(
        wholeNumber(1),
      ),
    )
    .addOption(
      new Option(
        '--trust <side>',
        'which is right, where one may have lost sessions: from or to',
      ).choices(['from', 'to']),
    )
    .addOption(
      new Option('--once', 'end as soon as both sides are the same').conflicts([
        'verify',
        'finish',
      ]),
    )
    .addOption(new Option('--verify', 'only compare').conflicts('finish'))
    .addOption(
      new Option(
        '--finish',
        'when all is over: forget what was noted, and let no further run bring back what ends',
      ),
    )
    .option('--json', 'the result as JSON on stdout')
    .addHelpText('after', HELP)
    .action(run)
}

function sideOf(option: string, text: string | undefined): MigrationOptions['from'] {
  if (text === undefined) throw new OptionError(option, 'is needed: see `sojourn migrate --help`')
  return redisOf(option, text)
}

async function run(options: MigrateOptions): Promise<void> {
  const { prefix, rate, trust } = options
  const [from, to] = [sideOf('--from', options.from), sideOf('--to', options.to)]
  const migration = new Migration({
    ...{ from, to, prefix },
    ...(rate === undefined ? {} : { rate }),
    ...(trust === undefined ? {} : { trust }),
    away: (side, isAway) => {
      say(
        `${new Date().toISOString()} --${side} ${isAway ? 'does not answer: what changes waits' : 'answers again'}`,
      )
    },
  })
  try {
    await Promise.all([
      requireListener(from).catch(naming('from')),
      requireListener(to).catch(naming('to')),
    ])
    if (options.finish === true) {
      await migration.finish()
      return say('finished: nothing is noted any more. Stop the old server, or empty it')
    }
    const isToCompare =
      options.verify === true || (await copyAndFollow(migration, options.once === true))
    if (!isToCompare) {
      process.exitCode = 1
      return
    }
    const verification = await verify(migration)
    report(migration, verification, options)
    if (verification.differ > 0 || verification.compared === 0) process.exitCode = 1
  } finally {
    await migration.close()
  }
}

/** @returns false when it was told to end before all was copied */
async function copyAndFollow(migration: Migration, isOnce: boolean): Promise<boolean> {
  const told = untilTold()
  const bar = startBar('copying')
  let at = { looked: 0, total: 0 }
  const copied = migration
    .copy((progress) => {
      at = progress
      bar.set(progress.looked, progress.total)
    })
    .then(() => migration.inStep())
  const isCopied = await Promise.race([copied.then(() => true), told.then(() => false)])
  if (!isCopied) {
    // It rejects or not; it is over.
    copied.catch(() => undefined)
    bar.end(`ended at ${shown(at.looked)} of about ${shown(at.total)}: run it again and it goes on`)
    return false
  }
  bar.end(`copied: ${inWords(migration.counts)}`)
  if (isOnce) return true
  say(
    'following; point your applications to --to, and end this with Ctrl-C when the last one has moved',
  )
  const lines = setInterval(() => say(`following: ${inWords(migration.counts)}`), SIGN_OF_LIFE)
  await Promise.race([told, migration.stopped]).finally(() => clearInterval(lines))
  say('ending: what is under way is finished first; Ctrl-C again ends at once')
  await Promise.race([migration.inStep(), late()])
  return true
}

/** A side may be away just then. */
async function late(): Promise<never> {
  await sleep(PATIENCE, undefined, { ref: false })
  throw new StoreUnavailableError(
    `not in step within ${PATIENCE / 1_000} s: does each side answer? Run it again to go on`,
    false,
  )
}

/** The second time the process ends as it would have without us. */
function untilTold(): Promise<void> {
  return new Promise((resolve) => {
    const told = (): void => {
      process.off('SIGINT', told)
      process.off('SIGTERM', told)
      resolve()
    }
    process.on('SIGINT', told)
    process.on('SIGTERM', told)
  })
}

async function verify(migration: Migration): Promise<Verification> {
  const bar = startBar('comparing')
  const found = await migration.verify(({ looked, total }) => bar.set(looked, total))
  const { compared, differ, onlyOnFrom, onlyOnTo } = found
  const ways = `${shown(onlyOnFrom)} only on --from, ${shown(onlyOnTo)} only on --to`
  const result = differ === 0 ? 'the same on both sides' : `${shown(differ)} differ, ${ways}`
  bar.end(
    compared === 0
      ? 'there is nothing under this prefix on either side: is it the right prefix, and the right database?'
      : `compared ${counted(compared, 'session or former id', 'sessions and former ids')}: ${result}`,
  )
  return found
}

function report(migration: Migration, found: Verification, { json, verify }: MigrateOptions): void {
  const { counts } = migration
  if (json === true) return console.log(JSON.stringify({ ...found, ...counts }))
  if (counts.conflicts > 0) {
    say(`changed on both sides at once: ${shown(counts.conflicts)}; the higher revision has stayed`)
  }
  if (found.differ > 0) console.log(found.differing.map(plain).join('\n'))
  else if (verify !== true) console.log(inWords(counts))
}

function inWords({ put, ended }: MigrationCounts): string {
  return (
    `brought to --to ${shown(put.to)}, to --from ${shown(put.from)}; ` +
    `ended on --to ${shown(ended.to)}, on --from ${shown(ended.from)}`
  )
}
