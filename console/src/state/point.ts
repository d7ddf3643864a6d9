import type { HistoryPoint, Snapshot } from '../../../src/operations/console/api.ts'

const sum = (rates: Readonly<Record<string, number>> | undefined): number | undefined =>
  rates === undefined ? undefined : Object.values(rates).reduce((total, rate) => total + rate, 0)

/** Of what each request begins with. */
export const loadP99 = ({ application }: Snapshot): number | undefined =>
  application?.operations.find(({ name }) => name === 'load')?.p99

export function hitRate({ application }: Snapshot): number | undefined {
  const cache = application?.cache
  if (cache === undefined) return undefined
  const all = cache.hitsPerSecond + cache.missesPerSecond
  return all === 0 ? undefined : cache.hitsPerSecond / all
}

/** The server makes its history in the same way. */
export function pointOf(look: Snapshot): HistoryPoint {
  const primaries = look.servers.filter(({ role }) => role === 'primary')
  const total = (key: 'usedMemory' | 'opsPerSecond'): number | undefined => {
    const known = primaries.flatMap((server) => (server[key] === undefined ? [] : [server[key]]))
    return known.length === 0 ? undefined : known.reduce((all, value) => all + value, 0)
  }
  return {
    at: look.at,
    active: look.sessions.active,
    createdPerSecond: sum(look.application?.created),
    endedPerSecond: sum(look.application?.ended),
    rejectedPerSecond: sum(look.application?.rejected),
    hitRate: hitRate(look),
    p99: loadP99(look),
    usedMemory: total('usedMemory'),
    opsPerSecond: total('opsPerSecond'),
  }
}
