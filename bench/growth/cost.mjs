/** Whether the machine has kept up with what was asked of it; a point where it has not says nothing. */
const isSteady = ({ asked, writes }) => writes >= asked * 0.9

/**
 * What the points say a write costs, as `writes · (perWrite + perHolder · (nodes - 1))` over the idle
 * server, by least squares: every other node holds every session.
 * @returns `cpu` in microseconds of the server's time, `bytes` that it sends; `perNode` each second
 */
export function fitCost(points) {
  const steady = points.filter(isSteady)
  const of = (value) => {
    const perNode = slope(
      steady.filter(({ writes }) => writes === 0).map((point) => [point.nodes, value(point)]),
    )
    const idle = (nodes) =>
      value(steady.find((point) => point.nodes === nodes && point.writes === 0))
    const busy = steady
      .filter(({ writes }) => writes > 0)
      .map((point) => ({
        a: point.writes,
        b: point.writes * (point.nodes - 1),
        y: value(point) - idle(point.nodes),
      }))
    return { perNode, ...solve(busy) }
  }
  return { cpu: of(({ redisCpu }) => redisCpu * 1e6), bytes: of(({ bytesOut }) => bytesOut) }
}

function slope(points) {
  const mean = (i) => points.reduce((sum, point) => sum + point[i], 0) / points.length
  const [x, y] = [mean(0), mean(1)]
  const above = points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0)
  return above / points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
}

/** The two factors of `y = perWrite · a + perHolder · b`. */
function solve(rows) {
  const sum = (f) => rows.reduce((total, row) => total + f(row), 0)
  const aa = sum(({ a }) => a * a)
  const ab = sum(({ a, b }) => a * b)
  const bb = sum(({ b }) => b * b)
  const ay = sum(({ a, y }) => a * y)
  const by = sum(({ b, y }) => b * y)
  const determinant = aa * bb - ab * ab
  return {
    perWrite: (ay * bb - by * ab) / determinant,
    perHolder: (by * aa - ay * ab) / determinant,
  }
}
