import { figure } from '../support/markdown.mjs'

/** @param report what `npm run bench:staleness -- --json FILE` writes */
export function tables({ results, setting }) {
  return [
    {
      title: 'From "revoked" on one node to "refused" on the other',
      head: [
        'what happens',
        'revocations',
        'refused: p50 ms',
        'p99',
        'latest',
        'last hit: latest ms',
        'hits after the bound',
      ],
      rows: results.map(({ name, count, refused, lastHit, late }) => [
        name,
        figure(count),
        ...[refused?.p50, refused?.p99, refused?.max].map((ms) => figure(ms, 2)),
        figure(lastHit, 1),
        figure(late),
      ]),
      note: setting,
    },
  ]
}
