/** Valid ones of a corpus, changed somewhere: what reaches deeper into a parser than bytes at random. */
import fc from 'fast-check'

/** `SOJOURN_FULL=1` (`npm run security-report -- --long`): a million of cookies, records and tokens. */
const FULL = process.env['SOJOURN_FULL'] === '1'
export const MANY: number = FULL ? 1_000_000 : 20_000
export const SOME: number = FULL ? 100_000 : 4_000
export const FEW: number = FULL ? 50_000 : 2_000
export const LONG = 3_600_000

/**
 * The same ones each time, so that no change is held up by what another has brought; with `SOJOURN_FULL=1` others each time. A seed
 * of before makes the same ones again: `SOJOURN_SEED=… npx vitest run …`.
 */
export function runs(numRuns: number): { numRuns: number; seed?: number } {
  const seed = Number(process.env['SOJOURN_SEED'] ?? (FULL ? '' : '1'))
  return { numRuns, ...(Number.isInteger(seed) && seed !== 0 ? { seed } : {}) }
}

type Step = readonly [kind: number, at: number, to: number, bytes: Uint8Array]

const place = fc.nat({ max: 0xffff })
const step: fc.Arbitrary<Step> = fc.tuple(
  fc.nat({ max: 8 }),
  place,
  place,
  fc.uint8Array({ maxLength: 12 }),
)

/** Bytes of one of them, with one to three changes. */
export function mutated<Item>(
  corpus: readonly Item[],
  bytesOf: (item: Item) => Uint8Array,
): fc.Arbitrary<{ readonly item: Item; readonly bytes: Buffer }> {
  const steps = fc.array(step, { minLength: 1, maxLength: 3 })
  return fc.tuple(fc.nat({ max: corpus.length - 1 }), steps).map(([which, changes]) => {
    const item = corpus[which] as Item
    return { item, bytes: changes.reduce(change, Buffer.from(bytesOf(item))) }
  })
}

/** Bits, bytes and numbers changed, pieces cut out, doubled, moved or put in, or all of it anew. */
function change(made: Buffer, [kind, at, to, bytes]: Step): Buffer {
  const [a, b] = [at % (made.length + 1), to % (made.length + 1)].sort((x, y) => x - y) as [
    number,
    number,
  ]
  const first = made[a % Math.max(1, made.length)] ?? 0
  switch (kind) {
    case 0:
      return put(made, a, first ^ (1 << (to % 8)))
    case 1:
      return made.subarray(0, a)
    case 2:
      return Buffer.concat([made.subarray(0, b), made.subarray(a)])
    case 3:
      return Buffer.concat([made.subarray(0, a), made.subarray(b)])
    case 4:
      return Buffer.concat([made.subarray(0, a), bytes, made.subarray(a)])
    case 5:
      return put(made, a, [0, 1, 0x7f, 0x80, 0xff, first + 1, first - 1][to % 7] ?? 0)
    case 6:
      return Buffer.concat([made.subarray(b), made.subarray(0, b)])
    case 7:
      return Buffer.concat([made.subarray(0, a), bytes, made.subarray(a + bytes.length)])
    default:
      // Seldom: nothing is left of it then.
      return to % 8 === 0 ? Buffer.from(bytes) : put(made, b, to & 0xff)
  }
}

function put(made: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(made)
  if (copy.length > 0) copy[at % copy.length] = value & 0xff
  return copy
}

/** As `expect`, where it depends on what was made. */
export function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`it is not so: ${what}`)
}

/** @throws what is no error of that kind */
export function foreseen(error: unknown, kind: new (...args: never[]) => Error): void {
  if (!(error instanceof kind)) throw error
}

export const bytesOf = (text: string): Buffer => Buffer.from(text)
