#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { version } from '../core/version.ts'
import { aclCommand } from './acl.ts'
import { adviseCommand } from './advise.ts'
import { benchCommand } from './bench.ts'
import { completionCommand } from './completion.ts'
import { consoleCommand } from './console.ts'
import { doctorCommand } from './doctor.ts'
import { exitCodeOf, isForbidden } from './exit-codes.ts'
import { inspectCommand } from './inspect.ts'
import { keysCommand } from './keys.ts'
import { lsCommand } from './ls.ts'
import { migrateCommand } from './migrate.ts'
import { planCommand } from './plan.ts'
import { redisConfCommand } from './redis-conf.ts'
import { revokeCommand } from './revoke.ts'
import { statsCommand } from './stats.ts'
import { tailCommand } from './tail.ts'
import { say } from './talk.ts'
import { topCommand } from './top/top.ts'

const SIGPIPE = 13

const program = new Command('sojourn')
  .description('For those who run sessions on Redis and Valkey.')
  .version(version)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })

const commands = [
  ...[lsCommand, inspectCommand, revokeCommand, tailCommand],
  ...[statsCommand, topCommand, consoleCommand],
  ...[
    doctorCommand,
    aclCommand,
    redisConfCommand,
    planCommand,
    adviseCommand,
    keysCommand,
    migrateCommand,
    benchCommand,
  ],
]
for (const make of commands) program.addCommand(make())
program.addCommand(completionCommand(program))
for (const command of program.commands) command.exitOverride()

// Node's own way is for programmers, and what it has to say of itself too. What Sojourn warns of is said as all else is.
const told: string[] = []
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  const { code, message } = warning as NodeJS.ErrnoException
  if (code?.startsWith('SOJOURN_') !== true) return
  say(`sojourn: ${message}`)
  told.push(message)
})

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    // Whoever read has enough, as `head` does: Node ignores the signal by which others end then, so it is its exit code.
    process.exit(128 + SIGPIPE)
  })
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) {
    // Help and version are errors to it too, with 0.
    process.exitCode = error.exitCode === 0 ? 0 : 2
  } else {
    const message = error instanceof Error ? error.message : String(error)
    // By an `error` event, with what it was about.
    if (!told.some((warned) => warned.endsWith(message))) say(`sojourn: ${message}`)
    if (isForbidden(error)) {
      say('Users by `sojourn acl`: --role ops looks, --role operator also ends, opens and reseals.')
    }
    process.exitCode = exitCodeOf(error)
  }
}
