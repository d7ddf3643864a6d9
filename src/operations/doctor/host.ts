import { readFileSync } from 'node:fs'
import type { RedisTarget } from '../../engines/redis/options.ts'

/** What the machine is set to, where the server runs on this one. */
export interface Host {
  /** `always`, `madvise` or `never`; absent where there is none. */
  readonly transparentHugePages: string | undefined
  /** 0, 1 or 2. */
  readonly overcommitMemory: number | undefined
  /** Bytes, of the machine, or of the control group that the server is in where that has fewer; absent where that is not told. */
  readonly memory: number | undefined
}

export const LOOPBACK: RegExp = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/

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
  return {
    transparentHugePages: /\[(\w+)\]/.exec(
      read('/sys/kernel/mm/transparent_hugepage/enabled') ?? '',
    )?.[1],
    overcommitMemory: overcommit === undefined ? undefined : Number(overcommit),
    memory: memoryOf(Number(pid), read),
  }
}

/** A container's server sees the machine's memory, and is ended at that of its control group (docs.kernel.org, cgroup-v2 and v1). */
function memoryOf(pid: number, read: Read): number | undefined {
  const kilobytes = /^MemTotal:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '')?.[1]
  const groups = read(`/proc/${pid}/cgroup`)
  if (kilobytes === undefined || groups === undefined) return undefined
  const limits = groups.split('\n').flatMap((line) => {
    const [, kind, path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (kind === '') return limitsAt('/sys/fs/cgroup', path, 'memory.max', read)
    if (kind?.split(',').includes('memory') !== true) return []
    return limitsAt('/sys/fs/cgroup/memory', path, 'memory.limit_in_bytes', read)
  })
  return Math.min(Number(kilobytes) * 1_024, ...limits)
}

/** Of a control group and of those that it is in. `max` is none; a group that is mounted as the root is found there. */
function limitsAt(root: string, path: string, file: string, read: Read): number[] {
  const names = path.split('/').filter((name) => name !== '')
  return [names.length, ...names.keys()].flatMap((count) => {
    const text = read([root, ...names.slice(0, count), file].join('/'))?.trim() ?? ''
    return /^\d+$/.test(text) ? [Number(text)] : []
  })
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
