import type { AuditConsumer, HandedAuditRecord } from './audit-log.ts'

const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000

export interface AuditReading {
  /**
   * Ends it: resolves when the entry under way has been handled. Entries that were handed to this
   * consumer and are not handled go to another after `idle`. Do not await it in the handler.
   */
  stop(): Promise<void>
}

export interface ReadingOptions {
  readonly consumer: AuditConsumer
  readonly batch: number
  readonly handle: (record: HandedAuditRecord) => unknown
  /** The store did not answer, or the handler threw. */
  readonly tell: (error: unknown) => void
}

/** Handles entry after entry, and acknowledges each that is handled. What throws stays, and comes again. */
export function readAudit({ consumer, batch, handle, tell }: ReadingOptions): AuditReading {
  const stopping = new AbortController()
  let isWaiting = false
  let wake: (() => void) | undefined

  async function next(): Promise<HandedAuditRecord[]> {
    isWaiting = true
    try {
      return await consumer.next(batch)
    } finally {
      isWaiting = false
    }
  }

  async function handleAll(records: readonly HandedAuditRecord[]): Promise<void> {
    for (const record of records) {
      if (stopping.signal.aborted) return
      try {
        await handle(record)
      } catch (error) {
        tell(error)
        continue
      }
      await consumer.acknowledge(record.position)
    }
  }

  async function run(): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      try {
        await handleAll(await next())
        failures = 0
      } catch (error) {
        // What was stopped while it waited has not failed.
        if (stopping.signal.aborted) break
        tell(error)
        const longest = Math.min(FIRST_PAUSE * 2 ** Math.min(failures++, 6), LONGEST_PAUSE)
        await new Promise<void>((resolve) => {
          wake = resolve
          setTimeout(resolve, longest * (0.5 + Math.random() / 2))
        })
      }
    }
    consumer.close()
  }

  const running = run()
  return {
    stop: async () => {
      stopping.abort()
      wake?.()
      if (isWaiting) consumer.close()
      await running
    },
  }
}
