import { setTimeout as sleep } from 'node:timers/promises'
import type { ScannedRecord } from '../../core/engine.ts'

/** How a pass over all sessions goes. */
export interface PassOptions {
  /** Sessions a second, at most. */
  readonly rate?: number | undefined
  /** Told after each page how many have been looked at. */
  readonly looked?: (count: number) => void
}

/** The pages, no faster than they are to come. */
export async function* paced(
  pages: AsyncIterable<readonly ScannedRecord[]>,
  { rate, looked = () => undefined }: PassOptions,
): AsyncGenerator<readonly ScannedRecord[]> {
  let count = 0
  const started = performance.now()
  for await (const page of pages) {
    count += page.length
    yield page
    looked(count)
    const ahead = rate === undefined ? 0 : (count / rate) * 1_000 - (performance.now() - started)
    if (ahead > 0) await sleep(ahead)
  }
}
