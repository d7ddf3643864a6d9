import type { EngineCase } from './engine-case.ts'
import { auditCases } from './engine-cases/audits.ts'
import { expiryCases } from './engine-cases/expiry.ts'
import { insightCases } from './engine-cases/insights.ts'
import { limitCases } from './engine-cases/limits.ts'
import { listingCases } from './engine-cases/listing.ts'
import { nearReadCases } from './engine-cases/near-reads.ts'
import { permitCases } from './engine-cases/permits.ts'
import { principalCases } from './engine-cases/principals.ts'
import { racingCases } from './engine-cases/racing.ts'
import { rotatingCases } from './engine-cases/rotating.ts'
import { servingCases } from './engine-cases/serving.ts'
import { storingCases } from './engine-cases/storing.ts'
import { writingCases } from './engine-cases/writing.ts'

/**
 * What every engine must do, whatever it stores in: the promises of `Engine`, one case each or a few.
 * Runs in any test runner; each case wants a harness of its own, because some close the engine:
 *
 * ```ts
 * for (const { title, run } of engineSuite()) {
 *   test(title, async () => {
 *     const clock = manualClock()
 *     const engine = myEngine({ clock })
 *     await run({ engine, second: engine, advance: async (ms) => clock.advance(ms) })
 *     await engine.close()
 *   })
 * }
 * ```
 *
 * Ids and principals are random, so cases may share a storage with each other and with more.
 */
export function engineSuite(): EngineCase[] {
  return [
    ...storingCases,
    ...writingCases,
    ...rotatingCases,
    ...principalCases,
    ...limitCases,
    ...racingCases,
    ...servingCases,
    ...nearReadCases,
    ...auditCases,
    ...insightCases,
    ...permitCases,
    ...listingCases,
    ...expiryCases,
  ]
}
