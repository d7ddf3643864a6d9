import type { Snapshot } from '../../src/operations/console/api.ts'

/** Why nothing of the applications is shown, shortly. */
export function noReports({ reports, nodes }: Snapshot): string {
  if (reports === 'refused') return 'reports may not be heard'
  return reports === 'awaited' || nodes.length > 0 ? 'listening …' : 'no application reports'
}

/** What lets the console's user hear them. */
export const toHear = (prefix: string): string =>
  `The console's Redis user may not subscribe to ${prefix}:reports. One that may is made by`
