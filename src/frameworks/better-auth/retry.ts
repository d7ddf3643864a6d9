import { SessionConflictError, SessionEndedError } from '../../core/errors.ts'

/** Of attempts to store what others change all the time, each of some 32. */
const MOST_ROUNDS = 10

/**
 * Does the work again while it meets what has ended, or what others keep changing.
 * @param work is told from the second round on that what is at hand is out of date
 */
export async function persist<T>(work: (fresh: boolean) => Promise<T>): Promise<T> {
  for (let round = 1; ; round++) {
    try {
      return await work(round > 1)
    } catch (error) {
      const isPassing = error instanceof SessionEndedError || error instanceof SessionConflictError
      if (!isPassing || round === MOST_ROUNDS) throw error
    }
  }
}
