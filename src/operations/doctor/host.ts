import { readFileSync } from 'node:fs'
import type { RedisTarget } from '../../engines/redis/options.ts'

/** What the machine is set to, where the server runs on this one. */
export interface Host {
  /** `always`, `madvise` or `never`; absent where there is none. */
  readonly transparentHugePages: string | undefined
  /** 0, 1 or 2. */
  readonly overcommitMemory: number | undefined
  /** Bytes. */
  readonly memory: number | undefined
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/

type Read = (path: string) => string | undefined

/**
 * @param pid as the server tells it: a tunnel leads to a server that is not here, and a container's has another
 * @returns nothing where it runs elsewhere, or where that is in doubt
 */
export function readHost(
  address: RedisTarget['address'],
  pid: string | undefined,
  read: Read = readText,
): Host | undefined {
  if (!('path' in address) && !LOOPBACK.test(address.host)) return undefined
  const name = pid === undefined ? undefined : read(`/proc/${pid}/comm`)
  if (name === undefined || !/redis|valkey|memory|keydb/i.test(name)) return undefined
  const overcommit = read('/proc/sys/vm/overcommit_memory')?.trim()
  const kilobytes = /^MemTotal:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '')?.[1]
  return {
    transparentHugePages: /\[(\w+)\]/.exec(
      read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '',
    )?.[1],
    overcommitMemory: overcommit === undefined ? undefined : Number(overcommit),
    memory: kilobytes === undefined ? undefined : Number(kilobytes) * 1_024,
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
