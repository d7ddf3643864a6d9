import { type Signal, signal } from '@preact/signals'
import type { DoctorAnswer } from '../../../src/operations/console/api.ts'
import { asProblem, call, type Problem } from './api.ts'
import { now } from './clock.ts'

export interface ExaminationState {
  readonly answer: DoctorAnswer | undefined
  readonly problem: Problem | undefined
  readonly busy: boolean
}

/** What doctor has found last: the same for all views. */
export const examination: Signal<ExaminationState> = signal({
  answer: undefined,
  problem: undefined,
  busy: false,
})

/** So long it is told again, as the server does. */
const KEPT = 60_000

/** Looks, if nobody has for a minute. */
export async function beExamined(): Promise<void> {
  const { answer } = examination.peek()
  if (answer !== undefined && now.peek() - answer.at < KEPT) return
  await ask(async () => (await call<DoctorAnswer | null>('doctor')) ?? call('doctor', { body: {} }))
}

/** Looks anew. */
export const examineAgain = (): Promise<void> =>
  ask(() => call<DoctorAnswer>('doctor', { body: {} }))

async function ask(question: () => Promise<DoctorAnswer>): Promise<void> {
  const { answer, busy } = examination.peek()
  if (busy) return
  examination.value = { answer, problem: undefined, busy: true }
  try {
    examination.value = { answer: await question(), problem: undefined, busy: false }
  } catch (error) {
    examination.value = { answer, problem: asProblem(error), busy: false }
  }
}
