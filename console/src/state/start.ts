import { type Signal, signal } from '@preact/signals'
import type { About } from '../../../src/operations/console/api.ts'
import { about, asProblem, call, type Problem } from './api.ts'

export const aboutProblem: Signal<Problem | undefined> = signal(undefined)

let retry: ReturnType<typeof setTimeout> | undefined

/** The first of all questions: who we are to the server. It is asked again until it is answered. */
export async function askAbout(): Promise<void> {
  clearTimeout(retry)
  try {
    about.value = await call<About>('about')
    aboutProblem.value = undefined
  } catch (error) {
    const problem = asProblem(error)
    aboutProblem.value = problem
    if (problem.status === 0 || problem.status >= 500)
      retry = setTimeout(() => void askAbout(), 2_000)
  }
}
