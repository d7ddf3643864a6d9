// Draws what `npm run bench:growth -- --json FILE` has written: `node bench/chart.mjs FILE docs/growth.svg`.
import { readFileSync, writeFileSync } from 'node:fs'
import { FORMAT } from './growth/tables.mjs'
import { plot } from './support/plot.mjs'

const [from, to] = process.argv.slice(2)
if (to === undefined) {
  console.error('usage: node bench/chart.mjs FILE.json FILE.svg')
  process.exit(1)
}
const { format, memory, fleet } = JSON.parse(readFileSync(from, 'utf8'))
if (format !== FORMAT) {
  throw new Error(`${from} was written by another version of the benchmark: measure again`)
}

const sessions = { label: 'distinct sessions that the node has read', log: true }
const writes = { label: 'writes a second, of all nodes together' }
const perSession = (name, value) => ({
  name,
  points: memory.map((point) => [point.sessions, value(point)]),
})
// Of a node that answers hardly any at once there is no time.
const timed = perSession('median', ({ hits }) => hits.time && hits.time.median / 1e3)
const perFleet = (value) =>
  [...new Set(fleet.map(({ nodes }) => nodes))].map((nodes) => ({
    name: nodes === 1 ? '1 node' : `${nodes} nodes`,
    points: fleet
      .filter((point) => point.nodes === nodes)
      .map((point) => [point.writes, value(point)]),
  }))

const panels = [
  {
    title: 'Memory of one node',
    x: sessions,
    y: { label: 'MB' },
    lines: [
      perSession('heap, after a collection', ({ heapUsed }) => heapUsed / 1e6),
      perSession('resident', ({ rss }) => rss / 1e6),
    ],
  },
  {
    title: 'A hit of the near cache',
    x: sessions,
    y: { label: 'µs from the cookie to an attribute' },
    lines: [{ ...timed, points: timed.points.filter(([, value]) => value !== undefined) }],
  },
  {
    title: 'Invalidations, every node holding every session',
    x: writes,
    y: { label: 'pushes a second' },
    lines: perFleet(({ pushes }) => pushes),
  },
  {
    title: "Redis' time, every node holding every session",
    x: writes,
    y: { label: '% of one core' },
    lines: perFleet(({ redisCpu }) => redisCpu * 100),
  },
]
writeFileSync(to, plot(panels))
