/** What reading more and more sessions leaves in a node, and how those that it holds are then answered. */
export async function measureMemory({ startNode, file, sizes, say }) {
  const points = []
  for (const sessions of sizes) {
    const node = await startNode()
    const left = await node.ask('readAll', { file, count: sessions })
    const hits = await node.ask('hits', { file, count: sessions })
    await node.kill()
    points.push({ sessions, hits, ...left })
    say(`${sessions} sessions read: ${Math.round(left.rss / 1e6)} MB`)
  }
  return points
}
