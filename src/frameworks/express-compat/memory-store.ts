import type { Clock } from '../../core/clock.ts'
import type { Engine } from '../../core/engine.ts'
import { memoryEngine } from '../../index.ts'
import { CompatStore } from './store.ts'

/**
 * Sessions in this process, as without `redis`: for tests and development. Several middlewares that are given the same
 * one see the same sessions, if they have the same secrets.
 */
export class MemoryStore extends CompatStore {
  #engine: Engine | undefined

  /** For `compat`. @param clock of the first that asks */
  engine(clock?: Clock): Engine {
    this.#engine ??= memoryEngine(clock === undefined ? {} : { clock })
    return this.#engine
  }
}
