import type {
  AuditBatch,
  AuditConsumer,
  AuditLog,
  AuditRange,
  ConsumerOptions,
  HandedAuditRecord,
  StoredAuditRecord,
} from '../../core/audit-log.ts'
import type { Clock } from '../../core/clock.ts'
import { StoreUnavailableError } from '../../core/errors.ts'
import { ownIdle } from '../audit-idle.ts'

/** A consumer waits for entries so long at once. Milliseconds. */
const LONGEST_WAIT = 1_000

interface Entry extends StoredAuditRecord {
  readonly millis: number
  readonly sequence: number
}

interface Group {
  /** The entry up to which all are handed out. */
  last: Entry | undefined
  /** Handed out and not acknowledged. */
  readonly pending: Map<string, Pending>
}

interface Pending {
  readonly entry: Entry
  readonly consumer: string
  /** By the monotonic clock. */
  readonly since: number
  readonly attempts: number
}

/** The audit in this process, with a stream's behaviour. */
export class AuditList implements AuditLog {
  readonly #clock: Clock
  #entries: Entry[] = []
  /** Milliseconds; what the last batch said. */
  #retention = Number.POSITIVE_INFINITY
  readonly #groups = new Map<string, Group>()
  /** By writer: the number of the last batch. */
  readonly #numbers = new Map<string, number>()
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async append(batch: AuditBatch): Promise<void> {
    if (this.#closed) throw closed()
    if ((this.#numbers.get(batch.writer) ?? 0) >= batch.number) return
    this.#numbers.set(batch.writer, batch.number)
    const now = Math.floor(this.#clock.now())
    for (const record of batch.records) {
      const last = this.#entries.at(-1)
      // Positions grow, whatever the clock does.
      const millis = Math.max(now, last?.millis ?? 0)
      const sequence = last?.millis === millis ? last.sequence + 1 : 0
      this.#entries.push({ ...record, position: `${millis}-${sequence}`, millis, sequence })
    }
    const surplus = this.#entries.length - batch.maxLength
    if (surplus > 0) this.#entries = this.#entries.slice(surplus)
    this.#retention = batch.retention
    this.#expire()
    this.#wakeAll()
  }

  async list({ count, from = 0, after }: AuditRange): Promise<StoredAuditRecord[]> {
    if (this.#closed) throw closed()
    this.#expire()
    const [millis = -1, sequence = 0] = after?.split('-').map(Number) ?? []
    const isAfter = (entry: Entry): boolean => isLater(entry, { millis, sequence })
    return this.#entries
      .filter((entry) => entry.millis >= from && isAfter(entry))
      .slice(0, count)
      .map(recordOf)
  }

  consumer({ group: name, consumer, idle }: ConsumerOptions): AuditConsumer {
    if (this.#closed) throw closed()
    const group = this.#groups.get(name) ?? { last: undefined, pending: new Map() }
    this.#groups.set(name, group)
    let isClosed = false
    let wake = (): void => undefined
    return {
      next: async (count) => {
        const found = this.#take(group, consumer, count, idle)
        if (found.length > 0) return found
        if (!isClosed && !this.#closed) {
          await new Promise<void>((resolve) => {
            wake = resolve
            this.#waiting.add(resolve)
            setTimeout(resolve, Math.min(LONGEST_WAIT, idle / 2))
          })
          this.#waiting.delete(wake)
        }
        if (isClosed || this.#closed) throw closed()
        return this.#take(group, consumer, count, idle)
      },
      acknowledge: async (position) => void group.pending.delete(position),
      close: () => {
        isClosed = true
        wake()
      },
    }
  }

  close(): void {
    this.#closed = true
    this.#entries = []
    this.#groups.clear()
    this.#wakeAll()
  }

  #take(group: Group, consumer: string, count: number, idle: number): HandedAuditRecord[] {
    this.#expire()
    const now = this.#clock.monotonic()
    const left = [...group.pending.values()].filter(({ consumer: holder, since }) => {
      return now - since >= (holder === consumer ? ownIdle(idle) : idle)
    })
    const { last } = group
    const found =
      left.length > 0
        ? left.slice(0, count).map(({ entry }) => entry)
        : this.#entries
            .filter((entry) => last === undefined || isLater(entry, last))
            .slice(0, count)
    if (left.length === 0) group.last = found.at(-1) ?? last
    return found.map((entry) => {
      const attempts = (group.pending.get(entry.position)?.attempts ?? 0) + 1
      group.pending.set(entry.position, { entry, consumer, since: now, attempts })
      return { ...recordOf(entry), attempts }
    })
  }

  #expire(): void {
    const oldest = this.#clock.now() - this.#retention
    if ((this.#entries[0]?.millis ?? oldest + 1) > oldest) return
    this.#entries = this.#entries.filter(({ millis }) => millis > oldest)
  }

  #wakeAll(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }
}

type Place = Pick<Entry, 'millis' | 'sequence'>

function isLater(one: Place, other: Place): boolean {
  return one.millis > other.millis || (one.millis === other.millis && one.sequence > other.sequence)
}

function recordOf({ position, event, at, details }: Entry): StoredAuditRecord {
  return { position, event, at, details }
}

function closed(): StoreUnavailableError {
  return new StoreUnavailableError('audit: the memory engine or its consumer is closed', false)
}
