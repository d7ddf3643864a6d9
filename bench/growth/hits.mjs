// What a node answers when each of the sessions that it holds is asked for in turn, over and over.
import { setTimeout as sleep } from 'node:timers/promises'
import { summary } from '../support/statistics.mjs'

/** So many are timed together: a look at the clock is as dear as part of a hit. */
const BATCH = 50
/** After so many the heartbeat has to come through. */
const PAUSE_AFTER = 4_000
const PAUSE = 5
/** Asked for in all, while the code is still being compiled and then timed. */
const FIRST = 100_000
const TIMED = 1_000_000
const LEAST_ROUNDS = 10

/**
 * Asks for all that stay. That is half of what a full cache holds: it drops in generations, and what is
 * not in the young one goes when that has half of the bound.
 * @param requests of the sessions that are held, those read last first
 * @param misses how often the store was asked so far
 * @returns `sessions`: how many were asked for; `time`: nanoseconds from the cookie header to an attribute where the answer comes at once,
 * undefined where hardly any does; `atOnce`, `promised`, `missed`: parts of all that was asked for
 */
export async function measureHits(sessions, requests, misses) {
  const counts = { atOnce: 0, promised: 0 }
  const staying = await untilMissed(sessions, requests, counts, misses)
  const rounds = (total) => Math.max(LEAST_ROUNDS, Math.ceil(total / staying.length))
  const before = misses()
  for (let round = rounds(FIRST); round > 0; round--) await walk(sessions, staying, counts)
  const times = []
  for (let round = rounds(TIMED); round > 0; round--) {
    const time = await walk(sessions, staying, counts)
    if (time !== undefined) times.push(time)
  }
  const missed = misses() - before
  const asked = counts.atOnce + counts.promised
  return {
    sessions: staying.length,
    time: times.length === 0 ? undefined : summary(times),
    atOnce: counts.atOnce / asked,
    promised: (counts.promised - missed) / asked,
    missed: missed / asked,
  }
}

/** @returns the requests before the first batch in which a session is not held any more */
async function untilMissed(sessions, requests, counts, misses) {
  const before = misses()
  for (let from = 0; from < requests.length; from += BATCH) {
    const tried = { ...counts }
    await walk(sessions, requests.slice(from, from + BATCH), tried)
    if (misses() > before) return requests.slice(0, from)
    Object.assign(counts, tried)
  }
  return requests
}

/** @returns nanoseconds a hit, of the batches in which all answers came at once */
async function walk(sessions, requests, counts) {
  let time = 0
  let timed = 0
  for (let from = 0; from < requests.length; from += BATCH) {
    if (from > 0 && from % PAUSE_AFTER === 0) await sleep(PAUSE)
    const batch = requests.slice(from, from + BATCH)
    const promises = []
    const start = process.hrtime.bigint()
    for (const request of batch) {
      const answered = sessions.exchange({}, request)
      if (answered instanceof Promise) promises.push(answered)
      else answered.session.get('theme')
    }
    const passed = Number(process.hrtime.bigint() - start)
    counts.promised += promises.length
    counts.atOnce += batch.length - promises.length
    if (promises.length === 0) {
      time += passed
      timed += batch.length
    }
    await Promise.all(promises)
  }
  if (requests.length > BATCH) await sleep(PAUSE)
  return timed === 0 ? undefined : time / timed
}
