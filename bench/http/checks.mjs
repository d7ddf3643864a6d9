// What is promised of the near cache, as figures of one run.
const OVERHEAD = 6
const EXPRESS_PART = 1 / 12
const WRITE_PART = 0.6
const READ_COMMANDS = 0.02

/** @returns `text` and `ok` of each promise whose rows were measured */
export function checksOf(rows) {
  const find = (id, scenario) => rows.find((row) => row.id === id)?.figures[scenario]
  const overhead = (id, scenario) => find(id, scenario)?.overhead.median
  const checks = []
  const atMost = (text, value, bound, unit) => {
    if (value === undefined || Number.isNaN(bound)) return
    const shown = `${value.toFixed(2)}${unit}, at most ${bound.toFixed(2)}${unit}`
    checks.push({ text: `${text}: ${shown}`, ok: value <= bound })
  }

  for (const [id, name] of [
    ['sojourn-node', 'node:http'],
    ['sojourn-fastify', 'Fastify'],
  ]) {
    atMost(`read, overhead on ${name}`, overhead(id, 'read'), OVERHEAD, ' µs')
  }
  atMost(
    `read, overhead on Express, a twelfth of express-session's`,
    overhead('sojourn-express', 'read'),
    overhead('express-session', 'read') * EXPRESS_PART,
    ' µs',
  )
  for (const framework of ['node', 'express', 'fastify']) {
    const id = `sojourn-${framework}`
    atMost(`read, Redis commands, ${id}`, find(id, 'read')?.commands.all, READ_COMMANDS, '')
    const keyed = find(id, 'write')?.commands.keyed
    if (keyed === undefined) continue
    checks.push({ text: `write, Redis commands, ${id}: ${keyed}, exactly 1`, ok: keyed === 1 })
  }
  for (const [id, peer] of [
    ['sojourn-express', 'express-session'],
    ['sojourn-fastify', 'fastify-session'],
  ]) {
    atMost(
      `write, overhead, 60 % of ${peer}'s`,
      overhead(id, 'write'),
      overhead(peer, 'write') * WRITE_PART,
      ' µs',
    )
  }
  return checks
}
