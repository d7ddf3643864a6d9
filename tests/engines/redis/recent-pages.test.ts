import { describe, expect, it } from 'vitest'
import { RecentPages, type RecentWrite } from '../../../src/engines/redis/recent-pages.ts'
import { seeded } from '../../support/random.ts'

const random = seeded('recent pages')
const PAGE = 64 * 1024

const commit = (n: number, size: number): RecentWrite => ({
  ...{ at: n, isEnd: false, keys: [`préfixe:{0A}:s:${n}`] },
  args: ['1800000', Buffer.alloc(size, n % 251), 'ü'],
})
const ended = (n: number): RecentWrite => ({
  ...{
    at: n + 0.5,
    isEnd: true,
    keys: [`sj:{0A}:s:${n}`, 'sj:{0A}:p:owner'],
    args: ['', '0', 'record'],
  },
})

describe('RecentPages', () => {
  it('gives back what was added, in its order, whatever its size', () => {
    const pages = new RecentPages()
    const added: RecentWrite[] = []
    for (let n = 0; n < 500; n++) {
      const write =
        random.next(5) === 0 ? ended(n) : commit(n, random.next(n === 250 ? 200_000 : 900))
      added.push(write)
      pages.append(write)
    }
    expect([...pages.entries()]).toEqual(added)
    expect(pages.count).toBe(500)
  })

  it('forgets what is meant, and nothing else', () => {
    const pages = new RecentPages()
    for (let n = 0; n < 300; n++) pages.append(commit(n, 500))
    pages.forget(({ at }) => at % 3 === 0)
    expect([...pages.entries()].map(({ at }) => at)).toEqual(
      Array.from({ length: 300 }, (_, n) => n).filter((n) => n % 3 !== 0),
    )
  })

  it('lets the oldest go: by their age, and by how much there is', () => {
    const pages = new RecentPages()
    for (let n = 0; n < 1_000; n++) pages.append(commit(n, 500))
    const all = pages.bytes
    expect(all % PAGE).toBe(0)
    pages.trim(500, all, 10_000)
    const [first] = pages.entries()
    // A page is let go when its last is older.
    expect(first?.at).toBeGreaterThan(500 - PAGE / 500)
    expect(first?.at).toBeLessThanOrEqual(500)
    expect([...pages.entries()].at(-1)?.at).toBe(999)
    pages.trim(0, 2 * PAGE, 10_000)
    expect(pages.bytes).toBe(2 * PAGE)
    expect([...pages.entries()]).toHaveLength(pages.count)
    pages.trim(0, 2 * PAGE, 1)
    expect(pages.bytes).toBe(PAGE)
    // What is being filled stays.
    pages.trim(Number.POSITIVE_INFINITY, 0, 0)
    expect(pages.bytes).toBe(PAGE)
    expect([...pages.entries()].at(-1)?.at).toBe(999)
  })
})
