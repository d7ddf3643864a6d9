import { isSojournError, type SojournErrorCode } from '../../core/errors.ts'
import type { ApiProblem } from './api.ts'

type ProblemCode =
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'COUNT_CHANGED'
  | 'BAD_REQUEST'
  | 'TOO_MANY'
  | 'CLOSING'
  | 'INTERNAL'
  | SojournErrorCode

/** Why a request is not answered. */
export class Problem extends Error {
  readonly status: number
  readonly code: ProblemCode

  constructor(status: number, code: ProblemCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
    this.code = code
  }

  toJSON(): ApiProblem {
    return { code: this.code, message: this.message }
  }
}

export const badRequest = (message: string): Problem => new Problem(400, 'BAD_REQUEST', message)
export const forbidden = (message: string): Problem => new Problem(403, 'FORBIDDEN', message)
export const notFound = (message: string): Problem => new Problem(404, 'NOT_FOUND', message)

/** What the page is told of an error. Of one that is not ours nothing: it may hold anything. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isSojournError(error)) {
    const isAsked = error.code === 'ERR_SOJOURN_OPTION' || error.code === 'ERR_SOJOURN_ATTRIBUTE'
    return new Problem(isAsked ? 400 : 503, error.code, error.message, { cause: error })
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.emitWarning(`the console failed: ${text}`, { code: 'SOJOURN_CONSOLE' })
  return new Problem(500, 'INTERNAL', 'The console failed; its process has the reason on stderr.')
}
