import type { counter, createSessions, Engine, union } from 'sojourn'
import type { expressSessions } from 'sojourn/express'

export interface RaceModules {
  readonly createSessions: typeof createSessions
  readonly expressSessions: typeof expressSessions
  readonly counter: typeof counter
  readonly union: typeof union
}

export interface LocalRaces {
  /** Where Redis is; not used with `engine`. */
  readonly redis: string
  /** One command to the same server. */
  readonly command: (...args: string[]) => Promise<unknown>
  readonly secret: string
  readonly races: number
  /** Milliseconds. */
  readonly rotationGrace: number
  /** Makes the engine of each node; its prefix is the default one. */
  readonly engine?: () => Engine
}

export interface RowResult {
  readonly name: string
  readonly races: number
  /** Races that were what they are meant to be. */
  readonly forced: number
  /** Races that ended as the row says. */
  readonly bad: number
  /** Races that broke: an answer other than 200, for one. */
  readonly failed: number
  /** The first of those that were bad, broke or were not forced, in words. */
  readonly examples: readonly string[]
}

export function raceLocally(modules: RaceModules, races: LocalRaces): Promise<RowResult[]>
