import { describe, expect, it } from 'vitest'
import type { AuditBatch, AuditLog, AuditRecord } from '../../src/core/audit-log.ts'
import { AuditWriter, MOST_QUEUED } from '../../src/core/audit-writer.ts'
import { until } from '../support/requests.ts'

/** A log whose appends do what the test says. */
function setUp() {
  const batches: AuditBatch[] = []
  const told: unknown[] = []
  let answer: () => Promise<void> = () => Promise.resolve()
  const log = {
    append: (batch: AuditBatch) => {
      batches.push(batch)
      return answer()
    },
  } as AuditLog
  const tell = (error: unknown): void => void told.push(error)
  const writer = new AuditWriter({ log, maxLength: 100_000, retention: 1_000, tell })
  return {
    ...{ writer, batches, told },
    times: () => batches.map(({ records }) => records.map(({ at }) => at)),
    answerWith: (next: () => Promise<void>) => {
      answer = next
    },
  }
}

const entry = (at: number): AuditRecord => ({ event: 'login', at, details: new Uint8Array(0) })
const failing = (): Promise<void> => Promise.reject(new Error('no store'))

describe('the queue of the audit', () => {
  it('writes one batch at a time; what comes meanwhile is the next', async () => {
    const { writer, answerWith, times, batches } = setUp()
    const release: (() => void)[] = []
    answerWith(() => new Promise((resolve) => void release.push(resolve)))
    const done: number[] = []
    for (const at of [1, 2, 3]) void writer.add(entry(at)).then(() => done.push(at))
    expect(times()).toEqual([[1]])
    release.shift()?.()
    await until('the second batch', () => batches.length === 2)
    expect(done).toEqual([1])
    release.shift()?.()
    await until('all', () => done.length === 3)
    expect(times()).toEqual([[1], [2, 3]])
    expect(batches.map(({ number }) => number)).toEqual([1, 2])
  })

  it('sends a batch that has failed again as it was, and holds nobody up meanwhile', async () => {
    const { writer, answerWith, times, told, batches } = setUp()
    answerWith(failing)
    await Promise.all([writer.add(entry(1)), writer.add(entry(2))])
    await writer.add(entry(3))
    expect(told).toEqual([new Error('no store')])
    answerWith(() => Promise.resolve())
    await until('the rest', () => batches.length === 3)
    expect(times()).toEqual([[1], [1], [2, 3]])
    expect(batches.map(({ number }) => number)).toEqual([1, 1, 2])
    await writer.add(entry(4))
    expect(times().at(-1)).toEqual([4])
  })

  it('drops the oldest that nobody can know to be written, beyond 10,000, and tells', async () => {
    const { writer, answerWith, times, told } = setUp()
    answerWith(failing)
    for (let at = 0; at < MOST_QUEUED + 5; at++) await writer.add(entry(at))
    answerWith(() => Promise.resolve())
    await writer.close()
    expect(told.filter((error) => /no store/.test(String(error))).length).toBeGreaterThan(0)
    expect(told.map(String).filter((text) => /entries are lost/.test(text))).toEqual([
      expect.stringContaining('audit: 5 entries are lost'),
    ])
    const written = times().flat()
    // The first was sent, and may have been written: it stays.
    expect([...new Set(written)]).toEqual([0, ...range(6, MOST_QUEUED + 5)])
  })

  it('many at once are no reason to drop any where they can be written', async () => {
    const { writer, told, times } = setUp()
    await Promise.all(range(0, MOST_QUEUED * 2).map((at) => writer.add(entry(at))))
    expect(told).toEqual([])
    expect(times().flat()).toEqual(range(0, MOST_QUEUED * 2))
  })

  it('close makes one more attempt, and tells what is lost', async () => {
    const { writer, answerWith, told, batches } = setUp()
    answerWith(failing)
    for (const at of [1, 2, 3]) await writer.add(entry(at))
    await writer.close()
    expect(batches).toHaveLength(2)
    expect(String(told.at(-1))).toContain('audit: 3 entries are lost')
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, at) => from + at)
}
