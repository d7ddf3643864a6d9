import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

export interface MemoryPoint {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Bytes of what is stored: without the buffers of clients and replicas, which come and go. */
  readonly used: number
  /** Keys, since the server's start: absent in what was noted before this was. */
  readonly evicted?: number | undefined
  /** When a look has seen last that there are more of them; absent: none has. Milliseconds since the epoch. */
  readonly evictedAt?: number | undefined
}

/** Of the file: in 1 `used` was all that was in use. */
const VERSION = 2
const MINUTE = 60_000
const DAY = 1_440 * MINUTE
const KEPT = 30 * DAY
/** Looks that are closer are noted as one: they tell nothing of days. */
const APART = 10 * MINUTE
/** Of a server, so that a look each few minutes stays a small file. */
const MOST = 1_000
/** Less is chance, more is not how it grows now. */
const [SHORTEST, LONGEST] = [10 * MINUTE, 14 * DAY]

/** `$XDG_STATE_HOME/sojourn/memory.json` (specifications.freedesktop.org/basedir-spec) */
export function historyPath(env: NodeJS.ProcessEnv = process.env): string {
  const given = env['XDG_STATE_HOME']
  const base = given === undefined || given === '' ? join(homedir(), '.local', 'state') : given
  return join(base, 'sojourn', 'memory.json')
}

/** What memory servers had in use at former looks, and what they had evicted: names and figures. */
export class MemoryHistory {
  readonly #path: string | undefined
  readonly #servers: Map<string, readonly MemoryPoint[]>

  /**
   * @param path a file of whoever runs doctor; one that is not there, or is none of these, is a history that begins. Without
   * it the history lives as long as this process.
   */
  constructor(path?: string) {
    this.#path = path
    this.#servers = path === undefined ? new Map() : read(path)
  }

  /** Oldest first. */
  of(server: string): readonly MemoryPoint[] {
    return this.#servers.get(server) ?? []
  }

  add(server: string, point: MemoryPoint): void {
    const oldest = point.at - KEPT
    for (const [name, points] of this.#servers) {
      if ((points.at(-1)?.at ?? 0) <= oldest) this.#servers.delete(name)
    }
    const kept = this.of(server).filter(({ at }) => at > oldest && at < point.at)
    const [last, former] = [kept.at(-1), kept.at(-2)]
    if (last !== undefined && former !== undefined && last.at - former.at < APART) kept.pop()
    this.#servers.set(server, [...kept, point].slice(-MOST))
  }

  /** @returns why it could not be written */
  save(): string | undefined {
    if (this.#path === undefined) return undefined
    const servers = Object.fromEntries(
      [...this.#servers].map(([name, points]) => [
        name,
        points.map(({ at, used, evicted, evictedAt }) => [at, used, evicted, evictedAt]),
      ]),
    )
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 })
      // Whole or not at all: another doctor may read it just now.
      const next = `${this.#path}.${process.pid}`
      writeFileSync(next, JSON.stringify({ version: VERSION, servers }), { mode: 0o600 })
      renameSync(next, this.#path)
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
}

function read(path: string): Map<string, readonly MemoryPoint[]> {
  const servers = new Map<string, readonly MemoryPoint[]>()
  try {
    const { version, servers: stored } = JSON.parse(readFileSync(path, 'utf8')) as {
      version: unknown
      servers: Record<string, unknown>
    }
    if (version !== VERSION) return servers
    for (const [name, points] of Object.entries(stored)) {
      if (!Array.isArray(points)) continue
      const own = points.flatMap((point: unknown) => {
        const [at, used, ...rest] = Array.isArray(point) ? (point as unknown[]) : []
        if (typeof at !== 'number' || typeof used !== 'number') return []
        const [evicted, evictedAt] = rest.map((each) =>
          typeof each === 'number' ? each : undefined,
        )
        return [{ at, used, evicted, evictedAt }]
      })
      servers.set(name, own)
    }
  } catch {
    // None yet.
  }
  return servers
}

export interface Growth {
  /** Milliseconds over which it was seen. */
  readonly over: number
  /** Bytes a millisecond; below 0: it shrinks. */
  readonly rate: number
}

/** The line that fits best, so that a day's waves do not count. @returns nothing where the points tell too little */
export function growthIn(points: readonly MemoryPoint[], now: number): Growth | undefined {
  const recent = points.filter(({ at }) => at >= now - LONGEST && at <= now)
  const [first, last] = [recent[0], recent.at(-1)]
  if (first === undefined || last === undefined || last.at - first.at < SHORTEST) return undefined
  const middle = (of: (point: MemoryPoint) => number): number =>
    recent.reduce((sum, point) => sum + of(point), 0) / recent.length
  const [at, used] = [middle((point) => point.at), middle((point) => point.used)]
  const spread = middle((point) => (point.at - at) ** 2)
  const together = middle((point) => (point.at - at) * (point.used - used))
  return { over: last.at - first.at, rate: together / spread }
}
