import type { Clock } from '../../core/clock.ts'
import { codecs } from '../../core/codec.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import type { Keyring } from '../../core/keyring.ts'
import { openRecord, readHeader } from '../../core/record.ts'
import { replyError } from '../../engines/redis/errors.ts'
import type { FleetServer } from '../../engines/redis/fleet.ts'
import { recordIdOf } from '../../engines/redis/keys.ts'
import { ErrorReply } from '../../engines/redis/resp.ts'
import { BYTES } from '../../engines/redis/wire.ts'
import { bucketOf } from './histogram.ts'
import { addAttribute, emptyPage, type Page, SIZES, TIMES } from './sample.ts'
import { RETRY_AFTER, type ServerWatch } from './server-watch.ts'

/** Keys that one look looks at, at each of some primaries, and of many together: a millisecond of the server's time. */
const PAGE = 300
const MOST_AT_ONCE = 1_200
const SMALLEST_PAGE = 30
/** Keys that the sample holds at most, of all primaries and of each at least. */
const SAMPLE = 10_000
const SMALLEST_SAMPLE = 1_000
/** A pass that began longer ago does not count as a count. Milliseconds. */
const RECENT = 10_000
/** Of each page, of records that are opened; larger ones are not. */
const OPENED_BYTES = 262_144
/** A record's header, that of an owner, and a tag behind it. */
const HEAD = 67

export interface SamplerOptions {
  readonly prefix: string
  readonly keyring: Keyring | undefined
  readonly clock: Clock
}

interface Found {
  readonly key: string
  readonly id: SessionId
  readonly bytes: number
}

/**
 * Some of the keys of a primary with each look, in the order of its hash table, which knows nothing of lifetimes. Where a
 * pass over all of them is small enough the last whole one is the sample.
 */
export class Sampler {
  readonly #options: SamplerOptions
  #pages: Page[] = []
  #cursor = '0'
  /** Keys that it holds. */
  #most = SAMPLE
  /** The pages of the pass under way, and their sessions: a table that grows or shrinks shows some twice. */
  #pass: Pass | undefined = newPass()
  #whole: readonly Page[] | undefined
  /** When it was refused to look, and to read whole records, by the monotonic clock. */
  #refusedAt = Number.NEGATIVE_INFINITY
  #closedAt = Number.NEGATIVE_INFINITY

  constructor(options: SamplerOptions) {
    this.#options = options
  }

  get pages(): readonly Page[] {
    return this.#whole ?? this.#pages
  }

