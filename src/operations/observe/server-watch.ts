import type { Clock } from '../../core/clock.ts'
import { isSojournError, type SojournError } from '../../core/errors.ts'
import { linesOf } from '../../engines/redis/fields.ts'
import type { FleetServer } from '../../engines/redis/fleet.ts'
import { ErrorReply } from '../../engines/redis/resp.ts'
import { type Cumulative, latenciesOf } from './latency.ts'
import type { ServerState } from './snapshot.ts'

const INFO = ['INFO', 'server', 'clients', 'memory', 'stats', 'replication', 'cpu', 'commandstats']
const PLAIN_INFO = ['INFO']
const KEYS = ['DBSIZE']
const LATENCIES = ['LATENCY', 'HISTOGRAM']
/** Of one command, on their way at the most: some looks' worth. */
const MOST_OWED = 8
/** What a server has refused it is asked again after so long: it writes down each refusal. Milliseconds. */
export const RETRY_AFTER = 60_000

type Info = ReadonlyMap<string, string>

interface Look {
  /** By the server's clock where it tells, else by ours. Milliseconds. */
  readonly at: number
  readonly info: Info
  readonly latencies: ReadonlyMap<string, Cumulative>
}

/** One server, look after look: its counters become rates. */
export class ServerWatch {
  readonly #clock: Clock
  readonly #refusedAt = new Map<readonly string[], number>()
  #before: Look | undefined
  #now: Look | undefined
  #keys: number | undefined
  /** Our own commands since its counters were read last, those that come in the next difference. */
  #sent = new Map<string, number>()
  #own: ReadonlyMap<string, number> = new Map()
  /** What this process has sent on other connections, and what is in no difference yet. */
  readonly #aside = new Map<string, number>()
  #ownAside: ReadonlyMap<string, number> = new Map()
  problem: SojournError | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** By its own word; undefined: it does not tell. */
  get role(): FleetServer['role'] | undefined {
    const role = this.#text('role')
    if (role === undefined) return undefined
    return role === 'master' ? 'primary' : 'replica'
  }

  get keys(): number | undefined {
    return this.#keys
  }

  get offset(): number | undefined {
    return this.role === 'replica'
      ? this.#number('slave_repl_offset')
      : this.#number('master_repl_offset')
  }

  /** Milliseconds since the epoch, by its clock. */
  get time(): number {
    const micros = this.#number('server_time_usec')
    return micros === undefined ? this.#clock.now() : micros / 1_000
  }

