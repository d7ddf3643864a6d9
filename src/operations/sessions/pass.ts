import { setTimeout as sleep } from 'node:timers/promises'
import type { ScannedRecord } from '../../core/engine-abilities.ts'
import { PAGE } from '../../engines/redis/listing.ts'

/** How a pass over all sessions goes. */
export interface PassOptions {
  /** Keys a second, at most: they are what it costs the server, whosever they are. */
  readonly rate?: number | undefined
  /** Told after each page how much has been looked at: keys, about, and the sessions among them. */
  readonly looked?: (keys: number, sessions: number) => void
}

/** The pages, no faster than they are to come. */
export async function* paced(
  pages: AsyncIterable<readonly ScannedRecord[]>,
  { rate, looked = () => undefined }: PassOptions,
): AsyncGenerator<readonly ScannedRecord[]> {
  let [keys, sessions] = [0, 0]
  const started = performance.now()
  for await (const page of pages) {
    const ahead = rate === undefined ? 0 : (keys / rate) * 1_000 - (performance.now() - started)
    if (ahead > 0) await sleep(ahead)
    // One step looks at so many; what is no session of ours is not in its page.
    keys += Math.max(page.length, PAGE)
    sessions += page.length
    yield page
    looked(keys, sessions)
  }
}
