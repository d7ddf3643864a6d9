import { figure } from '../support/markdown.mjs'

/** @param report what `npm run bench:micro -- --json FILE` writes */
export function tables({ results, setting }) {
  const groups = [...new Set(results.map(({ group }) => group))]
  return groups.map((group, i) => {
    const own = results.filter((result) => result.group === group)
    const withServer = own.some(({ server }) => server !== undefined)
    return {
      title: group[0].toUpperCase() + group.slice(1),
      head: ['what', 'µs', 'p99', 'fastest', ...(withServer ? ["server's own"] : [])],
      rows: own.map(({ name, p50, p99, min, server }) => [
        name,
        ...[p50, p99, min].map((ns) => figure(ns / 1_000, 2)),
        ...(withServer ? [figure(server === undefined ? undefined : server / 1_000, 2)] : []),
      ]),
      note: i === groups.length - 1 ? setting : undefined,
    }
  })
}
