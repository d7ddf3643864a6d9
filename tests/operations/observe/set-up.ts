/** Servers, applications and observers that end with the test. */
import { afterEach } from 'vitest'
import type { Sessions } from '../../../src/core/sessions.ts'
import { createSessions } from '../../../src/create-sessions.ts'
import { Observer, type ObserverOptions } from '../../../src/operations/observe/observer.ts'
import type { Snapshot } from '../../../src/operations/observe/snapshot.ts'
import {
  type RedisServer,
  type RedisServerOptions,
  startRedis,
} from '../../support/redis-server.ts'
import { SECRET } from '../../support/requests.ts'
import { until } from '../../support/until.ts'

export const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

export async function start(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  ends.push(() => server.stop())
  return server
}

export function open(options: Parameters<typeof createSessions>[0]): Sessions {
  const sessions = createSessions({ secrets: [SECRET], ...options })
  ends.push(() => sessions.close())
  return sessions
}

export function observe(
  redis: ObserverOptions['redis'],
  options: Partial<ObserverOptions> = {},
): Observer {
  const observer = new Observer({ redis, prefix: 'sj', interval: 100, ...options })
  ends.push(() => observer.close())
  return observer
}

/** The last snapshot that is so. */
export async function seen(
  observer: Observer,
  isSo: (snapshot: Snapshot) => boolean,
): Promise<Snapshot> {
  const end = observer.watch({ seen: () => undefined })
  await until(async () => observer.last !== undefined && isSo(observer.last))
  end()
  return observer.last as Snapshot
}
