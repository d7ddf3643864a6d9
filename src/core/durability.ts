import { type Duration, parseDuration } from './duration.ts'
import { OptionError } from './errors.ts'
import { refuseUnknown } from './unknown-options.ts'

/** What has to have a write before it counts as durable. */
export interface DurabilityOptions {
  /** So many replicas, in memory; with `disk` on their disks. 0 to 16, default 0. */
  readonly replicas?: number
  /** The server's append-only file, fsync'ed. Needs Redis 7.2 or Valkey. Default false. */
  readonly disk?: boolean
}

/**
 * - `'async'`: nothing is waited for: whoever has acknowledged a write may lose it
 * - `'replicated'`: `{ replicas: 1 }`
 * - `'disk'`: `{ disk: true }`
 */
export type Durability = 'async' | 'replicated' | 'disk' | DurabilityOptions

/** What all writes of these sessions wait for, where a call does not say otherwise. */
export type DurabilityDefault =
  | Durability
  | (DurabilityOptions & {
      /**
       * How long a write waits for it, beside `commandTimeout`. Default 200 ms, with `disk` 2.5 seconds; at
       * most 10 seconds.
       */
      readonly timeout?: Duration
    })

/** Of one call. */
export interface DurabilityOption {
  /** Default: that of the option `durability` of `createSessions`. */
  readonly durability?: Durability | undefined
}

/** What a write waits for. Nothing where both are nought. */
export interface WaitFor {
  readonly replicas: number
  readonly disk: boolean
}

/**
 * Whether what was done outlasts the server: `durable`: whatever it was to wait for has it. `uncertain`: it
 * is done, and may be undone by a failover or a restart; also where nothing was to be waited for.
 */
export type Outcome = 'durable' | 'uncertain'

/** Told by the engine how lasting what one call has done is. */
export class Confirmation {
  /** What was asked of the call; undefined: what the engine asks of all. */
  readonly waitFor: WaitFor | undefined
  #isDurable: boolean | undefined

  constructor(waitFor?: WaitFor) {
    this.#isDurable = undefined
    this.waitFor = waitFor
  }

  /** Of each of its steps. */
  confirmed(isDurable: boolean): void {
    this.#isDurable = isDurable && this.#isDurable !== false
  }

  get outcome(): Outcome {
    return this.#isDurable === true ? 'durable' : 'uncertain'
  }

  /** It was to be durable, and is not known to be. */
  get isMissing(): boolean {
    return this.#isDurable === false
  }
}

const LEVELS: Readonly<Record<string, WaitFor>> = {
  async: { replicas: 0, disk: false },
  replicated: { replicas: 1, disk: false },
  disk: { replicas: 0, disk: true },
}
const MOST_REPLICAS = 16
const MOST_TIMEOUT = 10_000
const TIMEOUT = 200
/** `appendfsync everysec` takes its second, and some more. */
const DISK_TIMEOUT = 2_500

/** @throws OptionError */
function checkDurability(option: string, value: unknown): WaitFor {
  if (typeof value === 'string' && Object.hasOwn(LEVELS, value)) return LEVELS[value] as WaitFor
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OptionError(option, "takes 'async', 'replicated', 'disk' or { replicas, disk }")
  }
  refuseUnknown(value, ['replicas', 'disk'], `${option}.`)
  const { replicas = 0, disk = false } = value as DurabilityOptions
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > MOST_REPLICAS) {
    throw new OptionError(`${option}.replicas`, `takes a whole number from 0 to ${MOST_REPLICAS}`)
  }
  if (typeof disk !== 'boolean') throw new OptionError(`${option}.disk`, 'takes true or false')
  return { replicas, disk }
}

/** @throws OptionError */
export function checkDurabilityDefault(value: DurabilityDefault = 'async'): {
  readonly waitFor: WaitFor
  /** Milliseconds; undefined: by what is waited for. See `waitTimeout`. */
  readonly timeout: number | undefined
} {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  const { timeout, ...rest } = isObject ? (value as { timeout?: Duration }) : {}
  const waitFor = checkDurability('durability', isObject ? rest : value)
  if (timeout === undefined) return { waitFor, timeout: undefined }
  return { waitFor, timeout: parseDuration('durability.timeout', timeout, MOST_TIMEOUT) }
}

/** How long a write waits where nobody has said so, milliseconds. */
export function waitTimeout(disk: boolean): number {
  return disk ? DISK_TIMEOUT : TIMEOUT
}

/** Of a call. Undefined: nothing was said. @throws OptionError */
export function waitForOf({ durability }: DurabilityOption): WaitFor | undefined {
  return durability === undefined ? undefined : checkDurability('durability', durability)
}
