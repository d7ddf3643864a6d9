import { type Clock, systemClock } from '../../core/clock.ts'
import type { SessionId } from '../../core/engine.ts'
import { StoreRefusedError } from '../../core/errors.ts'
import { partitionTag } from '../../core/partitions.ts'
import { evaluate } from './evaluate.ts'
import {
  awaitedKey,
  checkPrefix,
  indexKey,
  marksKey,
  noteKey,
  partitionOf,
  recordIdOf,
  recordKey,
} from './keys.ts'
import type { Link } from './link.ts'
import { type RedisSource, redisPlan } from './options.ts'
import { ErrorReply } from './resp.ts'
import { scripts } from './scripts.generated.ts'
import { topologyOf } from './topologies.ts'
import type { Topology } from './topology.ts'
import { BYTES, Wire } from './wire.ts'

/** Keys a SCAN looks at at once: what a server does in well under a millisecond. */
const PAGE = 500
/** Tags are of three characters. */
const ANY = '???'
const FIRST = partitionTag(0)
/** Of a record or a trail. */
const SHORTEST = 14
/** Between two looks at whether a listener's server is still there, milliseconds. */
const BEAT = 2_000
/** How long marks are kept when nobody writes any more, milliseconds. */
const MARKS_KEPT = 30 * 24 * 3_600_000

export interface DeploymentOptions {
  readonly prefix: string
  /** Milliseconds. */
  readonly commandTimeout: number
  readonly clock?: Clock
}

export interface Vitals {
  /** Which runs of which servers these are: other ones after a restart, a failover, a master more. */
  readonly runs: string
  /** Keys that they have evicted since they were started. */
  readonly evicted: number
}

export interface DeploymentRecord {
  readonly record: Buffer
  /** Milliseconds; infinite by somebody's PERSIST. */
  readonly ttl: number
}

export interface Belongings {
  /** Its entry in its principal's index, if it has one. */
  readonly descriptor: Buffer | undefined
  /** Whether its expiry is to be told of. */
  readonly isAwaited: boolean
}

/** What `mirror` is to find, and to leave behind. Stamps and marks are bytes; undefined: none. */
export interface MirrorRequest {
  readonly stamp: Buffer | undefined
  /** `'unkept'`: marks are not kept here. */
  readonly mark: Buffer | undefined | 'unkept'
  readonly put: Buffer | 'end' | 'stay'
  /** Milliseconds; undefined: as it is. */
  readonly ttl?: number
  readonly owner?: OwnerEntry | undefined
  readonly isAwaited?: boolean
  readonly newMark?: Buffer | undefined
}

export interface OwnerEntry {
  readonly tag: string
  /** Absent: its index lists it no more. */
  readonly descriptor?: Buffer | undefined
  /** How long the index has to live at least, milliseconds. */
  readonly life?: number
}

/** Told of what has changed in a deployment. */
export interface DeploymentListener {
  /** What is stored at the id is, or may be, another thing now. */
  changed(id: SessionId): void
  /** Changes may have been missed: everything has to be looked at. */
  missed(): void
  /** All keys were deleted. */
  emptied(): void
  /** A note was set or deleted, by whomever. */
  noted(): void
  /** A server does not answer, or does again. */
  away(isAway: boolean): void
}

/** All sessions under one prefix of one server, one primary of Sentinels or one Cluster, for moving them as they stand. */
export class Deployment {
  readonly #topology: Topology
  readonly #prefix: string
  readonly #listening = new Map<string, { readonly link: Link; readonly beat: NodeJS.Timeout }>()
  #ignoreChanges: (() => void) | undefined
  #closed = false

