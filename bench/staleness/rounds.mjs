import { setTimeout as sleep } from 'node:timers/promises'

const LANES = 8
/** Sessions that are signed out in one fault. */
const AT_ONCE = 20
/** Longer than any entry may live. */
const WATCHED_FOR = 1_700
const DEADLINE = 10_000

/**
 * Signs sessions out on one node while the other is asked for them.
 * @returns for each: ms from "the revocation is acknowledged" to the first refusal, and to the last hit
 */
export async function revokeOneByOne({ revoker, reader }, count) {
  const made = await revoker.ask('make', count)
  const results = []
  const lane = async (first) => {
    for (let i = first; i < count; i += LANES) {
      const { id, token } = made[i]
      await within(reader.ask('watch', token), 'a session is not served from memory')
      const refused = reader.ask('refused', token)
      const acknowledgedAt = await revoker.ask('revoke', id)
      const refusedAt = await refused
      const [lastHit] = await reader.ask('lastHits', [token])
      await reader.ask('forget', [token])
      results.push({ refused: refusedAt - acknowledgedAt, lastHit: lastHit - acknowledgedAt })
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i)))
  return results
}

/**
 * Signs sessions out while `fault` keeps the other node from being told.
 * @param fault gets the sessions' ids, answers with when each counts as revoked (ms), and whether it is
 * `done`: what only waits in a stopped server may be served again once that goes on
 * @param repair ends the fault
 * @returns for each session: ms from the revocation to the last hit
 */
export async function revokeInFault({ revoker, reader }, { fault, repair }) {
  const made = await revoker.ask('make', AT_ONCE)
  const tokens = made.map(({ token }) => token)
  const watched = tokens.map((token) => reader.ask('watch', token))
  await within(Promise.all(watched), 'a session is not served from memory')
  // Anywhere between two heartbeats.
  await sleep(Math.random() * 500)
  const ids = made.map(({ id }) => id)
  const revoked = await fault(ids)
  await sleep(WATCHED_FOR)
  const before = await reader.ask('lastHits', tokens)
  await repair()
  await revoker.ask('revokeAgain', ids)
  // Healed, it refuses all of them.
  const refusals = tokens.map((token) => reader.ask('refused', token))
  await within(Promise.all(refusals), 'after the repair a revoked session is not refused')
  const after = await reader.ask('lastHits', tokens)
  await reader.ask('forget', tokens)
  return revoked.map(({ at, done }, i) => ({ lastHit: (done ? after : before)[i] - at }))
}

/** @throws Error that says what is not so after ten seconds */
function within(promise, problem) {
  const late = sleep(DEADLINE, undefined, { ref: false }).then(() => {
    throw new Error(`${problem} after ${DEADLINE} ms`)
  })
  return Promise.race([promise, late])
}
