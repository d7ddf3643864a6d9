import type { FleetServer } from '../../engines/redis/fleet.ts'
import { LOOKER } from '../../engines/redis/options.ts'

/**
 * Connections of this library at a server, by its version: of each wire it is told by CLIENT SETINFO, which servers know from
 * Redis 7.2 on. Those who only look, as that which asks, are none of them. @throws StoreRefusedError
 */
export async function librariesOf(server: FleetServer): Promise<ReadonlyMap<string, number>> {
  const list = String(await server.ask(['CLIENT', 'LIST', 'TYPE', 'normal']))
  const versions = new Map<string, number>()
  for (const line of list.split('\n')) {
    const version = / lib-name=sojourn lib-ver=(\S+)/.exec(line)?.[1]
    if (version === undefined || / name=(\S*)/.exec(line)?.[1]?.endsWith(LOOKER)) continue
    versions.set(version, (versions.get(version) ?? 0) + 1)
  }
  return versions
}
