import { once } from 'node:events'
import { Agent, get } from 'node:http'
import { json } from 'node:stream/consumers'

const ACCEPTED_BEFORE = 3
const PATIENCE = 5_000

/**
 * Signs a principal out everywhere and measures when another node stops accepting one of the
 * sessions: requests to that node with the same cookie, one after the other, from before the
 * sign-out until the first refusal. All times are taken in this process, on one clock. A node that
 * does not answer spoils the measurement, not the sign-out.
 * @param {{
 *   revokeAll: () => Promise<{ count: number }>,
 *   cookie: string,
 *   other: { name: string, port: number },
 * }} parts
 */
export async function signOutEverywhere({ revokeAll, cookie, other }) {
  const ask = asker(other.port, cookie)
  // The first request opens the connection; the others tell how fine the measurement is.
  const before = await times(ACCEPTED_BEFORE + 1, ask).catch(() => [])

  /** @type {Awaited<ReturnType<typeof ask>>[]} */
  const accepted = []
  const refusal = untilRefused(ask, accepted).catch(() => undefined)
  const called = performance.now()
  const { count: ended } = await revokeAll()
  const acknowledged = performance.now()
  const refused = await refusal
  return {
    node: other.name,
    ended,
    known: before.length > 0 && before.every((answer) => answer.accepted),
    revokeMs: acknowledged - called,
    refusedMs: refused === undefined ? null : refused.received - called,
    /** Accepted though sent after the sign-out was acknowledged. */
    late: accepted.filter(({ sent }) => sent > acknowledged).length,
    requests: accepted.length + 1,
    roundTripMs:
      before.length === 0
        ? null
        : Math.min(...before.slice(1).map(({ sent, received }) => received - sent)),
  }
}

/** Asks a node over a connection that stays open whether it accepts the cookie. */
function asker(/** @type {number} */ port, /** @type {string} */ cookie) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: PATIENCE })
  return async () => {
    const sent = performance.now()
    const request = get(`http://127.0.0.1:${port}/api/whoami`, { agent, headers: { cookie } })
    request.setTimeout(PATIENCE, () => request.destroy())
    const [response] = await once(request, 'response')
    const answer = /** @type {{ principal?: string | null }} */ (await json(response))
    const received = performance.now()
    if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
    return { sent, received, accepted: answer.principal !== null }
  }
}

/**
 * @template T
 * @param {number} count
 * @param {() => Promise<T>} act
 */
async function times(count, act) {
  const results = []
  for (let i = 0; i < count; i += 1) results.push(await act())
  return results
}

/**
 * @template {{ accepted: boolean }} T
 * @param {() => Promise<T>} ask
 * @param {T[]} accepted what comes before the refusal
 * @returns {Promise<T | undefined>} the refusal
 */
async function untilRefused(ask, accepted) {
  const end = performance.now() + PATIENCE
  while (performance.now() < end) {
    const answer = await ask()
    if (!answer.accepted) return answer
    accepted.push(answer)
  }
  return undefined
}
