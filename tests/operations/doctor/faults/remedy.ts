/** Does what a finding says, word for word. */
import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Finding } from '../../../../src/operations/doctor/finding.ts'
import { runCli } from '../../../support/cli.ts'
import type { RedisServer } from '../../../support/redis-server.ts'
import { until } from '../../../support/until.ts'
import { PASSWORD, type Planted } from './fault.ts'

/** What a server answers that has not done it; `redis-cli` ends with 0 all the same. */
const REFUSAL = /^(?:\(error\) )?(?:ERR|NO[A-Z]+|WRONG[A-Z]+|MISCONF|OOM|READONLY)/m

/** Nodes of a Cluster that have yet to hear of each other. */
const UNHEARD = /Nodes don't agree about configuration/

/** @returns what was done; nothing where the remedy is words only */
export async function carryOut({ fix }: Finding, planted: Planted): Promise<string[]> {
  const { lines, fills = {}, servers } = planted
  await planted.first?.()
  const isChosen = (line: string) => lines?.test(line) ?? !line.startsWith('or ')
  const commands = fix.filter(isChosen).flatMap(commandsIn)
  const done: string[] = []
  const configuration: string[] = []
  for (const { text, isShown } of commands) {
    const command = filled(text, fills)
    done.push(command)
    if (command.startsWith('redis-cli ')) await type(command, isShown, planted)
    else if (command.startsWith('sojourn ')) await run(command, planted)
    else if (isOfRedis(command)) await each(servers, command)
    else configuration.push(command)
    await planted.between?.()
  }
  if (configuration.length > 0) await (planted.configure ?? restartWith(servers))(configuration)
  return done
}

interface Command {
  readonly text: string
  /** It changes nothing: the line says what it shows. */
  readonly isShown: boolean
}

/** Between backticks; else what begins with redis-cli, to the end of the line. */
function commandsIn(line: string): Command[] {
  const isOfConfiguration = /in its configuration|\.conf\b|^start one/.test(line)
  const quoted = [...line.matchAll(/`([^`]+)`( shows)?/g)].map(([, text, shows]) => ({
    ...{ text: String(text), isShown: shows !== undefined },
  }))
  if (quoted.length === 0) {
    const text = /redis-cli .*$/.exec(line)?.[0]
    return text === undefined ? [] : [{ text, isShown: false }]
  }
  // The rest are words of the server's or of ours: `omem`, `durability: 'disk'`.
  return quoted.filter(
    ({ text }) => isOfConfiguration || isOfRedis(text) || /^(?:redis-cli|sojourn) /.test(text),
  )
}

const isOfRedis = (command: string): boolean => /^[A-Z]{3,}/.test(command)

function filled(command: string, fills: Readonly<Record<string, string>>): string {
  let text = command
  for (const [name, value] of Object.entries(fills)) text = text.replaceAll(name, value)
  const left = /<[^>]*>|…/.exec(text)?.[0]
  if (left !== undefined) throw new Error(`the remedy leaves ${left} open: ${command}`)
  return text
}

/** As whoever is on call types it: the password is in the environment, questions are answered with yes. */
async function type(command: string, isShown: boolean, { redis }: Planted): Promise<void> {
  const hasPassword = JSON.stringify(redis).includes(PASSWORD)
  const env = { PATH: process.env['PATH'], ...(hasPassword ? { REDISCLI_AUTH: PASSWORD } : {}) }
  await until(async () => {
    const done = spawnSync('sh', ['-c', `${command} 2>&1`], {
      ...{ input: 'yes\n', encoding: 'utf8', env },
    })
    const told = done.stdout
    // A check that has something to tell ends with 1.
    if (isShown ? told !== '' : done.status === 0 && !REFUSAL.test(told)) return true
    // Once more, a moment later.
    if (UNHEARD.test(told)) return false
    throw new Error(`${command}: ${told}`)
  })
}

/** Ours; what it prints for others to type is typed. */
async function run(command: string, { redis, servers }: Planted): Promise<void> {
  const [, ...args] = command.split(' ')
  const { stdout, stderr, code } = await runCli(args, {
    env: { SOJOURN_REDIS: typeof redis === 'string' ? redis : JSON.stringify(redis) },
  })
  if (code !== 0) throw new Error(`${command}: ${stderr}`)
  if (isOfRedis(stdout)) await each(servers, stdout.trim())
}

async function each(servers: readonly RedisServer[], command: string): Promise<void> {
  for (const server of servers) await server.cli(...command.split(' '))
}

const restartWith =
  ([server]: readonly RedisServer[]) =>
  async (lines: readonly string[]): Promise<void> => {
    if (server === undefined) throw new Error('no server to restart')
    appendFileSync(join(dirname(server.socketPath), 'redis.conf'), `\n${lines.join('\n')}\n`)
    await server.restart()
  }
