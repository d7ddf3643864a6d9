import { figure } from '../support/markdown.mjs'

/** Changes with the report. */
export const FORMAT = 1

export function tables(report) {
  const { byName, errors, sessions, expired, redis, node } = report
  const sum = (...names) => names.reduce((total, name) => total + (byName[name] ?? 0), 0)
  const answered = (code) => figure(errors[`ERR_SOJOURN_${code}`] ?? 0)
  const ended = (how) => figure(sessions.ended[how] ?? 0)
  const seconds = (ms) => `${figure(ms / 1_000, 1)} s`
  const megabytes = (...values) => values.map((value) => figure(value, 1)).join(', ')
  return [
    {
      title: `A soak of ${figure(report.operations)} operations in ${seconds(report.loadMs)}`,
      head: ['what was done', 'times'],
      rows: [
        ['sign-ins', figure(sum('login'))],
        ['of them refused by a limit', answered('SESSION_LIMIT')],
        ['sessions of nobody', figure(sum('visit'))],
        ['reads, writes', figure(sum('read', 'write'))],
        ['`rotate`, `stepUp`, `setLifetime`', figure(sum('rotate', 'stepUp', 'lifetime'))],
        ['signed out, `revoke`', figure(sum('logout', 'revoke'))],
        ['`revokeAll`, `revokeOthers`', figure(sum('revokeAll', 'revokeOthers'))],
        ['`list`, `set` for all', figure(sum('list', 'roles'))],
        ['tokens of ended sessions tried', figure(sum('ghost'))],
        ['processes killed', figure(report.kills)],
        ['connections cut', figure(report.cuts)],
        ['operations without an answer', figure(report.unknown)],
      ],
    },
    {
      title: 'What became of the session ids',
      head: ['', 'ids'],
      rows: [
        ['known to their clients', figure(sessions.known)],
        ['rotated', ended('rotated')],
        ['replaced by the next login', figure(sessions.replaced)],
        ['signed out', ended('signed out')],
        ['revoked', ended('revoked')],
        ['evicted', ended('evicted')],
        ['expired, and told', figure(sessions.expired)],
        ['expired, and not told', figure(sessions.untold)],
        ['ended by what was under way in a crash', figure(sessions.doubtful)],
        ['`expired` events', figure(expired.told)],
        ['the same session again', figure(expired.duplicates)],
        ['of sign-ins whose answer was lost', figure(expired.strangers)],
        ['`token-reuse` events', figure(report.reuses)],
      ],
    },
    {
      title: 'What was looked at, and what is left',
      head: ['', ''],
      rows: [
        ['scans of the whole keyspace', figure(report.scans)],
        ['users compared with their limit', figure(report.samples)],
        ['longest an expired session was seen to wait under load', seconds(expired.latestMs)],
        ['all had expired and was told after', seconds(report.settleMs)],
        [
          'Redis MB before, at its peak, after',
          megabytes(redis.baselineMB, redis.peakMB, redis.finalMB),
        ],
        ['names that its tracking table keeps', figure(redis.tracked)],
        ['a node that ran all the time: heap MB by quarters', megabytes(...node.heaps)],
        ['the same: highest RSS MB', megabytes(node.peakRss)],
        ['wrong', figure(report.problems.length)],
      ],
      note: `${report.setting} Seed ${report.seed}.`,
    },
  ]
}
