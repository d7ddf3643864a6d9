import {
  type AuditEntry,
  type AuditedEvent,
  type HandedAuditEntry,
  openEntry,
  sealEntry,
} from './audit-entry.ts'
import type { AuditLog } from './audit-log.ts'
import { type AuditReading, readAudit } from './audit-reader.ts'
import { AuditWriter } from './audit-writer.ts'
import { type Duration, parseDuration } from './duration.ts'
import type { SessionId } from './engine.ts'
import { hasAudit, hasRegions } from './engine-abilities.ts'
import { OptionError } from './errors.ts'
import type { EventHub, SessionEventName, SessionEvents } from './events.ts'
import type { Settings } from './options.ts'
import { refuseUnknown } from './unknown-options.ts'

export interface ReadOptions {
  /** Each entry goes to one consumer of each group. A group that is new begins with the oldest entry. */
  readonly group: string
  /** Tells the consumers of a group apart, such as the node's name. */
  readonly consumer: string
  /** Entries that are fetched at once, 1 to 1,000. Default 10. */
  readonly batch?: number
  /** After so long an entry that nobody has finished with is handed out again. Default 30 seconds. */
  readonly idle?: Duration
}

export interface ListOptions {
  /** From this time on, milliseconds since the epoch. */
  readonly from?: number
  /** What comes after this entry. */
  readonly after?: string
  /** At most so many, 1 to 1,000. Default 100. */
  readonly count?: number
}

export type AuditHandler = (entry: HandedAuditEntry) => unknown

const MOST_AT_ONCE = 1_000
const LONGEST_NAME = 128

/** What has happened to the sessions of all nodes. Kept where the option `audit` says so; read anywhere. */
export class Audit {
  readonly #settings: Settings
  readonly #events: EventHub
  /** One for each log: what happens to a session is kept in its region. */
  readonly #writers = new Map<AuditLog, AuditWriter>()
  readonly #readings = new Set<AuditReading>()

  /** Use `sessions.audit`. @throws OptionError when an audit is wanted and the engine keeps none */
  constructor(settings: Settings, events: EventHub) {
    this.#settings = settings
    this.#events = events
    const { engine, audit } = settings
    if (audit.events.size === 0) return
    if (!hasAudit(engine)) {
      throw new OptionError('audit', `the engine (${engine.name}) keeps none`)
    }
    events.keep((name, event, isToldAgain) => this.#keep(name, event, isToldAgain))
  }

  /**
   * Hands out entries, oldest first and one after the other. An entry is done with when the handler
   * has resolved: when it throws, or this process dies, the entry is handed to another consumer after `idle`,
   * or to this one where no other has taken it, so each comes at least once. `batch` entries should take
   * less than `idle`.
   * @throws OptionError
   */
  read(options: ReadOptions, handler: AuditHandler): AuditReading {
    refuseUnknown(options, ['group', 'consumer', 'batch', 'idle'])
    if (typeof handler !== 'function') throw new OptionError('handler', 'takes a function')
    const { batch = 10, idle = '30s' } = options
    const consumer = this.#log.consumer({
      group: checkName('group', options.group),
      consumer: checkName('consumer', options.consumer),
      idle: parseDuration('idle', idle),
      retention: this.#settings.audit.retention,
    })
    const reading = readAudit({
      consumer,
      batch: checkCount('batch', batch),
      handle: (record) => {
        const { attempts } = record
        return handler({ ...openEntry(this.#settings.keyring, record), attempts })
      },
      tell: (error) => this.#events.emit('error', { operation: 'audit-read', error }),
    })
    this.#readings.add(reading)
    return {
      stop: () => {
        this.#readings.delete(reading)
        return reading.stop()
      },
    }
  }

  /** Oldest first. @throws OptionError, StoreUnavailableError, StoreRefusedError */
  async list(options: ListOptions = {}): Promise<AuditEntry[]> {
    refuseUnknown(options, ['from', 'after', 'count'])
    const { from, after, count = 100 } = options
    if (from !== undefined && !(Number.isSafeInteger(from) && from >= 0)) {
      throw new OptionError('from', 'takes milliseconds since the epoch')
    }
    if (after !== undefined && !/^\d{1,15}-\d{1,15}$/.test(after)) {
      throw new OptionError('after', 'takes the position of an entry')
    }
    const records = await this.#log.list({
      count: checkCount('count', count),
      ...(from === undefined ? {} : { from }),
      ...(after === undefined ? {} : { after }),
    })
    return records.map((record) => openEntry(this.#settings.keyring, record))
  }

  /**
   * For what is not to be done where it is not kept.
   * @throws OptionError where no audit is kept; StoreUnavailableError where the entry cannot be written now
   */
  async write<Name extends AuditedEvent>(name: Name, event: SessionEvents[Name]): Promise<void> {
    const { audit, engine, keyring } = this.#settings
    if (!audit.events.has(name)) throw new OptionError('audit', `keeps no \`${name}\``)
    const entry = sealEntry(keyring, name, Math.floor(engine.now()), event)
    await this.#writerFor((event as { id?: SessionId }).id).write(entry)
  }

  /** For `sessions.ready`. @throws as `AuditLog.ready`; never where no audit is kept */
  async ready(): Promise<void> {
    if (this.#settings.audit.events.size > 0) await this.#log.ready?.()
  }

  /** For `sessions.close`: what is being handled is finished, what is queued is written if it can be. */
  async close(): Promise<void> {
    await Promise.all([...this.#readings].map((reading) => reading.stop()))
    await Promise.all([...this.#writers.values()].map((writer) => writer.close()))
  }

  get #log(): AuditLog {
    const { engine } = this.#settings
    if (hasAudit(engine)) return engine.audit
    throw new OptionError('engine', `(${engine.name}) keeps no audit`)
  }

  #keep(name: SessionEventName, event: object, isToldAgain = false): Promise<void> | undefined {
    const { audit, engine, keyring } = this.#settings
    if (!audit.events.has(name)) return undefined
    try {
      const entry = sealEntry(keyring, name, Math.floor(engine.now()), event)
      const writer = this.#writerFor((event as { id?: SessionId }).id)
      return isToldAgain ? writer.write(entry) : writer.add(entry)
    } catch (error) {
      // It has happened: that it cannot be told of must not fail it.
      this.#tell(error)
      return undefined
    }
  }

  #writerFor(id: SessionId | undefined): AuditWriter {
    const { engine, audit } = this.#settings
    const log = id !== undefined && hasRegions(engine) ? engine.auditOf(id) : this.#log
    const known = this.#writers.get(log)
    if (known !== undefined) return known
    const { maxLength, retention } = audit
    const writer = new AuditWriter({ log, maxLength, retention, tell: this.#tell })
    this.#writers.set(log, writer)
    return writer
  }

  readonly #tell = (error: unknown): void => {
    this.#events.emit('error', { operation: 'audit', error })
  }
}

function checkName(option: string, name: unknown): string {
  if (typeof name === 'string' && name !== '' && name.length <= LONGEST_NAME) return name
  throw new OptionError(option, `takes a name of 1 to ${LONGEST_NAME} characters`)
}

function checkCount(option: string, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= MOST_AT_ONCE) return count
  throw new OptionError(option, `takes a whole number from 1 to ${MOST_AT_ONCE}`)
}
