import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type {
  AuditBatch,
  AuditConsumer,
  AuditLog,
  AuditRecord,
  HandedAuditRecord,
  StoredAuditRecord,
} from '../../core/audit-log.ts'
import { hasAudit } from '../../core/engine-abilities.ts'
import { isSojournError } from '../../core/errors.ts'
import { assertBytes, type EngineCase, type EngineHarness, HOUR, MINUTE } from '../engine-case.ts'

/** Milliseconds. Short, because an engine's storage may reckon it by a clock of its own. */
const IDLE = 50
const RETENTION = 30 * 24 * HOUR

interface World {
  readonly log: AuditLog
  readonly second: AuditLog
  readonly advance: EngineHarness['advance']
}

/** The audit, of engines that keep one. */
export const auditCases: readonly EngineCase[] = [
  audited('audit: entries are listed as they were appended, by any instance', async (world) => {
    const { log, second } = world
    const writer = newWriter()
    const records = newRecords(5)
    await log.append(writer(records.slice(0, 3)))
    await second.append(newWriter()(records.slice(3)))
    const all = await second.list({ count: 1_000 })
    const found = own(all, records)
    assert.deepEqual(found.map(contentOf), records.map(contentOf))
    const [first, middle] = [found[0]!, found[2]!]
    assert.deepEqual(await log.list({ count: 2, after: middle.position }), found.slice(3))
    const from = Number(middle.position.split('-')[0])
    const later = await log.list({ count: 1_000, from })
    assert.ok(own(later, records).length >= 3, 'from a time on')
    assert.deepEqual(await log.list({ count: 1_000, from: from + HOUR }), [])
    assert.match(first.position, /^\d+-\d+$/)
    assertBytes(first.details, records[0]!.details, 'details')
  }),

  audited('audit: a batch that is sent again is not appended again', async (world) => {
    const { log, second } = world
    const writer = newWriter()
    const records = newRecords(4)
    const [first, next] = [writer(records.slice(0, 2)), writer(records.slice(2))]
    await log.append(first)
    await second.append(first)
    await log.append(next)
    await log.append(first)
    const found = own(await log.list({ count: 1_000 }), records)
    assert.deepEqual(found.map(contentOf), records.map(contentOf))
  }),

  audited('audit: about as many entries stay as are asked for, the latest', async ({ log }) => {
    const writer = newWriter(500)
    const records = newRecords(2_000)
    for (let at = 0; at < records.length; at += 100) {
      await log.append(writer(records.slice(at, at + 100)))
    }
    const found: StoredAuditRecord[] = []
    for (;;) {
      const after = found.at(-1)?.position
      const page = await log.list({ count: 300, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      found.push(...page)
    }
    assert.ok(found.length >= 500 && found.length < 1_000, `${found.length} entries`)
    assert.deepEqual(contentOf(found.at(-1)!), contentOf(records.at(-1)!))
  }),

  audited('audit: it ends when nothing has come for as long as it is kept', async (world) => {
    const { log, advance } = world
    const records = newRecords(2)
    const writer = newWriter(1_000, MINUTE)
    await log.append(writer(records.slice(0, 1)))
    await advance(MINUTE)
    assert.deepEqual(own(await log.list({ count: 1_000 }), records), [])
    await log.append(writer(records.slice(1)))
    const found = own(await log.list({ count: 1_000 }), records)
    assert.deepEqual(found.map(contentOf), records.slice(1).map(contentOf))
  }),

  audited('audit: each entry goes to one consumer of each group', async (world) => {
    const { log, second } = world
    const records = newRecords(30)
    await log.append(newWriter()(records))
    const [group, other] = [newName(), newName()]
    const a = consumerOf(log, group, 'a')
    const b = consumerOf(second, group, 'b')
    const c = consumerOf(second, other, 'c')
    const seen = [[], [], []] as StoredAuditRecord[][]
    for (let i = 0; i < 3; i++) {
      for (const [at, consumer] of [a, b, c].entries()) {
        const got = await consumer.next(at === 2 ? 1_000 : 5)
        seen[at]!.push(...own(got, records))
        for (const { position } of got) await consumer.acknowledge(position)
      }
    }
    const together = [...seen[0]!, ...seen[1]!].toSorted(byPlace)
    assert.deepEqual(together.map(contentOf), records.map(contentOf))
    assert.deepEqual(seen[2]!.map(contentOf), records.map(contentOf))
    for (const consumer of [a, b, c]) consumer.close()
  }),

  audited('audit: what is not acknowledged is handed out again, to another too', async (world) => {
    const { log, second, advance } = world
    const records = newRecords(3)
    await log.append(newWriter()(records))
    const group = newName()
    const gone = consumerOf(log, group, 'gone')
    const [first, ...left] = own(await gone.next(1_000), records)
    await gone.acknowledge(first!.position)
    gone.close()
    const heir = consumerOf(second, group, 'heir')
    const inherited = await until(heir, advance, 2, records)
    assert.deepEqual(inherited.map(contentOf), left.map(contentOf))
    // A machine that is slow may have let the heir's own time pass.
    assert.deepEqual(
      [first!, ...left].map(({ attempts }) => attempts),
      [1, 1, 1],
    )
    assert.ok(inherited.every(({ attempts }) => attempts >= 2))
    for (const { position } of left) await heir.acknowledge(position)
    await advance(IDLE)
    assert.deepEqual(own(await heir.next(1_000), records), [])
    heir.close()
  }),

  audited('audit: a consumer that waits is given what comes', async ({ log, second }) => {
    const records = newRecords(1)
    const consumer = consumerOf(log, newName(), 'a')
    await consumer.next(1_000)
    const [got] = await Promise.all([
      nextOwn(consumer, records),
      second.append(newWriter()(records)),
    ])
    assert.deepEqual(got.map(contentOf), records.map(contentOf))
    consumer.close()
  }),

  audited('audit: a consumer that is closed waits no longer', async ({ log }) => {
    const consumer = consumerOf(log, newName(), 'a', HOUR)
    while ((await consumer.next(1_000)).length > 0);
    const waiting = consumer.next(1)
    consumer.close()
    await assert.rejects(waiting, isSojournError)
    await assert.rejects(async () => consumer.next(1), isSojournError)
    consumer.close()
  }),
]

function audited(title: string, run: (world: World) => Promise<void>): EngineCase {
  return {
    title,
    run: async ({ engine, second, advance }) => {
      if (!hasAudit(engine) || !hasAudit(second)) return
      await run({ log: engine.audit, second: second.audit, advance })
    },
  }
}

function newName(): string {
  return randomBytes(9).toString('base64url')
}

function newRecords(count: number): AuditRecord[] {
  const event = `case-${newName()}`
  return Array.from({ length: count }, (_, at) => ({ event, at, details: randomBytes(40) }))
}

/** Makes one batch after the other. */
function newWriter(
  maxLength = 100_000,
  retention = RETENTION,
): (records: readonly AuditRecord[]) => AuditBatch {
  const writer = randomBytes(12).toString('base64url')
  let number = 0
  return (records) => ({ writer, number: ++number, records, maxLength, retention })
}

function consumerOf(log: AuditLog, group: string, consumer: string, idle = IDLE): AuditConsumer {
  return log.consumer({ group, consumer, idle, retention: RETENTION })
}

/** Other cases may use the same storage. */
function own<Found extends AuditRecord>(found: readonly Found[], records: readonly AuditRecord[]) {
  return found.filter(({ event }) => event === records[0]?.event)
}

function contentOf({ event, at, details }: AuditRecord): unknown {
  return [event, at, Buffer.from(details).toString('hex')]
}

function byPlace(a: StoredAuditRecord, b: StoredAuditRecord): number {
  return a.at - b.at
}

async function nextOwn(
  consumer: AuditConsumer,
  records: readonly AuditRecord[],
): Promise<HandedAuditRecord[]> {
  for (;;) {
    const got = own(await consumer.next(1_000), records)
    if (got.length > 0) return got
  }
}

/** So many entries, in their order, once their time has come. */
async function until(
  consumer: AuditConsumer,
  advance: World['advance'],
  count: number,
  records: readonly AuditRecord[],
): Promise<HandedAuditRecord[]> {
  const found = new Map<string, HandedAuditRecord>()
  while (found.size < count) {
    await advance(IDLE)
    for (const record of own(await consumer.next(1_000), records))
      found.set(record.position, record)
  }
  return [...found.values()].toSorted(byPlace)
}
