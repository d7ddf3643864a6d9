import { setTimeout as sleep } from 'node:timers/promises'
import { unreachableError } from '../../engines/redis/errors.ts'
import { nameOf } from '../../engines/redis/fleet.ts'
import {
  type RedisPlan,
  type RedisSource,
  type RedisTarget,
  redisPlan,
} from '../../engines/redis/options.ts'
import { Wire } from '../../engines/redis/wire.ts'

/** What has come to nothing by then is left to whoever connects for good, with a patience of their own. Milliseconds. */
const PATIENCE = 1_000
/** Another attempt may do. */
const PASSING = new Set(['EAI_AGAIN', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])

/**
 * For tools that somebody waits for: whether there is something to connect to. Applications try again and again; a person
 * wants to be told at once that nothing listens there.
 * @throws OptionError; StoreUnavailableError where it is no use to wait, at any of the addresses
 */
export async function requireListener(redis: RedisSource): Promise<void> {
  const targets = targetsOf(redisPlan(redis))
  try {
    await Promise.any(targets.map(attempt))
  } catch (error) {
    const [problem] = (error as AggregateError).errors
    const names = targets.map(({ address }) => nameOf(address))
    throw unreachableError(problem, `connect to ${names.join(', ')}`)
  }
}

function targetsOf(plan: RedisPlan): RedisTarget[] {
  if (plan.kind === 'single') return [plan.target]
  const [addresses, login] =
    plan.kind === 'sentinel'
      ? [plan.plan.sentinels, plan.plan.atSentinels]
      : [plan.plan.nodes, plan.plan.servers]
  return addresses.map((address) => ({ ...login, address }))
}

/** With the whole introduction: servers note in their log whoever ends it midway. */
async function attempt(target: RedisTarget): Promise<void> {
  const wire = new Wire(target)
  try {
    await Promise.race([wire.connect(), sleep(PATIENCE, undefined, { ref: false })])
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // What the server itself has answered has no code: it is there.
    if (code !== undefined && !PASSING.has(code)) throw error
  } finally {
    wire.destroy()
  }
}
