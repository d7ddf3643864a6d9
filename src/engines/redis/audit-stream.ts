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
import { StoreRefusedError } from '../../core/errors.ts'
import { partitionTag } from '../../core/partitions.ts'
import { ownIdle } from '../audit-idle.ts'
import { closedError } from './errors.ts'
import { evaluate } from './evaluate.ts'
import { auditKey, auditWriterKey } from './keys.ts'
import type { Link } from './link.ts'
import { PASSING } from './probe.ts'
import { ErrorReply } from './resp.ts'
import { type LuaScript, scripts } from './scripts.generated.ts'
import type { Place, Topology } from './topology.ts'
import { type Argument, BYTES } from './wire.ts'

/** How long a writer's last number is remembered: longer than it goes on trying to write one batch. */
const WRITER_REMEMBERED = 24 * 3_600_000
/** A consumer waits for entries so long at once. Milliseconds. */
const LONGEST_WAIT = 2_000
/** Between two looks for entries that another consumer has left. Milliseconds. */
const SHORTEST_BETWEEN_CLAIMS = 100
/** A consumer that has not come for so many `idle`, and has nothing in hand, is gone. */
const GONE_AFTER = 10
const FIRST = '-'
/** A position that no entry can have, before all others. */
const NOWHERE = '0-0'
/** As long as the names of writers, and none of theirs. */
const NO_WRITER = '-'.repeat(16)
const PARTITION = partitionTag(0)

export interface AuditStreamOptions {
  readonly prefix: string
  /** Milliseconds. */
  readonly commandTimeout: number
  readonly clock: Clock
}

/** The audit as a stream. Its entries' fields are in protocol/README.md. */
export class AuditStream implements AuditLog {
  readonly #topology: Topology
  readonly #options: AuditStreamOptions
  readonly #key: string
  readonly #consumers = new Set<AuditConsumer>()
  #isTried = false
  #closed = false

  constructor(topology: Topology, options: AuditStreamOptions) {
    this.#topology = topology
    this.#options = options
    this.#key = auditKey(options.prefix)
  }

