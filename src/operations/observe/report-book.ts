import type { Clock } from '../../core/clock.ts'
import { Generations } from '../../core/generations.ts'
import { parseReport, type ReportMessage } from '../metrics/report-message.ts'
import { Rates } from './rates.ts'
import type { ApplicationState, NodeState, ReportsState } from './snapshot.ts'

/** A node that has said nothing for so long is gone. Milliseconds. */
const SILENCE = 10_000
/**
 * Whoever may publish may do so in any number of names, and as often as the server bears it: neither memory nor time of
 * whoever listens is theirs, nor the places of those who are known. A process has under 3,000 characters each two seconds to tell.
 */
const MOST_NODES = 512
const MOST_CHARACTERS = 2_097_152
/** Read in a second, characters; and as much again of those who are regular. */
const MOST_READ = 4_194_304
/** Two reports of one process are further apart. Milliseconds. */
const APART = 400
/** Of so many for whom there was no place it is remembered that they have come. */
const MOST_PASSED = 65_536
/** As processes begin theirs: who it is is known without reading it. */
const BEGINNING = /^\{"v":1,"id":"([^"\\]{1,64})"/
const SECOND = 1_000
/** Applications report every two seconds, unless they are told otherwise: by then one that does has done so. Milliseconds. */
const FIRST_REPORT = 2_500
/** And by then twice. */
const SECOND_REPORT = 4_500

interface Node {
  message: ReportMessage
  /** By the monotonic clock. */
  heardAt: number
  /** Since its report before; undefined: there was none. */
  rates: Rates | undefined
  /** Of the rates, made once. */
  state: ApplicationState
  /** Has come again after a while. One that has not may have to make room. */
  readonly isRegular: boolean
  /** Characters. */
  readonly size: number
}

/** Which attributes those that report have read. */
export interface AttributeReads {
  readonly names: ReadonlySet<string>
  /** How many have been heard. */
  readonly nodes: number
  /** For how long the one that has counted longest has done so, milliseconds. */
  readonly counted: number
}

/** Which secrets a node that reports has. */
export interface NodeKeys {
  readonly name: string
  readonly pid: number
  /** Their key ids, the one that signs and seals first; undefined: it is of a release that does not say. */
  readonly keyIds: readonly number[] | undefined
}

const NOTHING = new Rates().state()

