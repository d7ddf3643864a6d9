import { Command, Option } from 'commander'
import { OptionError } from '../core/errors.ts'
import {
  type ConfKind,
  type ConfOptions,
  redisConf,
  sentinelConf,
} from '../operations/redis-conf/redis-conf.ts'
import { parseSize, wholeNumber } from './numbers.ts'

interface ConfFlags {
  readonly for: ConfKind
  readonly memory?: number
  readonly processes: number
  readonly durable?: true
  readonly expiry: ConfOptions['expiry']
  readonly tls?: true
  readonly sentinel?: true
  readonly masterName: string
  readonly json?: true
}

const HELP = `
Prints a configuration with the reason of each line, for Redis 7.0 and later and
for Valkey. Addresses, certificates and passwords are yours to put in.

Examples:
  $ sojourn redis-conf --memory 16gb > /etc/redis/redis.conf
  $ sojourn redis-conf --for sentinel --memory 16gb --durable --tls
  $ sojourn redis-conf --for sentinel --sentinel > /etc/redis/sentinel.conf
  $ sojourn redis-conf --for cluster --memory 8gb --processes 400
  $ sojourn redis-conf --memory 16gb --json | jq -r '.lines[].line'

Exit code: 0, 2 usage.`

export function redisConfCommand(): Command {
  return new Command('redis-conf')
    .description('A server configuration for sessions, with reasons.')
    .addOption(
      new Option('--for <kind>', 'what the server is part of')
        .choices(['single', 'sentinel', 'cluster'])
        .default('single'),
    )
    .addOption(
      new Option('--memory <size>', 'of the machine or container: 512mb, 16gb').argParser(
        parseSize,
      ),
    )
    .addOption(
      new Option('--processes <n>', 'of applications, on all nodes')
        .argParser(wholeNumber(1))
        .default(20),
    )
    .option('--durable', 'sign-outs and changes must survive the loss of a server')
    .addOption(
      new Option('--expiry <how>', 'as the option of createSessions')
        .choices(['off', 'notify', 'reliable'])
        .default('off'),
    )
    .option('--tls', 'only TLS')
    .option('--sentinel', 'the configuration of a Sentinel instead of a server')
    .option('--master-name <name>', 'what the Sentinels call the primary', 'mymaster')
    .option('--json', 'each line with its reason as JSON')
    .addHelpText('after', HELP)
    .action(run)
}

function run(flags: ConfFlags): void {
  const { memory, processes, expiry, masterName } = flags
  const tls = flags.tls === true
  const print = (text: string): void =>
    void process.stdout.write(
      flags.json === true ? `${JSON.stringify(linesIn(text), null, 2)}\n` : text,
    )
  if (flags.sentinel === true) return print(sentinelConf({ masterName, tls }))
  if (memory === undefined) {
    throw new OptionError('--memory', 'is needed: that of the machine, or of the container')
  }
  const options = {
    kind: flags.for,
    memory,
    processes,
    expiry,
    tls,
    durable: flags.durable === true,
  }
  print(redisConf(options))
}

interface ConfLine {
  readonly line: string
  /** What is said above it; lines that follow each other share one. */
  readonly reason: string
}

/** Printed as comments: a file, or names and passwords, that only their owner knows. */
const YOURS = /^# (?=aclfile|masteruser|masterauth|requirepass|sentinel auth-)/

/** What was printed, for programs. `yours`: lines to complete, which are off until then. */
function linesIn(text: string): { lines: readonly ConfLine[]; yours: readonly string[] } {
  const lines: ConfLine[] = []
  const yours: string[] = []
  let reason: string[] = []
  let isSaid = true
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('# ---')) {
      reason = []
    } else if (YOURS.test(line)) {
      yours.push(line.replace(YOURS, ''))
      // What is said above it is not of the next line.
      isSaid = true
    } else if (line.startsWith('# ')) {
      reason = isSaid ? [line.slice(2)] : [...reason, line.slice(2)]
      isSaid = false
    } else {
      lines.push({ line, reason: reason.join(' ') })
      isSaid = true
    }
  }
  return { lines, yours }
}