  /** @throws OptionError */
  constructor(
    redis: RedisSource,
    { prefix, commandTimeout, clock = systemClock }: DeploymentOptions,
  ) {
    checkPrefix(prefix)
    this.#prefix = prefix
    this.#topology = topologyOf(redisPlan(redis), {
      ...{ prefix, commandTimeout, clock, nearCache: undefined, confirmTimeout: undefined },
    })
  }

  /** @throws StoreUnavailableError, StoreRefusedError */
  async ready(): Promise<void> {
    for (const at of await this.#topology.servers()) await this.#ask(at, ['PING'])
  }

  async read(id: SessionId): Promise<DeploymentRecord | undefined> {
    const key = recordKey(this.#prefix, id)
    const [record, ttl] = await this.#topology.at(id, (place) =>
      place.call('migrate', (wire) =>
        Promise.all([
          wire.sendCommand(['GET', key], BYTES).catch(otherType),
          wire.sendCommand(['PTTL', key]),
        ]),
      ),
    )
    if (!(record instanceof Uint8Array) || record.length < SHORTEST || ttl === -2) return undefined
    return { record: Buffer.from(record), ttl: ttl === -1 ? Number.POSITIVE_INFINITY : Number(ttl) }
  }

  async mark(id: SessionId): Promise<Buffer | undefined> {
    const mark = await this.#ask(
      id,
      ['HGET', marksKey(this.#prefix, partitionOf(id)), id.slice(-22)],
      BYTES,
    )
    return mark instanceof Uint8Array ? Buffer.from(mark) : undefined
  }

  /** What its owner's index says of it, and whether its expiry is to be told of. */
  async belongings(id: SessionId, ownerTag: string | undefined): Promise<Belongings> {
    const partition = partitionOf(id)
    const hash = id.slice(-22)
    const [score, descriptor] = await Promise.all([
      this.#ask(id, ['ZSCORE', awaitedKey(this.#prefix, partition), hash + (ownerTag ?? '')]),
      ownerTag === undefined
        ? undefined
        : this.#ask(id, ['HGET', indexKey(this.#prefix, partition, ownerTag), hash], BYTES),
    ])
    return {
      isAwaited: score !== null,
      descriptor: descriptor instanceof Uint8Array ? Buffer.from(descriptor) : undefined,
    }
  }

  /** @returns false when something else stands there: nothing was written */
  async mirror(id: SessionId, request: MirrorRequest): Promise<boolean> {
    const partition = partitionOf(id)
    const { owner, put, mark, ttl } = request
    const keys = [recordKey(this.#prefix, id), marksKey(this.#prefix, partition)]
    if (owner !== undefined) keys.push(indexKey(this.#prefix, partition, owner.tag))
    const args = [
      request.stamp ?? '',
      mark === 'unkept' ? '-' : (mark ?? ''),
      put === 'end' ? '' : put === 'stay' ? '=' : put,
      ttl === undefined ? '' : String(Math.ceil(ttl)),
      owner?.descriptor ?? '',
      request.isAwaited === true ? 'x' : '',
      request.newMark ?? '',
      String(Math.ceil(owner?.life ?? 0)),
      String(MARKS_KEPT),
    ]
    const answer = await this.#topology.at(
      id,
      (place) =>
        place.call('migrate', (wire, isWanted) =>
          evaluate(wire, scripts.mirror, keys, args, isWanted),
        ),
      { allKeys: true },
    )
    return answer === 1
  }

  /** Ids at which something stands, in pages; some may come twice. */
  async *ids(): AsyncGenerator<SessionId[]> {
    const pattern = recordKey(this.#prefix, `${ANY}*`)
    for await (const keys of this.#scan(pattern)) {
      yield keys.flatMap((key) => recordIdOf(this.#prefix, key) ?? [])
    }
  }

  /** Ids with marks, in pages. */
  async *marked(): AsyncGenerator<SessionId[]> {
    for await (const keys of this.#scan(marksKey(this.#prefix, ANY))) {
      for (const key of keys) {
        const tag = key.slice(this.#prefix.length + 2, this.#prefix.length + 5)
        let cursor = '0'
        do {
          const page = ['HSCAN', key, cursor, 'COUNT', String(PAGE)]
          const [next, fields] = (await this.#ask(tag, page, BYTES)) as [Uint8Array, Uint8Array[]]
          cursor = Buffer.from(next).toString('latin1')
          yield fields.flatMap((field, i) =>
            i % 2 === 0 ? tag + Buffer.from(field).toString('latin1') : [],
          )
        } while (cursor !== '0')
      }
    }
  }

  async deleteNote(name: string): Promise<void> {
    await this.#ask(FIRST, ['UNLINK', noteKey(this.#prefix, name)])
  }

  /** Forgets all marks. */
  async unmark(): Promise<void> {
    for await (const keys of this.#scan(marksKey(this.#prefix, ANY))) {
      for (const key of keys) await this.#ask(key.slice(this.#prefix.length + 2), ['UNLINK', key])
    }
  }

  /** Keys of all servers, of whatever kind: more than there are sessions. */
  size(): Promise<number> {
    return this.#sum(async (at) => Number(await this.#ask(at, ['DBSIZE'])))
  }

  /** What shows whether a server has lost something. Unknown, where it does not tell: always the same. */
  async vitals(): Promise<Vitals> {
    const infos = await Promise.all(
      (await this.#topology.servers()).map(async (at) => {
        const sections = await Promise.all(
          ['server', 'stats'].map((section) => this.#ask(at, ['INFO', section]).catch(refused)),
        )
        return sections.join('\n')
      }),
    )
    const runs = infos.map((info) => /^run_id:(\w+)/m.exec(info)?.[1] ?? '')
    const evicted = infos.map((info) => Number(/^evicted_keys:(\d+)/m.exec(info)?.[1] ?? 0))
    return { runs: runs.toSorted().join(' '), evicted: evicted.reduce((sum, one) => sum + one, 0) }
  }

  /** What a migration has noted here of itself. */
  async note(name: string): Promise<string | undefined> {
    const note = await this.#ask(FIRST, ['GET', noteKey(this.#prefix, name)])
    return typeof note === 'string' ? note : undefined
  }

  async setNote(name: string, text: string): Promise<void> {
    await this.#ask(FIRST, ['SET', noteKey(this.#prefix, name), text, 'PX', String(MARKS_KEPT)])
  }

  /** Milliseconds since the epoch, by the server's clock. */
  now(): number {
    return this.#topology.now()
  }

  /** Resolves when the listener was told of everything that had happened before the call. */
  async caughtUp(): Promise<void> {
    await Promise.all([...this.#listening.values()].map(({ link }) => beatOf(link)))
  }

  /** From when this resolves on every change is told of, and where one may have been missed that is. */
  async listen(listener: DeploymentListener): Promise<void> {
    this.#ignoreChanges ??= this.#topology.onChange(() => {
      this.#listen(listener).then(
        () => listener.missed(),
        // There will be another change when there is a server again.
        () => undefined,
      )
    })
    await this.#listen(listener)
  }

  async #listen(listener: DeploymentListener): Promise<void> {
    const servers = await this.#topology.servers()
    if (this.#closed) return
    for (const [at, { link, beat }] of this.#listening) {
      if (servers.includes(at)) continue
      clearInterval(beat)
      link.close()
      this.#listening.delete(at)
    }
    for (const at of servers) if (!this.#listening.has(at)) this.#openTo(at, listener)
    await this.caughtUp()
  }

  #openTo(at: string, listener: DeploymentListener): void {
    let isFirst = true
    const link = this.#topology.connect(at, {
      open: (target) =>
        new Wire(target, {
          invalidated: (key) => {
            if (key === null) return listener.emptied()
            const id = recordIdOf(this.#prefix, key)
            if (id !== undefined) return listener.changed(id)
            if (String(key).startsWith(noteKey(this.#prefix, ''))) listener.noted()
          },
          untold: () => undefined,
        }),
      prepare: async (wire) => {
        // Of every key under the prefix, whether it was read or not.
        await wire.sendCommand(['CLIENT', 'TRACKING', 'ON', 'BCAST', 'PREFIX', `${this.#prefix}:{`])
        if (!isFirst) listener.missed()
        isFirst = false
      },
    })
    let isAway = false
    const tell = (now: boolean): void => {
      if (now !== isAway) listener.away(now)
      isAway = now
    }
    const beat = setInterval(() => {
      beatOf(link).then(
        () => tell(false),
        () => tell(!this.#closed),
      )
    }, BEAT)
    this.#listening.set(at, { link, beat })
  }

  close(): void {
    this.#closed = true
    this.#ignoreChanges?.()
    for (const { link, beat } of this.#listening.values()) {
      clearInterval(beat)
      link.close()
    }
    this.#topology.close()
  }

  async *#scan(pattern: string): AsyncGenerator<string[]> {
    for (const at of await this.#topology.servers()) {
      const link = this.#topology.connect(at)
      try {
        let cursor = '0'
        do {
          const page = ['SCAN', cursor, 'MATCH', pattern, 'COUNT', String(PAGE)]
          const [next, keys] = (await link.call('migrate', (wire) => wire.sendCommand(page))) as [
            string,
            string[],
          ]
          cursor = next
          yield keys
        } while (cursor !== '0')
      } finally {
        link.close()
      }
    }
  }

  async #sum(of: (at: string) => Promise<number>): Promise<number> {
    const counts = await Promise.all((await this.#topology.servers()).map(of))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  #ask(at: string, command: readonly string[], strings?: object): Promise<unknown> {
    return this.#topology.at(at, (place) =>
      place.call('migrate', (wire) => wire.sendCommand(command, strings)),
    )
  }
}

/** Of a hash, say, at a record's key: no session. */
function otherType(error: unknown): undefined {
  if (error instanceof ErrorReply && error.message.startsWith('WRONGTYPE')) return undefined
  throw error
}

function refused(error: unknown): string {
  if (error instanceof StoreRefusedError && error.reason === 'NOPERM') return ''
  throw error
}

const beatOf = (link: Link): Promise<unknown> =>
  link.call('migrate', (wire) => wire.sendCommand(['PING']))
