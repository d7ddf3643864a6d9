import { summary } from '../support/statistics.mjs'

/** What reading more and more sessions leaves in a node, and what a hit then takes. */
export async function measureMemory({ startNode, file, sizes, say }) {
  const points = []
  for (const sessions of sizes) {
    const node = await startNode()
    const left = await node.ask('readAll', { file, count: sessions })
    const hit = summary(await node.ask('hitTime', { file, count: sessions }))
    await node.kill()
    points.push({ sessions, hit, ...left })
    say(`${sessions} sessions read: ${Math.round(left.rss / 1e6)} MB`)
  }
  return points
}