  /**
   * What `append` needs beside what sessions do. Nothing is written: no entry may have the position 0-0, none is older, and
   * no writer has that name. A user who may not is told so before that is looked at, also by a server that is full.
   */
  async ready(): Promise<void> {
    if (this.#isTried) return
    const writer = auditWriterKey(this.#options.prefix, NO_WRITER)
    try {
      await this.#topology.at(PARTITION, (place) =>
        place.call('audit', (wire) =>
          Promise.all([
            wire.sendCommand(['XADD', this.#key, NOWHERE, 'e', '']).catch(permitted),
            wire.sendCommand(['XTRIM', this.#key, 'MINID', NOWHERE]).catch(permitted),
            wire.sendCommand(['PEXPIRE', writer, '1']).catch(permitted),
          ]),
        ),
      )
    } catch (error) {
      throw isDenied(error) ? this.#deniedError(error) : error
    }
    this.#isTried = true
  }

  #deniedError({ message }: StoreRefusedError): StoreRefusedError {
    const { prefix } = this.#options
    return new StoreRefusedError(
      'NOPERM',
      `${message}. The option \`audit\` needs \`+xadd +xtrim\` on the keys \`~${prefix}:*\`: ` +
        '`npx sojourn acl --for audit` prints the whole rule',
    )
  }

  async append(batch: AuditBatch): Promise<void> {
    const { writer, number, records, maxLength, retention } = batch
    const keys = [this.#key, auditWriterKey(this.#options.prefix, writer)]
    const args: Argument[] = [number, maxLength, retention, WRITER_REMEMBERED].map(String)
    for (const { event, at, details } of records) {
      args.push(event, String(at), Buffer.from(details.buffer, details.byteOffset, details.length))
    }
    await this.#topology.at(PARTITION, (place) => run(place, scripts.audit, keys, args))
  }

  async list({ count, from, after }: AuditRange): Promise<StoredAuditRecord[]> {
    const start = after === undefined ? String(from ?? '-') : `(${after}`
    const range = ['XRANGE', this.#key, start, '+', 'COUNT', String(count)]
    const answer = await this.#topology.at(PARTITION, (place) =>
      place.call('audit', (wire) => wire.sendCommand(range, BYTES)),
    )
    const records = recordsOf(answer)
    return from === undefined ? records : records.filter(({ position }) => millis(position) >= from)
  }

  consumer(options: ConsumerOptions): AuditConsumer {
    if (this.#closed) throw closedError('audit-read', false)
    const { clock, commandTimeout } = this.#options
    const link = this.#topology.connect(PARTITION, {
      commandTimeout: LONGEST_WAIT + commandTimeout,
    })
    const consumer = new StreamConsumer(link, clock, this.#key, options, () =>
      this.#consumers.delete(consumer),
    )
    this.#consumers.add(consumer)
    return consumer
  }

  close(): void {
    this.#closed = true
    for (const consumer of [...this.#consumers]) consumer.close()
  }
}

/** On a connection of its own, because it blocks. */
class StreamConsumer implements AuditConsumer {
  readonly #link: Link
  readonly #key: string
  readonly #options: ConsumerOptions
  readonly #clock: Clock
  readonly #onClose: () => void
  readonly #wait: number
  /** When the group is looked after again, by the monotonic clock: made, and freed of consumers that are gone. */
  #openAt = Number.NEGATIVE_INFINITY
  #cursor = FIRST
  /** When to look for what others have left, by the monotonic clock. */
  #claimAt = Number.NEGATIVE_INFINITY

  constructor(
    link: Link,
    clock: Clock,
    key: string,
    options: ConsumerOptions,
    onClose: () => void,
  ) {
    this.#link = link
    this.#key = key
    this.#options = options
    this.#clock = clock
    this.#onClose = onClose
    this.#wait = Math.max(SHORTEST_BETWEEN_CLAIMS, Math.floor(options.idle / 2))
  }

  async next(count: number): Promise<HandedAuditRecord[]> {
    try {
      if (this.#clock.monotonic() >= this.#openAt) await this.#open()
      const left = await this.#claim(count)
      return left.length > 0 ? left : await this.#read(count)
    } catch (error) {
      // The stream has expired or was deleted: the group went with it.
      if (!(error instanceof StoreRefusedError && error.reason === 'NOGROUP')) throw error
      this.#openAt = Number.NEGATIVE_INFINITY
      return []
    }
  }

  async acknowledge(position: string): Promise<void> {
    const { group } = this.#options
    await this.#send('audit-read', ['XACK', this.#key, group, position])
  }

  close(): void {
    this.#link.close()
    this.#onClose()
  }

  async #open(): Promise<void> {
    const { group, retention, idle } = this.#options
    const gone = idle * GONE_AFTER
    const args = [group, ...[retention, gone].map(String)]
    await run(this.#link, scripts['audit-group'], [this.#key], args)
    this.#openAt = this.#clock.monotonic() + gone
  }

  /** What a consumer that is gone, or a handler that threw, has left. */
  async #claim(count: number): Promise<HandedAuditRecord[]> {
    if (this.#clock.monotonic() < this.#claimAt) return []
    const { group, consumer, idle } = this.#options
    const range = ['IDLE', String(idle), this.#cursor, '+', String(count)]
    const pending = await this.#send('audit-read', ['XPENDING', this.#key, group, ...range])
    const left = (pending as Array<[Buffer, Buffer, number, number]>).map(
      ([position, holder, since, attempts]) => ({
        position: position.toString('latin1'),
        isDue: holder.toString() !== consumer || since >= ownIdle(idle),
        attempts,
      }),
    )
    const isThrough = left.length < count
    this.#cursor = isThrough ? FIRST : `(${left.at(-1)?.position}`
    if (isThrough) this.#claimAt = this.#clock.monotonic() + this.#wait
    const due = left.filter(({ isDue }) => isDue)
    if (due.length === 0) return []
    const positions = due.map(({ position }) => position)
    // Those that another has claimed meanwhile are not idle any more.
    const claim = ['XCLAIM', this.#key, group, consumer, String(idle), ...positions]
    const claimed = recordsOf(await this.#send('audit-read', claim))
    const before = new Map(due.map(({ position, attempts }) => [position, attempts]))
    return claimed.map((record) => {
      return { ...record, attempts: (before.get(record.position) ?? 0) + 1 }
    })
  }

  async #read(count: number): Promise<HandedAuditRecord[]> {
    const { group, consumer } = this.#options
    // 0 would be for ever.
    const untilClaim = Math.ceil(this.#claimAt - this.#clock.monotonic())
    const wait = Math.max(1, Math.min(LONGEST_WAIT, untilClaim))
    const how = ['COUNT', String(count), 'BLOCK', String(wait), 'STREAMS', this.#key, '>']
    const answer = await this.#send('audit-read', ['XREADGROUP', 'GROUP', group, consumer, ...how])
    // [key, entries], or null when none came.
    const records = answer === null ? [] : recordsOf((answer as unknown[])[1])
    return records.map((record) => ({ ...record, attempts: 1 }))
  }

  #send(operation: string, command: readonly string[]): Promise<unknown> {
    return this.#link.call(operation, (wire) => wire.sendCommand(command, BYTES))
  }
}

function run(
  place: Pick<Place, 'call'>,
  script: LuaScript,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  return place.call(script.name, (wire, isWanted) => evaluate(wire, script, keys, args, isWanted))
}

/** It may do so, and could not: there is no such position, or the server takes nothing just now. */
function permitted(error: unknown): void {
  if (!(error instanceof ErrorReply)) throw error
  const [word = ''] = error.message.split(' ', 1)
  if (!/^ERR .*0-0/.test(error.message) && !PASSING.has(word)) throw error
}

function isDenied(error: unknown): error is StoreRefusedError {
  return error instanceof StoreRefusedError && error.reason === 'NOPERM'
}

/** Of what others have put into the stream as much as can be made of it. */
function recordsOf(answer: unknown): StoredAuditRecord[] {
  return (answer as Array<[Buffer, Buffer[]]>).map(([position, flat]) => {
    const fields = new Map<string, Buffer>()
    for (let i = 0; i + 1 < flat.length; i += 2) {
      fields.set(String(flat[i]), flat[i + 1] ?? Buffer.alloc(0))
    }
    return {
      position: position.toString('latin1'),
      event: String(fields.get('e') ?? ''),
      at: Number(fields.get('t') ?? 0),
      details: fields.get('d') ?? Buffer.alloc(0),
    }
  })
}

function millis(position: string): number {
  return Number(position.slice(0, position.indexOf('-')))
}
