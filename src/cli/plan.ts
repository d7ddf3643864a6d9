import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../core/duration.ts'
import { OptionError } from '../core/errors.ts'
import { bytes, counted } from '../operations/doctor/finding.ts'
import { type Figure, type Plan, plan } from '../operations/plan/plan.ts'
import { storedBytesOf } from '../operations/plan/sample.ts'
import { parseSize } from './numbers.ts'
import { paint } from './paint.ts'
import { table } from './table.ts'

interface PlanFlags {
  readonly users: number
  readonly sessionsPerUser: number
  readonly payload: number
  readonly record?: number
  readonly session?: string
  readonly idle: string
  readonly rps: number
  readonly writes: number
  readonly processes: number
  readonly holders: number
  readonly machine: number
  readonly json?: true
}

const HELP = `
What so many users need, from measured costs (docs/performance.md); every figure
with its formula. It asks no server.

Examples:
  $ sojourn plan --users 1000000 --rps 20000
  $ sojourn plan --users 1000000 --session typical.json
  $ sojourn plan --users 50000000 --payload 1200 --idle 14d --rps 200000 \\
      --processes 400 --machine 64gb --json

Exit code: 0, 2 usage.`

export function planCommand(): Command {
  return new Command('plan')
    .description('What servers so many users need.')
    .requiredOption('--users <n>', 'who have a live session', parseNumber)
    .option('--sessions-per-user <n>', 'devices', parseNumber, 1.5)
    .option('--payload <bytes>', "of a session's attributes, as JSON", parseNumber, 400)
    .addOption(
      new Option('--record <bytes>', 'of a session as stored, if known: `sojourn ls` shows it')
        .argParser(parseNumber)
        .conflicts('session'),
    )
    .option(
      '--session <file>',
      "a typical session's attributes as JSON: better than --payload, for how far they can be compressed is theirs to say",
    )
    .option('--idle <time>', 'the idle timeout', '30m')
    .option('--rps <n>', 'requests a second with a session', parseNumber, 1_000)
    .option('--writes <part>', 'of them, those that change it', parseNumber, 0.1)
    .option('--processes <n>', 'of applications', parseNumber, 20)
    .option(
      '--holders <n>',
      'other processes that hold a session when it is written',
      parseNumber,
      1,
    )
    .addOption(
      new Option('--machine <size>', 'memory of one server')
        .argParser(parseSize)
        .default(16 * 2 ** 30, '16gb'),
    )
    .option('--json', 'the figures as JSON on stdout')
    .addHelpText('after', HELP)
    .action(run)
}

function parseNumber(text: string): number {
  const number = Number(text.replaceAll(/[_,]/g, ''))
  if (text.trim() !== '' && Number.isFinite(number) && number >= 0) return number
  throw new InvalidArgumentError('it takes a number.')
}

async function run({ json, idle, rps, session, ...flags }: PlanFlags): Promise<void> {
  const record = session === undefined ? flags.record : await storedBytesOf(read(session))
  const idleTimeout = parseDuration('--idle', idle)
  const planned = plan({ ...flags, record, idleTimeout, requests: rps })
  console.log(json === true ? JSON.stringify(planned, null, 2) : render(planned))
}

function read(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new OptionError('--session', `the file cannot be read: ${(error as Error).message}`)
  }
}

function render({ sessions, figures, notes }: Plan): string {
  return [
    paint('bold', counted(sessions, 'session')),
    '',
    table(
      [
        { title: 'what', of: ({ name }) => name },
        { title: '', of: shown, align: 'right' },
        { title: 'how it comes about', of: ({ formula }) => formula },
      ],
      figures,
    ),
    '',
    ...notes.map((note) => `· ${note}`),
  ].join('\n')
}

function shown({ value, unit }: Figure): string {
  if (unit === 'bytes') return bytes(value)
  if (unit === 'bytes/s') return `${bytes(value)}/s`
  if (unit === 'cores') return `${value.toFixed(2)} cores`
  const number = Math.round(value).toLocaleString('en')
  return unit === '/s' ? `${number}/s` : number
}
