import { figure } from '../support/markdown.mjs'

// What is promised of the near cache, as figures of one run.
const OVERHEAD = 6
/** A Map with a response hook, where the bound above was set (3.9 µs over the 18.8 of node:http alone). */
const FLOOR = 3.9
const EXPRESS_PART = 12
const WRITE_PART = 0.6
const READ_COMMANDS = 0.02

const node = ['sojourn-node', 'node']
const fastify = ['sojourn-fastify', 'fastify']
const fastifyPair = [...fastify, 'fastify-session']
const expressPair = ['sojourn-express', 'express-session', 'express']
// What `overFloor` of the two is the difference to.
const expressFloors = [...expressPair, 'express-dictionary']
const SAME_MODE = 'over Express with objects in the same mode'

/**
 * @param rows as in the report
 * @param asked `rows` (ids) and `scenarios` (names) that the run was limited to; undefined: all
 * @returns `text` and `ok` of each promise; `ok` is null where the run was not asked for its figures
 */
export function checksOf(rows, asked = {}) {
  const of = (id, scenario) => rows.find((row) => row.id === id)?.figures[scenario]
  const isAsked = (scenario, ids) =>
    asked.scenarios?.includes(scenario) !== false &&
    ids.every((id) => asked.rows?.includes(id) !== false)
  const checks = []
  /** @param measure answers with what is shown and whether it is kept, as long as all is measured */
  const promise = (text, scenario, ids, measure) => {
    if (!isAsked(scenario, ids)) {
      checks.push({ text: `${text}: not asked for`, ok: null })
      return
    }
    const measured = measure()
    checks.push(
      measured === undefined
        ? { text: `${text}: not measured`, ok: false }
        : { text: `${text}: ${measured.shown}`, ok: measured.ok },
    )
  }
  const cost = (text, scenario, ids, key, bound) =>
    promise(text, scenario, ids, () => {
      const value = of(ids[0], scenario)?.[key]
      const most = bound((id) => of(id, scenario)?.[key])
      if (!isMeasured(value) || most === undefined) return undefined
      return { shown: `${spread(value)}, at most ${most.shown}`, ok: value.median <= most.value }
    })
  const commands = (id, scenario, key, shown, isKept) =>
    promise(`${scenario}, Redis commands, ${id}`, scenario, [id], () => {
      const value = of(id, scenario)?.commands?.[key]
      if (!Number.isFinite(value)) return undefined
      return { shown: `${shown(value)}`, ok: isKept(value) }
    })

  /** On a slower machine as many times its floor as on that one. */
  const overMap = (id) => (costOf) => {
    const floor = costOf(id)
    const share = OVERHEAD / FLOOR
    if (!isMeasured(floor) || floor.median <= FLOOR) {
      return { value: OVERHEAD, shown: `${figure(OVERHEAD, 2)} µs` }
    }
    const value = floor.median * share
    return {
      value,
      shown: `${figure(value, 2)}, ${figure(share, 2)} times the floor's ${spread(floor)}`,
    }
  }
  const partOf = (id, part, name) => (costOf) => {
    const peer = costOf(id)
    if (!isMeasured(peer)) return undefined
    const value = peer.median * part
    return { value, shown: `${figure(value, 2)}, ${name} of ${id}'s ${spread(peer)}` }
  }
  const twelfth = partOf('express-session', 1 / EXPRESS_PART, `1/${EXPRESS_PART}`)
  const sixty = (id) => partOf(id, WRITE_PART, `${WRITE_PART * 100} %`)

  cost('read, over node:http', 'read', node, 'overhead', overMap('map-node'))
  cost('read, over Fastify', 'read', fastify, 'overhead', overMap('map-fastify'))
  cost('read, over bare Express', 'read', expressPair, 'overhead', twelfth)
  cost(`read, ${SAME_MODE}`, 'read', expressFloors, 'overFloor', twelfth)
  for (const framework of ['node', 'express', 'fastify']) {
    const id = `sojourn-${framework}`
    commands(
      ...[id, 'read', 'all'],
      (value) => `${figure(value, 2)}, at most ${READ_COMMANDS}`,
      (value) => value <= READ_COMMANDS,
    )
    commands(
      ...[id, 'write', 'keyed'],
      (value) => `${value}, exactly 1`,
      (value) => value === 1,
    )
  }
  cost('write, over bare Express', 'write', expressPair, 'overhead', sixty('express-session'))
  cost(`write, ${SAME_MODE}`, 'write', expressFloors, 'overFloor', sixty('express-session'))
  cost('write, over Fastify', 'write', fastifyPair, 'overhead', sixty('fastify-session'))
  return checks
}

const isMeasured = (summary) => Number.isFinite(summary?.median)

/** The median, and between what the middle half of the rounds lay. */
const spread = ({ median, low, high }) =>
  `${figure(median, 2)} µs (${figure(low, 1)} to ${figure(high, 1)})`
