/** What doctor says of real servers. */
import type { RedisSource } from '../../../src/engines/redis/options.ts'
import { type Examination, examine } from '../../../src/operations/doctor/examine.ts'
import type { GatherOptions } from '../../../src/operations/doctor/facts.ts'
import type { Finding } from '../../../src/operations/doctor/finding.ts'

/** Milliseconds. */
export const WINDOW = 100

export const look = (
  redis: RedisSource,
  options: Partial<GatherOptions> = {},
): Promise<Examination> =>
  examine(redis, {
    ...{ prefix: 'sj', expiry: 'off', durable: false, window: WINDOW, commandTimeout: 5_000 },
    ...options,
  })

/** By one rule. */
export async function found(
  id: string,
  redis: RedisSource,
  options: Partial<GatherOptions> = {},
): Promise<readonly Finding[]> {
  const { results } = await look(redis, options)
  const result = results.find((each) => each.id === id)
  if (result === undefined) throw new Error(`there is no rule ${id}`)
  return result.findings
}