  async look(server: FleetServer): Promise<void> {
    const isData = server.role !== 'sentinel'
    const info: readonly string[] = this.#isRefused(INFO) ? PLAIN_INFO : INFO
    const wanted: (readonly string[])[] = [info, ...(isData ? [KEYS, LATENCIES] : [])].filter(
      (each) => !this.#isRefused(each),
    )
    try {
      const answers = await this.ask(server, wanted.length === 0 ? [['PING']] : wanted)
      const of = (command: readonly string[]): unknown => {
        const answer = answers[wanted.indexOf(command)]
        if (answer instanceof ErrorReply) this.#refusedAt.set(command, this.#clock.monotonic())
        return answer instanceof ErrorReply ? undefined : answer
      }
      const told = linesOf(of(info) ?? '')
      const keys = of(KEYS)
      this.#keys = keys === undefined ? undefined : Number(keys)
      this.#before = this.#now
      const micros = told.get('server_time_usec')
      const at = micros === undefined ? this.#clock.monotonic() : Number(micros) / 1_000
      this.#now = { at, info: told, latencies: latenciesOf(of(LATENCIES)) }
      // After a restart it counts anew.
      if (this.#before?.info.get('run_id') !== told.get('run_id')) this.#before = undefined
      this.#ownAside = this.#settleAside()
      this.problem = undefined
    } catch (error) {
      if (!isSojournError(error)) throw error
      this.problem = error
      this.#before = undefined
      this.#now = undefined
      this.#keys = undefined
    }
  }

  /** Counts what we send: it is not to be seen in the figures. */
  ask(
    server: FleetServer,
    commands: readonly (readonly string[])[],
    strings?: object,
  ): Promise<unknown[]> {
    for (const command of commands) {
      if (command[0] === 'INFO') {
        this.#own = this.#sent
        this.#sent = new Map()
      }
      const name = statName(command)
      this.#sent.set(name, (this.#sent.get(name) ?? 0) + 1)
    }
    return server.askEach(commands, strings)
  }

  /** Counts what this process sends there on another connection: of that it is not known which look comes after it. */
  sendsAside(command: readonly string[]): void {
    const name = statName(command)
    this.#aside.set(name, (this.#aside.get(name) ?? 0) + 1)
  }

  /** @returns how many of those are in this look's difference */
  #settleAside(): Map<string, number> {
    const settled = new Map<string, number>()
    const [before, now] = [this.#before, this.#now]
    for (const [name, owed] of this.#aside) {
      const [was, is] = [before, now].map((look) => statsOf(look?.info.get(`cmdstat_${name}`)))
      const counted = (is?.calls ?? 0) - (was?.calls ?? 0) - (this.#own.get(name) ?? 0)
      const seen = before === undefined ? 0 : Math.max(0, Math.min(owed, counted))
      settled.set(name, seen)
      // What was lost on its way does not come any more.
      this.#aside.set(name, Math.min(owed - seen, MOST_OWED))
    }
    return settled
  }

  state({ name, role, slots, primary }: FleetServer): Omit<ServerState, 'lagBytes'> {
    const isReplica = (this.role ?? role) === 'replica' && role !== 'sentinel'
    const max = this.#number('maxmemory')
    const link = this.#text('master_link_status')
    const allCommands = this.#perSecond('total_commands_processed')
    const own = [...this.#own.values(), ...this.#ownAside.values()].reduce((sum, n) => sum + n, 0)
    return {
      name,
      role: role === 'sentinel' ? role : (this.role ?? role),
      problem: this.problem?.message,
      version: this.#text('valkey_version') ?? this.#text('redis_version'),
      uptime: this.#number('uptime_in_seconds'),
      usedMemory: this.#number('used_memory'),
      maxMemory: max === 0 ? undefined : max,
      memoryPolicy: this.#text('maxmemory_policy'),
      keys: this.#keys,
      clients: this.#number('connected_clients'),
      opsPerSecond: allCommands === undefined ? undefined : this.#without(allCommands, own),
      cpu: this.#cpu(),
      evictedKeys: this.#number('evicted_keys'),
      evictedPerSecond: this.#perSecond('evicted_keys'),
      expiredPerSecond: this.#perSecond('expired_keys'),
      inputBytesPerSecond: this.#perSecond('total_net_input_bytes'),
      outputBytesPerSecond: this.#perSecond('total_net_output_bytes'),
      primary: isReplica ? primary : undefined,
      linked: isReplica && link !== undefined ? link === 'up' : undefined,
      slots,
    }
  }

  /** Seconds between the two looks that are compared; undefined: there are no two. */
  get seconds(): number | undefined {
    if (this.#before === undefined || this.#now === undefined) return undefined
    const seconds = (this.#now.at - this.#before.at) / 1_000
    return seconds > 0 ? seconds : undefined
  }

  /** What came between the two looks, what this process has asked left out, by command. */
  *commands(): Generator<CommandCounts> {
    const [before, now] = [this.#before, this.#now]
    if (before === undefined || now === undefined) return
    for (const [line, text] of now.info) {
      if (!line.startsWith('cmdstat_')) continue
      const name = line.slice('cmdstat_'.length)
      const [is, was] = [statsOf(text), statsOf(before.info.get(line))]
      const own = (this.#own.get(name) ?? 0) + (this.#ownAside.get(name) ?? 0)
      const calls = is.calls - was.calls - own
      const failed = is.failed - was.failed
      if (calls > 0 || failed > 0) {
        yield { name, calls: Math.max(calls, failed), failed: Math.max(failed, 0) }
      }
    }
  }

  /** @returns the two answers that are compared */
  latency(command: string): { before: Cumulative; now: Cumulative } | undefined {
    const now = this.#now?.latencies.get(command)
    if (this.#before === undefined || now === undefined) return undefined
    return { before: this.#before.latencies.get(command) ?? new Map(), now }
  }

  #isRefused(command: readonly string[]): boolean {
    const at = this.#refusedAt.get(command)
    return at !== undefined && this.#clock.monotonic() - at < RETRY_AFTER
  }

  #text(name: string): string | undefined {
    const text = this.#now?.info.get(name)
    return text === '' ? undefined : text
  }

  #number(name: string, look: Look | undefined = this.#now): number | undefined {
    const text = look?.info.get(name)
    if (text === undefined || text === '') return undefined
    const number = Number(text)
    return Number.isFinite(number) ? number : undefined
  }

  /** Nothing where it is not told, or was reset. */
  #perSecond(name: string): number | undefined {
    const [now, before, { seconds }] = [this.#number(name), this.#number(name, this.#before), this]
    if (now === undefined || before === undefined || seconds === undefined) return undefined
    return now < before ? undefined : (now - before) / seconds
  }

  #cpu(): number | undefined {
    const [user, system] = [this.#perSecond('used_cpu_user'), this.#perSecond('used_cpu_sys')]
    return user === undefined || system === undefined ? undefined : user + system
  }

  #without(perSecond: number, own: number): number {
    return Math.max(0, perSecond - own / (this.seconds ?? 1))
  }
}

export interface CommandCounts {
  readonly name: string
  readonly calls: number
  readonly failed: number
}

/** `calls=10,usec=20,usec_per_call=2.00,rejected_calls=0,failed_calls=0` */
function statsOf(text = ''): { calls: number; failed: number } {
  const of = (name: string) => Number(new RegExp(`(?:^|,)${name}=(\\d+)`).exec(text)?.[1] ?? 0)
  const rejected = of('rejected_calls')
  return { calls: of('calls') + rejected, failed: of('failed_calls') + rejected }
}

const WITH_SUBCOMMANDS: ReadonlySet<string> = new Set(['LATENCY', 'CLUSTER'])

/** As the server names it in `commandstats`. */
function statName([command = '', subcommand = '']: readonly string[]): string {
  return (WITH_SUBCOMMANDS.has(command) ? `${command}|${subcommand}` : command).toLowerCase()
}
