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
