import type { HistoryEntry } from '../../src/operations/console/api.ts'
import type { Mark } from './parts/badge.tsx'

export interface Told {
  readonly mark: Mark
  readonly principal: string | undefined
  readonly id: string | undefined
  /** What else it carries, for people. */
  readonly rest: string
}

const marks: Readonly<Record<string, Mark>> = {
  login: 'ok',
  'step-up': 'ok',
  logout: 'info',
  expired: 'info',
  revoked: 'revoked',
  evicted: 'revoked',
  operator: 'revoked',
  rejected: 'warn',
  anomaly: 'warn',
  dropped: 'warn',
  uncertain: 'warn',
  outage: 'error',
  error: 'error',
  'token-reuse': 'error',
}

const names: Readonly<Record<string, string>> = {
  previousId: 'before',
  formerId: 'former',
}

export function tell(entry: HistoryEntry): Told {
  const mark = marks[entry.event] ?? 'info'
  if (entry.unreadable) {
    return {
      mark: 'unknown',
      principal: undefined,
      id: undefined,
      rest: 'sealed with other secrets',
    }
  }
  // Events are told of here that this page does not know yet.
  const { id, principal, ...others } = entry.details as Record<string, unknown>
  const rest = Object.entries(others)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${names[name] ?? name} ${textOf(value)}`)
    .join(' · ')
  return { mark, principal: asText(principal), id: asText(id), rest }
}

const asText = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

const textOf = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : Array.isArray(value)
      ? value.map(textOf).join(', ')
      : JSON.stringify(value)

/** What a filter looks into. */
export const searchText = (entry: HistoryEntry): string =>
  `${entry.event} ${entry.unreadable ? '' : JSON.stringify(Object.values(entry.details))}`.toLowerCase()
