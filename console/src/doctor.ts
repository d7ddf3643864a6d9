import type { DoctorAnswer } from '../../src/operations/console/api.ts'
import type { Finding, Severity } from '../../src/operations/doctor/finding.ts'
import { list } from './format.ts'

export const severities: readonly Severity[] = ['error', 'warn', 'unknown', 'info']

export interface Found {
  readonly id: string
  readonly group: string
  readonly finding: Finding
}

/** All findings, worst first. */
function findingsOf({ examination }: DoctorAnswer): Found[] {
  return examination.results
    .flatMap(({ id, group, findings }) => findings.map((finding) => ({ id, group, finding })))
    .sort((a, b) => severities.indexOf(a.finding.severity) - severities.indexOf(b.finding.severity))
}

/** Those worth a place on the first page. */
export const topFindings = (answer: DoctorAnswer, most: number): Found[] =>
  findingsOf(answer)
    .filter(({ finding }) => finding.severity === 'error' || finding.severity === 'warn')
    .slice(0, most)

/** With where, up to three of the servers. */
export const seenAt = ({ seen, servers }: Finding): string =>
  servers.length === 0 ? seen : `${seen}, at ${list(servers.slice(0, 3))}`

const COMMAND = /^(?:redis-cli|sysctl|sojourn|npx sojourn) [^`<>…]+$/

/** What of a remedy can be run as it is; the rest is for people, and its backticks would run in a shell. */
export function commandIn(line: string): string | undefined {
  return [line, ...line.split('`').filter((_, i) => i % 2 === 1)].find((part) => COMMAND.test(part))
}
