import type { Reports } from '../../core/engine-abilities.ts'
import { partitionTag } from '../../core/partitions.ts'
import { replyError } from './errors.ts'
import { Heartbeat } from './heartbeat.ts'
import { reportsChannel } from './keys.ts'
import type { Link } from './link.ts'
import { ErrorReply } from './resp.ts'
import type { Topology } from './topology.ts'

/** Its server is asked, and in a Cluster that tells all others. */
const PARTITION = partitionTag(0)
/** Milliseconds. Finds a connection that is dead without a word. */
const BEAT = 2_000

/** What processes publish of themselves: no key is written, and nothing kept. */
export class RedisReports implements Reports {
  readonly #topology: Topology
  readonly #channel: string
  readonly #open = new Set<() => void>()

  /** @param database its number: channels know none */
  constructor(topology: Topology, prefix: string, database: number) {
    this.#topology = topology
    this.#channel = reportsChannel(prefix, database)
  }

  async publishReport(text: string): Promise<void> {
    const publish = ['PUBLISH', this.#channel, text]
    await this.#topology.at(PARTITION, (place) =>
      place.call('report', (wire) => wire.sendCommand(publish)),
    )
  }

  onReport(
    listener: (text: string) => void,
    failed?: (error: unknown) => void,
    asks?: () => void,
  ): () => void {
    const link: Link = this.#topology.connect(PARTITION, {
      prepare: async (wire) => {
        try {
          await wire.subscribe(this.#channel, listener)
        } catch (error) {
          // Asking again at once would be refused again.
          if (!(error instanceof ErrorReply)) throw error
          failed?.(replyError(error, 'reports'))
        }
      },
    })
    const heartbeat = new Heartbeat(BEAT, async () => {
      await link.call('reports', (wire) => {
        asks?.()
        return wire.sendCommand(['TIME'])
      })
    })
    heartbeat.start()
    const end = (): void => {
      heartbeat.stop()
      link.close()
      this.#open.delete(end)
    }
    this.#open.add(end)
    return end
  }

  close(): void {
    for (const end of [...this.#open]) end()
  }
}
