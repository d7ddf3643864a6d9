/** A web node that only looks: which of some sessions it serves from memory, and when. */
import { createSessions } from '../../../src/create-sessions.ts'
import { answer, argument } from '../../support/answer.ts'
import { hit, request, SECRET } from '../../support/requests.ts'

export interface ReaderNode {
  readonly redis: string
  /** Milliseconds. */
  readonly maxStaleness: number
}

/** When each token was served last, by the clock that all processes of the machine share. */
export type LastHits = Readonly<Record<string, number>>

const { redis, maxStaleness } = argument() as ReaderNode
const sessions = createSessions<{ n: number }>({
  redis,
  secrets: [SECRET],
  nearCache: { maxStaleness },
})
await sessions.ready()

async function prime(tokens: readonly string[]): Promise<number> {
  for (const token of tokens) await request(sessions, token)
  return tokens.filter((token) => hit(sessions, token) !== undefined).length
}

async function look({ tokens, lasts }: { tokens: string[]; lasts: number }): Promise<LastHits> {
  const last: Record<string, number> = {}
  const end = performance.now() + lasts
  while (performance.now() < end) {
    for (const token of tokens) {
      const at = Number(process.hrtime.bigint()) / 1e6
      if (hit(sessions, token)) last[token] = at
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return last
}

answer({ prime, look })
