import { isSojournError } from '../../core/errors.ts'
import { findFleet } from '../../engines/redis/fleet.ts'
import type { RedisSource } from '../../engines/redis/options.ts'
import type { Finding } from './finding.ts'

export interface Applied {
  readonly server: string
  /** Whether the server uses it now. */
  readonly isSet: boolean
  /** Whether it also outlasts a restart. */
  readonly isKept: boolean
  /** Why not. */
  readonly problem: string | undefined
}

/**
 * Changes the setting of a finding on the servers that it was seen at, by CONFIG SET and CONFIG REWRITE.
 * @throws as `examine`
 */
export async function applyFix(
  redis: RedisSource,
  { setting, servers }: Finding,
  commandTimeout: number,
): Promise<Applied[]> {
  if (setting === undefined) return []
  const fleet = await findFleet(redis, { commandTimeout })
  try {
    const applied: Applied[] = []
    for (const server of fleet.servers.filter(({ name }) => servers.includes(name))) {
      let isSet = false
      try {
        await server.ask(['CONFIG', 'SET', setting.name, setting.value])
        isSet = true
        await server.ask(['CONFIG', 'REWRITE'])
        applied.push({ server: server.name, isSet, isKept: true, problem: undefined })
      } catch (error) {
        if (!isSojournError(error)) throw error
        applied.push({ server: server.name, isSet, isKept: false, problem: error.message })
      }
    }
    return applied
  } finally {
    fleet.close()
  }
}
