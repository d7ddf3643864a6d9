// What writes cost the server and the other nodes, where every node holds every session.
const SESSIONS = 500

export async function measureFleet({ startNode, redis, file, fleets, rates, ms, say }) {
  const points = []
  for (const nodes of fleets) {
    const fleet = await Promise.all(Array.from({ length: nodes }, startNode))
    await Promise.all(fleet.map((node) => node.ask('readAll', { file, count: SESSIONS })))
    for (const writesPerSecond of rates) {
      points.push(await measurePoint({ fleet, redis, file, writesPerSecond, ms }))
    }
    await Promise.all(fleet.map((node) => node.kill()))
    say(`${nodes} nodes: done`)
  }
  return points
}

async function measurePoint({ fleet, redis, file, writesPerSecond, ms }) {
  const nodes = fleet.length
  const before = await countersOf(fleet, redis)
  const done = await Promise.all(
    fleet.map((child, node) =>
      child.ask('traffic', {
        ...{ file, count: SESSIONS, ms, node, nodes },
        writesPerSecond: writesPerSecond / nodes,
      }),
    ),
  )
  const after = await countersOf(fleet, redis)
  const perSecond = (key) => ((after[key] - before[key]) * 1_000) / (after.at - before.at)
  const total = (key) => done.reduce((sum, one) => sum + one[key], 0)
  return {
    nodes,
    asked: writesPerSecond,
    writes: (total('writes') * 1_000) / (after.at - before.at),
    reads: (total('reads') * 1_000) / (after.at - before.at),
    pushes: perSecond('invalidations'),
    misses: perSecond('misses'),
    bytesOut: perSecond('bytesOut'),
    /** Of one core. */
    redisCpu: perSecond('cpu') / 1e6,
  }
}

async function countersOf(fleet, redis) {
  const info = String(await redis.command('INFO', 'everything'))
  const of = (key) => Number(new RegExp(`^${key}:([\\d.]+)`, 'm').exec(info)[1])
  const stats = await Promise.all(fleet.map((node) => node.ask('stats')))
  const sum = (key) => stats.reduce((total, one) => total + one[key], 0)
  return {
    at: performance.now(),
    cpu: (of('used_cpu_user') + of('used_cpu_sys')) * 1e6,
    bytesOut: of('total_net_output_bytes'),
    invalidations: sum('invalidations'),
    misses: sum('misses'),
  }
}

/** Whether the machine has kept up with what was asked of it; a point where it has not says nothing. */
const isSteady = ({ asked, writes }) => writes >= asked * 0.9

/**
 * The server's time as `perNode · nodes + writes · (perWrite + perHolder · (nodes - 1))`, by least squares.
 * @returns microseconds: of a second for each node, of a write, and of each further holder of the session
 */
export function fitCost(points) {
  const steady = points.filter(isSteady)
  const rows = steady.map(({ nodes, writes }) => [nodes, writes, writes * (nodes - 1)])
  const values = steady.map(({ redisCpu }) => redisCpu * 1e6)
  const normal = [0, 1, 2].map((i) => [
    ...[0, 1, 2].map((j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)),
    rows.reduce((sum, row, k) => sum + row[i] * values[k], 0),
  ])
  const [perNode, perWrite, perHolder] = solve(normal)
  return { perNode, perWrite, perHolder }
}

/** Gauss-Jordan, with the right side as last column. */
function solve(matrix) {
  const rows = matrix.map((row) => [...row])
  for (let i = 0; i < rows.length; i++) {
    const pivot = rows.slice(i).reduce((a, b) => (Math.abs(b[i]) > Math.abs(a[i]) ? b : a))
    rows.splice(rows.indexOf(pivot), 1)
    rows.splice(i, 0, pivot)
    for (const row of rows) {
      if (row === pivot) continue
      const factor = row[i] / pivot[i]
      for (let j = i; j < row.length; j++) row[j] -= factor * pivot[j]
    }
  }
  return rows.map((row, i) => row.at(-1) / row[i])
}