  /**
   * How many sessions there are, if all keys were looked at lately.
   * @param keys how many there are now: where it is another number they have changed since; undefined: not told
   */
  counted(keys: number | undefined): number | undefined {
    const [first] = this.#whole ?? []
    if (this.#whole === undefined || first === undefined) return undefined
    const isRecent = this.#options.clock.monotonic() - first.at <= RECENT
    const isSo = keys === undefined || lookedAt(this.#whole) === keys
    if (!isRecent || !isSo) return undefined
    return this.#whole.reduce((total, { sessions }) => total + sessions, 0)
  }

  /** Which part of the keys are sessions. */
  get share(): number | undefined {
    const looked = lookedAt(this.pages)
    const sessions = this.pages.reduce((total, page) => total + page.sessions, 0)
    if (looked > 0) return sessions / looked
    // All keys are gone.
    return this.#whole === undefined ? undefined : 0
  }

  /**
   * @param among how many primaries there are: with many of them each has a smaller part in what this process does
   * @throws StoreUnavailableError; where it is refused there is no sample
   */
  async look(server: FleetServer, watch: ServerWatch, among: number): Promise<void> {
    const { clock, prefix } = this.#options
    if (clock.monotonic() - this.#refusedAt < RETRY_AFTER) return
    const page = emptyPage(clock.monotonic())
    const size = Math.max(SMALLEST_PAGE, Math.min(PAGE, Math.floor(MOST_AT_ONCE / among)))
    this.#most = Math.max(SMALLEST_SAMPLE, Math.floor(SAMPLE / among))
    const [scanned] = await watch.ask(server, [['SCAN', this.#cursor, 'COUNT', String(size)]])
    if (!Array.isArray(scanned)) return this.#forget(isDenied(scanned))
    const [next, keys] = scanned as [string, string[]]
    const records: Pick<Found, 'key' | 'id'>[] = []
    page.looked = keys.length
    for (const key of keys) {
      const id = recordIdOf(prefix, key)
      if (id === undefined) continue
      if (this.#pass?.seen.has(id)) page.looked--
      else records.push({ key, id })
      this.#pass?.seen.add(id)
    }
    const sessions = await this.#heads(server, watch, records, page)
    // Of what may not be read it is not known whether it is a session.
    if (sessions === undefined) return this.#forget(true)
    await this.#attributes(server, watch, sessions, page)
    this.#keep(page, next)
  }

  #forget(isRefused: boolean): void {
    if (isRefused) this.#refusedAt = this.#options.clock.monotonic()
    this.#pages = []
    this.#cursor = '0'
    this.#pass = newPass()
    this.#whole = undefined
  }

  #keep(page: Page, next: string): void {
    this.#cursor = next
    this.#pages.push(page)
    let held = lookedAt(this.#pages)
    while (held - (this.#pages[0]?.looked ?? 0) >= this.#most)
      held -= this.#pages.shift()?.looked ?? 0
    this.#pass?.pages.push(page)
    // Of a pass that is too large the last pages are the sample.
    if (this.#pass !== undefined && lookedAt(this.#pass.pages) > this.#most) {
      this.#pass = undefined
      this.#whole = undefined
    }
    if (next !== '0') return
    this.#whole = this.#pass?.pages
    this.#pass = newPass()
  }

  async #heads(
    server: FleetServer,
    watch: ServerWatch,
    records: readonly Pick<Found, 'key' | 'id'>[],
    page: Page,
  ): Promise<Found[] | undefined> {
    if (records.length === 0) return []
    const answers = await watch.ask(
      server,
      records.flatMap(({ key }) => [
        ['PTTL', key],
        ['STRLEN', key],
        ['GETRANGE', key, '0', String(HEAD)],
      ]),
      BYTES,
    )
    if (answers.some(isDenied)) return undefined
    const found: Found[] = []
    for (const [i, { key, id }] of records.entries()) {
      const [ttl, bytes, head] = answers.slice(3 * i, 3 * i + 3) as [number, number, Buffer]
      // Gone since, or of another type.
      if ([ttl, bytes, head].some((answer) => (answer as unknown) instanceof ErrorReply)) continue
      if (ttl === -2 || bytes === 0) continue
      // What a rotation leaves has none.
      const header = readHeader(head)
      if (header === undefined) continue
      found.push({ key, id, bytes })
      page.sessions++
      page.bytes += bytes
      if (header.ownerTag !== undefined) page.signedIn++
      const left = ttl === -1 ? Number.POSITIVE_INFINITY : ttl
      count(page.ttl, TIMES, left)
      count(page.age, TIMES, Math.max(0, watch.time - header.createdAt))
      count(page.size, SIZES, bytes)
    }
    return found
  }

  async #attributes(
    server: FleetServer,
    watch: ServerWatch,
    sessions: readonly Found[],
    page: Page,
  ): Promise<void> {
    const { keyring, clock } = this.#options
    if (keyring === undefined || clock.monotonic() - this.#closedAt < RETRY_AFTER) return
    let left = OPENED_BYTES
    const wanted = sessions.filter(({ bytes }) => {
      if (bytes > left) return false
      left -= bytes
      return true
    })
    if (wanted.length === 0) return
    const records = await watch.ask(
      server,
      wanted.map(({ key }) => ['GET', key]),
      BYTES,
    )
    if (records.some(isDenied)) this.#closedAt = clock.monotonic()
    for (const [i, { id }] of wanted.entries()) {
      const record = records[i]
      if (!(record instanceof Uint8Array)) continue
      const opened = openRecord(record, { keyring, id, token: undefined })
      if (opened.status !== 'open') continue
      page.opened++
      for (const [name, value] of opened.attributes) {
        addAttribute(page, name, codecs.messagepack.encodedSize(value))
      }
    }
  }
}

/** The user may not, or the server does not know how; it is no passing condition, nor one key's. */
function isDenied(answer: unknown): boolean {
  if (!(answer instanceof ErrorReply)) return false
  const error = replyError(answer, 'scan')
  return error instanceof StoreRefusedError && ['NOPERM', 'ERR'].includes(error.reason)
}

interface Pass {
  readonly pages: Page[]
  readonly seen: Set<SessionId>
}

const newPass = (): Pass => ({ pages: [], seen: new Set() })

const lookedAt = (pages: readonly Page[]): number =>
  pages.reduce((total, { looked }) => total + looked, 0)

function count(counts: number[], bounds: readonly number[], value: number): void {
  const bucket = bucketOf(bounds, value)
  counts[bucket] = (counts[bucket] ?? 0) + 1
}
