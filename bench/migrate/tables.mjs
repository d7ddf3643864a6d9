import { figure } from '../support/markdown.mjs'

/** Changes with the report. */
export const FORMAT = 1

export function tables(report) {
  const { counts, problems, tool, atCopy } = report
  const seconds = (ms) => `${figure(ms / 1_000, 1)} s`
  const wrong = (key) => figure(problems.from[key] + problems.to[key])
  return [
    {
      title: `Moving ${figure(report.sessions)} sessions under load`,
      head: ['', ''],
      rows: [
        ['copied within', seconds(report.copied)],
        ['beside requests', figure(atCopy.requests)],
        ['memory of the tool, at most', `${figure(report.peak)} MB`],
        ['requests in all, nodes moving over, back and over', figure(counts.requests)],
        ['increments, each of them checked', figure(counts.increments)],
        [
          'signed in, signed out meanwhile',
          `${figure(counts.signIns)}, ${figure(counts.signOuts)}`,
        ],
        ['requests that failed', figure(counts.failed)],
        ['compared at the end, within', `${figure(tool.compared)}, ${seconds(report.ended)}`],
        ['differ', figure(tool.differing?.length)],
        ['changed on both sides at once', figure(tool.conflicts)],
        [
          '**lost**: requests told that nobody is signed in; sessions missing on either side',
          `${figure(report.lostDuring)}; ${wrong('lost')}`,
        ],
        ['**undone**: signed out, and there on either side', wrong('undone')],
        ['increments lost, on either side', wrong('increments')],
      ],
      note: report.setting,
    },
  ]
}
