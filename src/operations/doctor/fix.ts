import { isSojournError } from '../../core/errors.ts'
import { linesOf } from '../../engines/redis/fields.ts'
import { type FleetServer, findFleet } from '../../engines/redis/fleet.ts'
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

const NO_FILE = 'it was started without a file, so CONFIG REWRITE cannot keep it'

async function hasNoFile(server: FleetServer): Promise<boolean> {
  try {
    return linesOf(await server.ask(['INFO', 'server'])).get('config_file') === ''
  } catch (error) {
    if (!isSojournError(error)) throw error
    return false
  }
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
        const problem = isSet && (await hasNoFile(server)) ? NO_FILE : error.message
        applied.push({ server: server.name, isSet, isKept: false, problem })
      }
    }
    return applied
  } finally {
    fleet.close()
  }
}