/** What the processes of the applications have told of themselves lately. */
export class ReportBook {
  readonly #clock: Clock
  readonly #nodes = new Map<string, Node>()
  /** Of all reports that are kept, characters. */
  #size = 0
  #read = 0
  #readOfRegular = 0
  /** When those came first for whom there was no place. */
  readonly #passed = new Generations<number>({ maxCount: MOST_PASSED })
  /** By the monotonic clock. */
  #readSince = Number.NEGATIVE_INFINITY
  /** Since when it has been listened, by the monotonic clock. */
  #since: number
  #isRefused = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.monotonic()
  }

  /** It is listened from now on. */
  begin(): void {
    this.#since = this.#clock.monotonic()
  }

  /** It may not be listened. */
  refuse(): void {
    this.#isRefused = true
  }

  get state(): ReportsState {
    if (this.#isRefused) return 'refused'
    return this.#listened < FIRST_REPORT ? 'awaited' : 'heard'
  }

  get #listened(): number {
    return this.#clock.monotonic() - this.#since
  }

  /** @param text whatever somebody has published */
  add(text: string): void {
    if (!this.#mayRead(text)) return
    const message = parseReport(text)
    if (message === undefined) return
    this.#isRefused = false
    const { id } = message
    const known = this.#nodes.get(id)
    if (known === undefined) this.#forget()
    if (!this.#hasRoom(id, known, text.length)) return
    this.#size += text.length - (known?.size ?? 0)
    const between = known && Rates.between(known.message, message)
    const heardAt = this.#clock.monotonic()
    this.#nodes.set(id, {
      ...{ message, size: text.length, heardAt },
      isRegular: known?.isRegular === true || heardAt - (known?.heardAt ?? heardAt) >= APART,
      rates: between ?? known?.rates,
      state: between?.state() ?? known?.state ?? NOTHING,
    })
  }

  /**
   * Where all places are taken, who has come before gets that of one who has come only once. So a flood of new names takes no
   * place of those who are regular, and does not keep out who is to be.
   */
  #hasRoom(id: string, known: Node | undefined, characters: number): boolean {
    const isFull = (): boolean =>
      (known === undefined && this.#nodes.size >= MOST_NODES) ||
      this.#size + characters - (known?.size ?? 0) > MOST_CHARACTERS
    if (!isFull()) return true
    if (known === undefined && !this.#hasPassed(id)) return false
    for (const [other, { isRegular, size }] of this.#nodes) {
      if (isRegular || other === id) continue
      this.#nodes.delete(other)
      this.#size -= size
      if (!isFull()) return true
    }
    return false
  }

  /** A while ago, and not longer than who is silent is remembered. */
  #hasPassed(id: string): boolean {
    const now = this.#clock.monotonic()
    const passedAt = this.#passed.get(id)
    if (passedAt !== undefined && now - passedAt < APART) return false
    if (passedAt !== undefined && now - passedAt <= SILENCE) return true
    this.#passed.set(id, now)
    return false
  }

  /** Whether each that has reported has done so twice. */
  get isCompared(): boolean {
    return [...this.#nodes.values()].every(({ rates }) => rates !== undefined)
  }

  /** Those that have been heard: all of them where `state` says so. */
  nodes(): NodeState[] {
    this.#forget()
    const now = this.#clock.monotonic()
    return [...this.#nodes.values()]
      .map(({ message: { id, name, version, pid, startedAt }, heardAt, state }) => ({
        ...{ id, name, version, pid, startedAt },
        age: now - heardAt,
        state,
      }))
      .sort(({ name, pid }, other) => compare(name, other.name) || pid - other.pid)
  }

  /** Of all together; nothing where none has reported twice, nor at first while one has not: all would be too little. */
  application(): ApplicationState | undefined {
    this.#forget()
    if (!this.isCompared && this.#listened < SECOND_REPORT) return undefined
    const rates = [...this.#nodes.values()].flatMap((node) => node.rates ?? [])
    return rates.length === 0 ? undefined : Rates.together(rates).state()
  }

  /** Undefined: nobody is heard, or one of them does not say what it reads. */
  reads(): AttributeReads | undefined {
    this.#forget()
    const messages = [...this.#nodes.values()].map(({ message }) => message)
    const names = new Set<string>()
    for (const { reads } of messages) {
      if (reads === undefined) return undefined
      for (const name of reads) names.add(name)
    }
    if (messages.length === 0) return undefined
    // So long all of them have: one that has just begun may yet read what the others do not.
    const counted = Math.min(...messages.map((message) => message.counted))
    return { names, nodes: messages.length, counted }
  }

  keys(): NodeKeys[] {
    return this.nodes().map(({ id, name, pid }) => ({
      ...{ name, pid },
      keyIds: this.#nodes.get(id)?.message.keys,
    }))
  }

  clear(): void {
    this.#nodes.clear()
    this.#passed.clear()
    this.#size = 0
    this.#isRefused = false
  }

  #forget(): void {
    const since = this.#clock.monotonic() - SILENCE
    for (const [id, { heardAt, size }] of this.#nodes) {
      if (heardAt >= since) continue
      this.#nodes.delete(id)
      this.#size -= size
    }
  }

  #mayRead(text: string): boolean {
    const now = this.#clock.monotonic()
    if (now - this.#readSince >= SECOND) {
      this.#readSince = now
      this.#read = 0
      this.#readOfRegular = 0
    }
    this.#read += text.length
    if (this.#read <= MOST_READ) return true
    const [, id = ''] = BEGINNING.exec(text) ?? []
    if (this.#nodes.get(id)?.isRegular !== true) return false
    this.#readOfRegular += text.length
    return this.#readOfRegular <= MOST_READ
  }
}

const compare = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0)
