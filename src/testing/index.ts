export type { EngineCase, EngineHarness } from './engine-case.ts'
export { engineSuite } from './engine-suite.ts'
export { type ManualClock, manualClock } from './manual-clock.ts'
export {
  type TestDescriptorOptions,
  type TestPrincipal,
  testDescriptor,
  testForward,
  testId,
  testPrincipal,
  testRecord,
  testTrail,
} from './test-records.ts'
