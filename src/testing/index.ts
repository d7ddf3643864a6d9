export type { EngineCase, EngineHarness } from './engine-case.ts'
export { engineSuite } from './engine-suite.ts'
export { type ManualClock, manualClock } from './manual-clock.ts'
export {
  type TestPrincipal,
  testDescriptor,
  testId,
  testPrincipal,
  testRecord,
  testTrail,
} from './test-records.ts'
